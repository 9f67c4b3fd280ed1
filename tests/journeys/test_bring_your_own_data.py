"""A published experiment in a team's own PostgreSQL: every figure as it was published.

The file is not part of the repository; WAYFORK_REAL_DATA names it or its folder.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.real_data import analyze, players
from experiments import exposures, queries
from experiments.models import Result
from tests.world.cast import World

UNITS = {"gate_30": 44_700, "gate_40": 45_489}


@pytest.fixture
def result(real_data: Path, postgres_url: str, world: World) -> Iterator[Result]:
    """What the analysis stored, with the team's database still there."""
    with players(real_data, postgres_url) as connection:
        yield analyze(world.olivia.at(), connection)


def metric(result: Result, key: str) -> Any:
    return next(one for one in result.document["metrics"] if one["metric"] == key)


def test_the_published_experiment_has_its_published_figures(result: Result, world: World):
    document = result.document
    assert document["units"] == UNITS
    for key, control, treatment, p_value, digits in (
        ("retention_7", 0.19020, 0.18200, 0.00155, 5),
        ("retention_1", 0.44819, 0.44228, 0.0744, 4),
        ("sum_gamerounds", 52.456, 51.299, 0.376, 3),
    ):
        found = metric(result, key)
        means = [found["arms"][arm]["mean"] for arm in UNITS]
        places = 3 if key == "sum_gamerounds" else 5
        assert [round(mean, places) for mean in means] == [control, treatment], key
        assert round(found["comparisons"][0]["outcome"]["p_value"], digits) == p_value, key
        assert {arm: found["arms"][arm]["units"] for arm in UNITS} == UNITS
    assert round(document["srm"]["p_value"], 4) == 0.0086
    # Below 0.01, above the alarm's 0.001: said, and nothing is stopped by it.
    levels = [one["level"] for one in document["findings"] if one["check"] == "srm"]
    assert levels == ["note"]
    assert document["recommendation"]["sentence"]

    experiment = queries.experiment(world.olivia.at(), "cookie-cats")
    exposures.count(experiment)
    growth = queries.growth(experiment)
    assert {arm: row.total_units for arm, row in growth[max(growth)].items()} == UNITS
