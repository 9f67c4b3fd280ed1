"""Several workers at the ledger's end at once, on real connections: everything is told, and once."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest
from django.db import connections, transaction

from accounts import access as tickets
from accounts import audit, deliveries, tail
from accounts.actions import destinations as acts
from accounts.actions import notices
from accounts.actions.destinations import DestinationPlan, Filters
from accounts.audit import Subject
from accounts.models import AuditEntry, Delivery, Destination, Notice
from tests.accounts.loopback import Call, receiver, reply
from tests.world.cast import World, make_world

PATIENCE_SECONDS = 60
FLAGS = Filters(("flag.*",))


@pytest.fixture
def shop(transactional_db: None) -> World:
    """A world whose rows every connection sees."""
    return make_world()


class Crowd:
    """Counts how many are inside together."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self.inside -= 1


def at_once(works: Sequence[Callable[[], object]]) -> None:
    """Start all works in the same moment, each on a connection of its own."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            barrier.wait(PATIENCE_SECONDS)
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as threads:
        for one in [threads.submit(run, work) for work in works]:
            one.result(PATIENCE_SECONDS)


def test_writers_and_readers_at_once_tell_every_line_exactly_once(shop: World, settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    notices.follow(shop.vera.at(), "flag", "checkout", on=True)
    plan = DestinationPlan("webhook", "Log", "http://127.0.0.1:9/", filters=Filters(("flag.*",)))
    acts.create(tickets.of_member(shop.olivia.user, "solar"), plan)
    access = shop.max.at()

    def write() -> None:
        for _ in range(10):
            with transaction.atomic():
                about = [Subject("flag", "checkout")]
                audit.record(access, "flag.changed", "checkout", subjects=about)

    def read() -> None:
        for _ in range(10):
            tail.read_all()

    at_once([write, write, write, read, read, read])
    tail.read_all()
    lines = set(
        AuditEntry.objects.within(shop.organization)
        .filter(action="flag.changed")
        .values_list("sequence", flat=True)
    )
    assert len(lines) == 30
    assert Notice.across_tenants.filter(membership__user=shop.vera.user).count() == 30
    told = list(Delivery.across_tenants.values_list("sequence", flat=True))
    assert sorted(told) == sorted(lines)


def test_several_senders_at_once_send_each_message_once(shop: World, settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with receiver() as hook:
        for number in range(3):
            plan = DestinationPlan("webhook", f"Log {number}", hook.url)
            acts.create(tickets.of_member(shop.olivia.user, "solar"), plan)
        tail.read_all()

        def send() -> None:
            for _ in range(5):
                for one in deliveries.waiting_destinations():
                    deliveries.take_turn(one)

        at_once([send, send, send, send])
        ids = Counter(call.headers["webhook-id"] for call in hook.calls)
    assert len(ids) == 1 + 2 + 3
    assert set(ids.values()) == {1}
    assert not Destination.across_tenants.exclude(busy_until=None).exists()


def test_an_organizations_slow_receivers_hold_up_nobody_else(shop: World, settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    at_a_time, heard_before_us = Crowd(), []

    def slow(_call: Call, to: BaseHTTPRequestHandler) -> None:
        with at_a_time:
            time.sleep(0.3)
        reply(to, 200)

    def ours(_call: Call, to: BaseHTTPRequestHandler) -> None:
        heard_before_us.append(len(theirs.calls))
        reply(to, 200)

    with receiver() as theirs, receiver() as mine:
        theirs.answer, mine.answer = slow, ours
        busy, quiet = (
            tickets.of_member(shop.olivia.user, "solar"),
            tickets.of_member(shop.stan.user, "stranger"),
        )
        for number in range(20):
            plan = DestinationPlan("webhook", f"Slow {number}", theirs.url, filters=FLAGS)
            acts.create(busy, plan)
        acts.create(quiet, DestinationPlan("webhook", "Ours", mine.url, filters=FLAGS))
        for access in (busy, quiet):
            with transaction.atomic():
                audit.record(access, "flag.changed", "checkout")
        tail.read_all()
        waiting = deliveries.waiting_destinations()
        # Ours comes last.
        last = Destination.across_tenants.get(name="Ours").id
        deliveries.start([*(one for one in waiting if one != last), last])
        deliveries.settle(PATIENCE_SECONDS)
    assert len(waiting) == 21
    assert at_a_time.most == 2
    assert heard_before_us[0] <= 4
    assert len(theirs.calls) == 20
    states = Delivery.across_tenants.values_list("status", flat=True)
    assert set(states) == {Delivery.Status.DELIVERED}


def test_the_rings_own_threads_send_what_waits(shop: World, settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with receiver() as hook:
        plan = DestinationPlan("webhook", "Log", hook.url)
        acts.create(tickets.of_member(shop.olivia.user, "solar"), plan)
        tail.read_all()
        for _ in range(3):
            deliveries.start(deliveries.waiting_destinations())
        deliveries.settle(PATIENCE_SECONDS)
    assert len(hook.calls) == 1
    assert Delivery.across_tenants.get().status == Delivery.Status.DELIVERED
