"""Steps of one request in the same moment, on real connections: one order, nothing half."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from flags import changes, docket, queries, requests, schedules
from flags.changes import Applied, Part
from flags.edits import SetFallthrough, TurnOn
from flags.models import Change, Snapshot
from flags.requests import BaseMoved, NotApproved, RevisionChanged
from tests.flags.requests.steps import (
    FLAG,
    again,
    approve,
    ask_for_review,
    is_on,
    number_of,
    propose,
)
from tests.world.cast import World, make_world
from tests.world.factories import make_flag, submit

PATIENCE_SECONDS = 60
ROUNDS = 4


@pytest.fixture
def shop(transactional_db: None) -> World:
    """A flag in a production that asks for one approval; every connection sees it."""
    world = make_world()
    make_flag(world.max.at())
    ask_for_review(world)
    return world


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Start all works in the same moment, each on a connection of its own."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            barrier.wait(PATIENCE_SECONDS)
            return work()
        except Exception as error:  # noqa: BLE001 - what went wrong is what the test looks at
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as threads:
        started = [threads.submit(run, work) for work in works]
        return [one.result(PATIENCE_SECONDS) for one in started]


def version(world: World) -> int:
    return queries.flag(world.max.at(), FLAG).version


def versions(world: World) -> Sequence[int]:
    rows = Snapshot.objects.within(world.production).order_by("version")
    return list(rows.values_list("version", flat=True))


def test_approving_and_revising_at_once_never_approves_what_was_not_seen(shop: World):
    for turn in range(ROUNDS):
        approve_against_revise(
            shop, propose(shop.max, SetFallthrough("off") if turn % 2 else TurnOn())
        )
    assert not is_on(shop)


def approve_against_revise(shop: World, change: Change) -> None:
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), version(shop))
    max_, rita, number = shop.max.at(), shop.rita.at(), number_of(change)
    approved, revised = at_once(
        lambda: requests.approve(rita, number, content_hash=change.content_hash),
        lambda: requests.revise(max_, number, [part], expected_revision=1),
    )
    assert isinstance(revised, Change), revised
    assert isinstance(approved, changes.Pending | RevisionChanged), approved
    assert requests.standing(max_, again(shop.max, change)).approvals == ()
    with pytest.raises(NotApproved):
        requests.apply(max_, number)
    requests.withdraw(max_, number)


def test_applying_twice_at_once_applies_once(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    lines, number = len(shop.ledger()), number_of(change)
    people = [shop.max.at(), shop.ada.at(), shop.rita.at(), shop.olivia.at()]
    outcomes = at_once(*(lambda who=who: requests.apply(who, number) for who in people))
    assert [one for one in outcomes if not isinstance(one, Applied)] == []
    assert sum(bool(one.published) for one in outcomes) == 1
    assert len(shop.ledger()) == lines + 1
    assert version(shop) == 1
    assert versions(shop) == [1, 2]


def test_the_clock_and_a_person_apply_once_between_them(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    requests.schedule(shop.max.at(), number_of(change), at=timezone.now() + timedelta(hours=1))
    Change.across_tenants.filter(pk=change.pk).update(scheduled_for=timezone.now())
    lines = len(shop.ledger())
    max_ = shop.max.at()
    outcomes = at_once(
        lambda: schedules.apply_due(change.pk),
        lambda: schedules.apply_due(change.pk),
        lambda: requests.apply(max_, number_of(change)),
    )
    assert [one for one in outcomes if isinstance(one, Exception)] == []
    assert again(shop.max, change).schedule_problem == ""
    assert len(shop.ledger()) == lines + 1
    assert versions(shop) == [1, 2]


def test_two_approvals_at_once_both_count(transactional_db: None):
    world = make_world()
    make_flag(world.max.at())
    ask_for_review(world, 2)
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    outcome = requests.open_request(
        world.max.at(), [part], comment="both", apply_when_approved=True
    )
    assert isinstance(outcome, changes.Pending)
    number, seen = number_of(outcome.change), outcome.change.content_hash
    people = [world.rita.at(), world.ada.at()]
    outcomes = at_once(
        *(lambda who=who: requests.approve(who, number, content_hash=seen) for who in people)
    )
    assert [one for one in outcomes if isinstance(one, Exception)] == []
    # Whichever came second found nothing missing, and applied.
    assert sum(isinstance(one, Applied) for one in outcomes) == 1
    assert is_on(world)


def test_requests_made_at_once_are_numbered_without_gaps(shop: World):
    places = ("production", "staging", "development") * 4

    def ask(place: str) -> Callable[[], Any]:
        access = shop.max.at(place)
        part = Part(changes.state(FLAG), (TurnOn(),), 0)
        return lambda: requests.open_request(access, [part], comment=place)

    outcomes = at_once(*(ask(place) for place in places))
    assert [one for one in outcomes if isinstance(one, Exception)] == []
    numbers = sorted(number_of(one.change) for one in outcomes)
    assert numbers == list(range(1, len(places) + 1))


def test_applying_and_editing_at_once_never_loses_one_and_never_locks_up(shop: World):
    """A request of production is applied while others publish, ask and approve around it."""
    change = propose(shop.max)
    approve(shop.rita, change)
    second = propose(shop.ada, SetFallthrough("off"))
    number, other, seen = number_of(change), number_of(second), second.content_hash
    max_, rita, staging = shop.max.at(), shop.rita.at(), shop.max.at("staging")
    outcomes = at_once(
        lambda: requests.apply(max_, number),
        lambda: requests.approve(rita, other, content_hash=seen),
        lambda: submit(staging, FLAG, TurnOn()),
        lambda: requests.comment(max_, number, "now"),
    )
    applied, approved, *others = outcomes
    assert [one for one in (applied, *others) if isinstance(one, Exception)] == []
    assert is_on(shop)
    assert is_on(shop, "staging")
    # Approved before the flag moved, or refused because it had.
    is_late = isinstance(approved, BaseMoved)
    assert is_late or not isinstance(approved, Exception)
    status = Change.Status.OPEN if is_late else Change.Status.APPROVED
    assert docket.request(max_, other).status == status
    assert versions(shop) == list(range(1, len(versions(shop)) + 1))
