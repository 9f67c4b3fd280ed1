"""Teams that look after things, and the ways round them that are none."""

import pytest

from accounts.errors import NotPermitted
from flags import changes, docket, queries, requests, review
from flags.changes import Applied, Part, Pending
from flags.edits import (
    AddRule,
    CreateFlag,
    DescribeFlag,
    DescribeSegment,
    EditKind,
    InvalidEdit,
    SetReviewRules,
    SetSegment,
    SetStewards,
    SetTags,
    TurnOff,
    TurnOn,
)
from flags.requests import MayNotReview, NotApproved, standing
from flags.review import NotYours, Outlook
from tests.experiments.factories import KEY, make_running
from tests.flags.requests.steps import (
    FLAG,
    again,
    appoint,
    approve,
    ask_for_review,
    is_on,
    make_team,
    number_of,
    propose,
)
from tests.world.cast import Person, World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause

BETA = (Clause(None, "in_segment", ("beta",)),)


def define(person: Person, *edits, version: int = 1):
    return changes.submit(
        person.at(), changes.definition(FLAG), edits, expected_version=version, comment="because"
    )


def test_only_the_teams_named_change_a_flag_and_owners(world: World):
    make_flag(world.max.at())
    make_team(world, "pricing", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "editors": ["pricing"]})
    for edit in (
        lambda: submit(world.max.at(), FLAG, TurnOn()),
        lambda: submit(world.ada.at("staging"), FLAG, TurnOn()),
        lambda: define(world.max, DescribeFlag("Mine")),
        lambda: requests.open_request(
            world.max.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)], comment="x"
        ),
    ):
        with pytest.raises(NotYours, match=f"Only pricing may change the flag {FLAG}"):
            edit()
    assert isinstance(submit(world.rita.at(), FLAG, TurnOn()), Applied)
    assert isinstance(submit(world.olivia.at(), FLAG, TurnOff()), Applied)


def test_in_an_emergency_who_may_roll_back_turns_off_what_others_look_after(world: World):
    make_flag(world.max.at(), on=True)
    make_team(world, "pricing", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "editors": ["pricing"]})
    assert isinstance(changes.kill(world.max.at(), FLAG, reason="fire"), Applied)


def test_a_tag_guards_every_flag_that_carries_it(world: World):
    make_flag(world.max.at(), tags=("billing",))
    make_team(world, "pricing", world.rita)
    appoint(world, {"kind": "tag", "key": "Billing", "editors": ["pricing"]})
    with pytest.raises(NotYours, match="the tag billing"):
        submit(world.max.at(), FLAG, TurnOn())
    # To take the tag away first, or to change both at once, is no way round it.
    with pytest.raises(NotYours):
        define(world.max, SetTags(()))
    parts = [
        Part(changes.definition(FLAG), (SetTags(()),), 1),
        Part(changes.state(FLAG), (TurnOn(),), 0),
    ]
    with pytest.raises(NotYours):
        changes.submit_all(world.max.at(), parts)
    # Nor does anybody lock others out by giving it.
    made = CreateFlag("new", "N", "boolean", {"a": True}, "a", "a", tags=("billing",))
    with pytest.raises(NotYours):
        changes.submit(world.max.at(), changes.definition("new"), [made], expected_version=0)
    assert isinstance(define(world.rita, SetTags(())), Applied)
    assert isinstance(submit(world.max.at(), FLAG, TurnOn()), Applied)


def test_a_tag_that_asks_for_review_is_not_taken_away_without_it(world: World):
    """Metadata is never reviewed; a tag that carries a review is no metadata."""
    make_flag(world.max.at(), tags=("billing", "web"))
    make_team(world, "pricing", world.rita)
    appoint(world, {"kind": "tag", "key": "billing", "reviewers": ["pricing"]})
    assert isinstance(define(world.max, SetTags(("billing", "mobile"))), Applied)
    assert isinstance(define(world.max, DescribeFlag("Words"), version=2), Applied)
    outcome = define(world.max, SetTags(("mobile",)), version=3)
    assert isinstance(outcome, Pending)
    assert isinstance(submit(world.max.at(), FLAG, TurnOn()), Pending)
    with pytest.raises(MayNotReview):
        approve(world.ada, outcome.change)
    approve(world.rita, outcome.change)
    assert isinstance(requests.apply(world.max.at(), number_of(outcome.change)), Applied)
    assert queries.flag_definition(world.max.at(), FLAG)[0].tags == ("mobile",)


