"""Why this context gets what it gets: the steps of an evaluation, told one by one."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

from wayfork.engine import reasons
from wayfork.engine.clauses import Test
from wayfork.engine.context import Context, UnitReader
from wayfork.engine.evaluation import Evaluation, failure, settled
from wayfork.engine.operators import IN_SEGMENT
from wayfork.engine.plans import FlagPlan, RulePlan
from wayfork.engine.runners import NO_UNIT
from wayfork.engine.shares import Cut, Share
from wayfork.engine.snapshot import Clause

# A bucket, and the type and id of the unit it is of.
_Bucketed: TypeAlias = tuple[int | None, str | None, str | None]
_NOTHING: Final[Mapping[str, object]] = {}
_NOBODY: Final[_Bucketed] = (None, None, None)


class Step(NamedTuple):
    """One step; `passed` is None where there was nothing to pass."""

    kind: str
    name: str
    passed: bool | None
    detail: str
    data: Mapping[str, object] = _NOTHING


class Trace(NamedTuple):
    """The steps taken, in order, and what they came to."""

    steps: tuple[Step, ...]
    evaluation: Evaluation


class Source(Protocol):
    """What a trace asks about the other flags."""

    version: int
    cyclic: frozenset[str]

    @property
    def readers(self) -> Mapping[str, UnitReader]: ...

    def plan(self, key: str) -> FlagPlan | None: ...

    def evaluate(self, key: str, default: object, context: Context) -> Evaluation: ...


def trace_flag(plan: FlagPlan, source: Source, context: Context) -> Trace:
    """Walk one flag's steps in the order of the specification."""
    return _Walk(plan, source, context).run()


