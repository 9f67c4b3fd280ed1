"""Seeded simulation: intervals hold the truth as often as they say."""

import math
from functools import cache

import numpy as np
import pytest

from experiments.stats.frequentist import score_test, welch
from experiments.stats.outcomes import Effect, Interval
from experiments.stats.samples import Proportion, Sample

RUNS = 2_000


def band(runs, share, width=4.0):
    """The range of counts that a binomial leaves about once in 15,000 times."""
    half = width * math.sqrt(runs * share * (1.0 - share))
    return runs * share - half, runs * share + half


def moments(rows):
    means = rows.mean(axis=1)
    m2 = ((rows - means[:, None]) ** 2).sum(axis=1)
    return [Sample(rows.shape[1], float(m), float(q)) for m, q in zip(means, m2, strict=True)]


@cache
def scored(control_units, control, treatment_units, treatment):
    """The effect of two proportions; the same table comes up many times in a simulation."""
    return score_test(Proportion(control_units, control), Proportion(treatment_units, treatment))


def holds(effect, difference, lift):
    assert isinstance(effect, Effect)
    interval = effect.lift_interval
    in_lift = interval.contains(lift) if isinstance(interval, Interval) else True
    return effect.difference_interval.contains(difference), in_lift


def test_means_with_unequal_arms_are_covered():
    rng = np.random.default_rng(21)
    controls = moments(rng.normal(10.0, 4.0, (RUNS, 400)))
    treatments = moments(rng.normal(11.0, 8.0, (RUNS, 40)))
    inside = [holds(welch(c, t), 1.0, 0.1) for c, t in zip(controls, treatments, strict=True)]
    low, high = band(RUNS, 0.95)
    for count in np.sum(inside, axis=0):
        assert low <= count <= high


@pytest.mark.parametrize(
    ("units", "rates", "slack"),
    [((1000, 1000), (0.10, 0.12), 0.0), ((3000, 300), (0.05, 0.05), 0.005)],
)
def test_rates_are_covered(units, rates, slack):
    # Slack: counts are whole numbers, so coverage steps about the nominal level.
    rng = np.random.default_rng(22)
    counts = [rng.binomial(n, p, RUNS) for n, p in zip(units, rates, strict=True)]
    inside = [
        holds(
            scored(units[0], int(c), units[1], int(t)),
            rates[1] - rates[0],
            rates[1] / rates[0] - 1.0,
        )
        for c, t in zip(*counts, strict=True)
    ]
    low, high = band(RUNS, 0.95)
    for count in np.sum(inside, axis=0):
        assert low - slack * RUNS <= count <= high + slack * RUNS


def test_no_difference_is_rejected_as_rarely_as_promised_on_both_sides():
    # Rare events in small arms, where intervals from the delta method err 0 % up and 8 % down.
    rng = np.random.default_rng(23)
    runs = 6_000
    counts = rng.binomial(1_000, 0.01, (runs, 2))
    up = down = 0
    for control, treatment in counts:
        effect = scored(1_000, int(control), 1_000, int(treatment))
        assert isinstance(effect, Effect)
        assert isinstance(effect.lift_interval, Interval)
        if not effect.lift_interval.contains(0.0):
            up += effect.difference > 0.0
            down += effect.difference < 0.0
    low, high = band(runs, 0.025)
    assert low <= up <= high
    assert low <= down <= high