def test_metadata_smuggles_no_rules(world: World):
    """Words beside an edit of substance do not make the edit one of words."""
    make_flag(world.max.at())
    ask_for_review(world)
    parts = [
        Part(changes.definition(FLAG), (DescribeFlag("Harmless"),), 1),
        Part(changes.state(FLAG), (TurnOn(),), 0),
    ]
    assert isinstance(changes.submit_all(world.max.at(), parts), Pending)
    assert isinstance(define(world.max, DescribeFlag("Words"), SetTags(("web",))), Applied)
    assert not is_on(world)


def test_each_reviewing_team_approves_once_beside_the_policy(world: World):
    make_flag(world.max.at())
    make_team(world, "legal", world.rita)
    make_team(world, "pricing", world.ada)
    ask_for_review(world)
    appointed = appoint(world, {"kind": "flag", "key": FLAG, "reviewers": ["legal", "pricing"]})
    assert isinstance(appointed, Pending)
    approve(world.rita, appointed.change)
    requests.apply(world.olivia.at(), number_of(appointed.change))
    change = propose(world.max)
    now = standing(world.max.at(), again(world.max, change))
    assert now.missing == (
        "Production asks for 1 approval.",
        f"The flag {FLAG} asks for 1 approval by legal.",
        f"The flag {FLAG} asks for 1 approval by pricing.",
    )
    approve(world.olivia, change)
    with pytest.raises(NotApproved, match="by legal"):
        requests.apply(world.max.at(), number_of(change))
    approve(world.rita, change)
    approve(world.ada, change)
    assert isinstance(requests.apply(world.max.at(), number_of(change)), Applied)


def test_loosening_stewards_asks_those_who_would_lose(world: World):
    make_flag(world.max.at())
    make_team(world, "legal", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "reviewers": ["legal"]})
    outcome = appoint(world, version=1)
    assert isinstance(outcome, Pending)
    with pytest.raises(MayNotReview, match="Only people of legal"):
        approve(world.ada, outcome.change)
    approve(world.rita, outcome.change)
    assert isinstance(requests.apply(world.olivia.at(), number_of(outcome.change)), Applied)
    assert review.stewards(world.max.at())[0].rules == ()


def test_an_editor_appoints_nobody(world: World):
    target = changes.Target(EditKind.STEWARDS, "stewards")
    with pytest.raises(NotPermitted):
        changes.submit(
            world.rita.at(),
            target,
            [SetStewards(({"kind": "flag", "key": FLAG},))],
            expected_version=0,
            comment="x",
        )


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "metric", "key": "x"},
        {"kind": "flag"},
        {"kind": "flag", "key": "x", "approvals": 6},
        {"kind": "flag", "key": "x", "approvals": True},
        {"kind": "flag", "key": "x", "editors": "core"},
        {"kind": "flag", "key": "x", "editors": ["nobody"]},
        {"kind": "flag", "key": "x", "owner": "me"},
    ],
    ids=str,
)
def test_nonsense_about_stewards_is_refused(world: World, rule: dict):
    with pytest.raises(InvalidEdit):
        appoint(world, rule)


@pytest.mark.parametrize(
    "rules",
    [
        {"approvals": 6},
        {"approvals": 1, "reviewers": ("nobody",)},
        {"approvals": 1, "freezes": ({"from": "soon", "to": "later"},)},
        {"approvals": 1, "freezes": ({"from": "2026-12-24", "to": "2026-12-27"},)},
        {
            "approvals": 1,
            "freezes": ({"from": "2026-12-27T00:00:00Z", "to": "2026-12-24T00:00:00Z"},),
        },
    ],
    ids=str,
)
def test_nonsense_about_reviews_is_refused(world: World, rules: dict):
    target = changes.Target(EditKind.POLICY, "production")
    with pytest.raises(InvalidEdit):
        changes.submit(world.ada.at(), target, [SetReviewRules(**rules)], expected_version=0)