class _Walk:
    """One flag and one context on their way through the steps."""

    __slots__ = ("_context", "_plan", "_source", "_steps")

    def __init__(self, plan: FlagPlan, source: Source, context: Context) -> None:
        self._plan = plan
        self._source = source
        self._context = context
        self._steps: list[Step] = []

    def run(self) -> Trace:
        answer = (
            self._enabled()
            or self._assigned()
            or self._prerequisites()
            or self._held_out()
            or self._rules()
            or self._fallthrough()
        )
        return Trace(tuple(self._steps), answer)

    def _note(
        self,
        kind: str,
        name: str,
        detail: str,
        *,
        passed: bool | None,
        data: Mapping[str, object] | None = None,
    ) -> None:
        self._steps.append(Step(kind, name, passed, detail, data or {}))

    def _answer(self, variation: str, reason: str) -> Evaluation:
        value = self._plan.values[variation]
        return settled(value, variation, reason, self._source.version, (None, None))

    def _enabled(self) -> Evaluation | None:
        enabled, off = self._plan.state.enabled, self._plan.state.off
        detail = "the flag is on" if enabled else f"the flag is off and serves {off}"
        self._note("enabled", self._plan.key, detail, passed=enabled)
        return None if enabled else self._answer(off, reasons.DISABLED)

    def _assigned(self) -> Evaluation | None:
        for unit, reader in self._source.readers.items():
            assigned = self._plan.state.assignments.get(unit)
            if not assigned:
                continue
            unit_id = reader.read(self._context)
            variation = assigned.get(unit_id) if unit_id is not None else None
            found = f"{unit} {unit_id}" if unit_id is not None else f"no {unit} in the context"
            detail = f"{found}: " + (f"assigned {variation}" if variation else "not assigned")
            data = {"unit": unit, "unitId": unit_id, "variation": variation}
            self._note("assignment", unit, detail, passed=variation is not None, data=data)
            if variation is not None:
                return self._answer(variation, reasons.TARGETING_MATCH)
        return None

    def _prerequisites(self) -> Evaluation | None:
        for needed in self._plan.state.prerequisites:
            served, detail = self._served_by(needed.flag)
            passed = served is not None and served in needed.variations
            data = {"flag": needed.flag, "expected": list(needed.variations), "actual": served}
            self._note("prerequisite", needed.flag, detail, passed=passed, data=data)
            if not passed:
                return self._answer(self._plan.state.off, reasons.PREREQUISITE_FAILED)
        return None

    def _served_by(self, key: str) -> tuple[str | None, str]:
        """What a prerequisite serves, None where it cannot serve anything, and how to say it."""
        if self._plan.key in self._source.cyclic:
            return None, f"{self._plan.key} is its own prerequisite"
        other = self._source.plan(key)
        if other is None:
            return None, f"{key} cannot be evaluated"
        if not other.state.enabled:
            return None, f"{key} is off"
        served = self._source.evaluate(key, None, self._context).variation
        return served, f"{key} serves {served}"

    def _held_out(self) -> Evaluation | None:
        share = self._plan.holdout
        if share is None:
            return None
        data, held, _ = self._bucketed(share)
        name = self._plan.state.holdout or ""
        detail = f"held out by {name}" if held else f"not held out by {name}"
        self._note("holdout", name, detail, passed=not held, data=data)
        return self._answer(self._plan.state.off, reasons.HOLDOUT) if held else None

    def _bucketed(self, share: Share) -> tuple[dict[str, object], bool, _Bucketed]:
        unit_id = share.reader.read(self._context)
        bucket = None if unit_id is None else share.place(unit_id)
        data: dict[str, object] = {
            "unit": share.unit,
            "unitId": unit_id,
            "bucket": bucket,
            "ranges": [list(pair) for pair in share.ranges],
        }
        if bucket is None:
            return data, False, _NOBODY
        return data, share.holds(bucket), (bucket, share.unit, unit_id)

    def _rules(self) -> Evaluation | None:
        for planned in self._plan.rules:
            found = self._rule(planned)
            if found is not None:
                return found
        return None

    def _rule(self, planned: RulePlan) -> Evaluation | None:
        clauses = [
            self._clause(clause, test)
            for clause, test in zip(planned.rule.when, planned.tests, strict=True)
        ]
        data: dict[str, object] = {"clauses": clauses}
        if not all(clause["passed"] for clause in clauses):
            return self._skipped(planned, "a clause does not hold", data)
        unit = _NOBODY
        if planned.share is not None:
            data["allocation"], included, unit = self._bucketed(planned.share)
            if unit == _NOBODY:
                included = planned.share.covers_everything and isinstance(planned.serve, str)
            if not included:
                return self._skipped(planned, "the allocation does not reach this unit", data)
        return self._served(planned, unit, data)

    def _served(
        self,
        planned: RulePlan,
        unit: _Bucketed,
        data: dict[str, object],
    ) -> Evaluation | None:
        serve, reason = planned.serve, reasons.TARGETING_MATCH
        variation: str | None = serve if isinstance(serve, str) else None
        if isinstance(serve, Cut):
            data["split"], variation, unit = self._drawn(serve)
            reason = reasons.SPLIT
        if variation is None:
            return self._skipped(planned, "the context holds no unit to split by", data)
        self._note("rule", planned.rule.name, f"serves {variation}", passed=True, data=data)
        return self._found(variation, reason, (planned.rule.id, planned.rule.experiment), unit)

    def _skipped(
        self, planned: RulePlan, detail: str, data: Mapping[str, object]
    ) -> Evaluation | None:
        self._note("rule", planned.rule.name, detail, passed=False, data=data)
        return None

    def _found(
        self,
        variation: str,
        reason: str,
        about: tuple[str | None, str | None],
        unit: _Bucketed,
    ) -> Evaluation:
        plain = settled(
            self._plan.values[variation], variation, reason, self._source.version, about
        )
        bucket, unit_type, unit_id = unit
        return plain._replace(bucket=bucket, unit_type=unit_type, unit_id=unit_id)

    def _clause(self, clause: Clause, test: Test) -> dict[str, object]:
        asked = clause.op == IN_SEGMENT or clause.attribute is None
        return {
            "attribute": clause.attribute,
            "op": clause.op,
            "expected": list(clause.values),
            "actual": None if asked else self._context.get(clause.attribute or ""),
            "negate": clause.negate,
            "ignoreCase": clause.ignore_case,
            "passed": test(self._context),
        }

    def _drawn(self, cut: Cut) -> tuple[dict[str, object], str | None, _Bucketed]:
        unit_id = cut.reader.read(self._context)
        bucket = None if unit_id is None else cut.place(unit_id)
        data: dict[str, object] = {
            "unit": cut.unit,
            "unitId": unit_id,
            "bucket": bucket,
            "edges": [list(pair) for pair in zip(cut.variations, cut.edges, strict=True)],
        }
        if bucket is None:
            return data, None, _NOBODY
        return data, cut.variation_at(bucket), (bucket, cut.unit, unit_id)

    def _fallthrough(self) -> Evaluation:
        serve = self._plan.fallthrough
        if isinstance(serve, str):
            self._note("fallthrough", serve, f"no rule applies: serves {serve}", passed=True)
            return self._answer(serve, reasons.DEFAULT)
        data, variation, unit = self._drawn(serve)
        if variation is None:
            self._note("fallthrough", "", NO_UNIT, passed=False, data=data)
            return failure(None, self._source.version, reasons.TARGETING_KEY_MISSING, NO_UNIT)
        self._note("fallthrough", variation, f"serves {variation}", passed=True, data=data)
        return self._found(variation, reasons.SPLIT, (None, None), unit)
