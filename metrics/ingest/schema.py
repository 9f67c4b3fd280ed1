"""Pure validation of event batches: each item becomes a frozen row, or a refusal with its index."""

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

MOST_EVENTS: Final = 1000
MOST_COUNT: Final = 100_000_000
# A client's clock may be off by this much before its times are refused.
AHEAD: Final = timedelta(minutes=15)
BEHIND: Final = timedelta(days=90)
MOST_PROPERTIES: Final = 50
LONGEST_TEXT: Final = 1000


class Refusal(Exception):
    """One item cannot be kept. `code` is stable, `hint` says what to do."""

    def __init__(self, code: str, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """A unit met its arm."""

    event_id: uuid.UUID
    at: datetime
    experiment: str
    variation: str
    unit_type: str
    unit_id: str
    flag: str
    version: int
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EventRow:
    """A unit did something; one row for each unit of the context."""

    event_id: uuid.UUID
    at: datetime
    name: str
    unit_type: str
    unit_id: str
    value: float | None
    properties: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CountRow:
    """A flag answered so often in a minute."""

    event_id: uuid.UUID
    minute: datetime
    flag: str
    variation: str
    version: int
    count: int


Row = ExposureRow | EventRow | CountRow


@dataclass(slots=True)
class Batch:
    """What a body held."""

    exposures: list[ExposureRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    counts: list[CountRow] = field(default_factory=list)
    accepted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.exposures or self.events or self.counts)


def read_batch(items: Sequence[object], now: datetime) -> Batch:
    """Sort the items into rows; the bad ones are listed by index and do not spoil the good."""
    batch = Batch()
    for index, item in enumerate(items):
        try:
            _read_into(batch, item, now)
        except Refusal as refusal:
            batch.rejected.append(
                {
                    "index": index,
                    "code": refusal.code,
                    "detail": str(refusal),
                    "hint": refusal.hint,
                }
            )
        else:
            batch.accepted += 1
    return batch


def _read_into(batch: Batch, item: object, now: datetime) -> None:
    if not isinstance(item, Mapping):
        raise Refusal("not_an_object", "An event must be a JSON object.")
    kind = item.get("kind")
    reader = READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        known = ", ".join(READERS)
        raise Refusal("unknown_kind", f"{kind!r} is no kind of event.", f"Use {known}.")
    reader(batch, item, now)


def _exposure(batch: Batch, item: Mapping[str, Any], now: datetime) -> None:
    batch.exposures.append(
        ExposureRow(
            event_id=_event_id(item),
            at=_moment(item, now),
            experiment=_text(item, "experiment", 100),
            variation=_text(item, "variation", 100),
            unit_type=_text(item, "unitType", 100),
            unit_id=_text(item, "unitId", 255),
            flag=_text(item, "flag", 100),
            version=_whole(item, "version", 2**31 - 1),
            attributes=_properties(item, "attributes"),
        )
    )


def _track(batch: Batch, item: Mapping[str, Any], now: datetime) -> None:
    event_id, at, name = _event_id(item), _moment(item, now), _text(item, "event", 100)
    value, properties = _value(item), _properties(item, "properties")
    batch.events.extend(
        EventRow(event_id, at, name, unit_type, unit_id, value, properties)
        for unit_type, unit_id in _units(item)
    )


def _evaluations(batch: Batch, item: Mapping[str, Any], now: datetime) -> None:
    variation = item.get("variation")
    batch.counts.append(
        CountRow(
            event_id=_event_id(item),
            minute=_moment(item, now).replace(second=0, microsecond=0),
            flag=_text(item, "flag", 100),
            variation=variation[:100] if isinstance(variation, str) else "",
            version=_whole(item, "version", 2**31 - 1),
            count=_whole(item, "count", MOST_COUNT),
        )
    )


READERS: Final[Mapping[str, Callable[[Batch, Mapping[str, Any], datetime], None]]] = {
    "exposure": _exposure,
    "track": _track,
    "evaluations": _evaluations,
}


def _event_id(item: Mapping[str, Any]) -> uuid.UUID:
    try:
        return uuid.UUID(str(item.get("id")))
    except ValueError:
        raise Refusal(
            "bad_id", "'id' must be a UUID.", "It makes sending twice harmless: keep it on retry."
        ) from None


def _moment(item: Mapping[str, Any], now: datetime) -> datetime:
    given = item.get("at")
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise Refusal("bad_time", "'at' must be a number of milliseconds since 1970 (UTC).")
    try:
        at = datetime.fromtimestamp(given / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        raise Refusal("bad_time", "'at' is no moment we know.") from None
    if at > now + AHEAD:
        raise Refusal("in_the_future", f"'at' is {at:%Y-%m-%d %H:%M}.", "Set the host's clock.")
    if at < now - BEHIND:
        raise Refusal("too_old", f"'at' is {at:%Y-%m-%d}; events up to 90 days old are taken.")
    return at


def _text(item: Mapping[str, Any], name: str, longest: int) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal("bad_field", f"{name!r} must be a non-empty text.")
    if len(value) > longest:
        raise Refusal("bad_field", f"{name!r} is longer than {longest} characters.")
    if "\x00" in value or (not value.isprintable() and any(ord(c) < 32 for c in value)):
        raise Refusal("bad_field", f"{name!r} holds control characters.")
    return _storable(value, name)


def _storable(value: str, name: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refusal("bad_field", f"{name!r} holds half a surrogate pair.") from None
    return value


def _whole(item: Mapping[str, Any], name: str, most: int) -> int:
    value = item.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise Refusal("bad_field", f"{name!r} must be a whole number from 0 to {most}.")
    return value


def _value(item: Mapping[str, Any]) -> float | None:
    value = item.get("value")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal("bad_value", "'value' must be a number or null.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Refusal("bad_value", "'value' must be finite.")
    return number


def _units(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    units = item.get("units")
    if not isinstance(units, Mapping) or not units or len(units) > 10:
        raise Refusal(
            "no_unit",
            '\'units\' must name who did it, e.g. {"user": "u-1"}.',
            "An SDK fills it from the context's unit attributes; is userId missing?",
        )
    return [(_text({"unit": kind}, "unit", 100), _text(units, kind, 255)) for kind in units]


def _properties(item: Mapping[str, Any], name: str) -> Mapping[str, object]:
    given = item.get(name)
    if given is None:
        return {}
    if not isinstance(given, Mapping) or len(given) > MOST_PROPERTIES:
        raise Refusal("bad_field", f"{name!r} must be an object of at most {MOST_PROPERTIES}.")
    return {_text({"name": key}, "name", 100): _simple(value, key) for key, value in given.items()}


def _simple(value: object, name: str) -> object:
    if value is None or isinstance(value, bool | int | float):
        if isinstance(value, float) and not math.isfinite(value):
            raise Refusal("bad_field", f"{name!r} must be finite.")
        return value
    if isinstance(value, str):
        return _storable(value[:LONGEST_TEXT].replace("\x00", ""), name)
    raise Refusal("bad_field", f"{name!r} must be text, a number, true, false or null.")
