"""Requests that apply at their time: once, by the rules and rights of that moment."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.errors import InvalidInput, NotPermitted
from accounts.models import Membership
from flags import changes, docket, requests, schedules, tasks, wall_clock
from flags.changes import Part, Pending
from flags.edits import EditKind, SetFallthrough, SetReviewRules, TurnOn
from flags.models import Change, Snapshot
from flags.wall_clock import UnclearTime
from tests.flags.requests.steps import (
    FLAG,
    again,
    approve,
    ask_for_review,
    is_on,
    leave,
    number_of,
    propose,
)
from tests.world.cast import World
from tests.world.factories import make_flag, submit

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
THEN = NOW + timedelta(hours=2)


@pytest.fixture
def shop(world: World):
    """A flag in a production that asks for one approval, at ten in the morning."""
    make_flag(world.max.at())
    ask_for_review(world)
    with time_machine.travel(NOW, tick=False):
        yield world


def strike(at: datetime = THEN) -> None:
    """The time has come, and the clock rings."""
    with time_machine.travel(at, tick=False):
        for change_id in schedules.due():
            schedules.apply_due(change_id)


def scheduled(world: World) -> Change:
    """Max's request, approved, due at noon."""
    change = propose(world.max)
    approve(world.rita, change)
    return requests.schedule(world.max.at(), number_of(change), at=THEN)


def test_an_approved_request_applies_at_its_time_and_not_before(shop: World):
    change = scheduled(shop)
    strike(THEN - timedelta(seconds=1))
    assert not is_on(shop)
    strike()
    assert is_on(shop)
    assert again(shop.max, change).applied_at == THEN
    line = shop.ledger()[-1]
    assert (line.action, line.actor_label, line.via) == (
        "flag.changed",
        "max@solar.example",
        "system",
    )


def test_a_clock_that_rings_again_changes_nothing(shop: World):
    change = scheduled(shop)
    strike()
    lines, rows = len(shop.ledger()), Snapshot.objects.within(shop.production).count()
    schedules.apply_due(change.pk)
    strike(THEN + timedelta(minutes=1))
    assert len(shop.ledger()) == lines
    assert Snapshot.objects.within(shop.production).count() == rows


def test_the_task_rings_for_everything_due(shop: World, tasks_at_once):
    scheduled(shop)
    with time_machine.travel(THEN, tick=False):
        tasks.apply_due_changes()
    assert is_on(shop)


def refused(world: World, change: Change, sentence: str) -> None:
    """Nothing happened, the reason is kept, the request is still open, nobody tries again."""
    strike()
    assert not is_on(world)
    now = again(world.ada, change)
    assert sentence in now.schedule_problem
    assert now.status in {"open", "approved"}
    assert world.ledger()[-1].action == "change.schedule_refused"
    assert sentence in world.ledger()[-1].reason
    lines = len(world.ledger())
    strike(THEN + timedelta(minutes=5))
    assert len(world.ledger()) == lines


def test_a_schedule_of_somebody_who_left_does_not_fire(shop: World):
    change = scheduled(shop)
    leave(shop, shop.max)
    refused(shop, change, "no longer here")


