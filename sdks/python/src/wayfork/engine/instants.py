"""Points in time, as epoch milliseconds."""

import re
from functools import lru_cache
from typing import Final

from wayfork.engine.values import as_double

_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_DAYS_IN_MONTH: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EPOCH_DAY: Final = 719_163
LONGEST_INSTANT: Final = 40


def read_instant(value: object) -> float | None:
    """ISO 8601 text (UTC unless it says otherwise) or epoch milliseconds; None if it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return as_double(value)
    if isinstance(value, str) and len(value) <= LONGEST_INSTANT:
        return _instant_in(str.__str__(value))
    return None


@lru_cache(maxsize=4096)
def _instant_in(text: str) -> float | None:
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    date, clock = found.group(1, 2, 3), found.group(4, 5, 6)
    year, month, day = (int(part) for part in date)
    hour, minute, second = (int(part or 0) for part in clock)
    offset = _offset_minutes(found[8])
    if not _is_date(year, month, day) or max(hour - 23, minute - 59, second - 59) > 0:
        return None
    if offset is None:
        return None
    minutes = (_days(year, month, day) * 24 + hour) * 60 + minute - offset
    # Finer than a millisecond is dropped: JavaScript's dates hold no more.
    return float((minutes * 60 + second) * 1000 + int((found[7] or "0")[:3].ljust(3, "0")))


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _is_date(year: int, month: int, day: int) -> bool:
    if year < 1 or not 1 <= month <= 12:
        return False
    longest = 29 if month == 2 and _is_leap(year) else _DAYS_IN_MONTH[month - 1]
    return 1 <= day <= longest


def _days(year: int, month: int, day: int) -> int:
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400
    leap_day = 1 if month > 2 and _is_leap(year) else 0
    return before * 365 + leaps + sum(_DAYS_IN_MONTH[: month - 1]) + leap_day + day - _EPOCH_DAY


def _offset_minutes(text: str | None) -> int | None:
    if text is None or text in "Zz":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-1 if text[0] == "-" else 1)
