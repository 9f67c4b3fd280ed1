"""Lengths of time as people write them: `7 d`, `24 h`, `30 min`, `90 s`."""

import re
from collections.abc import Mapping
from typing import Final

UNITS: Final[Mapping[str, int]] = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
_SPAN: Final = re.compile(r"(\d{1,9})\s*(d|days?|h|hours?|min|minutes?|s|seconds?)")
_WORDS: Final[Mapping[str, str]] = {
    "day": "d",
    "days": "d",
    "hour": "h",
    "hours": "h",
    "minute": "min",
    "minutes": "min",
    "second": "s",
    "seconds": "s",
}
# What the table's column holds.
LONGEST: Final = 2_147_483_647


class NotASpan(ValueError):
    """The text is no length of time."""


def parse(text: str) -> int:
    """Seconds; raises NotASpan."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise NotASpan("Write a length such as 7 d, 24 h, 30 min or 90 s.")
    unit = _WORDS.get(found[2], found[2])
    seconds = int(found[1]) * UNITS[unit]
    if seconds > LONGEST:
        raise NotASpan("That is longer than any experiment.")
    return seconds


def show(seconds: int | None) -> str:
    """The largest unit that divides it; nothing for no length."""
    if not seconds:
        return ""
    unit = next(name for name, length in UNITS.items() if seconds % length == 0)
    return f"{seconds // UNITS[unit]} {unit}"


def window(delay: int, length: int | None) -> str:
    """A metric's window in words."""
    start = f"from {show(delay)} after exposure" if delay else "from exposure"
    return f"{start} for {show(length)}" if length else f"{start} to the end"
