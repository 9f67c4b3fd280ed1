"""Variation values as text in a form, and back: typed by the flag."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Beyond these, JavaScript can no longer tell neighboring whole numbers apart.
SAFE_INTEGER: Final = 2**53 - 1


def read_value(kind: str, text: str) -> object:
    """The value a person typed; raises ValidationError with a sentence."""
    return READERS[kind](text)


def write_value(value: object) -> str:
    """The text a form shows for a value."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _boolean(text: str) -> object:
    known = {"true": True, "false": False}
    if text.strip().lower() not in known:
        raise ValidationError(_("Write true or false."))
    return known[text.strip().lower()]


def _integer(text: str) -> object:
    try:
        number = int(text.strip())
    except ValueError:
        raise ValidationError(_("Write a whole number, such as 12.")) from None
    if abs(number) > SAFE_INTEGER:
        raise ValidationError(_("Too large: JavaScript could not read this number exactly."))
    return number


def _float(text: str) -> object:
    try:
        number = float(text.strip())
    except ValueError:
        raise ValidationError(_("Write a number, such as 0.25.")) from None
    if not math.isfinite(number):
        raise ValidationError(_("Write a finite number."))
    return number


def read_json(text: str) -> object:
    """JSON as typed; what no page or database could hold is refused like what is no JSON."""
    try:
        value: object = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValidationError(_("This is not JSON: %(why)s.") % {"why": error}) from None
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "boolean": _boolean,
    "string": str,
    "integer": _integer,
    "float": _float,
    "json": read_json,
}
