"""Roll backs of what environments share: segments and definitions, past every review and freeze."""

from dataclasses import replace

import pytest

from accounts import access as tickets
from accounts import tail
from accounts.actions import notices, organizations
from accounts.errors import NotFound, NotPermitted
from accounts.models import Notice
from accounts.permissions import Permission
from experiments import lifecycle
from flags import changes, queries, requests
from flags.changes import Applied, Part, Pending, ReasonMissing, StaleVersion, Unchanged
from flags.edits import (
    AddVariation,
    ArchiveFlag,
    ArchiveSegment,
    DescribeSegment,
    Edit,
    InvalidEdit,
    RemoveVariation,
    RestoreDefinition,
    RestoreSegment,
    SetClientSide,
    SetFallthrough,
    SetSegment,
    SetTags,
)
from flags.guards import Objected
from flags.models import Change
from flags.snapshots import UnservableSnapshot
from tests.experiments.factories import KEY, make_draft
from tests.flags.requests.steps import (
    FLAG,
    appoint,
    approve,
    ask_for_review,
    make_team,
    number_of,
)
from tests.world.cast import Person, World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause

BETA = changes.segment("beta")
DEFINITION = changes.definition(FLAG)
ASKS_FOR_BETA = (Clause(None, "in_segment", ("beta",)),)


def hold(person: Person, *ids: str, rules: tuple = (), key: str = "beta") -> Change:
    """Say anew whom the segment holds."""
    return change_segment(person, SetSegment("user", ids, (), rules), key=key)


def change_segment(person: Person, *edits: Edit, key: str = "beta") -> Change:
    version = queries.segment(person.at(), key).version
    outcome = changes.submit(
        person.at(), changes.segment(key), edits, expected_version=version, comment="so"
    )
    assert isinstance(outcome, Applied | Pending)
    return outcome.change


def define(person: Person, *edits: Edit) -> Change:
    version = queries.flag_definition(person.at(), FLAG)[1]
    outcome = changes.submit(person.at(), DEFINITION, edits, expected_version=version)
    assert isinstance(outcome, Applied)
    return outcome.change


def first(person: Person, kind: str, key: str) -> Change:
    return queries.history(person.at(), kind, key)[-1]


def held(world: World, environment: str = "production") -> tuple[str, ...]:
    """Whom SDKs are told the segment holds."""
    served = queries.snapshot(getattr(world, environment))
    assert served is not None
    return served.segments["beta"].included


# --- segments


def test_a_segment_comes_back_as_a_new_higher_version_everywhere(world: World):
    make_segment(world.max.at())
    hold(world.max, "u-7", "u-8")
    made = first(world.max, "segment", "beta")
    outcome = changes.roll_back(world.max.at(), BETA, to=made, reason="wrong people")
    assert isinstance(outcome, Applied)
    assert queries.segment(world.max.at(), "beta").version == 3
    places = sorted(one.environment.key for one in outcome.published)
    assert places == ["development", "production", "staging"]
    assert {held(world, place) for place in places} == {("u-1",)}


def test_a_segment_comes_back_whole_with_its_name(world: World):
    make_segment(world.max.at(), description="Early ones")
    change_segment(world.max, DescribeSegment("Insiders"))
    made = first(world.max, "segment", "beta")
    changes.roll_back(world.max.at(), BETA, to=made, reason="better so")
    now = queries.segment(world.max.at(), "beta").definition
    assert now.to_json() == made.parts[0]["after"]
    assert (now.name, now.description) == ("beta", "Early ones")