# --- the side door: segments


def test_a_segment_is_reviewed_by_the_strictest_environment_that_uses_it(world: World):
    make_flag(world.max.at(), on=True)
    make_segment(world.max.at())
    add_rule(world.max.at(), FLAG, make_rule(when=BETA))
    ask_for_review(world, approvals=2)
    ask_for_review(world, environment="staging")
    edit = SetSegment("user", ("u-1", "u-2"), (), ())
    target = changes.segment("beta")
    outcome = changes.submit(world.max.at("development"), target, [edit], expected_version=1)
    assert isinstance(outcome, Pending)
    assert outcome.change.approvals_needed == 2
    now = standing(world.max.at(), again(world.max, outcome.change))
    assert now.missing == ("Production asks for 2 approvals.",)


def test_a_segment_nobody_uses_waits_for_nobody(world: World):
    make_segment(world.max.at())
    ask_for_review(world)
    edit = SetSegment("user", ("u-1", "u-2"), (), ())
    outcome = changes.submit(
        world.max.at("development"), changes.segment("beta"), [edit], expected_version=1
    )
    assert isinstance(outcome, Applied)


def test_a_segment_used_through_another_is_used(world: World):
    make_flag(world.max.at(), on=True)
    make_segment(world.max.at(), "inner")
    make_segment(world.max.at(), "beta", rules=((Clause(None, "in_segment", ("inner",)),),))
    add_rule(world.max.at(), FLAG, make_rule(when=BETA))
    ask_for_review(world)
    edit = SetSegment("user", ("u-9",), (), ())
    outcome = changes.submit(world.max.at(), changes.segment("inner"), [edit], expected_version=1)
    assert isinstance(outcome, Pending)


def test_a_segment_does_not_change_behind_an_approval_that_names_it(world: World):
    """Approved with one meaning, applied with another: the use that waits counts as a use."""
    make_flag(world.max.at(), on=True)
    make_segment(world.max.at())
    ask_for_review(world)
    change = propose(world.max, AddRule(make_rule(when=BETA)))
    approve(world.rita, change)
    edit = SetSegment("user", ("everybody",), (), ())
    outcome = changes.submit(
        world.max.at("development"), changes.segment("beta"), [edit], expected_version=1
    )
    assert isinstance(outcome, Pending)


WIDER = SetSegment("user", ("u-1", "u-2"), (), ())
WIDEST = SetSegment("user", ("u-1", "u-2", "u-3"), (), ())


def widen(
    person: Person, segment: str = "beta", environment: str = "production"
) -> changes.Outcome:
    target = changes.segment(segment)
    return changes.submit(person.at(environment), target, [WIDER], expected_version=1)


def test_stewards_of_a_flag_approve_what_changes_a_segment_it_uses(world: World):
    make_flag(world.max.at(), on=True)
    make_segment(world.max.at())
    add_rule(world.max.at("staging"), FLAG, make_rule(when=BETA))
    make_team(world, "legal", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "reviewers": ["legal"]})
    outcome = widen(world.max, environment="development")
    assert isinstance(outcome, Pending)
    now = standing(world.max.at(), again(world.max, outcome.change))
    assert now.missing == (
        f"The flag {FLAG}, which uses what changes here, asks for 1 approval by legal.",
    )
    with pytest.raises(MayNotReview, match="Only people of legal"):
        approve(world.ada, outcome.change)
    approve(world.rita, outcome.change)
    assert isinstance(requests.apply(world.max.at(), number_of(outcome.change)), Applied)


