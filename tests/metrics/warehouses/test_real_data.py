"""The published Cookie Cats test, read from each engine: the figures everybody can look up."""

import csv
import gzip
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrics.aggregates import per_variation
from metrics.definitions import (
    AnalysisRequest,
    AssignmentQuery,
    FactQuery,
    MetricKind,
    MetricPlan,
)
from metrics.warehouses.opening import connect
from tests.metrics.teams import ENGINES, load

START, END = "2017-01-01 00:00:00", datetime(2017, 12, 31, tzinfo=UTC)
FACT = "SELECT userid AS user_id, installed AS timestamp, {0} AS value FROM players"
METRICS = ("retention_1", "retention_7", "sum_gamerounds")


@pytest.fixture(scope="module")
def players(real_data: Path) -> list[tuple[object, ...]]:
    with gzip.open(real_data, "rt", newline="") as lines:
        return [
            (
                int(row["userid"]),
                row["version"],
                int(row["sum_gamerounds"]),
                row["retention_1"] == "TRUE",
                row["retention_7"] == "TRUE",
                START,
            )
            for row in csv.DictReader(lines)
        ]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_published_figures_come_out(engine, players, team_server, folder, policy):
    moment = "text" if engine == "sqlite" else "timestamp"
    columns = (
        "userid integer, version text, sum_gamerounds integer, retention_1 boolean,"
        f" retention_7 boolean, installed {moment}"
    )
    settings = load(engine, team_server, folder, {"players": (columns, players)})
    assignment = (
        "SELECT 'gates' AS experiment_id, userid AS user_id, installed AS timestamp,"
        " version AS treatment FROM players"
    )
    request = AnalysisRequest(
        assignment=AssignmentQuery(assignment),
        experiment_id="gates",
        arms=("gate_30", "gate_40"),
        end=END,
        facts=tuple(FactQuery(name, FACT.format(name)) for name in METRICS),
        metrics=(
            MetricPlan("retention_1", MetricKind.PROPORTION, "retention_1"),
            MetricPlan("retention_7", MetricKind.PROPORTION, "retention_7"),
            MetricPlan("sum_gamerounds", MetricKind.MEAN, "sum_gamerounds"),
        ),
    )
    with connect(settings, policy) as executor:
        found = per_variation(executor, request)
    assert {arm: own.units for arm, own in found.arms.items()} == {
        "gate_30": 44_700,
        "gate_40": 45_489,
    }
    means = {key: round(own.mean, 5) for key, own in found.metrics.items()}
    assert means["retention_1", "gate_30"] == 0.44819
    assert means["retention_1", "gate_40"] == 0.44228
    assert means["retention_7", "gate_30"] == 0.19020
    assert means["retention_7", "gate_40"] == 0.18200
    assert round(means["sum_gamerounds", "gate_30"], 3) == 52.456
    assert round(means["sum_gamerounds", "gate_40"], 3) == 51.299
    spread = {arm: found.metrics["sum_gamerounds", arm] for arm in request.arms}
    error = math.sqrt(sum(own.m2 / (own.units - 1) / own.units for own in spread.values()))
    assert (spread["gate_30"].mean - spread["gate_40"].mean) / error == pytest.approx(
        0.885, abs=0.01
    )
