"""The border between foreign tables and our query: exposures and events as plain columns.

Each source becomes a named table expression of whole milliseconds, small integers and double
precision numbers. Values given by people are bound, never written into the text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from metrics.aggregates.sharing import TAG, Scan, share_scans
from metrics.definitions import (
    AnalysisRequest,
    AssignmentQuery,
    BuiltInExposures,
    BuiltInFact,
    Comparison,
    FactQuery,
    PropertyFilter,
)
from metrics.warehouses.contracts import Contract, Prepared, prepare
from metrics.warehouses.dialects import Column, Dialect, Family, quote
from metrics.warehouses.executor import Executor

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN: Final = -1
_LONGEST_LABEL: Final = 100
_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "true": ("true", "1", "t", "True", "TRUE"),
    "false": ("false", "0", "f", "False", "FALSE"),
}


def to_millis(instant: datetime) -> int:
    """Whole milliseconds since 1970, cut like the events are."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    """The instant of whole milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=millis)


@dataclass(slots=True)
class Binder:
    """Collects the values of a statement and hands out their marks."""

    dialect: Dialect
    values: list[object] = field(default_factory=list)

    def bind(self, value: object) -> str:
        """The mark that stands for the value."""
        self.values.append(value)
        return self.dialect.placeholder(len(self.values))


@dataclass(frozen=True, slots=True)
class FactPlace:
    """Where a fact is found among the events, and whether its events carry values."""

    index: int
    has_value: bool
    empty_is_yes: bool


class Sources(Protocol):
    """One kind of event source: how exposures and events are written for it."""

    def exposures(self, binder: Binder) -> str:
        """SELECT unit, at, arm, label of every exposure of the experiment within the dates."""

    def events(self, binder: Binder) -> str:
        """SELECT unit, at, fact, value of every event any fact asks for, up to the cut."""

    def place(self, fact_key: str) -> FactPlace:
        """Which number a fact has among the events."""


def sources_for(executor: Executor, request: AnalysisRequest) -> Sources:
    """The sources of a request; asks a team's database for the columns of its queries."""
    if isinstance(request.assignment, BuiltInExposures):
        return BuiltInSources(executor.dialect, request, request.assignment)
    return TeamSources(executor, request, request.assignment)


def arm_texts(request: AnalysisRequest) -> dict[str, int]:
    """Text of a treatment -> number of the arm; engines spell booleans differently."""
    numbers = {arm: index for index, arm in enumerate(request.arms)}
    texts = dict(numbers)
    texts.update({text: numbers[arm] for text, arm in request.arm_of.items()})
    for key, spellings in _SPELLINGS.items():
        if key in request.arm_of:
            for spelling in spellings:
                texts.setdefault(spelling, texts[key])
    return texts


def _arm_case(expression: str, request: AnalysisRequest, binder: Binder) -> str:
    lines = " ".join(
        f"WHEN {binder.bind(text)} THEN {number}" for text, number in arm_texts(request).items()
    )
    return f"CASE {expression} {lines} ELSE {UNKNOWN} END"


