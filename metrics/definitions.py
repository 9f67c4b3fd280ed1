"""What is counted, for whom and when: the frozen vocabulary between metrics and experiments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID


class MetricKind(StrEnum):
    """How a metric turns a unit's events into one number."""

    PROPORTION = "proportion"
    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    DURATION = "duration"


class PerUnit(StrEnum):
    """What is done with the values of one unit inside its window."""

    ANY = "any"  # 1 when an event counts as yes, else 0
    EVENTS = "events"  # number of events, whatever their value
    TOTAL = "total"  # sum of the values
    AVERAGE = "average"  # mean of the values; a unit without values counts 0


class TestFamily(StrEnum):
    """Which family of statistics reads the per-unit numbers."""

    __test__ = False  # not a test class, whatever its name makes a collector think

    PROPORTION = "proportion"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class KindRule:
    """One line of the table of kinds: a further kind is a further line."""

    per_unit: PerUnit
    family: TestFamily
    is_time: bool = False


KINDS: Final[Mapping[MetricKind, KindRule]] = MappingProxyType(
    {
        MetricKind.PROPORTION: KindRule(PerUnit.ANY, TestFamily.PROPORTION),
        MetricKind.COUNT: KindRule(PerUnit.EVENTS, TestFamily.MEAN),
        MetricKind.SUM: KindRule(PerUnit.TOTAL, TestFamily.MEAN),
        MetricKind.MEAN: KindRule(PerUnit.AVERAGE, TestFamily.MEAN),
        MetricKind.DURATION: KindRule(PerUnit.TOTAL, TestFamily.MEAN, is_time=True),
    }
)

# Durations are kept in seconds, whatever unit the fact's values come in.
SECONDS_IN: Final[Mapping[str, float]] = MappingProxyType(
    {"milliseconds": 0.001, "seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86_400.0}
)


@dataclass(frozen=True, slots=True)
class Window:
    """Which events of a unit count: from first exposure plus delay, for a length (None: to the end)."""

    start_delay_seconds: int = 0
    length_seconds: int | None = None

    def __post_init__(self) -> None:
        if self.start_delay_seconds < 0:
            raise ValueError("a window cannot start before the first exposure")
        if self.length_seconds is not None and self.length_seconds <= 0:
            raise ValueError("a window needs a length above zero, or none")


class Comparison(StrEnum):
    """How a built-in fact compares a property of its event."""

    IS = "is"
    IS_NOT = "is_not"
    GREATER = "greater"
    AT_LEAST = "at_least"
    LESS = "less"
    AT_MOST = "at_most"
    EXISTS = "exists"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    """One condition on an event's property; several on a fact must all hold."""

    property: str
    comparison: Comparison
    value: str | float | bool | None = None


@dataclass(frozen=True, slots=True)
class FactQuery:
    """A fact in a team's own database: `unit_column`, `timestamp`, optionally `value`, dimensions."""

    key: str
    sql: str
    unit_column: str = "user_id"
    value_unit: str = "seconds"


@dataclass(frozen=True, slots=True)
class BuiltInFact:
    """A fact among the events SDKs sent: an event name, filters, and where its value is found.

    Without `value_property` the event's own value is read, and an event without one counts as yes.
    """

    key: str
    event_name: str
    filters: tuple[PropertyFilter, ...] = ()
    value_property: str | None = None
    value_unit: str = "seconds"


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """One metric as an analysis needs it."""

    key: str
    kind: MetricKind
    fact_key: str
    window: Window = Window()
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class AssignmentQuery:
    """Who was assigned what: `experiment_id, user_id, timestamp, treatment` (and dimensions)."""

    sql: str


@dataclass(frozen=True, slots=True)
class BuiltInExposures:
    """The exposures SDKs sent from one environment."""

    environment_id: UUID
    experiment_key: str
    unit_type: str


Fact = FactQuery | BuiltInFact
Assignment = AssignmentQuery | BuiltInExposures


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """Everything one reading of the data needs; two equal requests over equal data agree.

    `arms` are variation names. `arm_of` maps the text of a treatment to one of them; a text that
    is the name of an arm needs no entry. `start` and `end` are both inside; `end` is the cut.
    """

    assignment: Assignment
    experiment_id: str
    arms: tuple[str, ...]
    end: datetime
    start: datetime | None = None
    arm_of: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    metrics: tuple[MetricPlan, ...] = ()

    def __post_init__(self) -> None:
        _check_arms(self)
        _check_metrics(self)
        built_in = isinstance(self.assignment, BuiltInExposures)
        if any(isinstance(fact, BuiltInFact) != built_in for fact in self.facts):
            raise ValueError("assignments and facts must come from the same event source")
        for instant in (self.start, self.end):
            if instant is not None and instant.utcoffset() is None:
                raise ValueError("start and end need a time zone")


def _check_arms(request: AnalysisRequest) -> None:
    if not request.arms or len(set(request.arms)) != len(request.arms):
        raise ValueError("an analysis needs arms, each named once")
    strangers = sorted(set(request.arm_of.values()) - set(request.arms))
    if strangers:
        raise ValueError(f"arm_of names {strangers[0]!r}, which is not an arm")


def _check_metrics(request: AnalysisRequest) -> None:
    known = [fact.key for fact in request.facts]
    if len(set(known)) != len(known):
        raise ValueError("each fact may appear once")
    keys = [metric.key for metric in request.metrics]
    if len(set(keys)) != len(keys):
        raise ValueError("each metric may appear once")
    for metric in request.metrics:
        if metric.fact_key not in known:
            raise ValueError(f"metric {metric.key!r} needs fact {metric.fact_key!r}")
    for fact in request.facts:
        if fact.value_unit not in SECONDS_IN:
            raise ValueError(f"fact {fact.key!r} has the unknown unit {fact.value_unit!r}")


@dataclass(frozen=True, slots=True)
class ArmAggregate:
    """How many units entered an arm, and how many of them on each day (UTC)."""

    units: int
    new_per_day: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True, slots=True)
class VariationAggregate:
    """One metric in one arm: per-unit moments over all its units. `m2` is the centered sum."""

    units: int
    mean: float
    m2: float
    minimum: float
    maximum: float
    nonzero: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What was asked of the database, how long it took, how much came back."""

    text: str
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True)
class Exposures:
    """Who entered the experiment: the cohort side of an analysis."""

    arms: Mapping[str, ArmAggregate]
    crossovers: int
    unknown_arms: Mapping[str, int]
    first_exposure: datetime | None
    last_exposure: datetime | None
    sql: tuple[Statement, ...]
    cut: datetime


@dataclass(frozen=True, slots=True)
class Aggregates(Exposures):
    """Sufficient statistics for every metric and arm, with the cohort they stand on."""

    metrics: Mapping[tuple[str, str], VariationAggregate] = field(default_factory=dict)
