"""A flag made ready: every reference resolved, every clause a closure, or the reason why it cannot be."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from wayfork.engine.clauses import Test, all_of, any_of, compile_clause
from wayfork.engine.context import UnitReader, unit_reader
from wayfork.engine.errors import ParseError
from wayfork.engine.shares import Cut, Share, cut_of, reader_of, share_of
from wayfork.engine.snapshot import Clause, FlagState, Rule, Segment, Serve, Snapshot

# The largest whole number that JavaScript can tell from its neighbors.
SAFE: Final = 2**53 - 1


class RulePlan(NamedTuple):
    """One rule: its clauses' tests, whom it takes in, and what it serves."""

    rule: Rule
    tests: tuple[Test, ...]
    share: Share | None
    serve: str | Cut

    @property
    def is_plain(self) -> bool:
        """Whether it gives everyone it matches the same, with nothing to bucket."""
        return self.share is None and isinstance(self.serve, str)


class FlagPlan(NamedTuple):
    """One flag: its values as served, its holdout's share, its rules and what is left."""

    key: str
    state: FlagState
    values: Mapping[str, object]
    holdout: Share | None
    rules: tuple[RulePlan, ...]
    fallthrough: str | Cut


def served_value(kind: str, value: object, where: str) -> object:
    """A variation's value as its type has it; raises ParseError when it is of another."""
    check = _VALUE_CHECKS.get(kind)
    if check is None:
        raise ParseError(where, f"{kind!r} is not a type of flag")
    if not check(value):
        raise ParseError(where, f"is not {_VALUE_NAMES[kind]}")
    return int(value) if kind == "integer" and isinstance(value, float) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value: float) -> bool:
    return -1.7976931348623157e308 <= value <= 1.7976931348623157e308


def _is_integer(value: object) -> bool:
    return _is_number(value) and isinstance(value, int | float) and _is_safe(value)


def _is_safe(value: float) -> bool:
    return value == int(value) and -SAFE <= value <= SAFE


_VALUE_CHECKS: Final[Mapping[str, Callable[[object], bool]]] = {
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "float": _is_number,
    "json": lambda _value: True,
}
_VALUE_NAMES: Final = {
    "boolean": "true or false",
    "string": "a string",
    "integer": f"a whole number between -{SAFE} and {SAFE}",
    "float": "a number",
    "json": "JSON",
}


class Planner:
    """Plans the flags of one snapshot; segments are compiled once and shared."""

    __slots__ = ("_open", "_segments", "_snapshot", "readers")

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._segments: dict[str, Test] = {}
        self._open: set[str] = set()
        self.readers: dict[str, UnitReader] = {
            unit.name: unit_reader(unit.attributes) for unit in snapshot.units
        }

    def plan(self, key: str, state: FlagState) -> FlagPlan:
        """One flag; raises ParseError at the first thing that makes it unusable."""
        where = f"flags.{key}"
        values = {
            name: served_value(state.type, value, f"{where}.variations.{name}")
            for name, value in state.variations.items()
        }
        for place, variation in _named_variations(state, where):
            if variation not in values:
                raise ParseError(place, f"there is no variation {variation!r}")
        return FlagPlan(
            key=key,
            state=state,
            values=values,
            holdout=self._holdout(state.holdout, where),
            rules=tuple(
                self._rule(rule, values, f"{where}.rules[{index}]")
                for index, rule in enumerate(state.rules)
            ),
            fallthrough=self._serve(state.fallthrough, values, f"{where}.fallthrough"),
        )

    def clauses(self, when: tuple[Clause, ...], where: str) -> tuple[Test, ...]:
        """Clauses as closures; raises ParseError."""
        return tuple(
            compile_clause(clause, f"{where}[{index}]", self.segment)
            for index, clause in enumerate(when)
        )

    def segment(self, key: str, where: str) -> Test:
        """A segment's test; a segment that is missing, broken or within itself raises ParseError."""
        if key in self._segments:
            return self._segments[key]
        segment = self._snapshot.segments.get(key)
        if segment is None:
            reason = self._snapshot.broken.get(f"segments.{key}")
            raise ParseError(where, reason or f"there is no segment {key!r}")
        if key in self._open:
            raise ParseError(where, f"the segment {key!r} refers to itself")
        self._open.add(key)
        try:
            self._segments[key] = self._compile_segment(key, segment)
        finally:
            self._open.discard(key)
        return self._segments[key]

    def _compile_segment(self, key: str, segment: Segment) -> Test:
        where = f"segments.{key}"
        read = reader_of(self.readers, segment.unit, where).read
        included, excluded = frozenset(segment.included), frozenset(segment.excluded)
        by_rule = any_of(
            tuple(
                all_of(self.clauses(rule, f"{where}.rules[{index}]")) or (lambda _context: True)
                for index, rule in enumerate(segment.rules)
            )
        )

        def test(context: Mapping[str, object]) -> bool:
            unit_id = read(context)
            if unit_id is not None:
                if unit_id in excluded:
                    return False
                if unit_id in included:
                    return True
            return by_rule(context)

        return test

    def _holdout(self, key: str | None, where: str) -> Share | None:
        if key is None:
            return None
        holdout = self._snapshot.holdouts.get(key)
        if holdout is None:
            reason = self._snapshot.broken.get(f"holdouts.{key}")
            raise ParseError(f"{where}.holdout", reason or f"there is no holdout {key!r}")
        return share_of(holdout, self.readers, f"holdouts.{key}")

    def _rule(self, rule: Rule, values: Mapping[str, object], where: str) -> RulePlan:
        return RulePlan(
            rule=rule,
            tests=self.clauses(rule.when, f"{where}.when"),
            share=(
                None
                if rule.allocation is None
                else share_of(rule.allocation, self.readers, f"{where}.allocation")
            ),
            serve=self._serve(rule.serve, values, f"{where}.serve"),
        )

    def _serve(self, serve: Serve, values: Mapping[str, object], where: str) -> str | Cut:
        return serve if isinstance(serve, str) else cut_of(serve, self.readers, values, where)


def _named_variations(state: FlagState, where: str) -> list[tuple[str, str]]:
    """Every place that names one of the flag's variations outright."""
    named = [(f"{where}.off", state.off)]
    if isinstance(state.fallthrough, str):
        named.append((f"{where}.fallthrough", state.fallthrough))
    named.extend(
        (f"{where}.rules[{index}].serve", rule.serve)
        for index, rule in enumerate(state.rules)
        if isinstance(rule.serve, str)
    )
    for unit, ids in state.assignments.items():
        named.extend((f"{where}.assignments.{unit}.{each}", name) for each, name in ids.items())
    return named