def test_a_schedule_somebody_else_set_does_not_outlive_its_author(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    requests.schedule(shop.ada.at(), number_of(change), at=THEN)
    leave(shop, shop.max)
    refused(shop, change, "no longer here")


def test_an_approval_that_went_away_stops_the_schedule(shop: World):
    change = scheduled(shop)
    Membership.objects.within(shop.organization).filter(user=shop.rita.user).update(is_active=False)
    refused(shop, change, "asks for 1 approval")


def test_a_base_that_moved_stops_the_schedule(shop: World):
    change = scheduled(shop)
    other = propose(shop.ada, SetFallthrough("off"))
    approve(shop.rita, other)
    requests.apply(shop.ada.at(), number_of(other))
    refused(shop, change, "is at version 1")


def test_a_freeze_stops_the_schedule(shop: World):
    change = scheduled(shop)
    window = {"from": THEN.isoformat(), "to": (THEN + timedelta(days=1)).isoformat()}
    policy = changes.Target(EditKind.POLICY, "production")
    rules = SetReviewRules(1, freezes=(window,))
    changes.bypass_all(shop.ada.at(), [Part(policy, (rules,), 1)], reason="holidays")
    refused(shop, change, "Changes are frozen in Production until")


def test_after_a_refusal_it_can_be_given_another_time(shop: World):
    change = propose(shop.max)
    requests.schedule(shop.max.at(), number_of(change), at=THEN)
    refused(shop, change, "asks for 1 approval")
    approve(shop.rita, change)
    later = THEN + timedelta(hours=1)
    requests.schedule(shop.max.at(), number_of(change), at=later)
    strike(later)
    assert is_on(shop)


def test_unscheduled_it_waits_for_somebody(shop: World):
    change = scheduled(shop)
    assert docket.scheduled(shop.max.at()) == [change]
    requests.unschedule(shop.max.at(), number_of(change))
    strike()
    assert not is_on(shop)
    assert docket.scheduled(shop.max.at()) == []
    assert shop.ledger()[-1].action == "change.unscheduled"


def test_one_request_that_cannot_does_not_hold_up_the_next(shop: World):
    first = propose(shop.max)
    requests.schedule(shop.max.at(), number_of(first), at=THEN - timedelta(minutes=1))
    second = scheduled(shop)
    strike()
    assert again(shop.max, second).status == Change.Status.APPLIED
    assert again(shop.max, first).schedule_problem


def test_where_nobody_has_to_look_a_change_can_be_scheduled_too(shop: World):
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    outcome = requests.open_request(
        shop.max.at("staging"), [part], comment="tomorrow", scheduled_for=THEN, time_zone="UTC"
    )
    assert isinstance(outcome, Pending)
    strike()
    assert is_on(shop, "staging")
    assert not is_on(shop)


def test_only_who_may_make_the_change_schedules_it(shop: World):
    change = propose(shop.max)
    with pytest.raises(NotPermitted):
        requests.schedule(shop.vera.at(), number_of(change), at=THEN)
    with pytest.raises(InvalidInput, match="passed"):
        requests.schedule(shop.max.at(), number_of(change), at=NOW)
    with pytest.raises(InvalidInput, match="no time zone"):
        requests.schedule(shop.max.at(), number_of(change), at=THEN, time_zone="Mars/Olympus")
    assert isinstance(submit(shop.max.at("staging"), FLAG, TurnOn()), changes.Applied)


# --- wall clocks


@pytest.mark.parametrize(
    ("wall", "zone", "moment"),
    [
        ("2026-06-01 12:00", "Europe/Berlin", "2026-06-01 10:00"),
        ("2026-12-01 12:00", "Europe/Berlin", "2026-12-01 11:00"),
        ("2026-06-01 12:00", "America/New_York", "2026-06-01 16:00"),
        ("2026-06-01 12:00", "Asia/Kathmandu", "2026-06-01 06:15"),
        ("2026-06-01 12:00", "UTC", "2026-06-01 12:00"),
    ],
)
def test_a_wall_clock_is_read_in_its_zone(wall: str, zone: str, moment: str):
    found = wall_clock.moment(datetime.fromisoformat(wall), zone)
    assert found == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_a_time_that_does_not_exist_is_refused_with_the_one_that_does():
    with pytest.raises(UnclearTime, match=r"no 2026-03-29 02:30 in Europe/Berlin.*03:30"):
        wall_clock.moment(datetime(2026, 3, 29, 2, 30), "Europe/Berlin")  # noqa: DTZ001


def test_a_time_that_comes_twice_is_refused_with_both():
    with pytest.raises(UnclearTime, match="comes twice") as refusal:
        wall_clock.moment(datetime(2026, 10, 25, 2, 30), "Europe/Berlin")  # noqa: DTZ001
    assert refusal.value.data["moments"] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
    ]
    for written in refusal.value.data["moments"]:
        given = datetime.fromisoformat(written)
        assert wall_clock.moment(given, "Europe/Berlin") == given
