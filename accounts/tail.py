"""Reading the ledger's end: each new line becomes notices for members and messages for destinations.

Lines of an organization commit in the order of their sequence (its head row is locked until then),
so a reader that remembers the last one it took misses none. What a line brings about is written
in one transaction with that memory: exactly once, whoever rings and however often.
"""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery

from accounts import destinations, hints, landing, notices
from accounts.models import (
    AuditEntry,
    AuditHead,
    Delivery,
    Destination,
    InboxCursor,
    Notice,
    Organization,
)

# Lines taken in one transaction; what lies behind is caught up with in several.
BATCH: Final = 200


def read_all() -> int:
    """Take every line nobody took yet; returns how many notices and messages that made."""
    made = 0
    for organization_id in _behind():
        while step := _tell_members(organization_id):
            made += step - 1
    for destination_id in _untold_destinations():
        while step := _tell_destination(destination_id):
            made += step - 1
    return made


# --- members


def _behind() -> list[UUID]:
    InboxCursor.objects.bulk_create(
        [
            InboxCursor(organization=one)
            for one in Organization.objects.filter(inboxcursor=None, audithead__isnull=False)
        ],
        ignore_conflicts=True,
    )
    heads = AuditHead.objects.filter(sequence__gt=F("organization__inboxcursor__told_up_to"))
    return list(heads.values_list("organization_id", flat=True))


def _tell_members(organization_id: UUID) -> int:
    """One batch; 0 when there is nothing left, or somebody else is at it."""
    with transaction.atomic():
        rows = InboxCursor.objects.select_for_update(skip_locked=True)
        cursor = rows.filter(organization_id=organization_id).first()
        if cursor is None:
            return 0
        lines = list(_lines_after(organization_id, cursor.told_up_to))
        if not lines:
            return 0
        written = [notice for line in lines for notice in notices.write(line)]
        cursor.told_up_to = lines[-1].sequence
        cursor.save(update_fields=["told_up_to"])
        transaction.on_commit(lambda: _hint(lines, written))
    return len(written) + 1


def _lines_after(organization_id: UUID, sequence: int) -> QuerySet[AuditEntry]:
    rows: QuerySet[AuditEntry] = AuditEntry.across_tenants.filter(
        organization_id=organization_id, sequence__gt=sequence
    )
    related = ("organization", "project__organization", "environment", "actor")
    return rows.select_related(*related).order_by("sequence")[:BATCH]


def _hint(lines: list[AuditEntry], written: list[Notice]) -> None:
    hints.tell_people((notice.membership.user_id for notice in written), "inbox")
    topics: dict[UUID, list[str]] = {}
    for line in lines:
        if line.project_id is not None:
            topics.setdefault(line.project_id, []).extend(_topics(line))
    for project_id, wanted in topics.items():
        hints.tell_project(project_id, wanted)


def _topics(line: AuditEntry) -> Iterator[str]:
    """`flag`, `flag-checkout`, `request`, `request-12`: what a page may listen for."""
    for kind, key in line.subjects:
        if kind in notices.FOLLOWED:
            yield kind
            yield f"{kind}-{key}"
    number = landing.request_number(line)
    if number is not None:
        yield "request"
        yield f"request-{number}"


# --- destinations


def _untold_destinations() -> list[UUID]:
    head = AuditHead.objects.filter(organization=OuterRef("organization")).values("sequence")
    rows = Destination.across_tenants.filter(is_active=True).annotate(head=Subquery(head))
    return list(rows.filter(head__gt=F("told_up_to")).values_list("id", flat=True))


def _tell_destination(destination_id: UUID) -> int:
    with transaction.atomic():
        rows = Destination.across_tenants.select_for_update(skip_locked=True, of=("self",))
        found: Destination | None = (
            rows.filter(id=destination_id, is_active=True)
            .select_related("organization", "project")
            .first()
        )
        if found is None:
            return 0
        lines = list(_lines_after(found.organization_id, found.told_up_to))
        if not lines:
            return 0
        wanted = [
            destinations.message(found, line) for line in lines if destinations.wants(found, line)
        ]
        Delivery.objects.bulk_create(wanted, ignore_conflicts=True)
        found.told_up_to = lines[-1].sequence
        found.save(update_fields=["told_up_to"])
    return len(wanted) + 1
