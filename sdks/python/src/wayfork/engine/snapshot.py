"""The snapshot and all it holds, as frozen values that read themselves from and write themselves to JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

from wayfork.engine.errors import ParseError
from wayfork.engine.reading import (
    read_boolean,
    read_each,
    read_exactly,
    read_field,
    read_integer,
    read_list,
    read_members,
    read_object,
    read_optional_string,
    read_range,
    read_string,
    read_strings,
    read_weight,
)

SCHEMA: Final = 1
STEPS: Final = 100_000
FLAG_TYPES: Final = ("boolean", "string", "integer", "float", "json")

Ranges: TypeAlias = tuple[tuple[int, int], ...]

_CLAUSE: Final = frozenset({"attribute", "op", "values", "negate", "ignoreCase"})
_ALLOCATION: Final = frozenset({"unit", "salt", "ranges", "hash"})
_SPLIT: Final = frozenset({"unit", "salt", "weights", "hash"})
_RULE: Final = frozenset({"id", "name", "when", "allocation", "serve", "experiment"})


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of assignment, and the attributes its id is read from, in order."""

    name: str
    attributes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        return {"name": self.name, "attributes": list(self.attributes)}

    @classmethod
    def from_json(cls, value: object, where: str = "unit") -> Self:
        fields = read_object(value, where)
        return cls(
            read_string(read_field(fields, "name", where), f"{where}.name"),
            read_strings(read_field(fields, "attributes", where), f"{where}.attributes"),
        )


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition on the context: any of `values` will do."""

    attribute: str | None
    op: str
    values: tuple[object, ...]
    negate: bool = False
    ignore_case: bool = False

    def to_json(self) -> dict[str, object]:
        written: dict[str, object] = {"op": self.op, "values": list(self.values)}
        if self.attribute is not None:
            written["attribute"] = self.attribute
        if self.negate:
            written["negate"] = True
        if self.ignore_case:
            written["ignoreCase"] = True
        return written

    @classmethod
    def from_json(cls, value: object, where: str = "clause") -> Self:
        fields = read_exactly(value, where, _CLAUSE)
        return cls(
            attribute=read_optional_string(fields.get("attribute"), f"{where}.attribute"),
            op=read_string(read_field(fields, "op", where), f"{where}.op"),
            values=tuple(read_list(fields.get("values", ()), f"{where}.values")),
            negate=read_boolean(fields.get("negate", False), f"{where}.negate"),
            ignore_case=read_boolean(fields.get("ignoreCase", False), f"{where}.ignoreCase"),
        )


@dataclass(frozen=True, slots=True)
class Allocation:
    """How many units a rule applies to: those whose bucket lies in one of the ranges."""

    unit: str
    salt: str
    ranges: Ranges
    hash: str | None = None

    def to_json(self) -> dict[str, object]:
        written: dict[str, object] = {"unit": self.unit, "salt": self.salt}
        written["ranges"] = [list(pair) for pair in self.ranges]
        return written if self.hash is None else {**written, "hash": self.hash}

    @classmethod
    def from_json(cls, value: object, where: str = "allocation") -> Self:
        fields = read_exactly(value, where, _ALLOCATION)
        return cls(
            unit=read_string(read_field(fields, "unit", where), f"{where}.unit"),
            salt=read_string(read_field(fields, "salt", where), f"{where}.salt"),
            ranges=read_each(read_field(fields, "ranges", where), f"{where}.ranges", read_range),
            hash=read_optional_string(fields.get("hash"), f"{where}.hash"),
        )


@dataclass(frozen=True, slots=True)
class Split:
    """What units get, by weight; the weights are cumulated in the order listed."""

    unit: str
    salt: str
    weights: tuple[tuple[str, int], ...]
    hash: str | None = None

    def to_json(self) -> dict[str, object]:
        written: dict[str, object] = {"unit": self.unit, "salt": self.salt}
        written["weights"] = [list(pair) for pair in self.weights]
        return written if self.hash is None else {**written, "hash": self.hash}

    @classmethod
    def from_json(cls, value: object, where: str = "split") -> Self:
        fields = read_exactly(value, where, _SPLIT)
        return cls(
            unit=read_string(read_field(fields, "unit", where), f"{where}.unit"),
            salt=read_string(read_field(fields, "salt", where), f"{where}.salt"),
            weights=read_each(
                read_field(fields, "weights", where), f"{where}.weights", read_weight
            ),
            hash=read_optional_string(fields.get("hash"), f"{where}.hash"),
        )


Serve: TypeAlias = str | Split


def read_serve(value: object, where: str) -> Serve:
    """A variation's name, or a split."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return Split.from_json(value, where)
    raise ParseError(where, "must be a variation's name or a split")


