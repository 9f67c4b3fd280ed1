"""What a guarded flag depends on beside its rules: prerequisites, holdouts, layers. No side doors."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.access import Access
from flags import changes, queries, requests
from flags.changes import Applied, Outcome, Part, Pending, Target
from flags.edits import (
    DescribeFlag,
    EditKind,
    SetFlagHoldout,
    SetHoldoutDefinition,
    SetLayer,
    SetPrerequisites,
    SetSegment,
    TurnOff,
    TurnOn,
)
from flags.requests import MayNotReview, NotApproved, standing
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
from tests.world.cast import World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause, Prerequisite

HOLDOUT, LAYER = Target(EditKind.HOLDOUT, "quiet"), Target(EditKind.LAYER, "checkout")
HALVES = {"r1": [[0, 50_000]], "r2": [[50_000, 100_000]]}


def require(access: Access, flag: str, needed: str) -> Outcome:
    return submit(access, flag, SetPrerequisites((Prerequisite(needed, ("on",)),)))


def hold_out(access: Access, steps: int, version: int) -> Outcome:
    edit = SetHoldoutDefinition("quiet", "Quiet", "user", steps)
    return changes.submit(access, HOLDOUT, [edit], expected_version=version)


def share(access: Access, slots: dict, version: int, name: str = "Checkout") -> Outcome:
    edit = SetLayer("checkout", name, "user", slots)
    return changes.submit(access, LAYER, [edit], expected_version=version)


def guard(world: World, **more) -> None:
    """Rita looks after the flag."""
    make_team(world, "pricing", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "reviewers": ["pricing"], **more})


def by_prerequisite(access: Access) -> Callable[[], Outcome]:
    make_flag(access, "base", on=True)
    require(access, FLAG, "base")
    return lambda: submit(access, "base", TurnOff())


def by_another_prerequisite(access: Access) -> Callable[[], Outcome]:
    by_prerequisite(access)
    make_flag(access, "ground", on=True)
    require(access, "base", "ground")
    return lambda: submit(access, "ground", TurnOff())


def by_what_a_prerequisite_asks(access: Access) -> Callable[[], Outcome]:
    make_segment(access)
    make_flag(access, "base", on=True)
    add_rule(access, "base", make_rule(when=(Clause(None, "in_segment", ("beta",)),)))
    require(access, FLAG, "base")
    wider = SetSegment("user", ("u-1", "u-2"), (), ())
    return lambda: changes.submit(access, changes.segment("beta"), [wider], expected_version=1)


def by_holdout(access: Access) -> Callable[[], Outcome]:
    hold_out(access, 1_000, 0)
    submit(access, FLAG, SetFlagHoldout("quiet"))
    return lambda: hold_out(access, 100_000, 1)


def by_layer(access: Access) -> Callable[[], Outcome]:
    share(access, HALVES, 0)
    add_rule(access, FLAG, make_rule())
    return lambda: share(access, {"r2": [[50_000, 100_000]]}, 1)


def by_a_request_under_way(access: Access) -> Callable[[], Outcome]:
    make_flag(access, "base", on=True)
    version = queries.flag(access, FLAG).version
    needs = SetPrerequisites((Prerequisite("base", ("on",)),))
    requests.open_request(access, [Part(changes.state(FLAG), (needs,), version)], comment="soon")
    return lambda: submit(access, "base", TurnOff())


WAYS = [
    (by_prerequisite, "needs"),
    (by_another_prerequisite, "needs"),
    (by_a_request_under_way, "needs"),
    (by_what_a_prerequisite_asks, "uses"),
    (by_holdout, "uses"),
    (by_layer, "uses"),
]


@pytest.mark.parametrize(("way", "how"), WAYS, ids=lambda one: getattr(one, "__name__", one))
def test_what_decides_about_a_guarded_flag_asks_who_looks_after_it(
    world: World, way: Callable[[Access], Callable[[], Outcome]], how: str
):
    make_flag(world.max.at(), on=True)
    change = way(world.max.at())
    guard(world)
    outcome = change()
    assert isinstance(outcome, Pending)
    asked = f"The flag {FLAG}, which {how} what changes here, asks for 1 approval by pricing."
    assert standing(world.max.at(), again(world.max, outcome.change)).missing == (asked,)
    with pytest.raises(MayNotReview, match="Only people of pricing"):
        approve(world.ada, outcome.change)
    with pytest.raises(NotApproved):
        requests.apply(world.ada.at(), number_of(outcome.change))
    approve(world.rita, outcome.change)
    assert isinstance(requests.apply(world.max.at(), number_of(outcome.change)), Applied)


@pytest.mark.parametrize("way", [way for way, _how in WAYS], ids=lambda way: way.__name__)
def test_who_may_write_a_flag_does_not_say_who_may_write_what_it_depends_on(
    world: World, way: Callable[[Access], Callable[[], Outcome]]
):
    make_flag(world.max.at(), on=True)
    change = way(world.max.at())
    make_team(world, "pricing", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "editors": ["pricing"]})
    assert isinstance(change(), Applied)


def test_stewards_of_a_tag_and_of_an_experiment_are_asked_as_well(world: World):
    make_running(world.max.at())
    change = by_prerequisite(world.max.at())
    tagged = make_flag(world.max.at(), "other", on=True, tags=("billing",))
    require(world.max.at(), tagged.definition.key, "base")
    appoint(
        world,
        {"kind": "experiment", "key": KEY, "approvals": 1},
        {"kind": "tag", "key": "billing", "approvals": 2},
    )
    outcome = change()
    assert isinstance(outcome, Pending)
    assert standing(world.max.at(), again(world.max, outcome.change)).missing == (
        f"The experiment {KEY}, which needs what changes here, asks for 1 approval.",
        "The tag billing, which needs what changes here, asks for 2 approvals.",
    )


def test_nobody_is_asked_about_what_a_guarded_flag_does_not_depend_on(world: World):
    max_here, max_there = world.max.at(), world.max.at("staging")
    make_flag(max_here, on=True)
    by_prerequisite(max_here)
    make_flag(max_here, "loose", on=True)
    share(max_here, HALVES, 0)
    add_rule(max_here, FLAG, make_rule())
    guard(world)
    # Elsewhere the flag requires nothing; a flag does not decide about those it requires itself.
    assert isinstance(submit(max_there, "base", TurnOn()), Applied)
    assert isinstance(submit(max_here, "loose", TurnOff()), Applied)
    assert isinstance(require(max_here, "loose", FLAG), Applied)
    # Words, and the places of others.
    words = [DescribeFlag("The base")]
    described = changes.submit(max_here, changes.definition("base"), words, expected_version=1)
    assert isinstance(described, Applied)
    assert isinstance(share(max_here, HALVES, 1, name="All of checkout"), Applied)
    others = {"r1": HALVES["r1"], "r2": [[50_000, 60_000]]}
    assert isinstance(share(max_here, others, 2), Applied)
    # And in an emergency nobody waits.
    assert isinstance(changes.kill(max_here, "base", reason="fire"), Applied)


def test_who_changes_both_at_once_is_asked_once(world: World):
    make_flag(world.max.at(), on=True)
    by_prerequisite(world.max.at())
    guard(world)
    parts = [
        Part(changes.state(key), (TurnOff(),), queries.flag(world.max.at(), key).version)
        for key in ("base", FLAG)
    ]
    outcome = changes.submit_all(world.max.at(), parts)
    assert isinstance(outcome, Pending)
    asked = f"The flag {FLAG} asks for 1 approval by pricing."
    assert standing(world.max.at(), again(world.max, outcome.change)).missing == (asked,)


def test_a_use_that_came_after_the_approval_is_asked_about_when_it_applies(world: World):
    make_flag(world.max.at(), "base", on=True)
    make_flag(world.max.at(), on=True)
    guard(world)
    ask_for_review(world)
    outcome = submit(world.max.at(), "base", TurnOff())
    assert isinstance(outcome, Pending)
    approve(world.ada, outcome.change)
    needing = propose(world.max, SetPrerequisites((Prerequisite("base", ("on",)),)))
    approve(world.rita, needing)
    requests.apply(world.max.at(), number_of(needing))
    with pytest.raises(NotApproved, match=f"The flag {FLAG}, which needs what changes here"):
        requests.apply(world.max.at(), number_of(outcome.change))
    assert is_on(world, flag="base")


@pytest.mark.parametrize("editors_only", [False, True])
def test_where_no_steward_asks_for_approval_nobody_pays_for_looking(
    world: World, editors_only: bool
):
    make_flag(world.max.at(), on=True)
    make_team(world, "pricing", world.rita)
    if editors_only:
        appoint(world, {"kind": "flag", "key": FLAG, "editors": ["pricing"]})
    make_flag(world.max.at(), "base", on=True)
    access = world.max.at()
    with CaptureQueriesContext(connection) as asked:
        assert isinstance(submit(access, "base", TurnOff()), Applied)
    told = [one["sql"] for one in asked.captured_queries]
    assert not [sql for sql in told if "flags_change" in sql and "changes_requested" in sql]
    assert not [sql for sql in told if "prerequisites" in sql and sql.startswith("SELECT")]
