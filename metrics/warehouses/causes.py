"""Tables from a driver's words to our errors: one line per cause."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from metrics.warehouses.errors import WarehouseError


@dataclass(frozen=True, slots=True)
class Cause:
    """When `sign` (a regular expression) is found, `kind` is raised with this sentence."""

    sign: str
    kind: type[WarehouseError]
    sentence: str
    hint: str = ""


def explain(causes: Iterable[Cause], text: str, /, **facts: object) -> WarehouseError | None:
    """The first cause whose sign is in the text, its sentence filled with the facts."""
    for cause in causes:
        if re.search(cause.sign, text):
            return cause.kind(cause.sentence.format(**facts), hint=cause.hint)
    return None
