"""What is asked of the ledger: the filters of a page, of an export or of a request, read from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self
from urllib.parse import urlencode

from django.utils.dateparse import parse_date, parse_datetime

from accounts.errors import InvalidInput

LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines of the ledger are asked for; empty means any."""

    person: str = ""
    kind: str = ""
    key: str = ""
    tag: str = ""
    project: str = ""
    environment: str = ""
    action: str = ""
    since: str = ""
    until: str = ""
    before: int | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read from an address; what makes no sense is ignored, save dates (`period`)."""
        names = [one.name for one in fields(cls) if one.name != "before"]
        cursor = query.get("before", "")
        before = int(cursor) if cursor.isdecimal() and len(cursor) < 16 else None
        return cls(**{name: _given(query, name) for name in names}, before=before)

    def query(self, before: int | None = None) -> str:
        """The same question from another place on, as an address has it."""
        return urlencode(self.asked() | ({"before": str(before)} if before else {}))

    def asked(self) -> dict[str, str]:
        """What is asked for, without what is empty and without the place on the page."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in given.items() if value and name != "before"}

    def period(self) -> tuple[datetime | None, datetime | None]:
        """From when, and until when (not included)."""
        return _moment(self.since, "since", days=0), _moment(self.until, "until", days=1)


def _given(query: Mapping[str, str], name: str) -> str:
    return query.get(name, "").strip()[:LONGEST]


def _moment(given: str, where: str, *, days: int) -> datetime | None:
    """A moment, or a day: until a day means until it is over. UTC unless it says otherwise."""
    if not given:
        return None
    try:
        day = parse_date(given)
        moment = parse_datetime(given) if day is None else _midnight(day) + timedelta(days=days)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise InvalidInput(
            f"{given[:40]!r} is no date.", hint="Write it as 2026-11-21.", where=where
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