class TeamSources:
    """A team's own database: its queries, wrapped."""

    def __init__(
        self, executor: Executor, request: AnalysisRequest, assignment: AssignmentQuery
    ) -> None:
        self._dialect = executor.dialect
        self._request = request
        self._assignment = prepare(executor, assignment.sql, Contract.ASSIGNMENT)
        facts = [fact for fact in request.facts if isinstance(fact, FactQuery)]
        texts = list(dict.fromkeys((fact.sql, fact.unit_column) for fact in facts))
        self._facts = [prepare(executor, sql, Contract.FACT, unit) for sql, unit in texts]
        self._places = {fact.key: texts.index((fact.sql, fact.unit_column)) for fact in facts}
        units = [prepared.roles["user_id"] for prepared in (self._assignment, *self._facts)]
        self._key_as_is = _is_same_type(units)

    def place(self, fact_key: str) -> FactPlace:
        index = self._places[fact_key]
        has_value = "value" in self._facts[index].roles
        return FactPlace(index, has_value=has_value, empty_is_yes=not has_value)

    def exposures(self, binder: Binder) -> str:
        prepared, dialect = self._assignment, self._dialect
        treatment = dialect.text(_name(prepared, "treatment"))
        experiment = dialect.text(_name(prepared, "experiment_id"))
        return (
            f"SELECT {self._key(prepared)} AS unit, {self._millis(prepared)} AS at,"
            f" {_arm_case(treatment, self._request, binder)} AS arm,"
            f" substr(COALESCE({treatment}, 'NULL'), 1, {_LONGEST_LABEL}) AS label\n"
            f"FROM (\n{prepared.sql}\n) AS q\n"
            f"WHERE {experiment} = {binder.bind(self._request.experiment_id)}"
            f" AND {self._present(prepared)}{self._between(prepared, binder)}"
        )

    def events(self, binder: Binder) -> str:
        scans = share_scans(
            [prepared.sql for prepared in self._facts],
            [prepared.roles["user_id"].name for prepared in self._facts],
            self._dialect.name,
        )
        return "\nUNION ALL\n".join(self._branch(scan, binder) for scan in scans)

    def _branch(self, scan: Scan, binder: Binder) -> str:
        prepared = self._facts[scan.members[0]]
        column = prepared.roles.get("value")
        value = (
            self._dialect.number(_name(prepared, "value"), column.family)
            if column
            else self._dialect.typed_null()
        )
        fact = str(scan.members[0]) if len(scan.members) == 1 else f'q."{TAG}"'
        return (
            f"SELECT {self._key(prepared)} AS unit, {self._millis(prepared)} AS at,"
            f" {fact} AS fact, {value} AS value\nFROM (\n{scan.sql}\n) AS q\n"
            f"WHERE {self._present(prepared)}{self._between(prepared, binder)}"
        )

    def _key(self, prepared: Prepared) -> str:
        name = _name(prepared, "user_id")
        return name if self._key_as_is else self._dialect.text(name)

    def _millis(self, prepared: Prepared) -> str:
        return self._dialect.millis(
            _name(prepared, "timestamp"), prepared.roles["timestamp"].family
        )

    def _present(self, prepared: Prepared) -> str:
        return f"{_name(prepared, 'user_id')} IS NOT NULL AND {_name(prepared, 'timestamp')} IS NOT NULL"

    def _between(self, prepared: Prepared, binder: Binder) -> str:
        """From start to end, both inside to the millisecond.

        PostgreSQL compares in the column's own type: an index or a partition can serve, and its
        planner knows how many rows are left, which it cannot know of a computed column.
        """
        start, end = self._request.start, self._request.end
        expression, bounds = (
            self._millis(prepared),
            (start and to_millis(start), to_millis(end) + 1),
        )
        if self._dialect.name == "postgres":
            expression = _name(prepared, "timestamp")
            return _range(expression, (start and _cut(start), _cut(end, 1)), binder)
        return _range(expression, bounds, binder)


def _range(expression: str, bounds: tuple[object, object], binder: Binder) -> str:
    """From the first bound, if there is one, up to but without the second."""
    first, second = bounds
    text = f" AND {expression} < {binder.bind(second)}"
    return text if first is None else f"{text} AND {expression} >= {binder.bind(first)}"


def _cut(instant: datetime, more_millis: int = 0) -> datetime:
    """The instant without what is finer than a millisecond."""
    return from_millis(to_millis(instant) + more_millis)


def _name(prepared: Prepared, role: str) -> str:
    return "q." + quote(prepared.roles[role].name)


def _is_same_type(columns: Sequence[Column]) -> bool:
    """Whether unit ids may be compared as they are: faster than as texts, and never a surprise."""
    families = {column.family for column in columns}
    if families == {Family.INTEGER}:
        return True
    same = len({column.type_name for column in columns}) == 1
    return same and families in ({Family.TEXT}, {Family.UUID})


