"""The units of a tracked event, read from its context by the snapshot's own rule."""

from collections.abc import Mapping, Sequence
from typing import Final

from wayfork.engine import Unit, unit_id

# Before any snapshot arrived nobody has told us the project's units; these every project has.
USUAL: Final = (Unit("user", ("userId", "targetingKey")),)


def units_in(context: Mapping[str, object], units: Sequence[Unit] | None) -> dict[str, str]:
    """Each unit type that the context names, with its id: the first attribute present decides."""
    found: dict[str, str] = {}
    for unit in USUAL if units is None else units:
        for attribute in unit.attributes:
            name = unit_id(context.get(attribute))
            if name is not None:
                found[unit.name] = name
                break
    return found
