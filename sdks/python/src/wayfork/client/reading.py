"""The path of every evaluation: override, else the snapshot in use, else the caller's default."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

from wayfork.client.counting import Table
from wayfork.engine import Compiled, Evaluation, FlagState, reasons
from wayfork.engine.evaluation import Answer, Runner

T = TypeVar("T")
Context = Mapping[str, object]
Expose = Callable[[Answer, str, Context], None]
Overrides = Mapping[str, object]
# Value and variation of a flag that has but one answer, else how to get it; then its counts.
Entry = tuple[Any, str | None, Runner | None, dict[str | None, int]]
FastTable = Mapping[str, Entry]

TYPES: Final = ("boolean", "string", "integer", "float", "json")
NO_CONTEXT: Final[Context] = {}
OVERRIDE: Final = "OVERRIDE"
NOT_READY: Final = "PROVIDER_NOT_READY"
GENERAL: Final = "GENERAL"
TYPE_MISMATCH: Final = "TYPE_MISMATCH"

# Overrides of every client, by the client's id(): one variable at module level, because context
# variables made per object are never collected.
_overridden: Final[ContextVar[Mapping[int, Overrides]]] = ContextVar(
    "wayfork_overrides", default=MappingProxyType({})
)


class Read(Protocol):
    """Answers one typed question, counts it and notes the exposure; never raises."""

    def __call__(self, key: str, default: T, context: Context, wanted: str | None) -> T:
        """The flag's value, or the default."""


def observed(compiled: Compiled, counts: Table, expose: Expose) -> Read:
    """The whole path under one snapshot, with its bookkeeping."""
    evaluate = compiled.evaluate

    def read(key: str, default: T, context: Context, wanted: str | None) -> T:
        try:
            evaluation = evaluate(key, default, context, wanted)
            counts[key][evaluation.variation] += 1
            if evaluation.experiment is not None:
                expose(evaluation, key, context)
        except Exception:  # noqa: BLE001 - unknown flags land here; and nothing may ever get out
            return salvaged(compiled, key, default, context, wanted)
        value: T = evaluation.value
        return value

    return read


def fast_table(compiled: Compiled, counts: Table, wanted: str) -> FastTable:
    """What the typed questions look into: by flag, its answer if it has but one, else how to get it."""
    flags = compiled.snapshot.flags
    return {
        key: _entry(run, counts[key], is_constant=is_constant(flags.get(key)))
        for key, run in compiled.table(wanted).items()
        if key not in compiled.broken
    }


def _entry(run: Runner, counts: dict[str | None, int], *, is_constant: bool) -> Entry:
    if not is_constant:
        return None, None, run, counts
    answer = run(NO_CONTEXT, None)
    return answer[0], answer[1], None, counts


def is_constant(flag: FlagState | None) -> bool:
    """Whether nothing about a context can change what this flag serves."""
    if flag is None:
        return False
    looks = flag.assignments or flag.prerequisites or flag.holdout or flag.rules
    return not flag.enabled or (isinstance(flag.fallthrough, str) and not looks)


def unnoticed(answer: Answer, key: str, context: Context) -> None:
    """What becomes of exposures when no events are wanted."""


def salvaged(compiled: Compiled, key: str, default: T, context: Context, wanted: str | None) -> T:
    """The value without the bookkeeping that failed; the default when even that fails."""
    try:
        value: T = compiled.evaluate(key, default, context, wanted).value
    except Exception:  # noqa: BLE001 - the last line of defense of the host application
        return default
    return value


def unready(key: str, default: T, context: Context, wanted: str | None) -> T:  # noqa: ARG001
    """Before any snapshot there is only the default."""
    return default


def noticed(read: Read, notice: Callable[[Context], None]) -> Read:
    """The path while contexts are sampled."""

    def read_noticed(key: str, default: T, context: Context, wanted: str | None) -> T:
        notice(context)
        return read(key, default, context, wanted)

    return read_noticed


def overridable(client: int, read: Read) -> Read:
    """The slower path of a client that has used `override`."""

    def read_overridden(key: str, default: T, context: Context, wanted: str | None) -> T:
        found = override_of(client, key, default, wanted)
        return read(key, default, context, wanted) if found is None else found.value

    return read_overridden


def override_of(client: int, key: str, default: object, wanted: str | None) -> Evaluation | None:
    """What `override` says about this flag here, if anything."""
    try:
        values = _overridden.get().get(client)
        if not values or key not in values:
            return None
        value = values[key]
    except TypeError:
        return None
    if not is_of(value, wanted):
        why = f"the override of {key} is a {type(value).__name__}, not {wanted}"
        return fault(default, TYPE_MISMATCH, why)
    return Evaluation(
        value=value,
        variation=None,
        reason=OVERRIDE,
        rule=None,
        bucket=None,
        experiment=None,
        version=0,
        error_code=None,
        error_message=None,
        unit_type=None,
        unit_id=None,
    )


def overrides_of(client: int) -> Overrides:
    """The overrides in force here for this client."""
    return _overridden.get().get(client, {})


def overrides_with(client: int, values: Overrides) -> Mapping[int, Overrides]:
    """The overrides in force here, and these on top."""
    known = _overridden.get()
    return {**known, client: {**known.get(client, {}), **values}}


def is_of(value: object, wanted: str | None) -> bool:
    """Whether a value is of a flag type; a whole number is a float too, a boolean is no number."""
    match wanted:
        case "boolean":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return True


def fault(default: object, code: str, message: str) -> Evaluation:
    """The default, and why."""
    return Evaluation(
        value=default,
        variation=None,
        reason=reasons.ERROR,
        rule=None,
        bucket=None,
        experiment=None,
        version=0,
        error_code=code,
        error_message=message,
        unit_type=None,
        unit_id=None,
    )


OVERRIDDEN: Final = _overridden
