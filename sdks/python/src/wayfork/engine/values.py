"""How an attribute is read as text or as a number, alike in Python and in JavaScript."""

import re
from functools import lru_cache
from typing import Final

# Every number is an IEEE double, as JavaScript has it: integers beyond this are rounded to one.
EXACT: Final = 2**53
LONGEST_NUMBER: Final = 64

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def whole_text(value: object) -> str | None:
    """A whole number in decimal (3.0 as "3"); None for anything else, booleans included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and -EXACT <= value <= EXACT:
        return str(int(value))
    double = as_double(value)
    return str(int(double)) if double is not None and double.is_integer() else None


def as_text(value: object) -> str | None:
    """What text operators see: text, whole numbers in decimal, `true` and `false`."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return whole_text(value)


def as_double(value: float) -> float | None:
    """The finite double nearest to a number, if there is one."""
    try:
        double = float(value)
    except OverflowError:
        return None
    return double if double - double == 0.0 else None


def as_number(value: object) -> float | None:
    """What number operators see: finite numbers and numeric strings, never booleans."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return as_double(value)
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER:
        return _number_in(str.__str__(value))
    return None


@lru_cache(maxsize=4096)
def _number_in(text: str) -> float | None:
    return as_double(float(text)) if _NUMBER.fullmatch(text) else None