def test_a_segment_goes_back_past_review_and_freeze_of_whoever_asks_for_it(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    add_rule(world.max.at(), FLAG, make_rule(when=ASKS_FOR_BETA))
    hold(world.max, "u-7")
    ask_for_review(world, 2, frozen=True)
    made = first(world.max, "segment", "beta")
    outcome = changes.roll_back(world.max.at(), BETA, to=made, reason="wrong people")
    assert isinstance(outcome, Applied)
    assert held(world) == ("u-1",)
    assert not Change.objects.within(world.project).filter(status=Change.Status.OPEN).exists()


def test_a_segment_goes_back_although_another_team_looks_after_it(world: World):
    make_segment(world.max.at())
    hold(world.max, "u-7")
    make_team(world, "growth", world.rita)
    appoint(world, {"kind": "segment", "key": "beta", "editors": ["growth"]})
    made = first(world.max, "segment", "beta")
    changes.roll_back(world.max.at(), BETA, to=made, reason="wrong people")
    assert held(world) == ("u-1",)


def test_the_right_to_roll_back_is_enough_and_needed(world: World):
    make_segment(world.max.at())
    hold(world.max, "u-7")
    made = first(world.max, "segment", "beta")
    with pytest.raises(NotPermitted):
        changes.roll_back(world.vera.at(), BETA, to=made, reason="wrong people")
    editing = frozenset({Permission.VIEW, Permission.EDIT_SEGMENTS})
    with pytest.raises(NotPermitted):
        changes.roll_back(replace(world.max.at(), grants=editing), BETA, to=made, reason="wrong")
    assert held(world) == ("u-7",)
    going_back = frozenset({Permission.VIEW, Permission.ROLL_BACK})
    changes.roll_back(replace(world.max.at(), grants=going_back), BETA, to=made, reason="wrong")
    assert held(world) == ("u-1",)


def test_a_segment_goes_back_with_a_reason_only(world: World):
    make_segment(world.max.at())
    hold(world.max, "u-7")
    with pytest.raises(ReasonMissing):
        changes.roll_back(
            world.max.at(), BETA, to=first(world.max, "segment", "beta"), reason=" \n"
        )
    assert held(world) == ("u-7",)


def test_a_version_somebody_overtook_is_refused_and_the_newest_is_taken_unasked(world: World):
    make_segment(world.max.at())
    made = first(world.max, "segment", "beta")
    hold(world.max, "u-7")
    with pytest.raises(StaleVersion):
        changes.roll_back(world.max.at(), BETA, to=made, reason="wrong", expected_version=1)
    assert isinstance(changes.roll_back(world.max.at(), BETA, to=made, reason="wrong"), Applied)
    assert isinstance(changes.roll_back(world.max.at(), BETA, to=made, reason="wrong"), Unchanged)


def test_what_was_never_in_force_does_not_come_back(world: World):
    make_segment(world.max.at())
    make_segment(world.max.at(), "staff", included=("u-9",))
    make_flag(world.max.at(), on=True)
    add_rule(world.max.at(), FLAG, make_rule(when=ASKS_FOR_BETA))
    ask_for_review(world)
    waiting = hold(world.max, "u-7")
    elsewhere = first(world.max, "segment", "staff")
    for change in (waiting, elsewhere, first(world.max, "state", FLAG)):
        with pytest.raises(NotFound):
            changes.roll_back(world.max.at(), BETA, to=change, reason="sneaky")
    assert held(world) == ("u-1",)


def test_a_forged_segment_is_refused_wherever_it_comes_from(world: World):
    make_segment(world.max.at())
    hold(world.max, "u-7")
    stood = queries.segment(world.max.at(), "beta").definition.to_json()
    forged = {**stood, "segment": {**stood["segment"], "included": ["u-666"]}}
    for state, version in ((forged, 1), (forged, 2), (stood, 1), (stood, 9)):
        part = Part(BETA, (RestoreSegment(state, version),), 2)
        with pytest.raises(InvalidEdit, match="the segment never stood"):
            changes.submit_all(world.max.at(), [part], comment="Sneaky")
    assert queries.segment(world.max.at(), "beta").version == 2


def test_a_change_of_another_organization_or_project_leads_nowhere(world: World):
    make_segment(world.max.at())
    make_segment(world.stan.at())
    theirs = first(world.stan, "segment", "beta")
    with pytest.raises(NotFound):
        changes.roll_back(world.max.at(), BETA, to=theirs, reason="wrong")
    owner = tickets.of_member(world.olivia.user, "solar")
    organizations.create_project(owner, "other", "Other")
    there = tickets.of_member(world.olivia.user, "solar", "other", "production")
    make_segment(there, included=("u-2",))
    with pytest.raises(NotFound):
        changes.roll_back(there, BETA, to=first(world.max, "segment", "beta"), reason="wrong")


def test_a_segment_that_asked_for_one_gone_since_is_refused_with_its_place(world: World):
    make_segment(world.max.at(), "staff")
    make_segment(world.max.at())
    asked = hold(world.max, rules=((Clause(None, "in_segment", ("staff",)),),))
    hold(world.max, "u-7")
    change_segment(world.max, ArchiveSegment(), key="staff")
    with pytest.raises(UnservableSnapshot, match="staff") as refusal:
        changes.roll_back(world.max.at(), BETA, to=asked, reason="wrong")
    assert refusal.value.where.startswith("segments.beta")
    assert refusal.value.hint
    assert held(world) == ("u-7",)


def test_a_segment_comes_back_from_the_archive(world: World):
    make_segment(world.max.at())
    change_segment(world.max, ArchiveSegment())
    made = first(world.max, "segment", "beta")
    changes.roll_back(world.max.at(), BETA, to=made, reason="still needed")
    assert not queries.segment(world.max.at(), "beta").definition.archived
    assert held(world) == ("u-1",)


def test_a_segment_in_use_does_not_go_back_into_the_archive(world: World):
    make_segment(world.max.at())
    shelved = change_segment(world.max, ArchiveSegment())
    changes.roll_back(
        world.max.at(), BETA, to=first(world.max, "segment", "beta"), reason="still needed"
    )
    make_flag(world.max.at())
    add_rule(world.max.at(), FLAG, make_rule(when=ASKS_FOR_BETA))
    with pytest.raises(UnservableSnapshot, match="beta"):
        changes.roll_back(world.max.at(), BETA, to=shelved, reason="done with it")


def test_the_ledger_and_whoever_follows_the_segment_hear_of_it(world: World):
    make_segment(world.max.at())
    hold(world.max, "u-7")
    notices.follow(world.rita.at(), "segment", "beta", on=True)
    tail.read_all()
    made = first(world.max, "segment", "beta")
    changes.roll_back(world.max.at(), BETA, to=made, reason="wrong people")
    line = world.ledger()[-1]
    assert (line.action, line.target, line.reason) == (
        "segment.rolled_back",
        "beta",
        "wrong people",
    )
    assert line.before is not None
    assert line.after is not None
    assert line.before["beta"]["segment"]["included"] == ["u-7"]
    assert line.after["beta"]["segment"]["included"] == ["u-1"]
    assert line.environment is None
    tail.read_all()
    told = Notice.objects.within(world.organization).get(
        membership__user=world.rita.user, kind="emergency"
    )
    assert "rolled back segment beta" in told.text


def test_a_request_based_on_the_version_before_does_not_undo_a_roll_back(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    add_rule(world.max.at(), FLAG, make_rule(when=ASKS_FOR_BETA))
    hold(world.max, "u-7")
    ask_for_review(world)
    waiting = hold(world.max, "u-7", "u-8")
    made = first(world.max, "segment", "beta")
    approve(world.rita, waiting)
    changes.roll_back(world.max.at(), BETA, to=made, reason="wrong people")
    with pytest.raises(StaleVersion):
        requests.apply(world.max.at(), number_of(waiting))
    assert held(world) == ("u-1",)


# --- definitions


def test_a_definition_comes_back_with_its_variations_past_review(world: World):
    make_flag(world.max.at(), on=True)
    define(world.max, AddVariation("maybe", value=True), SetClientSide(client_side=True))
    ask_for_review(world, frozen=True)
    made = first(world.max, "definition", FLAG)
    outcome = changes.roll_back(world.max.at(), DEFINITION, to=made, reason="leaks")
    assert isinstance(outcome, Applied)
    assert len(outcome.published) == 3
    now, version = queries.flag_definition(world.max.at(), FLAG)
    assert (list(now.variations), now.client_side, version) == (["on", "off"], False, 3)
    assert world.ledger()[-1].action == "flag.rolled_back"


def test_nobody_sheds_a_reviewed_tag_by_going_back(world: World):
    make_flag(world.max.at(), on=True)
    define(world.max, SetTags(("payments",)))
    define(world.max, SetClientSide(client_side=True))
    make_team(world, "growth", world.rita)
    appoint(world, {"kind": "tag", "key": "payments", "approvals": 1, "reviewers": ["growth"]})
    made = first(world.max, "definition", FLAG)
    outcome = changes.roll_back(world.max.at(), DEFINITION, to=made, reason="leaks")
    assert isinstance(outcome, Applied)
    now, _version = queries.flag_definition(world.max.at(), FLAG)
    assert (now.client_side, now.tags) == (False, ("payments",))


def test_a_definition_without_a_variation_somebody_is_served_is_refused(world: World):
    make_flag(world.max.at())
    define(world.max, AddVariation("maybe", value=True))
    submit(world.max.at("staging"), FLAG, SetFallthrough("maybe"))
    made = first(world.max, "definition", FLAG)
    with pytest.raises(UnservableSnapshot, match="maybe") as refusal:
        changes.roll_back(world.max.at(), DEFINITION, to=made, reason="leaks")
    assert FLAG in refusal.value.where
    assert "maybe" in queries.flag_definition(world.max.at(), FLAG)[0].variations


def test_a_variation_removed_by_mistake_comes_back(world: World):
    make_flag(world.max.at())
    with_three = define(world.max, AddVariation("maybe", value=True))
    define(world.max, RemoveVariation("maybe"))
    changes.roll_back(world.max.at(), DEFINITION, to=with_three, reason="still asked for")
    assert "maybe" in queries.flag_definition(world.max.at(), FLAG)[0].variations


def test_a_flag_archived_by_mistake_is_served_again_at_once(world: World):
    make_flag(world.max.at(), on=True)
    define(world.max, ArchiveFlag())
    ask_for_review(world)
    made = first(world.max, "definition", FLAG)
    changes.roll_back(world.max.at(), DEFINITION, to=made, reason="the shop asks for it")
    served = queries.snapshot(world.production)
    assert served is not None
    assert served.flags[FLAG].enabled is True


def test_what_an_experiment_measures_does_not_go_back_under_it(world: World):
    make_draft(world.max.at())
    made = first(world.max, "definition", FLAG)
    shelved = define(world.max, ArchiveFlag())
    changes.roll_back(world.max.at(), DEFINITION, to=made, reason="needed")
    lifecycle.start(world.max.at(), KEY)
    with pytest.raises(Objected, match="running"):
        changes.roll_back(world.max.at(), DEFINITION, to=shelved, reason="away")


def test_a_forged_definition_is_refused(world: World):
    make_flag(world.max.at())
    stood = queries.flag_definition(world.max.at(), FLAG)[0].to_json()
    forged = {**stood, "variations": {"on": True, "off": True}}
    for state, version in ((forged, 1), (stood, 2)):
        part = Part(DEFINITION, (RestoreDefinition(state, version),), 1)
        with pytest.raises(InvalidEdit, match="the flag never stood"):
            changes.submit_all(world.max.at(), [part], comment="Sneaky")
