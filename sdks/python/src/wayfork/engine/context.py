"""The context: a flat mapping of attributes, and the units of assignment read from it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from wayfork.engine.values import whole_text

Context: TypeAlias = Mapping[str, object]


def unit_id(value: object) -> str | None:
    """A unit's id: non-empty text, or a whole number in decimal; anything else is no unit."""
    if isinstance(value, str):
        return str.__str__(value) or None
    return whole_text(value)


class UnitReader(NamedTuple):
    """What reads a unit's id: the first of its attributes that holds one.

    `first` lets a hot path look there itself before it calls `read`.
    """

    first: str
    read: Callable[[Context], str | None]


def unit_reader(attributes: tuple[str, ...]) -> UnitReader:
    """The reader of a unit with these attributes."""

    def read(context: Context) -> str | None:
        for attribute in attributes:
            found = unit_id(context.get(attribute))
            if found is not None:
                return found
        return None

    return UnitReader(attributes[0] if attributes else "", read)
