"""Where production demands review, no way of changing a flag goes past it."""

from typing import Any

import pytest

from flags import changes, queries, requests
from flags.edits import AssignUnits, EditKind, SetPrerequisites, SetReviewRules
from flags.models import Change, Snapshot
from tests.journeys.test_three_traces import WAYS, Way
from tests.world.cast import World
from tests.world.factories import add_rule, make_flag, make_rule
from wayfork.engine import Prerequisite

KEY = "quote-form"
# By a right of their own, and with a reason.
AT_ONCE = tuple(way.name for way in WAYS if way.name.startswith(("roll back", "kill")))


def require_review(world: World, approvals: int = 1) -> None:
    """From now on production asks for other eyes."""
    policy = changes.Target(EditKind.POLICY, "policy")
    changes.submit(world.ada.at(), policy, [SetReviewRules(approvals)], expected_version=0)


def served(world: World) -> tuple[int, bytes]:
    """What production's SDKs are given, and its version."""
    newest = Snapshot.objects.within(world.production).latest("version")
    return newest.version, bytes(newest.document)


def attempt(way: Way, world: World) -> Any:
    """Go the way; pages and REST answer otherwise than their own tests expect of a free change."""
    try:
        return way.go(world)
    except AssertionError as answered:
        return answered


@pytest.mark.parametrize(
    "way", [way for way in WAYS if way.name not in AT_ONCE], ids=lambda way: way.name
)
def test_each_way_leads_to_a_request_and_serves_nothing_new(world: World, way: Way) -> None:
    make_flag(world.max.at(), KEY, on=True)
    if way.prepare is not None:
        way.prepare(world)
    require_review(world)
    before = served(world)
    attempt(way, world)
    waiting = Change.objects.within(world.project).filter(status=Change.Status.OPEN)
    author = getattr(world, way.who)
    assert [change.author for change in waiting] == [author.user]
    assert served(world) == before

    request = waiting[0]
    assert request.number is not None
    requests.approve(world.rita.at(), request.number, content_hash=request.content_hash)
    assert served(world) == before
    requests.apply(author.at(), request.number)
    assert served(world)[0] == before[0] + 1


@pytest.mark.parametrize(
    "way", [way for way in WAYS if way.name in AT_ONCE], ids=lambda way: way.name
)
def test_a_roll_back_and_the_kill_switch_never_wait(world: World, way: Way) -> None:
    make_flag(world.max.at(), KEY, on=True)
    if way.prepare is not None:
        way.prepare(world)
    require_review(world)
    before = served(world)
    way.go(world)
    assert served(world)[0] == before[0] + 1
    assert not Change.objects.within(world.project).filter(status=Change.Status.OPEN).exists()


def test_custom_assignments_and_prerequisites_wait_too(world: World) -> None:
    make_flag(world.max.at(), KEY, on=True)
    make_flag(world.max.at(), "banner", on=True)
    require_review(world)
    before = served(world)
    for edit in (
        AssignUnits("user", "on", ("ann",)),
        SetPrerequisites((Prerequisite("banner", ("on",)),)),
    ):
        here = queries.flag(world.max.at(), KEY)
        outcome = changes.submit(
            world.max.at(), changes.state(KEY), [edit], expected_version=here.version
        )
        assert isinstance(outcome, changes.Pending)
    assert served(world) == before


def test_a_rule_in_another_environment_needs_nobody(world: World) -> None:
    make_flag(world.max.at(), KEY, on=True)
    require_review(world)
    elsewhere = world.max.at("development")
    add_rule(elsewhere, KEY, make_rule())
    assert not Change.objects.within(world.project).filter(status=Change.Status.OPEN).exists()
