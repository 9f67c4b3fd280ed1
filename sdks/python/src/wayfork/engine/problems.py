"""Everything a publisher must put right before a snapshot goes out, each fault with its place."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from wayfork.engine.errors import ParseError
from wayfork.engine.graphs import on_cycles, too_deep
from wayfork.engine.operators import EXISTS, IN_SEGMENT, OPERATOR_NAMES, OPERATORS, read_value
from wayfork.engine.plans import SAFE, served_value
from wayfork.engine.shares import check_ranges, hash_named
from wayfork.engine.snapshot import (
    FLAG_TYPES,
    SCHEMA,
    STEPS,
    Allocation,
    Clause,
    FlagState,
    Holdout,
    Prerequisite,
    Ranges,
    Rule,
    Segment,
    Serve,
    Snapshot,
    Split,
)

Faults = Iterator[ParseError]

# Chains of prerequisites, or of segments, beyond this are refused: nobody could follow them.
DEEPEST_CHAIN: Final = 50


def problems(snapshot: Snapshot) -> list[ParseError]:
    """All faults, in the order of the document; an empty list is a snapshot fit to publish."""
    checks = _Checks(snapshot)
    return [
        *checks.frame(),
        *checks.flags(),
        *checks.segments(),
        *checks.holdouts(),
        *checks.chains(),
        *_unwritable(snapshot.to_json(), ""),
    ]


class _Checks:
    """The checks of one snapshot, which all need its names."""

    __slots__ = ("_snapshot", "_units")

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._units = {unit.name for unit in snapshot.units}

    def frame(self) -> Faults:
        snapshot = self._snapshot
        if snapshot.schema != SCHEMA:
            yield ParseError("schema", f"is {snapshot.schema}; this version writes {SCHEMA}")
        yield from _named(snapshot.project, "project")
        yield from _named(snapshot.environment, "environment")
        for name, number in (("epoch", snapshot.epoch), ("version", snapshot.version)):
            if number < 0:
                yield ParseError(name, "must not be negative")
        yield from self._unit_types()
        for place, message in snapshot.broken.items():
            # "flags.checkout.rules[0].id: is missing" knows its place better than its key does.
            inner, found, rest = message.partition(": ")
            known = found and inner.startswith(place)
            yield ParseError(inner, rest) if known else ParseError(place, message)

    def _unit_types(self) -> Faults:
        seen: set[str] = set()
        for index, unit in enumerate(self._snapshot.units):
            yield from _named(unit.name, f"units[{index}].name")
            if unit.name in seen:
                yield ParseError(f"units[{index}].name", f"{unit.name!r} is there twice")
            seen.add(unit.name)
            if not unit.attributes:
                yield ParseError(f"units[{index}].attributes", "must name an attribute")
            for each, attribute in enumerate(unit.attributes):
                yield from _named(attribute, f"units[{index}].attributes[{each}]")

    def flags(self) -> Faults:
        for key, flag in self._snapshot.flags.items():
            where = f"flags.{key}"
            yield from _named(key, "flags")
            yield from _variations(flag, where)
            yield from self._assignments(flag, where)
            for index, needed in enumerate(flag.prerequisites):
                yield from self._prerequisite(needed, f"{where}.prerequisites[{index}]")
            if flag.holdout is not None and flag.holdout not in self._snapshot.holdouts:
                yield ParseError(f"{where}.holdout", f"there is no holdout {flag.holdout!r}")
            yield from self._rules(flag, where)
            yield from self._serve(flag.fallthrough, flag, f"{where}.fallthrough")

    def _assignments(self, flag: FlagState, where: str) -> Faults:
        for unit, ids in flag.assignments.items():
            if unit not in self._units:
                yield ParseError(f"{where}.assignments.{unit}", f"{unit!r} is not a unit type")
            for unit_id, variation in ids.items():
                place = f"{where}.assignments.{unit}.{unit_id}"
                yield from _named(unit_id, place)
                yield from _exists(variation, flag, place)

    def _prerequisite(self, needed: Prerequisite, where: str) -> Faults:
        other = self._snapshot.flags.get(needed.flag)
        if other is None:
            yield ParseError(f"{where}.flag", f"there is no flag {needed.flag!r}")
            return
        if not needed.variations:
            yield ParseError(f"{where}.variations", "must name a variation")
        for index, variation in enumerate(needed.variations):
            yield from _exists(variation, other, f"{where}.variations[{index}]")

    def _rules(self, flag: FlagState, where: str) -> Faults:
        seen: set[str] = set()
        for index, rule in enumerate(flag.rules):
            place = f"{where}.rules[{index}]"
            yield from _named(rule.id, f"{place}.id")
            if rule.id in seen:
                yield ParseError(f"{place}.id", f"{rule.id!r} is there twice")
            seen.add(rule.id)
            yield from self._rule(rule, flag, place)

    def _rule(self, rule: Rule, flag: FlagState, where: str) -> Faults:
        yield from self._clauses(rule.when, f"{where}.when")
        if rule.allocation is not None:
            yield from self._share(rule.allocation, f"{where}.allocation")
            yield from _known_hash(rule.allocation.hash, f"{where}.allocation")
        if rule.experiment is not None:
            yield from _named(rule.experiment, f"{where}.experiment")
        yield from self._serve(rule.serve, flag, f"{where}.serve")

    def _share(self, share: Allocation | Holdout, where: str) -> Faults:
        yield from self._unit(share.unit, where)
        yield from _named(share.salt, f"{where}.salt")
        yield from _caught(_check_ranges(share.ranges, f"{where}.ranges"))

    def _serve(self, serve: Serve, flag: FlagState, where: str) -> Faults:
        if isinstance(serve, str):
            yield from _exists(serve, flag, where)
            return
        yield from self._unit(serve.unit, where)
        yield from _named(serve.salt, f"{where}.salt")
        yield from _known_hash(serve.hash, where)
        yield from _weights(serve, flag, f"{where}.weights")

    def _unit(self, unit: str, where: str) -> Faults:
        if unit not in self._units:
            yield ParseError(f"{where}.unit", f"{unit!r} is not a unit type of this project")

    def _clauses(self, when: tuple[Clause, ...], where: str) -> Faults:
        for index, clause in enumerate(when):
            yield from self._clause(clause, f"{where}[{index}]")

    def _clause(self, clause: Clause, where: str) -> Faults:
        if clause.op not in OPERATOR_NAMES:
            yield ParseError(f"{where}.op", f"{clause.op!r} is not an operator this version knows")
            return
        yield from _clause_frame(clause, where)
        for index, value in enumerate(clause.values):
            place = f"{where}.values[{index}]"
            if clause.op == IN_SEGMENT:
                yield from self._segment_key(value, place)
            elif clause.op in OPERATORS:
                yield from _caught(_read(clause, value, place))

    def _segment_key(self, key: object, where: str) -> Faults:
        if not isinstance(key, str) or key not in self._snapshot.segments:
            yield ParseError(where, f"there is no segment {key!r}")

    def segments(self) -> Faults:
        for key, segment in self._snapshot.segments.items():
            where = f"segments.{key}"
            yield from _named(key, "segments")
            yield from self._unit(segment.unit, where)
            for name, ids in (("included", segment.included), ("excluded", segment.excluded)):
                if "" in ids:
                    yield ParseError(f"{where}.{name}[{ids.index('')}]", "must not be empty")
            for index, rule in enumerate(segment.rules):
                yield from self._clauses(rule, f"{where}.rules[{index}]")

    def holdouts(self) -> Faults:
        for key, holdout in self._snapshot.holdouts.items():
            yield from _named(key, "holdouts")
            yield from self._share(holdout, f"holdouts.{key}")

    def chains(self) -> Faults:
        flags = {
            key: tuple(needed.flag for needed in flag.prerequisites)
            for key, flag in self._snapshot.flags.items()
        }
        segments = {
            key: tuple(_segments_within(segment))
            for key, segment in self._snapshot.segments.items()
        }
        for edges, place in ((flags, "flags.{}.prerequisites"), (segments, "segments.{}.rules")):
            for key in sorted(on_cycles(edges)):
                yield ParseError(place.format(key), "lead back to itself")
            for key in sorted(too_deep(edges, DEEPEST_CHAIN)):
                yield ParseError(place.format(key), f"form a chain of over {DEEPEST_CHAIN}")


def _segments_within(segment: Segment) -> Iterator[str]:
    for rule in segment.rules:
        for clause in rule:
            if clause.op == IN_SEGMENT:
                yield from (key for key in clause.values if isinstance(key, str))


def _named(text: str, where: str) -> Faults:
    if not text:
        yield ParseError(where, "must not be empty")


def _exists(variation: str, flag: FlagState, where: str) -> Faults:
    if variation not in flag.variations:
        yield ParseError(where, f"there is no variation {variation!r}")


def _variations(flag: FlagState, where: str) -> Faults:
    if flag.type not in FLAG_TYPES:
        yield ParseError(f"{where}.type", f"must be one of {', '.join(FLAG_TYPES)}")
        return
    if not flag.variations:
        yield ParseError(f"{where}.variations", "must hold a variation")
    for name, value in flag.variations.items():
        yield from _named(name, f"{where}.variations")
        yield from _caught(_serve_value(flag.type, value, f"{where}.variations.{name}"))
    yield from _exists(flag.off, flag, f"{where}.off")


def _weights(split: Split, flag: FlagState, where: str) -> Faults:
    for index, (variation, weight) in enumerate(split.weights):
        yield from _exists(variation, flag, f"{where}[{index}]")
        if weight <= 0:
            yield ParseError(f"{where}[{index}]", "must weigh more than nothing")
    total = sum(weight for _, weight in split.weights)
    if total != STEPS:
        yield ParseError(where, f"add up to {total}, not {STEPS}")


def _clause_frame(clause: Clause, where: str) -> Faults:
    if clause.op == IN_SEGMENT:
        if clause.attribute is not None:
            yield ParseError(f"{where}.attribute", "is not for in_segment")
    elif not clause.attribute:
        yield ParseError(f"{where}.attribute", "must name an attribute")
    if clause.op == EXISTS and clause.values:
        yield ParseError(f"{where}.values", "must be empty for exists")
    if clause.op != EXISTS and not clause.values:
        yield ParseError(f"{where}.values", "must hold a value")
    if clause.ignore_case and not (clause.op in OPERATORS and OPERATORS[clause.op].is_text):
        yield ParseError(f"{where}.ignoreCase", f"is not for {clause.op}")


def _caught(check: Callable[[], object]) -> Faults:
    try:
        check()
    except ParseError as error:
        yield error


def _read(clause: Clause, value: object, where: str) -> Callable[[], object]:
    return lambda: read_value(clause.op, value, where, ignore_case=clause.ignore_case)


def _check_ranges(ranges: Ranges, where: str) -> Callable[[], object]:
    return lambda: check_ranges(ranges, where)


def _serve_value(kind: str, value: object, where: str) -> Callable[[], object]:
    return lambda: served_value(kind, value, where)


def _known_hash(name: str | None, where: str) -> Faults:
    yield from _caught(lambda: hash_named(name, where))


def _unwritable(value: object, where: str) -> Faults:
    """What JSON, or a JavaScript number, could not carry unchanged."""
    if isinstance(value, str):
        if not value.isascii() and _has_lone_surrogate(value):
            yield ParseError(where, "holds half a character (a lone surrogate)")
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        if value - value != 0 or (isinstance(value, int) and not -SAFE <= value <= SAFE):
            yield ParseError(where, f"is a number beyond {SAFE}, or not finite")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{where}.{key}" if where else str(key)
            yield from _unwritable(key, where)
            yield from _unwritable(item, place)
    elif isinstance(value, Iterable):
        for index, item in enumerate(value):
            yield from _unwritable(item, f"{where}[{index}]")
    else:
        yield ParseError(where, f"is a {type(value).__name__}, which JSON has not")


def _has_lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
