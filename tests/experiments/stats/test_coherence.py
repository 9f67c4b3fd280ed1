"""A result never contradicts itself: test, difference interval and lift interval agree."""

import math

import numpy as np

from experiments.stats.frequentist import score_test, welch
from experiments.stats.outcomes import Effect, Interval
from experiments.stats.samples import Proportion, Sample
from experiments.stats.sequential import always_valid


def contradicts(effect):
    verdict = effect.is_significant
    if effect.difference_interval.contains(0.0) is verdict:
        return True
    lift = effect.lift_interval
    return isinstance(lift, Interval) and lift.contains(0.0) is verdict


def border_successes(control, units):
    """The smallest count of successes that a rough z test would call significant."""
    rate = (control.successes + 0.5) / (control.units + 1.0)
    error = math.sqrt(rate * (1.0 - rate) * (1.0 / units + 1.0 / control.units))
    return min(units, math.ceil(units * (rate + 1.96 * error)))


def random_proportions(rng):
    units = [int(10 ** rng.uniform(0.3, 6.0)) for _ in range(2)]
    rate = 10 ** rng.uniform(-4.0, 0.0)
    rate = rate if rng.random() < 0.7 else 1.0 - rate
    control = Proportion(units[0], int(rng.binomial(units[0], rate)))
    if rng.random() < 0.5:
        return control, Proportion(units[1], border_successes(control, units[1]))
    return control, Proportion(units[1], int(rng.binomial(units[1], rate)))


def test_rates_are_never_contradicted_by_their_intervals():
    rng = np.random.default_rng(11)
    judged = significant = 0
    for _ in range(8_000):
        effect = score_test(*random_proportions(rng))
        if isinstance(effect, Effect):
            judged += 1
            significant += effect.is_significant
            assert not contradicts(effect), effect
    assert judged > 6_000
    assert 0.1 < significant / judged < 0.9


def random_samples(rng):
    """Means whose difference lies about the border of significance as often as not."""
    arms = []
    baseline = rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-2.0, 8.0)
    for _ in range(2):
        units = int(10 ** rng.uniform(0.5, 6.0))
        deviation = abs(baseline) * 10 ** rng.uniform(-2.0, 1.5)
        arms.append((units, deviation))
    error = math.hypot(*(deviation / math.sqrt(units) for units, deviation in arms))
    shift = rng.normal(0.0, 2.0) * error
    means = baseline, baseline + shift
    return [
        Sample(units, float(mean), float(deviation * deviation * (units - 1)))
        for (units, deviation), mean in zip(arms, means, strict=True)
    ]


def test_means_are_never_contradicted_by_their_intervals():
    rng = np.random.default_rng(12)
    significant = bounded = 0
    for _ in range(20_000):
        effect = welch(*random_samples(rng))
        assert isinstance(effect, Effect)
        significant += effect.is_significant
        bounded += isinstance(effect.lift_interval, Interval)
        assert not contradicts(effect), effect
    assert 2_000 < significant < 18_000
    assert bounded > 10_000


def test_safe_looks_are_never_contradicted_by_their_intervals():
    rng = np.random.default_rng(13)
    significant = 0
    for _ in range(5_000):
        control, treatment = random_samples(rng)
        effect = always_valid(control, treatment, planned=int(10 ** rng.uniform(2.0, 7.0)))
        if isinstance(effect, Effect):
            significant += effect.is_significant
            assert not contradicts(effect), effect
    assert significant > 100
