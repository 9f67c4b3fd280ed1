"""A published experiment with 90,189 players (Cookie Cats: gate at level 30 or 40), to the digit.

The data are not part of the repository: WAYFORK_REAL_DATA names the file `cookie_cats.csv.gz`, or
the folder that holds it.
"""

import csv
import gzip
from pathlib import Path

import pytest

from experiments.stats import srm
from experiments.stats.frequentist import score_test, welch
from experiments.stats.outcomes import Effect, Interval, Level, Srm
from experiments.stats.samples import Proportion, Sample


@pytest.fixture(scope="module")
def arms(real_data: Path):
    """Rows of the control (gate_30) and of the treatment (gate_40)."""
    with gzip.open(real_data, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    return [[row for row in rows if row["version"] == arm] for arm in ("gate_30", "gate_40")]


def proportion(rows, column):
    return Proportion(len(rows), sum(row[column].upper() == "TRUE" for row in rows))


def sample(rows, column):
    values = [float(row[column]) for row in rows]
    mean = sum(values) / len(values)
    return Sample(len(values), mean, sum((value - mean) ** 2 for value in values))


@pytest.mark.parametrize(
    ("column", "control", "treatment", "p_value"),
    [("retention_7", 0.19020, 0.18200, 0.00155), ("retention_1", 0.44819, 0.44228, 0.0744)],
)
def test_retention_gives_the_published_figures(arms, column, control, treatment, p_value):
    proportions = [proportion(rows, column) for rows in arms]
    assert [round(part.rate, 5) for part in proportions] == [control, treatment]
    effect = score_test(*proportions)
    assert isinstance(effect, Effect)
    assert float(f"{effect.p_value:.3g}") == p_value
    assert isinstance(effect.lift_interval, Interval)
    assert effect.lift_interval.contains(0.0) is (p_value > 0.05)
    assert effect.difference_interval.contains(0.0) is (p_value > 0.05)


def test_rounds_played_give_the_published_figures(arms):
    samples = [sample(rows, "sum_gamerounds") for rows in arms]
    assert [round(part.mean, 3) for part in samples] == [52.456, 51.299]
    effect = welch(*samples)
    assert isinstance(effect, Effect)
    assert round(effect.p_value, 3) == 0.376


def test_the_split_is_worth_a_note_but_no_alarm(arms):
    check = srm.chi_square([len(rows) for rows in arms], [0.5, 0.5])
    assert isinstance(check, Srm)
    assert round(check.p_value, 4) == 0.0086
    assert check.level is Level.NOTE
