"""Edits of what a project shares: segments, holdouts, layers, unit types."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from accounts.permissions import Permission
from flags.edits import salts
from flags.edits.base import Edit, EditKind, InvalidEdit, Restore, edit
from flags.edits.documents import (
    HoldoutDefinition,
    LayerDefinition,
    SegmentDefinition,
    UnitTypes,
    check_key,
)
from wayfork.engine import Clause, Holdout, ParseError, Segment

SEGMENTS = Permission.EDIT_SEGMENTS


@edit("create_segment", EditKind.SEGMENT, SEGMENTS)
@dataclass(frozen=True, slots=True)
class CreateSegment(Edit):
    """Make a segment."""

    key: str
    segment_name: str
    unit: str = "user"
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    rules: tuple[tuple[Clause, ...], ...] = ()
    description: str = ""

    def apply(self, segment: SegmentDefinition | None) -> SegmentDefinition:
        if segment is not None:
            raise InvalidEdit(f"the key {self.key} is taken", where="key")
        check_key(self.key)
        content = Segment(self.unit, _ids(self.included), _ids(self.excluded), self.rules)
        name = self.segment_name.strip() or self.key
        return SegmentDefinition(self.key, name, content, self.description.strip())

    def sentence(self) -> str:
        return f"Create segment {self.key}"


def _ids(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({unit_id.strip() for unit_id in given if unit_id.strip()}))


@edit("set_segment", EditKind.SEGMENT, SEGMENTS)
@dataclass(frozen=True, slots=True)
class SetSegment(Edit):
    """Replace whom a segment holds: excluded beats included beats rules."""

    unit: str
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    rules: tuple[tuple[Clause, ...], ...]

    def apply(self, segment: SegmentDefinition) -> SegmentDefinition:
        content = Segment(self.unit, _ids(self.included), _ids(self.excluded), self.rules)
        return replace(segment, segment=content)

    def sentence(self) -> str:
        rules = len(self.rules)
        told = [
            f"hold {len(self.included)} listed" * bool(self.included),
            f"leave out {len(self.excluded)} listed" * bool(self.excluded),
            f"match {rules} rule{'' if rules == 1 else 's'}" * bool(rules),
        ]
        said = ", ".join(part for part in told if part)
        return f"{said[0].upper()}{said[1:]}" if said else "Hold nobody"


@edit("describe_segment", EditKind.SEGMENT, SEGMENTS, metadata=True)
@dataclass(frozen=True, slots=True)
class DescribeSegment(Edit):
    """Give the segment another name or description."""

    segment_name: str
    description: str = ""

    def apply(self, segment: SegmentDefinition) -> SegmentDefinition:
        name = self.segment_name.strip() or segment.key
        return replace(segment, name=name, description=self.description.strip())

    def sentence(self) -> str:
        return f"Call it {self.segment_name}"


@edit("archive_segment", EditKind.SEGMENT, SEGMENTS)
@dataclass(frozen=True, slots=True)
class ArchiveSegment(Edit):
    """Retire a segment; refused while a rule still asks for it."""

    def apply(self, segment: SegmentDefinition) -> SegmentDefinition:
        return replace(segment, archived=True)

    def sentence(self) -> str:
        return "Archive"


@edit("restore_segment", EditKind.SEGMENT, Permission.ROLL_BACK, urgent=True)
@dataclass(frozen=True, slots=True)
class RestoreSegment(Restore):
    """Bring back an earlier version of this segment, whole, from the archive too."""

    def apply(self, _segment: SegmentDefinition) -> SegmentDefinition:
        return SegmentDefinition.from_json(self.state)


@edit("set_holdout", EditKind.HOLDOUT, SEGMENTS)
@dataclass(frozen=True, slots=True)
class SetHoldoutDefinition(Edit):
    """Make a holdout, or change how many units it keeps out. Its salt never changes."""

    key: str
    holdout_name: str
    unit: str
    steps: int
    salt: str = ""

    def settled(self) -> "SetHoldoutDefinition":
        return self if self.salt else replace(self, salt=salts.fresh())

    def apply(self, holdout: HoldoutDefinition | None) -> HoldoutDefinition:
        check_key(self.key)
        salt = holdout.holdout.salt if holdout else self.salt or salts.fresh()
        ranges = ((0, self.steps),) if self.steps else ()
        return HoldoutDefinition(self.key, self.holdout_name, Holdout(self.unit, salt, ranges))

    def sentence(self) -> str:
        return f"Hold out {self.steps / 1000:g} % of {self.unit}"


@edit("set_layer", EditKind.LAYER, Permission.EDIT_EXPERIMENTS)
@dataclass(frozen=True, slots=True)
class SetLayer(Edit):
    """Make a layer, or say which rule (by id) owns which ranges of it."""

    key: str
    layer_name: str
    unit: str
    slots: Mapping[str, object]
    salt: str = ""

    def settled(self) -> "SetLayer":
        return self if self.salt else replace(self, salt=salts.fresh())

    def apply(self, layer: LayerDefinition | None) -> LayerDefinition:
        check_key(self.key)
        salt = layer.salt if layer else self.salt or salts.fresh()
        slots = {rule: _ranges(given, f"slots.{rule}") for rule, given in self.slots.items()}
        _refuse_overlap(slots)
        return LayerDefinition(self.key, self.layer_name, self.unit, salt, slots)

    def sentence(self) -> str:
        return f"Share layer {self.key} among {len(self.slots)} rules"


def _ranges(given: Any, where: str) -> tuple[tuple[int, int], ...]:
    if not isinstance(given, list | tuple) or not all(_is_pair(pair) for pair in given):
        raise InvalidEdit("must be a list of [from, to] pairs of whole numbers", where=where)
    if any(not 0 <= low < high <= 100_000 for low, high in given):
        raise InvalidEdit("a range lies within 0 and 100000", where=where)
    return tuple((low, high) for low, high in given)


def _is_pair(given: object) -> bool:
    # `type`, because True and False are ints to `isinstance`.
    return (
        isinstance(given, list | tuple)
        and len(given) == 2
        and all(type(number) is int for number in given)
    )


def _refuse_overlap(slots: Mapping[str, tuple[tuple[int, int], ...]]) -> None:
    taken = sorted((low, high, rule) for rule, ranges in slots.items() for low, high in ranges)
    for (_, high, rule), (low, _, other) in pairwise(taken):
        if low < high:
            raise InvalidEdit(f"{rule} and {other} would share units", where="slots")


@edit("set_unit_types", EditKind.UNITS, Permission.MANAGE_PROJECT)
@dataclass(frozen=True, slots=True)
class SetUnitTypes(Edit):
    """Say what this project randomizes and where each id is read, in order."""

    units: Mapping[str, object]

    def apply(self, units: UnitTypes | None) -> UnitTypes:
        known = [unit.name for unit in units.units] if units else []
        # A database need not keep the order of an object's names: what is approved must come out
        # the same when it is read again.
        names = sorted(self.units, key=lambda name: (_place(name, known), name))
        listed = [{"name": name, "attributes": self.units[name]} for name in names]
        if not listed:
            raise InvalidEdit("a project needs at least one unit type", where="units")
        try:
            return UnitTypes.from_json({"units": listed})
        except ParseError as error:
            raise InvalidEdit(error.message, where=error.where) from error

    def sentence(self) -> str:
        return f"Randomize {', '.join(self.units)}"


def _place(name: str, known: list[str]) -> int:
    return known.index(name) if name in known else len(known)
