"""Defining facts and metrics."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from accounts.access import Access
from accounts.errors import AlreadyExists, InvalidInput
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb, verb_after
from flags.changes import StaleVersion
from flags.edits import check_storable
from metrics import queries
from metrics.definitions import SECONDS_IN, Comparison, MetricKind
from metrics.models import Fact, Metric
from metrics.warehouses.contracts import Contract

MOST_SECONDS: Final = 10 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class FactPlan:
    """A built-in event with filters, or a query of an event source."""

    name: str
    event_name: str = ""
    filters: Sequence[Sequence[Any]] = ()
    value_property: str = ""
    source: str = ""
    sql: str = ""


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """A metric as a person describes it."""

    name: str
    kind: str
    fact: str
    direction: str = "up"
    description: str = ""
    unit: str = ""
    delay_seconds: int = 0
    window_seconds: int | None = None


def _run_query(access: Access, key: str, plan: FactPlan) -> None:  # noqa: ARG001 - the verb's
    _check_kind(plan)
    if plan.source:
        queries.validate(queries.source(access, plan.source), plan.sql, Contract.FACT)


@verb_after(Permission.EDIT_METRICS, _run_query)
def define_fact(access: Access, key: str, plan: FactPlan) -> Recorded[Fact]:
    """Name rows of (unit, time, value) that metrics can share."""
    queries.check_key(key)
    if Fact.objects.within(access.project).filter(key=key).exists():
        raise AlreadyExists(f"There is a fact {key} already.")
    fact = Fact(project=access.project, key=key)
    _write_fact(access, fact, plan)
    return Recorded(fact, "fact.defined", key, after=queries.fact_json(fact))


@verb_after(Permission.EDIT_METRICS, _run_query)
def redefine_fact(access: Access, key: str, plan: FactPlan) -> Recorded[Fact]:
    """Change a fact; results computed before keep the text they were computed with."""
    fact = queries.fact(access, key)
    before = queries.fact_json(fact)
    _write_fact(access, fact, plan)
    return Recorded(fact, "fact.changed", key, before=before, after=queries.fact_json(fact))


def _check_kind(plan: FactPlan) -> None:
    if bool(plan.event_name.strip()) == bool(plan.source):
        raise InvalidInput(
            "A fact is either an SDK event by name or a query of an event source.",
            where="event_name",
        )


def _write_fact(access: Access, fact: Fact, plan: FactPlan) -> None:
    fact.name = plan.name.strip() or fact.key
    fact.event_name = plan.event_name.strip()
    fact.filters = _filters(plan.filters)
    fact.value_property = plan.value_property.strip()
    fact.source = queries.source(access, plan.source) if plan.source else None
    fact.sql = plan.sql if plan.source else ""
    fact.save()


def _filters(given: object) -> list[list[Any]]:
    if not isinstance(given, list | tuple):
        raise InvalidInput("Filters are a list.", where="filters")
    return [_filter(one, f"filters[{index}]") for index, one in enumerate(given)]


def _filter(given: object, where: str) -> list[Any]:
    if not isinstance(given, list | tuple) or len(given) != 3:
        raise InvalidInput("A filter is [property, comparison, value].", where=where)
    name, comparison, value = given
    if not isinstance(name, str) or not name:
        raise InvalidInput("A filter begins with the name of a property.", where=where)
    if not isinstance(comparison, str) or comparison not in set(Comparison):
        known = ", ".join(Comparison)
        raise InvalidInput(f"{comparison!r} is no comparison.", hint=f"Use {known}.", where=where)
    if isinstance(value, list | tuple | dict):
        raise InvalidInput("A filter compares with one text, number or boolean.", where=where)
    _check_compared(Comparison(comparison), value, where)
    check_storable([name, value], where)
    return [name, comparison, value]


def _check_compared(comparison: Comparison, value: object, where: str) -> None:
    """What cannot be compared would only be found when an analysis runs."""
    if comparison in {Comparison.EXISTS, Comparison.MISSING}:
        return
    is_number = isinstance(value, int | float) and abs(value) <= sys.float_info.max
    if comparison in {Comparison.IS, Comparison.IS_NOT}:
        if not is_number and not isinstance(value, str):
            raise InvalidInput("A filter compares with one text, number or boolean.", where=where)
    elif not is_number or isinstance(value, bool):
        raise InvalidInput(f"'{comparison}' compares with a number.", where=where)


@verb(Permission.EDIT_METRICS)
def define_metric(access: Access, key: str, plan: MetricPlan) -> Recorded[Metric]:
    """Say how a fact becomes one number per unit."""
    queries.check_key(key)
    if Metric.objects.within(access.project).filter(key=key).exists():
        raise AlreadyExists(f"There is a metric {key} already.")
    metric = Metric(project=access.project, key=key, owner=access.actor.user)
    _write_metric(access, metric, plan)
    return Recorded(metric, "metric.defined", key, after=queries.metric_json(metric))


@verb(Permission.EDIT_METRICS)
def redefine_metric(
    access: Access, key: str, plan: MetricPlan, *, expected_version: int
) -> Recorded[Metric]:
    """Change a metric."""
    metric = queries.metric(access, key)
    if metric.version != expected_version:
        raise StaleVersion(key, expected=expected_version, actual=metric.version)
    before = queries.metric_json(metric)
    metric.version += 1
    _write_metric(access, metric, plan)
    after = queries.metric_json(metric)
    return Recorded(metric, "metric.changed", key, before=before, after=after)


@verb(Permission.EDIT_METRICS)
def archive_metric(access: Access, key: str) -> Recorded[Metric]:
    """Offer a metric no more; experiments that use it keep it."""
    metric = queries.metric(access, key)
    metric.is_archived = True
    metric.version += 1
    metric.save()
    return Recorded(metric, "metric.archived", key)


def _write_metric(access: Access, metric: Metric, plan: MetricPlan) -> None:
    if plan.kind not in set(MetricKind):
        known = ", ".join(MetricKind)
        raise InvalidInput(
            f"{plan.kind!r} is no kind of metric.", hint=f"Use {known}.", where="kind"
        )
    if plan.direction not in Metric.Direction.values:
        raise InvalidInput("The direction is 'up' or 'down'.", where="direction")
    if plan.kind == MetricKind.DURATION and plan.unit not in SECONDS_IN:
        known = ", ".join(SECONDS_IN)
        raise InvalidInput(
            "A duration says which unit its values come in.", hint=f"Use {known}.", where="unit"
        )
    if plan.window_seconds is not None and not 0 < plan.window_seconds <= MOST_SECONDS:
        raise InvalidInput(
            "A window is longer than 0 and at most ten years, or has no end.",
            where="window_seconds",
        )
    if not 0 <= plan.delay_seconds <= MOST_SECONDS:
        raise InvalidInput("A delay is 0 to ten years.", where="delay_seconds")
    metric.name = plan.name.strip() or metric.key
    metric.kind = plan.kind
    metric.fact = queries.fact(access, plan.fact)
    metric.direction = plan.direction
    metric.description = plan.description.strip()
    metric.unit = plan.unit.strip()[:12]
    metric.delay_seconds = plan.delay_seconds
    metric.window_seconds = plan.window_seconds
    metric.save()
