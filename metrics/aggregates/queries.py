"""The three questions asked of a source, as expressions that every engine gets from one compiler.

Rules that keep one expression right everywhere: time is whole milliseconds from the first table
on; no column is made of decimal literals alone; second moments are centered on means that were
taken first, never differences of squares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from metrics.aggregates.sources import UNKNOWN, FactPlace
from metrics.definitions import KINDS, MetricPlan, PerUnit

CROSSOVER: Final = -2
DAY_MILLIS: Final = 86_400_000
EXPOSURES: Final = "wayfork_exposures"
EVENTS: Final = "wayfork_events"
LABELS_SHOWN: Final = 20
MOMENTS: Final = ("mean", "m2", "low", "high", "nonzero")


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """A metric with the place of its fact."""

    plan: MetricPlan
    place: FactPlace


def _ibis() -> Any:
    import ibis  # noqa: PLC0415 - half a second, and only where an analysis runs

    return ibis


def compile_text(expression: Any, dialect: str, tables: Mapping[str, str]) -> str:
    """The expression in an engine's SQL, with the source tables named in front of it."""
    text = str(_ibis().to_sql(expression, dialect=dialect))
    named = ",\n".join(f'"{name}" AS (\n{body}\n)' for name, body in tables.items())
    if text.startswith("WITH "):
        return f"WITH {named},\n{text.removeprefix('WITH ')}"
    return f"WITH {named}\n{text}"


def _exposures() -> Any:
    columns = {"unit": "string", "at": "int64", "arm": "int64", "label": "string"}
    return _ibis().table(columns, name=EXPOSURES)


def _units() -> Any:
    """One row per unit: first and last exposure, and its arm - or that it has several.

    Nothing is filtered here: planners guess such filters badly, and the few rows cost less.
    """
    ibis, exposures = _ibis(), _exposures()
    units = exposures.group_by("unit").agg(
        entered=exposures.at.min(),
        seen=exposures.at.max(),
        low=exposures.arm.min(),
        high=exposures.arm.max(),
        label=exposures.label.min(),
    )
    arm = ibis.ifelse(units.low == units.high, units.low, ibis.literal(CROSSOVER, "int64"))
    return units.select(units.unit, units.entered, units.seen, units.label, arm=arm)


def cohort() -> Any:
    """Units by arm (unknown and crossing over included) and day of first exposure."""
    units = _units()
    days = units.mutate(day=(units.entered - units.entered % DAY_MILLIS))
    return days.group_by(["arm", "day"]).agg(
        units=days.count(), first=days.entered.min(), last=days.seen.max()
    )


def unknown_labels() -> Any:
    """The most frequent treatments that are no arm."""
    ibis, units = _ibis(), _units()
    strangers = units.filter(units.arm == UNKNOWN)
    counted = strangers.group_by("label").agg(units=strangers.count())
    return counted.order_by([ibis.desc("units"), "label"]).limit(LABELS_SHOWN)


def moments(metrics: Sequence[PlannedMetric]) -> Any:
    """One row per arm: units, and for each metric the moments over its units.

    Units left join events, one conditional aggregate per metric, means, then squared distances.
    """
    per_unit = _per_unit(metrics)
    names = [f"x{index}" for index in range(len(metrics))]
    means = per_unit.group_by("arm").agg(
        **{f"{name}_mean": per_unit[name].mean() for name in names}
    )
    joined = per_unit.inner_join(means, "arm")
    columns: dict[str, Any] = {"units": joined.count()}
    for name in names:
        value, mean = joined[name], joined[f"{name}_mean"]
        away = value - mean
        columns[f"{name}_mean"] = mean.max()
        columns[f"{name}_m2"] = (away * away).sum()
        columns[f"{name}_low"] = value.min()
        columns[f"{name}_high"] = value.max()
        columns[f"{name}_nonzero"] = joined.count(where=value != 0)
    return joined.group_by("arm").agg(**columns)


def _per_unit(metrics: Sequence[PlannedMetric]) -> Any:
    ibis, units = _ibis(), _units()
    columns = {"unit": "string", "at": "int64", "fact": "int64", "value": "float64"}
    events = ibis.table(columns, name=EVENTS)
    # An event at the very moment of the exposure counts; one before it never does.
    joined = units.left_join(events, [units.unit == events.unit, events.at >= units.entered])
    joined = joined.select(
        units.unit, units.arm, units.entered, events.at, events.fact, events.value
    )
    return joined.group_by(["unit", "arm"]).agg(
        **{f"x{index}": _number_of(joined, metric) for index, metric in enumerate(metrics)}
    )


def _number_of(joined: Any, metric: PlannedMetric) -> Any:
    inside = _inside(joined, metric)
    ibis = _ibis()
    zero = ibis.literal(0, "float64")
    match KINDS[metric.plan.kind].per_unit:
        case PerUnit.EVENTS:
            return joined.fact.count(where=inside).cast("float64")
        case PerUnit.ANY:
            hits = joined.fact.count(where=inside & _is_yes(joined, metric))
            return ibis.ifelse(hits > 0, 1, 0).cast("float64")
        case PerUnit.TOTAL:
            return joined.value.sum(where=inside).coalesce(zero)
        case PerUnit.AVERAGE:
            return joined.value.mean(where=inside).coalesce(zero)


def _inside(joined: Any, metric: PlannedMetric) -> Any:
    window = metric.plan.window
    inside = joined.fact == metric.place.index
    begin = window.start_delay_seconds * 1000
    if begin:
        inside &= joined.at >= joined.entered + begin
    if window.length_seconds is not None:
        inside &= joined.at < joined.entered + (begin + window.length_seconds * 1000)
    return inside


def _is_yes(joined: Any, metric: PlannedMetric) -> Any:
    if not metric.place.has_value:
        return joined.fact.notnull()
    yes = joined.value != 0
    return (joined.value.isnull() | yes) if metric.place.empty_is_yes else yes
