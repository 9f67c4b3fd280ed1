"""What an evaluation answers."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from wayfork.engine import reasons
from wayfork.engine.context import Context

# An Evaluation's fields in its order. A plain tuple is made in a third of the time, and is all that
# most callers look into.
Answer: TypeAlias = tuple[
    Any,
    str | None,
    str,
    str | None,
    int | None,
    str | None,
    int,
    str | None,
    str | None,
    str | None,
    str | None,
]


class Evaluation(NamedTuple):
    """A value and all there is to say about it.

    `unit_type` and `unit_id` name the unit that the deciding split, else the allocation, bucketed.
    """

    value: Any
    variation: str | None
    reason: str
    rule: str | None
    bucket: int | None
    experiment: str | None
    version: int
    error_code: str | None
    error_message: str | None
    unit_type: str | None
    unit_id: str | None


# One flag ready to run: from a context and the caller's default to an answer.
Runner: TypeAlias = Callable[[Context, object], Answer]

# A NamedTuple's own constructor is a Python call around this one.
new_evaluation: Final[Callable[..., Evaluation]] = tuple.__new__


def failure(default: object, version: int, code: str, message: str) -> Evaluation:
    """The caller's default, and why nothing better could be said."""
    return Evaluation(
        default, None, reasons.ERROR, None, None, None, version, code, message, None, None
    )


def settled(
    value: object, variation: str, reason: str, version: int, rule: tuple[str | None, str | None]
) -> Evaluation:
    """An answer that no bucket decided; `rule` is its id and its experiment."""
    rule_id, experiment = rule
    return Evaluation(
        value, variation, reason, rule_id, None, experiment, version, None, None, None, None
    )
