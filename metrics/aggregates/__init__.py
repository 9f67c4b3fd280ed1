"""Exposures x facts -> sufficient statistics per variation, computed where the data lives."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from metrics.aggregates import queries
from metrics.aggregates.queries import CROSSOVER, PlannedMetric
from metrics.aggregates.sources import UNKNOWN, Binder, Sources, from_millis, sources_for
from metrics.definitions import (
    KINDS,
    SECONDS_IN,
    Aggregates,
    AnalysisRequest,
    ArmAggregate,
    Exposures,
    MetricPlan,
    PerUnit,
    Statement,
    VariationAggregate,
)
from metrics.warehouses.errors import MissingColumn, UnusableValue
from metrics.warehouses.executor import Executor, Row

# Wide statements stay below every engine's number of columns.
METRICS_PER_STATEMENT: Final = 100
_NEEDS_VALUE: Final = frozenset({PerUnit.TOTAL, PerUnit.AVERAGE})


def per_variation(executor: Executor, request: AnalysisRequest) -> Aggregates:
    """Cohort and moments of every metric, each from one pass over its sources."""
    sources = sources_for(executor, request)
    planned = [_planned(metric, sources) for metric in request.metrics]
    cohort = _cohort(executor, request, sources)
    statements = list(cohort.sql)
    found: dict[tuple[str, str], VariationAggregate] = {}
    for start in range(0, len(planned), METRICS_PER_STATEMENT):
        part = planned[start : start + METRICS_PER_STATEMENT]
        statement, rows = _ask(executor, sources, queries.moments(part), with_events=True)
        statements.append(statement)
        found.update(_moments(rows, part, request))
    return Aggregates(
        arms=cohort.arms,
        crossovers=cohort.crossovers,
        unknown_arms=cohort.unknown_arms,
        first_exposure=cohort.first_exposure,
        last_exposure=cohort.last_exposure,
        sql=tuple(statements),
        cut=request.end,
        metrics=found,
    )


def daily_exposures(executor: Executor, request: AnalysisRequest) -> Exposures:
    """Who entered the experiment on which day; needs neither facts nor metrics."""
    return _cohort(executor, request, sources_for(executor, request))


def _planned(metric: MetricPlan, sources: Sources) -> PlannedMetric:
    place = sources.place(metric.fact_key)
    if KINDS[metric.kind].per_unit in _NEEDS_VALUE and not place.has_value:
        raise MissingColumn(
            f"The fact {metric.fact_key} returns no value column; the {metric.kind} metric "
            f"{metric.key} needs one.",
            hint="Let the fact's query return a column named value, or count its events.",
        )
    return PlannedMetric(metric, place)


def _ask(
    executor: Executor, sources: Sources, expression: Any, *, with_events: bool = False
) -> tuple[Statement, tuple[Row, ...]]:
    binder = Binder(executor.dialect)
    tables = {queries.EXPOSURES: sources.exposures(binder)}
    if with_events:
        tables[queries.EVENTS] = sources.events(binder)
    text = queries.compile_text(expression, executor.dialect.name, tables)
    answer = executor.run(text, binder.values)
    return Statement(text, answer.seconds, len(answer.rows)), answer.rows


def _cohort(executor: Executor, request: AnalysisRequest, sources: Sources) -> Exposures:
    statement, rows = _ask(executor, sources, queries.cohort())
    counted = [(_whole(arm), _whole(day), _whole(units)) for arm, day, units, *_ in rows]
    per_arm: dict[int, list[tuple[date, int]]] = defaultdict(list)
    for arm, day, units in sorted(counted):
        per_arm[arm].append((from_millis(day).date(), units))
    totals = {arm: sum(units for _, units in days) for arm, days in per_arm.items()}
    statements = [statement]
    unknown: Mapping[str, int] = {}
    if totals.get(UNKNOWN):
        labels, label_rows = _ask(executor, sources, queries.unknown_labels())
        statements.append(labels)
        unknown = _labels(label_rows, totals[UNKNOWN])
    return Exposures(
        arms={
            name: ArmAggregate(totals.get(number, 0), tuple(per_arm.get(number, ())))
            for number, name in enumerate(request.arms)
        },
        crossovers=totals.get(CROSSOVER, 0),
        unknown_arms=unknown,
        first_exposure=from_millis(min(_whole(row[3]) for row in rows)) if rows else None,
        last_exposure=from_millis(max(_whole(row[4]) for row in rows)) if rows else None,
        sql=tuple(statements),
        cut=request.end,
    )


def _labels(rows: Sequence[Row], total: int) -> dict[str, int]:
    found = {str(label): _whole(units) for label, units in rows}
    rest = total - sum(found.values())
    return found | ({"(others)": rest} if rest else {})


def _moments(
    rows: Sequence[Row], metrics: Sequence[PlannedMetric], request: AnalysisRequest
) -> dict[tuple[str, str], VariationAggregate]:
    by_arm = {_whole(row[0]): row[1:] for row in rows}
    factors = {fact.key: SECONDS_IN[fact.value_unit] for fact in request.facts}
    found = {}
    for number, arm in enumerate(request.arms):
        cells = by_arm.get(number)
        for index, metric in enumerate(metrics):
            factor = metric.plan.scale
            if KINDS[metric.plan.kind].is_time:
                factor *= factors[metric.plan.fact_key]
            found[metric.plan.key, arm] = _aggregate(cells, index, factor, metric.plan)
    return found


def _aggregate(
    cells: Row | None, index: int, factor: float, plan: MetricPlan
) -> VariationAggregate:
    if cells is None:
        return VariationAggregate(0, 0.0, 0.0, 0.0, 0.0, 0)
    width = len(queries.MOMENTS)
    start = 1 + index * width
    mean, m2, low, high = (_number(cell) for cell in cells[start : start + 4])
    if not all(math.isfinite(cell) for cell in (mean, m2, low, high)):
        raise UnusableValue(
            f"The fact {plan.fact_key} holds values that are not finite numbers, so that the "
            f"metric {plan.key} cannot be computed.",
            hint="Leave out NaN and infinity inside the fact's query.",
        )
    ends = sorted((low * factor, high * factor))
    return VariationAggregate(
        units=_whole(cells[0]),
        mean=mean * factor,
        m2=m2 * factor * factor,
        minimum=ends[0],
        maximum=ends[1],
        nonzero=_whole(cells[start + 4]),
    )


def _whole(cell: object) -> int:
    """A count or an instant; SQLite answers a remainder with a float."""
    return int(cell) if isinstance(cell, int | float | Decimal) else int(str(cell))


def _number(cell: object) -> float:
    """Engines answer with floats, integers and decimals; an empty cell means a value was NaN."""
    return math.nan if cell is None else float(str(cell))
