"""Aggregates over our own tables, as SDKs fill them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from metrics.aggregates import per_variation
from metrics.definitions import (
    AnalysisRequest,
    BuiltInExposures,
    BuiltInFact,
    Comparison,
    MetricKind,
    MetricPlan,
    PropertyFilter,
)
from metrics.warehouses.built_in import BuiltInExecutor
from metrics.warehouses.errors import PermissionDenied

START = datetime(2025, 6, 1, tzinfo=UTC)
END = START + timedelta(days=14)
HERE, ELSEWHERE = uuid4(), uuid4()


@pytest.fixture
def tables(db: None) -> Iterator[None]:
    """Temporary tables of the same names and columns; they stand before the lasting ones."""
    postgres = connection.vendor == "postgresql"
    uuid, moment, document = (
        ("uuid", "timestamptz", "jsonb") if postgres else ("char(32)", "datetime", "text")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE metrics_exposure (environment_id {uuid}, experiment varchar(50),"
            f" variation varchar(50), unit_type varchar(50), unit_id varchar(200), at {moment})"
        )
        cursor.execute(
            f"CREATE TEMPORARY TABLE metrics_event (environment_id {uuid}, name varchar(100),"
            f" unit_type varchar(50), unit_id varchar(200), at {moment}, value double precision,"
            f" properties {document})"
        )
        yield
        cursor.execute("DROP TABLE metrics_exposure")
        cursor.execute("DROP TABLE metrics_event")


def native(value: Any) -> Any:
    if connection.vendor == "postgresql":
        return value
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def expose(
    unit: str, arm: str, *, environment: UUID = HERE, hours: float = 0, kind: str = "user"
) -> None:
    row: tuple[Any, ...] = (
        environment,
        "quote-form",
        arm,
        kind,
        unit,
        START + timedelta(hours=hours),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metrics_exposure VALUES (%s, %s, %s, %s, %s, %s)",
            [native(cell) for cell in row],
        )


def happen(
    unit: str,
    name: str,
    value: float | None = None,
    *,
    environment: UUID = HERE,
    hours: float = 1,
    **properties: object,
) -> None:
    at = START + timedelta(hours=hours)
    row: tuple[Any, ...] = (environment, name, "user", unit, at, value, json.dumps(properties))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metrics_event VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [native(cell) for cell in row],
        )


def request(facts: list[BuiltInFact], metrics: list[MetricPlan]) -> AnalysisRequest:
    return AnalysisRequest(
        assignment=BuiltInExposures(HERE, "quote-form", "user"),
        experiment_id="quote-form",
        arms=("short", "long"),
        start=START,
        end=END,
        facts=tuple(facts),
        metrics=tuple(metrics),
    )


def numbers(facts: list[BuiltInFact], kind: MetricKind) -> dict[str, tuple[float, int]]:
    """Fact -> total over the units of arm "short", units that are not zero."""
    plans = [MetricPlan(fact.key, kind, fact.key) for fact in facts]
    found = per_variation(BuiltInExecutor(), request(facts, plans))
    own = {fact.key: found.metrics[fact.key, "short"] for fact in facts}
    return {key: (round(cell.mean * cell.units, 9), cell.nonzero) for key, cell in own.items()}


def test_exposures_of_this_environment_and_unit_type_count(tables):
    expose("a", "short")
    expose("a", "short", hours=5)
    expose("b", "long", hours=30)
    expose("c", "short")
    expose("c", "long", hours=1)
    expose("d", "short", environment=ELSEWHERE)
    expose("e", "short", kind="company")
    expose("f", "short", hours=24 * 20)
    found = per_variation(BuiltInExecutor(), request([], []))
    assert {arm: own.units for arm, own in found.arms.items()} == {"short": 1, "long": 1}
    assert found.crossovers == 1
    assert found.arms["long"].new_per_day == (((START + timedelta(hours=30)).date(), 1),)


def test_an_event_without_a_value_counts_as_yes_and_one_with_zero_does_not(tables):
    for unit, value in (("a", None), ("b", 0.0), ("c", 7.0)):
        expose(unit, "short")
        happen(unit, "form submitted", value)
    expose("d", "short")
    fact = BuiltInFact("submitted", "form submitted")
    assert numbers([fact], MetricKind.PROPORTION) == {"submitted": (2.0, 2)}
    assert numbers([fact], MetricKind.SUM) == {"submitted": (7.0, 1)}
    assert numbers([fact], MetricKind.COUNT) == {"submitted": (3.0, 3)}


def test_values_are_read_from_a_property_when_it_is_a_number(tables):
    expose("a", "short")
    for amount in (10, 2.5, "99", None, True, [1]):
        happen("a", "purchase", 1000.0, amount=amount)
    happen("a", "purchase", 1000.0)
    fact = BuiltInFact("spent", "purchase", value_property="amount")
    assert numbers([fact], MetricKind.SUM) == {"spent": (13.5, 1)}


@pytest.mark.parametrize(
    ("comparison", "value", "count"),
    [
        (Comparison.IS, "pro", 1),
        (Comparison.IS, 3, 2),
        (Comparison.IS, True, 2),
        (Comparison.IS_NOT, "pro", 6),
        (Comparison.GREATER, 3, 1),
        (Comparison.AT_LEAST, 3, 3),
        (Comparison.LESS, 3, 1),
        (Comparison.AT_MOST, 3, 3),
        (Comparison.EXISTS, None, 6),
        (Comparison.MISSING, None, 1),
        (Comparison.IS, "pro' OR '1'='1", 0),
    ],
)
def test_filters_compare_a_property(comparison, value, count, tables):
    expose("a", "short")
    for plan in ("pro", "free", 3, 3.0, 4, True):
        happen("a", "open", plan=plan)
    happen("a", "open")
    if (comparison, value) == (Comparison.IS, True):
        happen("a", "open", plan=1)
    fact = BuiltInFact("f", "open", (PropertyFilter("plan", comparison, value),))
    assert numbers([fact], MetricKind.COUNT)["f"][0] == float(count)


def test_facts_on_different_events_share_one_scan_and_overlapping_ones_do_not_mix(tables):
    expose("a", "short")
    happen("a", "open", 1.0, plan="pro")
    happen("a", "open", 2.0, plan="free")
    happen("a", "submit", 4.0)
    happen("a", "other", 8.0)
    happen("a", "open", 16.0, environment=ELSEWHERE)
    everything = BuiltInFact("all", "open")
    pro = BuiltInFact("pro", "open", (PropertyFilter("plan", Comparison.IS, "pro"),))
    submit = BuiltInFact("submit", "submit")
    assert numbers([everything, pro, submit], MetricKind.SUM) == {
        "all": (3.0, 1),
        "pro": (1.0, 1),
        "submit": (4.0, 1),
    }
    plans = [MetricPlan("m1", MetricKind.SUM, "all"), MetricPlan("m2", MetricKind.SUM, "submit")]
    found = per_variation(BuiltInExecutor(), request([everything, submit], plans))
    assert found.sql[-1].text.count("FROM metrics_event") == 1


def test_names_full_of_quotes_are_values(tables):
    expose("a", "short")
    odd = 'it\'s "odd"; DROP TABLE metrics_event; --'
    odd_name: dict[str, Any] = {"a\"b'c": 5}
    happen("a", odd, 3.0, **odd_name)
    fact = BuiltInFact("odd", odd, value_property="a\"b'c")
    if connection.vendor == "postgresql":
        assert numbers([fact], MetricKind.SUM)["odd"] == (5.0, 1)
    assert numbers([BuiltInFact("odd", odd)], MetricKind.SUM)["odd"] == (3.0, 1)


def test_nobody_runs_sql_of_their_own_here(tables):
    with pytest.raises(PermissionDenied, match="this installation's own database"):
        BuiltInExecutor().columns("SELECT 1")


def test_a_table_sampled_while_it_was_empty_is_sampled_again_when_it_has_grown(tables):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite samples each time")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE metrics_event")
        cursor.execute(
            "INSERT INTO metrics_event (environment_id, name, unit_type, unit_id, at)"
            " SELECT %s, 'purchase', 'user', 'u-' || n, now() FROM generate_series(1, 5000) n",
            [HERE],
        )
        with BuiltInExecutor():
            cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'metrics_event'::regclass")
            (rows,) = cursor.fetchone()
    assert rows == 5_000