@pytest.mark.parametrize("kind", ["tag", "flag", "waiting"])
def test_stewards_are_asked_whatever_way_a_segment_reaches_what_they_look_after(
    world: World, kind: str
):
    make_flag(world.max.at(), on=True, tags=("billing",))
    make_segment(world.max.at(), "inner")
    make_segment(world.max.at(), "beta", rules=((Clause(None, "in_segment", ("inner",)),),))
    named = {"kind": "tag", "key": "billing"} if kind == "tag" else {"kind": "flag", "key": FLAG}
    add = Part(changes.state(FLAG), (AddRule(make_rule(when=BETA)),), 1)
    if kind == "waiting":
        requests.open_request(world.max.at(), [add], comment="soon")
    else:
        changes.submit_all(world.max.at(), [add])
    assert isinstance(widen(world.olivia, "inner"), Applied)
    appoint(world, {**named, "approvals": 1})
    asked = changes.submit(world.max.at(), changes.segment("inner"), [WIDEST], expected_version=2)
    assert isinstance(asked, Pending)


def test_stewards_of_an_experiment_approve_what_changes_its_audience(world: World):
    make_segment(world.max.at())
    make_running(world.max.at(), audience=tuple(clause.to_json() for clause in BETA))
    appoint(world, {"kind": "experiment", "key": KEY, "approvals": 1})
    outcome = widen(world.max)
    assert isinstance(outcome, Pending)
    now = standing(world.max.at(), again(world.max, outcome.change))
    assert now.missing == (
        f"The experiment {KEY}, which uses what changes here, asks for 1 approval.",
    )


def test_who_may_write_a_flag_does_not_say_who_may_write_its_segments(world: World):
    make_flag(world.max.at(), on=True)
    make_segment(world.max.at())
    add_rule(world.max.at(), FLAG, make_rule(when=BETA))
    make_team(world, "pricing", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "editors": ["pricing"]})
    assert isinstance(widen(world.max), Applied)


def test_stewards_of_a_flag_are_not_asked_about_words_or_about_other_segments(world: World):
    make_flag(world.max.at(), on=True)
    make_segment(world.max.at())
    make_segment(world.max.at(), "other")
    add_rule(world.max.at(), FLAG, make_rule(when=BETA))
    appoint(world, {"kind": "flag", "key": FLAG, "approvals": 1})
    assert isinstance(widen(world.max, "other"), Applied)
    words = DescribeSegment("Beta testers", "")
    target = changes.segment("beta")
    done = changes.submit(world.max.at(), target, [words], expected_version=1)
    assert isinstance(done, Applied)


# --- what a button may promise


def test_the_forecast_says_what_would_become_of_an_edit(world: World):
    make_flag(world.max.at(), tags=("billing",))
    kind = EditKind.STATE
    assert review.forecast(world.max.at(), kind, FLAG).outlook is Outlook.FREE
    assert review.forecast(world.vera.at(), kind, FLAG).outlook is Outlook.NOT_YOURS
    make_team(world, "legal", world.rita)
    ask_for_review(world)
    told = review.forecast(world.max.at(), kind, FLAG)
    assert (told.outlook, told.approvals, told.sentence) == (
        Outlook.REVIEW,
        1,
        "Production asks for 1 approval.",
    )
    assert review.forecast(world.max.at("staging"), kind, FLAG).is_free
    assert review.forecast(world.max.at("staging"), EditKind.DEFINITION, FLAG).needs_review


@pytest.mark.parametrize("reason", ["Holidays", "Holidays."])
def test_the_forecast_names_the_end_of_a_freeze(world: World, reason: str):
    make_flag(world.max.at())
    window = {
        "from": "2020-01-01T00:00:00+00:00",
        "to": "2099-01-02T12:00:00+00:00",
        "reason": reason,
    }
    ask_for_review(world, 0, freezes=(window,))
    told = review.forecast(world.max.at(), EditKind.STATE, FLAG)
    assert told.is_frozen
    assert told.sentence == "Changes are frozen in Production until 2099-01-02 12:00 UTC. Holidays."
    with pytest.raises(review.CodeFreeze, match="until 2099"):
        submit(world.max.at(), FLAG, TurnOn())
    # Other environments go on, and so does preparing what comes after the freeze.
    assert isinstance(submit(world.max.at("staging"), FLAG, TurnOn()), Applied)
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    assert isinstance(requests.open_request(world.max.at(), [part], comment="later"), Pending)
    assert len(docket.requests(world.max.at(), status=["open"])) == 1
