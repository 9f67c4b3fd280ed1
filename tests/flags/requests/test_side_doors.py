"""What could slip past a review: each door, closed."""

import pytest

from accounts import access as tickets
from accounts.actions import organizations
from accounts.errors import NotFound
from experiments import decisions, lifecycle
from experiments.design import Choice
from flags import changes, docket, queries, requests
from flags.changes import Applied, Part, Pending
from flags.drafting import parts_of
from flags.edits import (
    ArchiveFlag,
    EditKind,
    InvalidEdit,
    RestoreState,
    SetFallthrough,
    SetHoldoutDefinition,
    SetOff,
    SetPrerequisites,
    TurnOn,
)
from flags.guards import Objected
from flags.models import Change
from flags.requests import MayNotReview, NotApproved, standing
from flags.review import NotYours
from flags.snapshots import UnservableSnapshot
from tests.experiments.factories import KEY, make_draft
from tests.flags.requests.steps import (
    FLAG,
    again,
    appoint,
    approve,
    ask_for_review,
    make_team,
    number_of,
    propose,
)
from tests.world.cast import World
from tests.world.factories import make_flag, submit
from wayfork.engine import Prerequisite


def define(person, key: str, *edits, version: int = 1):
    return changes.submit(person.at(), changes.definition(key), edits, expected_version=version)


def test_a_flag_others_came_to_depend_on_is_not_archived_by_an_old_approval(world: World):
    make_flag(world.max.at(), "base")
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    outcome = define(world.max, "base", ArchiveFlag())
    assert isinstance(outcome, Pending)
    approve(world.rita, outcome.change)
    needs = SetPrerequisites((Prerequisite("base", ("on",)),))
    assert isinstance(submit(world.max.at("staging"), FLAG, needs), Applied)
    with pytest.raises(UnservableSnapshot):
        requests.apply(world.max.at(), number_of(outcome.change))
    assert again(world.max, outcome.change).status == "approved"
    assert not queries.flag_definition(world.max.at(), "base")[0].archived


def test_a_prerequisite_lies_in_the_same_project(world: World):
    owner = tickets.of_member(world.olivia.user, "solar")
    organizations.create_project(owner, "other", "Other")
    there = tickets.of_member(world.olivia.user, "solar", "other", "production")
    make_flag(there, "elsewhere", on=True)
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    needs = SetPrerequisites((Prerequisite("elsewhere", ("on",)),))
    with pytest.raises(UnservableSnapshot):
        submit(world.max.at(), FLAG, needs)
    part = Part(changes.state("elsewhere"), (TurnOn(),), 1)
    with pytest.raises(NotFound):
        requests.open_request(world.max.at(), [part], comment="theirs")


def test_numbers_and_ids_of_another_project_lead_nowhere(world: World):
    make_flag(world.max.at())
    ask_for_review(world)
    change = propose(world.max)
    owner = tickets.of_member(world.olivia.user, "solar")
    organizations.create_project(owner, "other", "Other")
    there = tickets.of_member(world.olivia.user, "solar", "other", "production")
    with pytest.raises(NotFound):
        requests.apply(there, number_of(change))
    with pytest.raises(NotFound):
        queries.change(there, change.id)
    with pytest.raises(NotFound):
        queries.change(world.stan.at(), change.id)


def test_an_experiment_starts_in_a_reviewed_place_only_when_approved(world: World):
    make_draft(world.max.at())
    ask_for_review(world)
    outcome = lifecycle.start(world.max.at(), KEY)
    assert isinstance(outcome, Pending)
    assert queries.flag(world.max.at(), FLAG).state.rules == ()
    approve(world.rita, outcome.change)
    assert isinstance(requests.apply(world.max.at(), number_of(outcome.change)), Applied)
    _, decided = decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="on", reason="more")
    assert isinstance(decided, Pending)
    # Withdrawn starts leave no rule that could come in by their old approval.
    assert len(queries.flag(world.max.at(), FLAG).state.rules) == 1


def test_a_withdrawn_start_cannot_be_slipped_in_by_hand(world: World):
    make_draft(world.max.at())
    ask_for_review(world)
    outcome = lifecycle.start(world.max.at(), KEY)
    assert isinstance(outcome, Pending)
    requests.withdraw(world.max.at(), number_of(outcome.change))
    part = Part(
        changes.state(FLAG),
        parts_of(outcome.change.parts)[0].edits,
        queries.flag(world.max.at(), FLAG).version,
    )
    with pytest.raises(Objected, match="not running"):
        requests.open_request(world.max.at(), [part], comment="again")


