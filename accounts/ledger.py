"""Reads of the ledger, always within an access: filtered, page by page, one line, all lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from accounts import audit, differences, streams
from accounts.access import Access
from accounts.errors import NotFound
from accounts.filters import Wanted
from accounts.models import AuditEntry, AuditProof
from accounts.streams import Search

PAGE: Final = 50
# An export reads this many lines at once.
CHUNK: Final = 1_000


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the ledger, newest first; `rest` is where the next older one begins (`before`).

    Looking ends after so many lines: a page may hold fewer than asked for, or none, and still have
    a rest. Then `looked_back_to` says when the last line looked at was written.
    """

    lines: Sequence[AuditEntry]
    rest: int | None = None
    looked_back_to: datetime | None = None


def page(access: Access, wanted: Wanted, *, size: int = PAGE) -> AuditPage:
    """Lines the access may see, newest first, by keyset (never by offset), without documents."""
    rows = _rows(access).defer("before", "after")
    found, rest = _newest(rows, streams.search(access, wanted), wanted.before, size + 1)
    if len(found) > size:
        return AuditPage(found[:size], found[size - 1].sequence)
    if rest is None:
        return AuditPage(found)
    return AuditPage(found, rest, _written_at(access, rest))


def lines(access: Access, wanted: Wanted, *, up_to: int) -> Iterator[list[AuditEntry]]:
    """All lines asked for, newest first, in chunks, from `up_to` down: they can no longer change."""
    rows, search = _rows(access), streams.search(access, wanted)
    before: int | None = up_to + 1
    while before is not None:
        chunk, before = _newest(rows, search, before, CHUNK)
        if chunk:
            yield chunk


def _rows(access: Access) -> QuerySet[AuditEntry]:
    rows: QuerySet[AuditEntry] = AuditEntry.objects.within(access.organization)
    return rows.select_related("project", "environment").order_by("-sequence")


def _newest(
    rows: QuerySet[AuditEntry], search: Search, before: int | None, most: int
) -> tuple[list[AuditEntry], int | None]:
    """The newest lines found, and where the rest begins. Where the clock was set back some stand
    among lines of another time: they are left out."""
    if search.since is not None:
        rows = rows.filter(at__gte=search.since)
    if search.until is not None:
        rows = rows.filter(at__lt=search.until)
    met = streams.newest(search, before, most)
    return list(rows.filter(sequence__in=met.sequences)), met.rest


def _written_at(access: Access, sequence: int) -> datetime:
    """When a line of the organization was written: each number has one."""
    lines = AuditEntry.objects.within(access.organization)
    at: datetime = lines.values_list("at", flat=True).get(sequence=sequence)
    return at


def newest(access: Access) -> int:
    """The sequence of the newest line the access may see; 0 if there is none."""
    found: int | None = (
        _visible(access).order_by("-sequence").values_list("sequence", flat=True).first()
    )
    return found or 0


def line(access: Access, sequence: int) -> AuditEntry:
    """One line the access may see."""
    rows = _visible(access).select_related("project", "environment")
    found: AuditEntry | None = rows.filter(sequence=sequence).first()
    if found is None:
        raise NotFound("There is no such line in this history.")
    return found


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The lines beside one, as far as the access may see them."""

    older: int | None
    newer: int | None


def neighbors(access: Access, sequence: int) -> Neighbors:
    """The line before and the line after."""
    rows = _visible(access).values_list("sequence", flat=True)
    return Neighbors(
        rows.filter(sequence__lt=sequence).order_by("-sequence").first(),
        rows.filter(sequence__gt=sequence).order_by("sequence").first(),
    )


def proof(access: Access) -> AuditProof | None:
    """How far the organization's chain was last proved."""
    return AuditProof.objects.filter(organization=access.organization).first()


def changes(entry: AuditEntry) -> list[differences.Difference]:
    """What an act changed, place by place."""
    return differences.document_differences(entry.before, audit.document_of(entry.after))


def _visible(access: Access) -> QuerySet[AuditEntry]:
    visible: QuerySet[AuditEntry] = AuditEntry.objects.within(streams.whose(access))
    return visible
