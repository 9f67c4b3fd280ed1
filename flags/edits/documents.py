"""The documents edits work on, beside the engine's own FlagState: definitions a project owns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from flags.edits import base
from wayfork.engine import Allocation, Holdout, Segment, Unit

KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TYPES: Final = ("boolean", "string", "integer", "float", "json")
STAGES: Final = ("release", "experiment", "operational", "permission")


def check_key(key: str, where: str = "key") -> None:
    """A key is what code says: letters, digits, dot, hyphen, underscore; at most 100."""
    if not KEY.fullmatch(key):
        raise base.InvalidEdit(
            f"{key!r} cannot be a key",
            where=where,
            hint="Use letters, digits, '.', '_' and '-', at most 100, starting with a letter or digit.",
        )


@dataclass(frozen=True, slots=True)
class FlagDefinition:
    """A flag as its project knows it: the same in every environment."""

    key: str
    name: str
    type: str
    variations: Mapping[str, object]
    off: str
    fallthrough: str
    description: str = ""
    tags: tuple[str, ...] = ()
    stage: str = "release"
    client_side: bool = False
    archived: bool = False

    def served(self) -> dict[str, object]:
        """The part a snapshot carries, in the snapshot's words."""
        return {
            "type": self.type,
            "variations": dict(self.variations),
            "tags": list(self.tags),
            "stage": self.stage,
            "clientSide": self.client_side,
        }

    def initial(self) -> dict[str, object]:
        """The state of a flag in an environment nobody has touched: off."""
        return {"enabled": False, "off": self.off, "fallthrough": self.fallthrough}

    def to_json(self) -> dict[str, Any]:
        return {
            **self.served(),
            "key": self.key,
            "name": self.name,
            "description": self.description,
            "off": self.off,
            "fallthrough": self.fallthrough,
            "archived": self.archived,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        return cls(
            key=given["key"],
            name=given["name"],
            type=given["type"],
            variations=given["variations"],
            off=given["off"],
            fallthrough=given["fallthrough"],
            description=given["description"],
            tags=tuple(given["tags"]),
            stage=given["stage"],
            client_side=given["clientSide"],
            archived=given["archived"],
        )


@dataclass(frozen=True, slots=True)
class SegmentDefinition:
    """A reusable set of contexts."""

    key: str
    name: str
    segment: Segment
    description: str = ""
    archived: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "name": self.name,
            "description": self.description,
            "archived": self.archived,
            "segment": self.segment.to_json(),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        return cls(
            key=given["key"],
            name=given["name"],
            segment=Segment.from_json(given["segment"], where=f"segments.{given['key']}"),
            description=given["description"],
            archived=given["archived"],
        )


@dataclass(frozen=True, slots=True)
class HoldoutDefinition:
    """Units kept out of everything that names this holdout."""

    key: str
    name: str
    holdout: Holdout

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "name": self.name, "holdout": self.holdout.to_json()}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        holdout = Holdout.from_json(given["holdout"], where=f"holdouts.{given['key']}")
        return cls(given["key"], given["name"], holdout)


@dataclass(frozen=True, slots=True)
class LayerDefinition:
    """Rules that may not share units: one unit, one salt, disjoint ranges by rule id."""

    key: str
    name: str
    unit: str
    salt: str
    slots: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def allocation(self, rule_id: str) -> Allocation | None:
        """What publishing writes into the rule that holds this slot."""
        ranges = self.slots.get(rule_id)
        return None if ranges is None else Allocation(self.unit, self.salt, ranges)

    def to_json(self) -> dict[str, Any]:
        slots = {rule: [list(pair) for pair in ranges] for rule, ranges in self.slots.items()}
        return {
            "key": self.key,
            "name": self.name,
            "unit": self.unit,
            "salt": self.salt,
            "slots": slots,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        slots = {
            rule: tuple((int(pair[0]), int(pair[1])) for pair in ranges)
            for rule, ranges in given["slots"].items()
        }
        return cls(given["key"], given["name"], given["unit"], given["salt"], slots)


@dataclass(frozen=True, slots=True)
class UnitTypes:
    """What a project randomizes, each read from the first attribute present."""

    units: tuple[Unit, ...]

    def to_json(self) -> dict[str, Any]:
        return {"units": [unit.to_json() for unit in self.units]}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        return cls(tuple(Unit.from_json(unit, where="units") for unit in given["units"]))


DEFAULT_UNITS: Final = UnitTypes(
    (
        Unit("user", ("userId", "targetingKey")),
        Unit("device", ("stableId",)),
        Unit("organization", ("organizationId",)),
    )
)