def test_an_experiment_that_a_team_looks_after_is_moved_by_that_team_alone(world: World):
    make_draft(world.max.at())
    make_team(world, "growth", world.rita)
    appoint(world, {"kind": "experiment", "key": KEY, "editors": ["growth"]})
    with pytest.raises(NotYours, match=f"the experiment {KEY}"):
        lifecycle.start(world.max.at(), KEY)
    assert isinstance(lifecycle.start(world.rita.at(), KEY), Applied)
    with pytest.raises(NotYours):
        lifecycle.stop(world.max.at(), KEY, reason="mine")
    with pytest.raises(NotYours):
        decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="mine")


ASKS = f"The experiment {KEY} asks for 1 approval by growth."


def decided_after_its_stop(world: World) -> Change:
    """What a team looks after, stopped; then the request to decide it, by somebody else."""
    make_draft(world.max.at())
    make_team(world, "growth", world.rita)
    for step in (
        lambda: lifecycle.start(world.max.at(), KEY),
        lambda: lifecycle.stop(world.max.at(), KEY, reason="enough"),
    ):
        assert isinstance(step(), Applied)
    appoint(world, {"kind": "experiment", "key": KEY, "reviewers": ["growth"]})
    _, decided = decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="off", reason="less")
    assert isinstance(decided, Pending)
    return decided.change


def test_a_decision_after_the_stop_is_approved_by_who_looks_after_the_experiment(world: World):
    """Its rule is gone from the flag by then: the change itself says what it is about."""
    change = decided_after_its_stop(world)
    assert standing(world.max.at(), again(world.max, change)).missing == (ASKS,)
    assert [one.number for one in docket.requests(world.rita.at(), waiting_for_me=True)] == [1]
    assert docket.requests(world.ada.at(), waiting_for_me=True) == []
    with pytest.raises(MayNotReview, match="Only people of growth"):
        approve(world.ada, change)
    with pytest.raises(NotApproved):
        requests.apply(world.max.at(), number_of(change))
    approve(world.rita, change)
    assert isinstance(requests.apply(world.max.at(), number_of(change)), Applied)
    assert queries.flag(world.max.at(), FLAG).state.fallthrough == "off"


@pytest.mark.parametrize("way", ["revised", "with others", "merged"])
def test_whatever_a_decision_comes_to_say_it_stays_about_its_experiment(world: World, way: str):
    change = decided_after_its_stop(world)
    edits = (SetFallthrough("off"), SetOff("on"))
    if way == "merged":
        assert isinstance(submit(world.max.at(), FLAG, SetOff("on")), Applied)
        change = requests.rebase(world.max.at(), number_of(change))
    else:
        version = queries.flag(world.max.at(), FLAG).version
        parts = [Part(changes.state(FLAG), edits, version)]
        if way == "with others":
            make_flag(world.max.at(), "other")
            parts = [Part(changes.state("other"), (TurnOn(),), 0)]
        change = requests.revise(world.max.at(), number_of(change), parts, expected_revision=1)
    assert change.revision == 2
    assert standing(world.max.at(), again(world.max, change)).missing == (ASKS,)


def test_a_decision_goes_past_review_by_who_may_change_the_experiment_alone(world: World):
    change = decided_after_its_stop(world)
    approve(world.rita, change)
    appointed = appoint(world, {"kind": "experiment", "key": KEY, "editors": ["growth"]}, version=1)
    assert isinstance(appointed, Pending)
    approve(world.rita, appointed.change)
    requests.apply(world.olivia.at(), number_of(appointed.change))
    with pytest.raises(NotYours, match=f"the experiment {KEY}"):
        requests.bypass(world.ada.at(), number_of(change), reason="fire")
    with pytest.raises(NotYours):
        requests.apply(world.ada.at(), number_of(change))


def test_a_roll_back_in_a_request_brings_back_only_what_was_in_force(world: World):
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    forged = {**queries.flag(world.max.at(), FLAG).own, "enabled": True, "fallthrough": "off"}
    part = Part(changes.state(FLAG), (RestoreState(forged, 1),), 1)
    with pytest.raises(InvalidEdit, match="never stood"):
        changes.submit_all(world.max.at(), [part], comment="back")


def test_what_is_drawn_at_random_is_drawn_once_and_approved(world: World):
    """The salt decides who is held out: it may not be another one when the request applies."""
    ask_for_review(world)
    target = changes.Target(EditKind.HOLDOUT, "quiet")
    edit = SetHoldoutDefinition("quiet", "Quiet", "user", 1_000)
    outcome = changes.submit(world.max.at(), target, [edit], expected_version=0)
    assert isinstance(outcome, Pending)
    approved = outcome.change.parts[0]["after"]
    approve(world.rita, outcome.change)
    assert isinstance(requests.apply(world.max.at(), number_of(outcome.change)), Applied)
    assert queries.holdouts(world.project)[0].to_json() == approved
