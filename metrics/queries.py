"""Reads of sources, facts, metrics and what SDKs reported; and the way into a team's database."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Max, Sum
from django.utils import timezone

from accounts import sealing
from accounts.access import Access
from accounts.errors import InvalidInput, NotFound
from accounts.models import Environment
from metrics import definitions
from metrics.models import AssignmentQuery, EvaluationCount, Event, EventSource, Fact, Metric
from metrics.warehouses import installation, probes
from metrics.warehouses.connections import (
    DuckDBSettings,
    Policy,
    PostgresSettings,
    Settings,
    SQLiteSettings,
)
from metrics.warehouses.contracts import Contract
from metrics.warehouses.probes import ConnectionFacts, Validation

KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_key(key: str) -> None:
    """Keys of sources, facts and metrics: as keys of flags."""
    if not KEY.fullmatch(key):
        raise InvalidInput(
            f"{key!r} cannot be a key.",
            hint="Use letters, digits, '.', '_' and '-', at most 100.",
            where="key",
        )


# --- rows


def source(access: Access, key: str) -> EventSource:
    """One event source of the project."""
    found: EventSource | None = EventSource.objects.within(access.project).filter(key=key).first()
    if found is None:
        raise NotFound(f"There is no event source {key} in {access.project.name}.")
    return found


def source_list(access: Access) -> list[EventSource]:
    """The project's event sources, with their assignment queries and facts."""
    rows = EventSource.objects.within(access.project)
    return list(rows.prefetch_related("assignment_queries", "facts"))


def assignment_queries(access: Access) -> list[AssignmentQuery]:
    """Every assignment query of the project."""
    rows = AssignmentQuery.objects.within(access.project)
    return list(rows.select_related("source").order_by("key"))


def assignment_query(access: Access, key: str) -> AssignmentQuery:
    """One assignment query of the project."""
    rows = AssignmentQuery.objects.within(access.project).select_related("source")
    found: AssignmentQuery | None = rows.filter(key=key).first()
    if found is None:
        raise NotFound(f"There is no assignment query {key} in {access.project.name}.")
    return found


def fact(access: Access, key: str) -> Fact:
    """One fact of the project."""
    rows = Fact.objects.within(access.project).select_related("source")
    found: Fact | None = rows.filter(key=key).first()
    if found is None:
        raise NotFound(f"There is no fact {key} in {access.project.name}.")
    return found


def fact_list(access: Access) -> list[Fact]:
    """The project's facts."""
    return list(Fact.objects.within(access.project).select_related("source"))


def metric(access: Access, key: str) -> Metric:
    """One metric of the project."""
    rows = Metric.objects.within(access.project).select_related("fact__source", "owner")
    found: Metric | None = rows.filter(key=key).first()
    if found is None:
        raise NotFound(f"There is no metric {key} in {access.project.name}.")
    return found


def metric_list(access: Access, *, archived: bool = False) -> list[Metric]:
    """The project's metrics."""
    rows = Metric.objects.within(access.project).filter(is_archived=archived)
    return list(rows.select_related("fact__source", "owner"))


def event_names(environment: Environment) -> list[tuple[str, int, datetime]]:
    """Which events arrived in the last 30 days: name, how many, when last."""
    since = timezone.now() - timedelta(days=30)
    rows = (
        Event.objects.within(environment)
        .filter(at__gte=since)
        .values("name")
        .annotate(n=Count("id"), last=Max("at"))
        .order_by("-n")[:100]
    )
    return [(row["name"], row["n"], row["last"]) for row in rows]


def evaluations(environment: Environment, flag_key: str) -> dict[str, int]:
    """How often each variation was served in the last 24 hours, as SDKs report it."""
    since = timezone.now() - timedelta(hours=24)
    rows = (
        EvaluationCount.objects.within(environment)
        .filter(flag=flag_key, minute__gte=since)
        .values("variation")
        .annotate(n=Sum("count"))
        .order_by("-n")
    )
    return {row["variation"]: row["n"] for row in rows}


