"""Sending what waits for destinations: one worker per destination, retries over days, then an end."""

import logging
import random
import time
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit, destinations, outbound, sealing
from accounts.access import SYSTEM, Access
from accounts.errors import DomainError
from accounts.models import Delivery, DeliveryAttempt, Destination
from accounts.outbound import Reply
from accounts.turns import Turns

log = logging.getLogger(__name__)

# When a message is tried again after its first, second, ... failure: ten tries over three days.
DELAYS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
# Each delay is stretched by up to this share, so that receivers that fell together are not met so.
JITTER: Final = 0.2
LONGEST_DELAY: Final = timedelta(hours=24)
GIVE_UP_AFTER: Final = timedelta(days=5)
# One turn at a destination: so many messages or seconds, until the first failure.
TURN_MESSAGES: Final = 50
TURN_SECONDS: Final = 20.0
# Longer than any turn; a worker that died holds its destination no longer than this.
CLAIM: Final = timedelta(seconds=90)
# Destinations that are sent to at the same time by one process.
WIDTH: Final = 8
# Of these, destinations of one organization: its slow receivers hold up nobody else's messages.
WIDTH_OF_ONE: Final = 2
GONE: Final = 410


def waiting_destinations() -> list[UUID]:
    """Destinations with something due that nobody is sending to; whoever fails comes last."""
    now = timezone.now()
    rows = Destination.across_tenants.filter(
        Q(busy_until=None) | Q(busy_until__lt=now),
        is_active=True,
        deliveries__status=Delivery.Status.WAITING,
        deliveries__next_attempt_at__lte=now,
    )
    found = list(rows.distinct().only("id", "failing_since"))
    return [one.id for one in sorted(found, key=lambda one: one.failing_since is not None)]


def start(destination_ids: Collection[UUID]) -> None:
    """Send in threads of this process: whoever rings waits for nobody's slow receiver."""
    rows = Destination.across_tenants.filter(id__in=destination_ids)
    owners = dict(rows.values_list("id", "organization_id"))
    for destination_id in destination_ids:
        if destination_id in owners:
            _turns().add(owners[destination_id], destination_id)


def settle(seconds: float) -> None:
    """Wait until what was started is done: for commands and tests that look at the outcome."""
    ends = time.monotonic() + seconds
    while not _turns().are_over and time.monotonic() < ends:
        time.sleep(0.05)


@cache
def _turns() -> Turns:
    return Turns(_take_turn_in_thread, width=WIDTH, each=WIDTH_OF_ONE, name="deliveries")


def _take_turn_in_thread(destination_id: UUID) -> None:
    try:
        take_turn(destination_id)
    except Exception:
        log.exception("a turn at a destination broke; what waits is sent on the next ring")
    finally:
        connection.close()


def take_turn(destination_id: UUID) -> int:
    """Send what is due to one destination, in the ledger's order; returns how many tries it took.

    The claim is one UPDATE, so of two workers one gets it. A failure ends the turn: a receiver
    that is down is asked once a ring and not once a message.
    """
    if not _claim(destination_id):
        return 0
    tries, ends = 0, time.monotonic() + TURN_SECONDS
    try:
        for found in _due(destination_id):
            tries += 1
            if not attempt(found) or time.monotonic() > ends:
                break
    finally:
        Destination.across_tenants.filter(id=destination_id).update(busy_until=None)
    return tries


def _claim(destination_id: UUID) -> bool:
    now = timezone.now()
    rows = Destination.across_tenants.filter(
        Q(busy_until=None) | Q(busy_until__lt=now), id=destination_id, is_active=True
    )
    return rows.update(busy_until=now + CLAIM) == 1


def _due(destination_id: UUID) -> list[Delivery]:
    rows = Delivery.across_tenants.filter(
        destination_id=destination_id,
        status=Delivery.Status.WAITING,
        next_attempt_at__lte=timezone.now(),
    )
    related = rows.select_related("destination__organization", "destination__project")
    return list(related.order_by("attempts", "sequence")[:TURN_MESSAGES])


