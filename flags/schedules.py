"""Requests whose time has come: each applies once, by the same rules as by hand."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import access as tickets
from accounts.access import Access
from flags import requests, snapshots
from flags.drafting import living
from flags.models.change import WAITING, Change


def due(now: datetime | None = None) -> list[UUID]:
    """Ids of the requests whose time has come; what was refused at its time waits for a person."""
    rows = Change.across_tenants.filter(
        status__in=WAITING, scheduled_for__lte=now or timezone.now(), schedule_problem=""
    )
    return list(rows.order_by("scheduled_for").values_list("pk", flat=True))


def apply_due(change_id: UUID) -> None:
    """Apply one request if it is still due: safe to ring twice, and in two processes at once."""
    with transaction.atomic():
        rows = Change.across_tenants.select_related("environment", "project__organization")
        found = rows.filter(pk=change_id).first()
        if found is None:
            return
        clock = _clock(found)
        snapshots.lock_heads(living(clock))
        locked = rows.select_for_update(of=("self",)).get(pk=change_id)
        is_due = locked.scheduled_for is not None and locked.scheduled_for <= timezone.now()
        if locked.status in WAITING and is_due and not locked.schedule_problem:
            requests.apply_by_itself(clock, locked)


def _clock(change: Change) -> Access:
    """The ticket of the time that has come: it may look, and record what it was refused."""
    return tickets.command(change.project.organization, change.project)
