"""How figures are written: one place that knows units, signs, digits and spaces."""

import math
from collections.abc import Mapping
from typing import Final

MINUS: Final = "\N{MINUS SIGN}"
SPACE: Final = "\N{NO-BREAK SPACE}"
DASH: Final = "\N{EN DASH}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
# Currencies people read as a sign; any other code is written behind the number.
SYMBOLS: Final[Mapping[str, str]] = {
    "EUR": "\N{EURO SIGN}",
    "USD": "$",
    "GBP": "\N{POUND SIGN}",
    "JPY": "\N{YEN SIGN}",
    "INR": "\N{INDIAN RUPEE SIGN}",
}
# From which length on a time is written in which unit.
TIMES_OF_DAY: Final = (
    (172_800.0, 86_400.0, "d"),
    (7_200.0, 3_600.0, "h"),
    (120.0, 60.0, "min"),
    (1.0, 1.0, "s"),
    (0.0, 0.001, "ms"),
)


def significant(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, whole thousands set apart; zeros at the end stay."""
    if not math.isfinite(value):
        raise ValueError("figures are finite")
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-6:
        return _scientific(value, digits)
    places = digits - 1 - (math.floor(math.log10(size)) if size else 0)
    text = f"{size:,.{min(max(places, 0), 9)}f}" if size else "0"
    return (MINUS if value < 0 else "") + text


def _scientific(value: float, digits: int) -> str:
    mantissa, _, exponent = f"{abs(value):.{digits - 1}e}".partition("e")
    power = f"{MINUS if int(exponent) < 0 else ''}{abs(int(exponent))}"
    return f"{MINUS if value < 0 else ''}{mantissa}{SPACE}{TIMES}{SPACE}10^{power}"


def whole(value: int) -> str:
    """A count of things."""
    return f"{value:,}"


def percent(share: float, digits: int = 2, *, signed: bool = False) -> str:
    """A share as percent with so many decimals."""
    text = f"{abs(share) * 100:,.{digits}f}{SPACE}%"
    return _sign(share, text.strip("0.,%" + SPACE) == "", signed=signed) + text


def lift(value: float) -> str:
    """A relative difference with its sign; large ones with fewer decimals."""
    return percent(value, 1 if abs(value) < 10 else 0, signed=True)


def p_value(p: float) -> str:
    """Three significant digits, and no pretense below one in ten thousand."""
    if p < 0.0001:
        return "<" + SPACE + "0.0001"
    return f"{p:.3g}" if p < 0.9995 else "1"


def measure(kind: str, unit: str, value: float, *, signed: bool = False) -> str:
    """A value of a metric, or (signed) a difference of two, in the metric's own unit."""
    if kind == "proportion":
        return _points(value) if signed else percent(value, 3)
    if kind == "duration":
        return _with_sign(value, _time(abs(value)), signed=signed)
    if kind == "sum" and unit in SYMBOLS:
        return _with_sign(value, SYMBOLS[unit] + _money(abs(value)), signed=signed)
    text = _money(abs(value)) if _is_currency(kind, unit) else significant(abs(value), 5)
    return _with_sign(value, f"{text}{SPACE}{unit}" if unit else text, signed=signed)


def bounds(low: str | None, high: str | None) -> str:
    """An interval in words; an end that is not bounded is said to be open."""
    if low is None and high is None:
        return "unbounded"
    if low is None:
        return f"at most {high}"
    if high is None:
        return f"at least {low}"
    return f"{low} to {high}"


def _is_currency(kind: str, unit: str) -> bool:
    return kind == "sum" and len(unit) == 3 and unit.isalpha() and unit.isupper()


def _money(size: float) -> str:
    return f"{size:,.0f}" if size >= 100_000 else f"{size:,.2f}"


def _time(seconds: float) -> str:
    for start, length, name in TIMES_OF_DAY:
        if seconds >= start:
            return f"{significant(seconds / length, 4)}{SPACE}{name}"
    raise ValueError("a length of time is not negative")


def _points(value: float) -> str:
    return _with_sign(value, f"{abs(value) * 100:.3f}{SPACE}pp", signed=True)


def _with_sign(value: float, text: str, *, signed: bool) -> str:
    shows_nothing = not any(digit in text for digit in "123456789")
    return _sign(value, shows_nothing, signed=signed) + text


def _sign(value: float, is_nothing: bool, *, signed: bool) -> str:
    if is_nothing or value == 0:
        return ""
    if value < 0:
        return MINUS
    return "+" if signed else ""