class BuiltInSources:
    """Our own tables, `metrics_exposure` and `metrics_event`."""

    def __init__(
        self, dialect: Dialect, request: AnalysisRequest, assignment: BuiltInExposures
    ) -> None:
        self._dialect = dialect
        self._is_postgres = dialect.name == "postgres"
        self._request = request
        self._assignment = assignment
        facts = [fact for fact in request.facts if isinstance(fact, BuiltInFact)]
        meanings = [(fact.event_name, fact.filters, fact.value_property) for fact in facts]
        self._distinct = list(dict.fromkeys(meanings))
        self._places = {
            fact.key: self._distinct.index(meaning)
            for fact, meaning in zip(facts, meanings, strict=True)
        }

    def place(self, fact_key: str) -> FactPlace:
        index = self._places[fact_key]
        own_value = self._distinct[index][2] is None
        return FactPlace(index, has_value=True, empty_is_yes=own_value)

    def exposures(self, binder: Binder) -> str:
        assignment, request = self._assignment, self._request
        arm = _arm_case("e.variation", request, binder)
        return (
            f"SELECT e.unit_id AS unit, {self._dialect.millis('e.at', Family.INSTANT)} AS at,"
            f" {arm} AS arm, substr(e.variation, 1, {_LONGEST_LABEL}) AS label\n"
            f"FROM metrics_exposure AS e\n"
            f"WHERE e.environment_id = {binder.bind(self._id(assignment.environment_id))}"
            f" AND e.experiment = {binder.bind(assignment.experiment_key)}"
            f" AND e.unit_type = {binder.bind(assignment.unit_type)}"
            f"{self._between('e.at', binder)}"
        )

    def events(self, binder: Binder) -> str:
        """One pass over the table; facts that share an event's name need one pass each."""
        passes: list[list[int]] = []
        for index, (event_name, _, _) in enumerate(self._distinct):
            for members in passes:
                if all(self._distinct[other][0] != event_name for other in members):
                    members.append(index)
                    break
            else:
                passes.append([index])
        return "\nUNION ALL\n".join(self._pass(members, binder) for members in passes)

    def _pass(self, members: Sequence[int], binder: Binder) -> str:
        tags, values, names = [], [], []
        for index in members:
            event_name, filters, value_property = self._distinct[index]
            name = binder.bind(event_name)
            names.append(name)
            conditions = [f"v.name = {name}"]
            conditions += [self._condition(item, binder) for item in filters]
            tags.append(f"WHEN {' AND '.join(conditions)} THEN {index}")
            if value_property is not None:
                values.append(f"WHEN v.name = {name} THEN {self._value(value_property, binder)}")
        value = f"CASE {' '.join(values)} ELSE v.value END" if values else "v.value"
        return (
            f"SELECT v.unit_id AS unit, {self._dialect.millis('v.at', Family.INSTANT)} AS at,"
            f" CASE {' '.join(tags)} ELSE {UNKNOWN} END AS fact, {value} AS value\n"
            f"FROM metrics_event AS v\n"
            f"WHERE v.environment_id = {binder.bind(self._id(self._assignment.environment_id))}"
            f" AND v.unit_type = {binder.bind(self._assignment.unit_type)}"
            f" AND v.name IN ({', '.join(names)}){self._between('v.at', binder)}"
        )

    def _id(self, value: UUID) -> object:
        return value if self._is_postgres else value.hex

    def _between(self, expression: str, binder: Binder) -> str:
        start, end = self._request.start, self._request.end
        bounds = (start and self._instant(_cut(start)), self._instant(_cut(end, 1)))
        return _range(expression, bounds, binder)

    def _instant(self, cut: datetime) -> object:
        """An instant in the table's own type: SQLite keeps texts in UTC, whole seconds without
        a fraction, and compares them as texts."""
        return cut if self._is_postgres else cut.replace(tzinfo=None).isoformat(" ")

    def _text(self, name: str, binder: Binder) -> str:
        mark = self._path(name, binder)
        return f"(v.properties ->> {mark})"

    def _path(self, name: str, binder: Binder) -> str:
        if self._is_postgres:
            return f"CAST({binder.bind(name)} AS text)"
        return binder.bind('$."' + name.replace('"', '\\"') + '"')

    def _value(self, name: str, binder: Binder) -> str:
        """A property as a number; anything else than a number or a boolean is no value."""
        path = self._path(name, binder)
        if self._is_postgres:
            return (
                f"CASE jsonb_typeof(v.properties -> {path})"
                f" WHEN 'number' THEN CAST(v.properties ->> {path} AS float8)"
                f" WHEN 'boolean' THEN CAST(CAST(CAST(v.properties ->> {path} AS boolean) AS int) AS float8)"
                " END"
            )
        return (
            f"CASE WHEN json_type(v.properties, {path}) IN ('integer', 'real', 'true', 'false')"
            f" THEN CAST(json_extract(v.properties, {path}) AS REAL) END"
        )

    def _condition(self, item: PropertyFilter, binder: Binder) -> str:
        match item.comparison:
            case Comparison.EXISTS:
                return f"{self._text(item.property, binder)} IS NOT NULL"
            case Comparison.MISSING:
                return f"{self._text(item.property, binder)} IS NULL"
            case Comparison.IS:
                return f"COALESCE({self._equals(item, binder)}, FALSE)"
            case Comparison.IS_NOT:
                return f"NOT COALESCE({self._equals(item, binder)}, FALSE)"
            case _:
                sign = _SIGNS[item.comparison]
                number = self._value(item.property, binder)
                return f"COALESCE(({number}) {sign} {binder.bind(_as_number(item))}, FALSE)"

    def _equals(self, item: PropertyFilter, binder: Binder) -> str:
        if isinstance(item.value, str):
            return f"{self._text(item.property, binder)} = {binder.bind(item.value)}"
        return f"({self._value(item.property, binder)}) = {binder.bind(_as_number(item))}"


_SIGNS: Final[Mapping[Comparison, str]] = {
    Comparison.GREATER: ">",
    Comparison.AT_LEAST: ">=",
    Comparison.LESS: "<",
    Comparison.AT_MOST: "<=",
}


def _as_number(item: PropertyFilter) -> float:
    if item.value is None or isinstance(item.value, str):
        raise ValueError(f"property {item.property!r} is compared with {item.value!r}, no number")
    return float(item.value)
