"""A snapshot compiled once, on arrival, into what answers every evaluation until the next one."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from wayfork.engine import reasons
from wayfork.engine.context import Context, UnitReader
from wayfork.engine.errors import ParseError
from wayfork.engine.evaluation import Answer, Evaluation, Runner, failure
from wayfork.engine.graphs import on_cycles
from wayfork.engine.plans import FlagPlan, Planner
from wayfork.engine.runners import (
    FlagStep,
    Form,
    RunnerBuilder,
    as_evaluation,
    broken,
    plainly,
)
from wayfork.engine.snapshot import FLAG_TYPES, Snapshot
from wayfork.engine.trace import Step, Trace, trace_flag

# Which types of flag may be asked for as which; None asks for any.
_SUITABLE: Final[Mapping[str | None, frozenset[str]]] = {
    None: frozenset(FLAG_TYPES),
    **{kind: frozenset({kind}) for kind in FLAG_TYPES},
    "float": frozenset({"float", "integer"}),
}


_Tables: TypeAlias = dict[str | None, dict[str, Runner]]


class Compiled:
    """A snapshot ready to evaluate: never raises, never waits, safe from any thread."""

    __slots__ = (
        "_plain_tables",
        "_planner",
        "_plans",
        "_tables",
        "broken",
        "cyclic",
        "epoch",
        "snapshot",
        "version",
    )

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.version = snapshot.version
        self.epoch = snapshot.epoch
        self._planner = Planner(snapshot)
        # What is wrong with the flags that answer PARSE_ERROR, by flag.
        self.broken: dict[str, str] = _unreadable(snapshot)
        # Flags that are their own prerequisite, through however many others.
        self.cyclic = on_cycles(_prerequisite_edges(snapshot))
        self._plans = self._planned()
        self._tables = self._tabled(as_evaluation)
        self._plain_tables: _Tables | None = None

    def evaluate(
        self, key: str, default: object, context: Context, wanted: str | None = None
    ) -> Evaluation:
        """The flag's answer for this context, or the default and the reason for it."""
        try:
            return self._tables[wanted][key](context, default)  # type: ignore[return-value]
        except Exception as error:  # noqa: BLE001 - an application never fails over its flags
            return self._failed(key, default, wanted, error)

    def value(
        self, key: str, default: object, context: Context, wanted: str | None = None
    ) -> object:
        """The value alone."""
        return self.evaluate(key, default, context, wanted)[0]

    def table(self, wanted: str | None = None) -> Mapping[str, Runner]:
        """The flags that may be asked for as `wanted`: key to `run(context, default)`.

        For callers that count nanoseconds. What a runner returns are an Evaluation's fields, by
        number; it is an Evaluation proper where an experiment answered. A runner may raise where
        `evaluate` would answer GENERAL, and a key that is not here is `evaluate`'s to explain.
        """
        if self._plain_tables is None:
            self._plain_tables = self._tabled(plainly)
        return self._plain_tables.get(wanted, {})

    def trace(self, key: str, context: Context) -> Trace:
        """Why this context gets what it gets, step by step; the slower twin of `evaluate`."""
        try:
            return trace_flag(self._plans[key], self, context)
        except Exception:  # noqa: BLE001 - unknown, broken, or a context that cannot be read
            evaluation = self.evaluate(key, None, context)
            step = Step("flag", str(key), passed=False, detail=evaluation.error_message or "")
            return Trace((step,), evaluation)

    @property
    def readers(self) -> dict[str, UnitReader]:
        """What reads each unit type's id, in the project's order."""
        return self._planner.readers

    def plan(self, key: str) -> FlagPlan | None:
        """What a flag was compiled from; None for one that is unknown or broken."""
        return self._plans.get(key)

    def _failed(
        self, key: str, default: object, wanted: str | None, error: Exception
    ) -> Evaluation:
        try:
            if key in self._tables.get(wanted, {}):
                # The message would quote the context, which may be private: its type will do.
                message = f"the evaluation failed with {type(error).__name__}"
                return failure(default, self.version, reasons.GENERAL, message)
            if key in self._tables[None]:
                kind = self.snapshot.flags[key].type
                message = f"the flag is of type {kind}, not {wanted}"
                return failure(default, self.version, reasons.TYPE_MISMATCH, message)
        except Exception:  # noqa: BLE001 - a key that cannot even be looked up
            return failure(default, self.version, reasons.GENERAL, "the key is not a string")
        return failure(default, self.version, reasons.FLAG_NOT_FOUND, "there is no such flag")

    def _tabled(self, form: Form) -> "_Tables":
        runners = self._runners(form)
        return {
            wanted: {key: run for key, run in runners.items() if self._suits(key, kinds)}
            for wanted, kinds in _SUITABLE.items()
        }

    def _suits(self, key: str, kinds: frozenset[str]) -> bool:
        return key in self.broken or self.snapshot.flags[key].type in kinds

    def _planned(self) -> dict[str, FlagPlan]:
        plans: dict[str, FlagPlan] = {}
        for key, state in self.snapshot.flags.items():
            try:
                plans[key] = self._planner.plan(key, state)
            except ParseError as error:
                self.broken[key] = str(error)
            except RecursionError:
                self.broken[key] = f"flags.{key}: its segments are nested too deeply"
        return plans

    def _runners(self, form: Form) -> dict[str, Runner]:
        runners: dict[str, Runner] = {
            key: broken(self.version, message) for key, message in self.broken.items()
        }
        for key, plan in self._plans.items():
            builder = RunnerBuilder(plan, self.version, form)
            step = self._prerequisites(plan, builder.failed_prerequisite(), runners)
            runners[key] = builder.build(self.readers, step)
        return runners

    def _prerequisites(
        self, plan: FlagPlan, failed: Answer, runners: Mapping[str, Runner]
    ) -> FlagStep | None:
        needed = tuple((each.flag, frozenset(each.variations)) for each in plan.state.prerequisites)
        if not needed:
            return None
        if plan.key in self.cyclic or not all(self._can_serve(flag) for flag, _ in needed):
            return lambda _context: failed

        def step(context: Context) -> Answer | None:
            for flag, variations in needed:
                if runners[flag](context, None)[1] not in variations:
                    return failed
            return None

        return step

    def _can_serve(self, key: str) -> bool:
        """Whether a prerequisite is there, readable and enabled."""
        plan = self._plans.get(key)
        return plan is not None and plan.state.enabled


def compile_snapshot(snapshot: Snapshot) -> Compiled:
    """Make a snapshot ready; flags that cannot be are broken alone."""
    return Compiled(snapshot)


def _unreadable(snapshot: Snapshot) -> dict[str, str]:
    prefix = "flags."
    return {
        place.removeprefix(prefix): message
        for place, message in snapshot.broken.items()
        if place.startswith(prefix)
    }


def _prerequisite_edges(snapshot: Snapshot) -> Mapping[str, Iterable[str]]:
    return {
        key: tuple(each.flag for each in state.prerequisites)
        for key, state in snapshot.flags.items()
        if state.prerequisites
    }