def attempt(found: Delivery) -> bool:
    """One try, noted whatever came of it. Says whether the message was taken."""
    at = timezone.now()
    reply: Reply | None = None
    problem = ""
    try:
        reply = _call(found, at)
        problem = _problem(reply)
    except DomainError as error:
        problem = str(error)
    with transaction.atomic():
        DeliveryAttempt.objects.create(
            delivery=found,
            at=at,
            status_code=reply.status if reply else None,
            milliseconds=reply.milliseconds if reply else 0,
            problem=problem[:300],
        )
        found.attempts += 1
        if problem:
            _note_failure(found, at, reply)
        else:
            _note_success(found, at)
    return not problem


def _call(found: Delivery, at: datetime) -> Reply:
    destination = found.destination
    return outbound.send(
        "POST",
        sealing.unseal(bytes(destination.url)),
        headers=destinations.headers(destination, found, at),
        body=found.body.encode(),
        # Only the status counts; what a receiver says beside it is not kept.
        limit_bytes=0,
    )


def _problem(reply: Reply) -> str:
    if reply.is_success:
        return ""
    if 300 <= reply.status < 400:
        return f"Answered {reply.status}: redirects are not followed. Give the final address."
    if reply.status == GONE:
        return "Answered 410: the receiver wants no more messages."
    return f"Answered {reply.status}."


def _note_success(found: Delivery, at: datetime) -> None:
    found.status, found.finished_at, found.next_attempt_at = Delivery.Status.DELIVERED, at, None
    found.save(update_fields=["attempts", "status", "finished_at", "next_attempt_at"])
    Destination.across_tenants.filter(id=found.destination_id).update(failing_since=None)


def _note_failure(found: Delivery, at: datetime, reply: Reply | None) -> None:
    delay = _delay(found, reply)
    if delay is None:
        found.status, found.finished_at, found.next_attempt_at = Delivery.Status.FAILED, at, None
    else:
        found.next_attempt_at = at + delay
    found.save(update_fields=["attempts", "status", "finished_at", "next_attempt_at"])
    # Test messages say nothing about the others.
    if found.sequence is not None:
        _note_trouble(found.destination_id, at, reply)


def _delay(found: Delivery, reply: Reply | None) -> timedelta | None:
    """How long to wait; None when it was the last try."""
    is_gone = reply is not None and reply.status == GONE
    if found.sequence is None or is_gone or found.attempts > len(DELAYS):
        return None
    delay = DELAYS[found.attempts - 1] * (1 + random.random() * JITTER)  # noqa: S311 - no secret
    wish = reply.headers.get("retry-after", "") if reply else ""
    if wish.isascii() and wish.isdecimal():
        delay = max(delay, timedelta(seconds=min(int(wish[:6]), LONGEST_DELAY.total_seconds())))
    return delay


def _note_trouble(destination_id: UUID, at: datetime, reply: Reply | None) -> None:
    rows = Destination.across_tenants.select_for_update(of=("self",))
    destination = rows.select_related("organization", "project").get(id=destination_id)
    destination.failing_since = destination.failing_since or at
    destination.save(update_fields=["failing_since"])
    if reply is not None and reply.status == GONE:
        _disable(destination, "The receiver answered 410: it wants no more messages.")
    elif at - destination.failing_since > GIVE_UP_AFTER:
        _disable(destination, f"No message got through for {GIVE_UP_AFTER.days} days.")


def _disable(destination: Destination, reason: str) -> None:
    """Switch off in the system's name; the line tells the owners (accounts.notices)."""
    if not destination.is_active:
        return
    destination.is_active, destination.disabled_reason = False, reason
    destination.save(update_fields=["is_active", "disabled_reason"])
    access = Access(SYSTEM, destination.organization, frozenset(), destination.project)
    audit.record(
        access, "destination.disabled", destination.name, before="on", after="off", reason=reason
    )
