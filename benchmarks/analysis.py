"""How much slower an analysis in PostgreSQL is than one hand-written query that does the same.

    python -m benchmarks.analysis postgresql://user:password@127.0.0.1:5432/scratch [events]

Creates and drops its own schema, `wayfork_benchmark`, in the database it is given. Prints the best
of several alternating runs of both; the aim is a ratio of at most 1.5.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import psycopg

from metrics.aggregates import per_variation
from metrics.definitions import (
    Aggregates,
    AnalysisRequest,
    AssignmentQuery,
    FactQuery,
    MetricKind,
    MetricPlan,
    Window,
)
from metrics.warehouses.connections import Limits, Policy, PostgresSettings
from metrics.warehouses.postgresql import connect

AIM = 1.5
ROUNDS = 5
WEEK = 7 * 86_400
START, END = datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)

SETUP = """
DROP SCHEMA IF EXISTS wayfork_benchmark CASCADE;
CREATE SCHEMA wayfork_benchmark;
CREATE TABLE wayfork_benchmark.assignments AS
  SELECT 'bench'::text AS experiment_id, n::bigint AS user_id,
    timestamptz '2025-06-01 00:00+00' + (n * 7919 % 1209600) * interval '1 second' AS timestamp,
    CASE WHEN n * 2654435761 % 2 = 0 THEN 'control' ELSE 'treatment' END AS treatment
  FROM generate_series(1::bigint, {users}) AS n;
CREATE TABLE wayfork_benchmark.events AS
  SELECT (n * 48271 % {users} + 1)::bigint AS user_id,
    timestamptz '2025-06-01 00:00+00' + (n * 104729 % 2592000) * interval '1 second' AS timestamp,
    (ARRAY['open', 'submit', 'minutes', 'purchase', 'error'])[n % 5 + 1] AS name,
    (n * 31 % 1000)::double precision / 10 AS value
  FROM generate_series(1::bigint, {events}) AS n;
ANALYZE wayfork_benchmark.assignments;
ANALYZE wayfork_benchmark.events;
"""

# What a careful analyst would write: one pass over the events, all metrics, centered moments.
BY_HAND = """
WITH units AS (
  SELECT user_id, min(timestamp) AS entered, min(treatment) AS arm
  FROM wayfork_benchmark.assignments
  WHERE experiment_id = 'bench' AND timestamp >= '2025-06-01+00' AND timestamp <= '2025-07-01+00'
  GROUP BY user_id HAVING min(treatment) = max(treatment)
), per_unit AS (
  SELECT u.user_id, u.arm,
    (count(*) FILTER (WHERE name = 'submit' AND value <> 0) > 0)::int::float8 AS m0,
    (count(*) FILTER (WHERE name = 'open'))::float8 AS m1,
    coalesce(sum(value) FILTER (WHERE name = 'purchase'), 0) AS m2,
    coalesce(avg(value) FILTER (WHERE name = 'minutes'), 0) AS m3,
    coalesce(sum(value) FILTER (
      WHERE name = 'error' AND e.timestamp < u.entered + interval '7 days'), 0) AS m4
  FROM units AS u
  LEFT JOIN wayfork_benchmark.events AS e
    ON e.user_id = u.user_id AND e.timestamp >= u.entered AND e.timestamp <= '2025-07-01+00'
  GROUP BY u.user_id, u.arm
)
SELECT arm, count(*),
  avg(m0), var_samp(m0), min(m0), max(m0), count(*) FILTER (WHERE m0 <> 0),
  avg(m1), var_samp(m1), min(m1), max(m1), count(*) FILTER (WHERE m1 <> 0),
  avg(m2), var_samp(m2), min(m2), max(m2), count(*) FILTER (WHERE m2 <> 0),
  avg(m3), var_samp(m3), min(m3), max(m3), count(*) FILTER (WHERE m3 <> 0),
  avg(m4), var_samp(m4), min(m4), max(m4), count(*) FILTER (WHERE m4 <> 0)
FROM per_unit GROUP BY arm ORDER BY arm
"""
METRICS = (
    MetricPlan("submitted", MetricKind.PROPORTION, "submit"),
    MetricPlan("opened", MetricKind.COUNT, "open"),
    MetricPlan("revenue", MetricKind.SUM, "purchase"),
    MetricPlan("minutes", MetricKind.MEAN, "minutes"),
    MetricPlan("errors", MetricKind.SUM, "error", Window(length_seconds=WEEK)),
)
FACT = "SELECT user_id, timestamp, value FROM wayfork_benchmark.events WHERE name = '{}'"


def request() -> AnalysisRequest:
    """The same five metrics, as a team would define them."""
    assignment = (
        "SELECT experiment_id, user_id, timestamp, treatment FROM wayfork_benchmark.assignments"
    )
    return AnalysisRequest(
        assignment=AssignmentQuery(assignment),
        experiment_id="bench",
        arms=("control", "treatment"),
        start=START,
        end=END,
        facts=tuple(FactQuery(metric.fact_key, FACT.format(metric.fact_key)) for metric in METRICS),
        metrics=METRICS,
    )


def settings_from(url: str) -> PostgresSettings:
    """The parts of a database URL."""
    parts = urlsplit(url)
    return PostgresSettings(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 5432,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/"),
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def check_same(ours: Aggregates, theirs: list[tuple[object, ...]]) -> None:
    """Both must have computed the same figures, else the comparison says nothing."""
    for row in theirs:
        arm, units = str(row[0]), int(str(row[1]))
        for index, metric in enumerate(METRICS):
            mean, variance = (float(str(cell)) for cell in row[2 + 5 * index : 4 + 5 * index])
            found = ours.metrics[metric.key, arm]
            assert found.units == units
            assert abs(found.mean - mean) <= 1e-9 * max(1, abs(mean))
            assert abs(found.m2 / (units - 1) - variance) <= 1e-9 * max(1, abs(variance))


def main(url: str, events: int) -> None:
    """Fill the schema, check that both agree, time both in turns."""
    settings = settings_from(url)
    policy = Policy(allow_private=True, limits=Limits(seconds=300))
    with psycopg.connect(url, autocommit=True) as scratch:
        scratch.execute(SETUP.format(users=events // 10, events=events).encode())
        # The same memory for both: ours sets it for its own session.
        scratch.execute("SET work_mem = '32MB'")
        scratch.execute("SET jit = off")
        with connect(settings, policy) as executor:

            def by_hand() -> list[tuple[object, ...]]:
                return scratch.execute(BY_HAND).fetchall()

            def ours() -> Aggregates:
                return per_variation(executor, request())

            check_same(ours(), by_hand())
            pairs = [(timed(by_hand), timed(ours)) for _ in range(ROUNDS)]
        scratch.execute("DROP SCHEMA wayfork_benchmark CASCADE")
    hand, own = (min(column) for column in zip(*pairs, strict=True))
    middle = statistics.median(mine / theirs for theirs, mine in pairs)
    print(f"{events:,} events, {events // 10:,} units, {len(METRICS)} metrics, best of {ROUNDS}")
    print(f"  hand-written query   {hand * 1000:8.0f} ms")
    print(f"  Wayfork's analysis   {own * 1000:8.0f} ms  (cohort counts included)")
    print(f"  ratio                {own / hand:8.2f}     median of pairs {middle:.2f}, aim {AIM}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
