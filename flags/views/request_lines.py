"""Requests as lines of a list: read in a few questions, however many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max

from accounts.access import Access
from flags.drafting import OWN
from flags.models import Change
from flags.models.change import WAITING, ChangedTarget, Review
from flags.views.cards import here
from flags.views.request_page import Mark, Place, approvals_words, marks_of, place_of
from flags.views.request_words import status_tone, status_word, title_of


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request in a list."""

    number: int | None
    url: str
    title: str
    author: str
    place: Place
    status: str
    tone: str
    approvals: str
    marks: list[Mark]
    at: datetime


def lines(access: Access, found: Sequence[Change]) -> list[RequestLine]:
    """The lines of some requests."""
    given = _approvals(access, found)
    versions = _versions(access, found)
    return [_line(access, change, given.get(change.pk, 0), versions) for change in found]


def _line(
    access: Access, change: Change, given: int, versions: Mapping[tuple[Any, str, str], int]
) -> RequestLine:
    environment = change.environment.key if change.environment else ""
    needed = change.approvals_needed
    return RequestLine(
        number=change.number,
        url=here(access, "flags:request", change.number, environment=environment),
        title=title_of(change),
        author=change.author_label,
        place=place_of(change),
        status=status_word(change),
        tone=status_tone(change),
        approvals=approvals_words(given, needed) if needed else "",
        marks=list(marks_of(change, is_stale=_is_stale(change, versions))),
        at=change.closed_at or change.created_at,
    )


def _approvals(access: Access, found: Sequence[Change]) -> dict[Any, int]:
    """Approvals of what each request says now; whether each still counts, its page tells."""
    hashes = {change.pk: change.content_hash for change in found}
    newest: dict[tuple[Any, Any], str] = {}
    rows = Review.objects.within(access.project).filter(change__in=list(hashes)).order_by("pk")
    for row in rows:
        if row.content_hash == hashes[row.change_id]:
            newest[row.change_id, row.reviewer_id] = row.verdict
    given: dict[Any, int] = {}
    for (change, _reviewer), verdict in newest.items():
        if verdict == Review.Verdict.APPROVE:
            given[change] = given.get(change, 0) + 1
    return given


def _versions(access: Access, found: Sequence[Change]) -> dict[tuple[Any, str, str], int]:
    """The newest version of each target the requests touch: every write leaves its line."""
    keys = {part["target"]["key"] for change in found for part in change.parts}
    rows = ChangedTarget.objects.within(access.project).filter(key__in=keys, version__isnull=False)
    newest = rows.values("environment_id", "kind", "key").annotate(version=Max("version"))
    return {(row["environment_id"], row["kind"], row["key"]): row["version"] for row in newest}


def _is_stale(change: Change, versions: Mapping[tuple[Any, str, str], int]) -> bool:
    if change.status not in {*WAITING, Change.Status.DRAFT}:
        return False
    for part in change.parts:
        kind, key = part["target"]["kind"], part["target"]["key"]
        place = change.environment_id if kind in OWN else None
        if versions.get((place, kind, key), 0) > part["base_version"]:
            return True
    return False
