"""Recent contexts sampled by SDKs: read, kept for a week in a fixed number of slots, forgotten.

An id arrives as a hash and is hashed once more with the installation's secret, so that a stolen table
cannot be tried against lists of ids.
"""

import hashlib
import hmac
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings

from accounts.models import Environment
from flags import queries
from flags.models import ContextSample
from wayfork.samples import HASH_LENGTH, unit_hash

MOST_AT_ONCE: Final = 100
KEPT_FOR: Final = timedelta(days=7)
# A client's clock may be ahead by this much.
AHEAD: Final = timedelta(minutes=15)
MOST_ATTRIBUTES: Final = 100
MOST_IN_LIST: Final = 50
LONGEST_NAME: Final = 100
LONGEST_TEXT: Final = 1000
LARGEST: Final = 2**63
HEX: Final = frozenset("0123456789abcdef")

Context = Mapping[str, object]


@dataclass(slots=True)
class Kept:
    """What became of a batch; what was refused is named by its index."""

    accepted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    enabled: bool = True


class Refusal(Exception):
    """One sample cannot be kept."""

    def __init__(self, detail: str, hint: str = "", *, code: str = "bad_field") -> None:
        super().__init__(detail)
        self.code = code
        self.hint = hint


def is_enabled(environment: Environment) -> bool:
    """Whether this environment keeps samples at all."""
    wanted: bool = environment.keeps_contexts and environment.archived_at is None
    return wanted and settings.CONTEXT_SLOTS > 0


def keep(environment: Environment, items: Sequence[object], now: datetime) -> Kept:
    """Put each good sample into the slot its id leads to, in place of what was there.

    The same sample sent twice lands in the same slot, and the table never grows beyond the slots.
    """
    if not is_enabled(environment):
        return Kept(enabled=False)
    units, _version = queries.unit_types(environment.project)
    attributes = frozenset(name for unit in units.units for name in unit.attributes)
    kept = Kept()
    rows: dict[int, ContextSample] = {}
    for index, item in enumerate(items):
        try:
            row = _row(environment, item, attributes, now)
        except Refusal as refusal:
            told = {"code": refusal.code, "detail": str(refusal), "hint": refusal.hint}
            kept.rejected.append({"index": index, **told})
        else:
            kept.accepted += 1
            rows[row.slot] = row
    ContextSample.objects.bulk_create(
        # In one order, so that two batches at once cannot wait for each other.
        [rows[slot] for slot in sorted(rows)],
        update_conflicts=True,
        unique_fields=["environment", "slot"],
        update_fields=["attributes", "seen_at"],
    )
    return kept


def recent(environment: Environment, now: datetime, most: int | None = None) -> list[Context]:
    """The contexts of the last seven days; with `most`, an even choice of them.

    Slots are given by chance, so the first of them are as good a choice as any.
    """
    rows = ContextSample.objects.within(environment).filter(seen_at__gte=now - KEPT_FOR)
    found = rows.order_by("slot").values_list("attributes", flat=True)
    return list(found[:most] if most is not None else found)


def forget_old(now: datetime) -> int:
    """Remove what is older than a week, and all of environments that keep none; how many."""
    old = ContextSample.across_tenants.filter(seen_at__lt=now - KEPT_FOR)
    unwanted = ContextSample.across_tenants.filter(environment__keeps_contexts=False)
    return sum(rows.delete()[0] for rows in (old, unwanted))


# --- ids


class Sealer:
    """What an environment's samples hold in place of an id; remembers, since lists repeat ids."""

    def __init__(self, environment: Environment) -> None:
        self._place = (environment.project.key, environment.key)
        self._known: dict[str, str] = {}

    def seal(self, unit_id: str) -> str:
        """The same text the sample of this id would hold."""
        found = self._known.get(unit_id)
        if found is None:
            found = self._known[unit_id] = sealed(unit_hash(*self._place, unit_id))
        return found

    def seal_all(self, unit_ids: Iterable[str]) -> tuple[str, ...]:
        """Likewise, of a list."""
        return tuple(self.seal(unit_id) for unit_id in unit_ids)


