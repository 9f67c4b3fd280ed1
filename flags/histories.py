"""What became of one thing, newest first, by keyset: pages go as far back as there is any change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from accounts.access import Access
from flags.models.change import Change, ChangedTarget
from flags.queries import touched

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Touch:
    """A change of one target; `place` is where it stands in the history."""

    place: int
    kind: str
    change: Change


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some touches, newest first, and the places beyond which older and newer ones begin."""

    touches: Sequence[Touch]
    older: int | None = None
    newer: int | None = None


def page(
    access: Access,
    kinds: Iterable[str],
    key: str,
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE,
) -> HistoryPage:
    """The newest changes of these kinds, or those before or right after a place."""
    if after is not None:
        found = _found(access, kinds, key, after=after, most=size + 1)
        # Fewer newer ones than a page holds: the newest page shows them all.
        if len(found) > size:
            newer = found[size - 1 :: -1]
            return HistoryPage(newer, older=newer[-1].place, newer=newer[0].place)
        before = None
    found = _found(access, kinds, key, before=before, most=size + 1)
    shown = found[:size]
    older = shown[-1].place if len(found) > size else None
    return HistoryPage(shown, older, shown[0].place if before and shown else None)


def _found(
    access: Access,
    kinds: Iterable[str],
    key: str,
    *,
    most: int,
    before: int | None = None,
    after: int | None = None,
) -> list[Touch]:
    """Each kind is walked in its own index; newest first, or with `after` oldest first."""
    rows = [
        row
        for kind in kinds
        for row in _beyond(touched(access, kind, key), before, after)[:most].select_related(
            "change", "change__author"
        )
    ]
    rows.sort(key=lambda row: row.pk, reverse=after is None)
    return [Touch(row.pk, row.kind, row.change) for row in rows[:most]]


def _beyond(
    rows: QuerySet[ChangedTarget], before: int | None, after: int | None
) -> QuerySet[ChangedTarget]:
    if after is not None:
        return rows.filter(pk__gt=after).order_by("pk")
    rows = rows if before is None else rows.filter(pk__lt=before)
    return rows.order_by("-pk")