def write_serve(serve: Serve) -> object:
    """The wire form of either."""
    return serve if isinstance(serve, str) else serve.to_json()


def read_clauses(value: object, where: str) -> tuple[Clause, ...]:
    """Clauses that must all hold."""
    return read_each(value, where, Clause.from_json)


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom it is for (`when`), how many of them (`allocation`), and what they get (`serve`)."""

    id: str
    name: str
    when: tuple[Clause, ...]
    serve: Serve
    allocation: Allocation | None = None
    experiment: str | None = None

    def to_json(self) -> dict[str, object]:
        written: dict[str, object] = {
            "id": self.id,
            "name": self.name,
            "when": [clause.to_json() for clause in self.when],
            "serve": write_serve(self.serve),
        }
        if self.allocation is not None:
            written["allocation"] = self.allocation.to_json()
        if self.experiment is not None:
            written["experiment"] = self.experiment
        return written

    @classmethod
    def from_json(cls, value: object, where: str = "rule") -> Self:
        fields = read_exactly(value, where, _RULE)
        allocation = fields.get("allocation")
        return cls(
            id=read_string(read_field(fields, "id", where), f"{where}.id"),
            name=read_string(fields.get("name", ""), f"{where}.name"),
            when=read_clauses(fields.get("when", ()), f"{where}.when"),
            serve=read_serve(read_field(fields, "serve", where), f"{where}.serve"),
            allocation=(
                None
                if allocation is None
                else Allocation.from_json(allocation, f"{where}.allocation")
            ),
            experiment=read_optional_string(fields.get("experiment"), f"{where}.experiment"),
        )


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """Another flag that must serve one of these variations."""

    flag: str
    variations: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        return {"flag": self.flag, "variations": list(self.variations)}

    @classmethod
    def from_json(cls, value: object, where: str = "prerequisite") -> Self:
        fields = read_object(value, where)
        return cls(
            read_string(read_field(fields, "flag", where), f"{where}.flag"),
            read_strings(read_field(fields, "variations", where), f"{where}.variations"),
        )


def _read_assignments(value: object, where: str) -> dict[str, dict[str, str]]:
    return {
        unit: {
            unit_id: read_string(variation, f"{where}.{unit}.{unit_id}")
            for unit_id, variation in read_object(ids, f"{where}.{unit}").items()
        }
        for unit, ids in read_object(value, where).items()
    }


@dataclass(frozen=True, slots=True)
class FlagState:
    """All that decides what one flag serves in one environment."""

    type: str
    enabled: bool
    variations: Mapping[str, object]
    off: str
    fallthrough: Serve
    assignments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    prerequisites: tuple[Prerequisite, ...] = ()
    holdout: str | None = None
    rules: tuple[Rule, ...] = ()
    tags: tuple[str, ...] = ()
    stage: str | None = None
    client_side: bool = False

    def to_json(self) -> dict[str, object]:
        written: dict[str, object] = {
            "type": self.type,
            "enabled": self.enabled,
            "variations": dict(self.variations),
            "off": self.off,
            "fallthrough": write_serve(self.fallthrough),
            "assignments": {unit: dict(ids) for unit, ids in self.assignments.items()},
            "prerequisites": [needed.to_json() for needed in self.prerequisites],
            "rules": [rule.to_json() for rule in self.rules],
            "tags": list(self.tags),
            "stage": self.stage,
            "clientSide": self.client_side,
        }
        return written if self.holdout is None else {**written, "holdout": self.holdout}

    @classmethod
    def from_json(cls, value: object, where: str = "flag") -> Self:
        fields = read_object(value, where)
        kind = read_string(read_field(fields, "type", where), f"{where}.type")
        if kind not in FLAG_TYPES:
            raise ParseError(f"{where}.type", f"must be one of {', '.join(FLAG_TYPES)}")
        return cls(
            type=kind,
            enabled=read_boolean(read_field(fields, "enabled", where), f"{where}.enabled"),
            variations=dict(
                read_object(read_field(fields, "variations", where), f"{where}.variations")
            ),
            off=read_string(read_field(fields, "off", where), f"{where}.off"),
            fallthrough=read_serve(
                read_field(fields, "fallthrough", where), f"{where}.fallthrough"
            ),
            assignments=_read_assignments(fields.get("assignments", {}), f"{where}.assignments"),
            prerequisites=read_each(
                fields.get("prerequisites", ()), f"{where}.prerequisites", Prerequisite.from_json
            ),
            holdout=read_optional_string(fields.get("holdout"), f"{where}.holdout"),
            rules=read_each(fields.get("rules", ()), f"{where}.rules", Rule.from_json),
            tags=read_strings(fields.get("tags", ()), f"{where}.tags"),
            stage=read_optional_string(fields.get("stage"), f"{where}.stage"),
            client_side=read_boolean(fields.get("clientSide", False), f"{where}.clientSide"),
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """A reusable set of units: excluded beats included beats rules."""

    unit: str
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    rules: tuple[tuple[Clause, ...], ...]

    def to_json(self) -> dict[str, object]:
        return {
            "unit": self.unit,
            "included": list(self.included),
            "excluded": list(self.excluded),
            "rules": [[clause.to_json() for clause in rule] for rule in self.rules],
        }

    @classmethod
    def from_json(cls, value: object, where: str = "segment") -> Self:
        fields = read_object(value, where)
        return cls(
            unit=read_string(read_field(fields, "unit", where), f"{where}.unit"),
            included=read_strings(fields.get("included", ()), f"{where}.included"),
            excluded=read_strings(fields.get("excluded", ()), f"{where}.excluded"),
            rules=read_each(fields.get("rules", ()), f"{where}.rules", read_clauses),
        )


@dataclass(frozen=True, slots=True)
class Holdout:
    """Units kept out of everything new, by bucket."""

    unit: str
    salt: str
    ranges: Ranges

    def to_json(self) -> dict[str, object]:
        return {
            "unit": self.unit,
            "salt": self.salt,
            "ranges": [list(pair) for pair in self.ranges],
        }

    @classmethod
    def from_json(cls, value: object, where: str = "holdout") -> Self:
        fields = read_object(value, where)
        return cls(
            unit=read_string(read_field(fields, "unit", where), f"{where}.unit"),
            salt=read_string(read_field(fields, "salt", where), f"{where}.salt"),
            ranges=read_each(read_field(fields, "ranges", where), f"{where}.ranges", read_range),
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything an SDK needs to evaluate every flag of one environment."""

    schema: int
    project: str
    environment: str
    epoch: int
    version: int
    published_at: str
    units: tuple[Unit, ...]
    flags: Mapping[str, FlagState]
    segments: Mapping[str, Segment]
    holdouts: Mapping[str, Holdout]
    # Says what the bytes were, not what the snapshot means: two equal snapshots may differ in it.
    checksum: str = field(default="", compare=False)
    shrunk: bool = False
    # What could not be read, by its place ("flags.checkout"): set by a lenient reader, else empty.
    broken: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        written: dict[str, object] = {
            "schema": self.schema,
            "project": self.project,
            "environment": self.environment,
            "epoch": self.epoch,
            "version": self.version,
            "publishedAt": self.published_at,
            "checksum": self.checksum,
            "units": [unit.to_json() for unit in self.units],
            "flags": {key: flag.to_json() for key, flag in self.flags.items()},
            "segments": {key: segment.to_json() for key, segment in self.segments.items()},
            "holdouts": {key: holdout.to_json() for key, holdout in self.holdouts.items()},
        }
        return {**written, "shrunk": True} if self.shrunk else written

    @classmethod
    def from_json(cls, value: object, where: str = "") -> Self:
        """Strict: the first fault raises. `parse_snapshot` is the lenient reader SDKs use."""
        at = f"{where}." if where else ""
        fields = read_object(value, where)
        schema = read_integer(read_field(fields, "schema", where), f"{at}schema")
        if schema != SCHEMA:
            raise ParseError(f"{at}schema", f"is {schema}; this version reads {SCHEMA}")
        return cls(
            schema=schema,
            project=read_string(read_field(fields, "project", where), f"{at}project"),
            environment=read_string(read_field(fields, "environment", where), f"{at}environment"),
            epoch=read_integer(read_field(fields, "epoch", where), f"{at}epoch"),
            version=read_integer(read_field(fields, "version", where), f"{at}version"),
            published_at=read_string(fields.get("publishedAt", ""), f"{at}publishedAt"),
            units=read_each(read_field(fields, "units", where), f"{at}units", Unit.from_json),
            flags=read_members(
                read_field(fields, "flags", where), f"{at}flags", FlagState.from_json
            ),
            segments=read_members(fields.get("segments", {}), f"{at}segments", Segment.from_json),
            holdouts=read_members(fields.get("holdouts", {}), f"{at}holdouts", Holdout.from_json),
            checksum=read_string(fields.get("checksum", ""), f"{at}checksum"),
            shrunk=read_boolean(fields.get("shrunk", False), f"{at}shrunk"),
        )