def sealed(hashed: str) -> str:
    """An SDK's hash of an id, under the installation's secret."""
    pepper = b"wayfork sampled contexts\0" + settings.SECRET_KEY.encode()
    return hmac.new(pepper, hashed.encode(), hashlib.sha256).hexdigest()[:HASH_LENGTH]


# --- reading a sample


def _row(
    environment: Environment, item: object, units: frozenset[str], now: datetime
) -> ContextSample:
    if not isinstance(item, Mapping):
        raise Refusal("A sample must be a JSON object.", code="not_an_object")
    plain = _attributes(item.get("attributes", {}), units)
    hashes = _hashes(item.get("units", {}), units)
    return ContextSample(
        environment=environment,
        slot=_slot(item.get("id")),
        attributes={**plain, **hashes},
        seen_at=_moment(item.get("at"), now),
    )


def _slot(sample_id: object) -> int:
    if not isinstance(sample_id, str) or not 1 <= len(sample_id) <= LONGEST_NAME:
        raise Refusal("'id' must be a text of 1 to 100 characters.", "Use a fresh UUID.")
    digest = hashlib.sha256(sample_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % int(settings.CONTEXT_SLOTS)


def _moment(at: object, now: datetime) -> datetime:
    if not isinstance(at, int) or isinstance(at, bool) or not 0 < at < 10**14:
        raise Refusal("'at' must be a time in milliseconds since 1970.")
    moment = datetime.fromtimestamp(at / 1000, UTC)
    if not now - KEPT_FOR <= moment <= now + AHEAD:
        raise Refusal("'at' is older than seven days or lies ahead.", code="bad_time")
    return min(moment, now)


def _hashes(given: object, units: frozenset[str]) -> dict[str, object]:
    if not isinstance(given, Mapping):
        raise Refusal("'units' must be an object.")
    found: dict[str, object] = {}
    for name, value in given.items():
        if name not in units:
            raise Refusal(f"{str(name)[:100]!r} is an attribute of no unit type here.")
        if not isinstance(value, str) or len(value) != HASH_LENGTH or not HEX.issuperset(value):
            raise Refusal(
                f"{name!r} must be the id's hash: {HASH_LENGTH} hexadecimal digits.",
                "Never send an id itself; see 'Sampled contexts' in the protocol.",
                code="not_a_hash",
            )
        found[name] = sealed(value)
    return found


def _attributes(given: object, units: frozenset[str]) -> dict[str, object]:
    if not isinstance(given, Mapping) or len(given) > MOST_ATTRIBUTES:
        raise Refusal(f"'attributes' must be an object of at most {MOST_ATTRIBUTES}.")
    found: dict[str, object] = {}
    for name, value in given.items():
        _check_text(name, "an attribute's name", LONGEST_NAME)
        if name in units:
            raise Refusal(
                f"{name!r} holds ids of units.", "Send its hash in 'units'.", code="not_a_hash"
            )
        found[name] = _value(value, name)
    return found


def _value(value: object, name: str) -> object:
    if isinstance(value, list):
        if len(value) > MOST_IN_LIST:
            raise Refusal(f"{name!r} holds more than {MOST_IN_LIST} values.")
        return [_simple(item, name) for item in value]
    return _simple(value, name)


def _simple(value: object, name: str) -> object:
    if isinstance(value, str):
        return _check_text(value, f"{name!r}", LONGEST_TEXT)
    if isinstance(value, float) and math.isfinite(value):
        return value
    # A boolean is a whole number here.
    if isinstance(value, int) and abs(value) < LARGEST:
        return value
    raise Refusal(f"{name!r} must be text, a finite number, true or false, or a list of these.")


def _check_text(value: str, what: str, longest: int) -> str:
    if len(value) > longest:
        raise Refusal(f"{what} is longer than {longest} characters.")
    if "\0" in value:
        raise Refusal(f"{what} holds a NUL character.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refusal(f"{what} holds half a surrogate pair.") from None
    return value