# --- as the ledger keeps them


def source_json(row: EventSource) -> dict[str, Any]:
    """Everything but the secret."""
    return {
        "name": row.name,
        "kind": row.kind,
        "settings": row.settings,
        "has_password": bool(row.secret),
        "timeout_seconds": row.timeout_seconds,
    }


def fact_json(row: Fact) -> dict[str, Any]:
    """A fact as stored."""
    return {
        "name": row.name,
        "event_name": row.event_name,
        "filters": row.filters,
        "value_property": row.value_property,
        "source": row.source.key if row.source else "",
        "sql": row.sql,
    }


def metric_json(row: Metric) -> dict[str, Any]:
    """A metric as stored."""
    return {
        "name": row.name,
        "kind": row.kind,
        "fact": row.fact.key,
        "direction": row.direction,
        "description": row.description,
        "unit": row.unit,
        "delay_seconds": row.delay_seconds,
        "window_seconds": row.window_seconds,
        "version": row.version,
    }


# --- into a team's database


def settings_of(row: EventSource) -> Settings:
    """How to reach a source, password unsealed."""
    given = row.settings
    if row.kind == EventSource.Kind.POSTGRES:
        return PostgresSettings(
            host=str(given.get("host", "")),
            database=str(given.get("database", "")),
            user=str(given.get("user", "")),
            password=sealing.unseal(bytes(row.secret)),
            port=_port(given.get("port", 5432)),
            sslmode=str(given.get("sslmode", "prefer")),
        )
    path = str(given.get("path", ""))
    return DuckDBSettings(path) if row.kind == EventSource.Kind.DUCKDB else SQLiteSettings(path)


def _port(given: object) -> int:
    try:
        return int(str(given))
    except ValueError:
        raise InvalidInput(f"{given!r} is not a port.", where="port") from None


def policy(seconds: float) -> Policy:
    """What this installation allows any source, with the source's own time limit if shorter."""
    allowed = installation.policy()
    limits = replace(allowed.limits, seconds=min(seconds, allowed.limits.seconds))
    return replace(allowed, limits=limits)


def try_connection(row: EventSource) -> ConnectionFacts:
    """Reach the database and ask its version; raises WarehouseError with the cause."""
    return probes.test_connection(settings_of(row), policy(row.timeout_seconds))


def validate(row: EventSource, sql: str, contract: Contract) -> Validation:
    """Run a query for a few rows; raises WarehouseError if it breaks its contract."""
    return probes.validate_query(settings_of(row), policy(row.timeout_seconds), sql, contract)


# --- as an analysis needs them


def plan_of(row: Metric) -> definitions.MetricPlan:
    """A metric as the aggregates read it."""
    window = definitions.Window(row.delay_seconds, row.window_seconds)
    return definitions.MetricPlan(
        key=row.key,
        kind=definitions.MetricKind(row.kind),
        fact_key=row.fact.key,
        window=window,
    )


def fact_of(row: Fact, value_unit: str) -> definitions.Fact:
    """A fact as the aggregates read it."""
    if row.source is not None:
        return definitions.FactQuery(key=row.key, sql=row.sql, value_unit=value_unit)
    return definitions.BuiltInFact(
        key=row.key,
        event_name=row.event_name,
        filters=tuple(
            definitions.PropertyFilter(name, definitions.Comparison(comparison), value)
            for name, comparison, value in row.filters
        ),
        value_property=row.value_property or None,
        value_unit=value_unit,
    )


def facts_of(rows: Iterable[Metric]) -> tuple[definitions.Fact, ...]:
    """The facts some metrics share, each once."""
    found: dict[str, definitions.Fact] = {}
    for row in rows:
        is_time = definitions.KINDS[definitions.MetricKind(row.kind)].is_time
        unit = row.unit if is_time and row.unit else "seconds"
        found.setdefault(row.fact.key, fact_of(row.fact, unit))
    return tuple(found.values())
