"""Looking at any time: the boundary's published widths, and A/A tests read day after day."""

import math

import numpy as np
import pytest

from experiments.stats import sequential
from experiments.stats.frequentist import welch
from experiments.stats.outcomes import Effect, Method, Reason, Undetermined
from experiments.stats.samples import Proportion, Sample


def effect_of(outcome):
    assert isinstance(outcome, Effect)
    return outcome


def test_the_boundary_is_3_04_standard_errors_at_the_planned_end():
    assert sequential.multiplier(units=10_000, planned=10_000) == pytest.approx(3.04, abs=0.005)


@pytest.mark.parametrize(("units", "width"), [(1_000_000, 3.66), (10_000_000, 3.96)])
def test_a_plan_of_5_000_is_wide_much_later(units, width):
    assert sequential.multiplier(units=units, planned=5_000) == pytest.approx(width, abs=0.005)


def test_the_boundary_is_narrowest_about_the_planned_end():
    here = sequential.multiplier(units=50_000, planned=50_000)
    for planned in (10_000, 20_000, 100_000, 250_000):
        assert sequential.multiplier(units=50_000, planned=planned) > here


def test_the_one_sided_boundary_is_tuned_with_twice_alpha():
    # At the plan n/k is -2 ln(2 alpha) + ln(1 - 2 ln(2 alpha)): 6.3283 for alpha 0.05.
    ratio = 6.3283
    width = math.sqrt((1.0 + 1.0 / ratio) * 2.0 * math.log(1.0 + math.sqrt(1.0 + ratio) / 0.1))
    assert width == pytest.approx(2.7791, abs=1e-4)
    here = sequential.one_sided_multiplier(units=50_000, planned=50_000, alpha=0.05)
    assert here == pytest.approx(width, abs=2e-5)
    for planned in (25_000, 100_000):
        there = sequential.one_sided_multiplier(units=50_000, planned=planned, alpha=0.05)
        assert there > here


@pytest.mark.parametrize("units", [1, 200, 10_000, 10**9])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.001])
def test_boundary_and_p_value_are_two_sides_of_one_thing(units, alpha):
    plan = {"units": units, "planned": 10_000, "alpha": alpha}
    two = sequential.multiplier(**plan)
    assert sequential.p_value(two, **plan) == pytest.approx(alpha, rel=1e-9)
    assert sequential.p_value(-two, **plan) == pytest.approx(alpha, rel=1e-9)
    one = sequential.one_sided_multiplier(**plan)
    assert sequential.one_sided_p_value(one, **plan) == pytest.approx(alpha, rel=1e-9)


def test_watching_one_side_costs_less_than_watching_both():
    for alpha in (0.2, 0.05, 0.001):
        one = sequential.one_sided_multiplier(units=10_000, planned=10_000, alpha=alpha)
        assert one < sequential.multiplier(units=10_000, planned=10_000, alpha=alpha)


def test_p_values_stay_between_zero_and_one():
    plan = {"units": 5_000, "planned": 10_000}
    for statistic in (0.0, 1e-12, 1.0, 40.0, 1e5):
        assert 0.0 <= sequential.p_value(statistic, **plan) <= 1.0
        assert 0.0 <= sequential.one_sided_p_value(statistic, **plan) <= 1.0
    assert sequential.p_value(0.0, **plan) == 1.0
    assert sequential.one_sided_p_value(-5.0, **plan) == 1.0


def test_the_confidence_sequence_is_the_multiplier_times_the_standard_error():
    interval = sequential.confidence_sequence(2.0, 0.5, units=900, planned=1_000, confidence=0.9)
    half = 0.5 * sequential.multiplier(units=900, planned=1_000, alpha=0.1)
    assert interval.low == pytest.approx(2.0 - half, rel=1e-14)
    assert interval.high == pytest.approx(2.0 + half, rel=1e-14)


def running_moments(rng, runs, looks, per_look):
    """Samples of growing size, runs x looks, of skewed values."""
    rows = rng.exponential(1.0, (runs, looks * per_look))
    sizes = np.arange(1, looks + 1) * per_look
    sums = np.cumsum(rows, axis=1)[:, sizes - 1]
    squares = np.cumsum((rows - 1.0) ** 2, axis=1)[:, sizes - 1]
    means = sums / sizes
    m2 = squares - sizes * (means - 1.0) ** 2
    return [
        [Sample(int(n), float(m), float(q)) for n, m, q in zip(sizes, *row, strict=True)]
        for row in zip(means, m2, strict=True)
    ]


def test_daily_looks_at_equal_arms_rarely_find_a_difference():
    rng = np.random.default_rng(51)
    runs, looks, per_look = 1_000, 28, 100
    controls = running_moments(rng, runs, looks, per_look)
    treatments = running_moments(rng, runs, looks, per_look)
    planned = 2 * looks * per_look
    safe = fixed = 0
    for control, treatment in zip(controls, treatments, strict=True):
        pairs = list(zip(control, treatment, strict=True))
        safe += any(
            effect_of(sequential.always_valid(*pair, planned=planned)).is_significant
            for pair in pairs
        )
        fixed += any(effect_of(welch(*pair)).is_significant for pair in pairs)
    assert safe <= 0.05 * runs
    assert fixed > 0.2 * runs


def test_a_one_sided_watch_rarely_cries_harm_without_harm():
    rng = np.random.default_rng(52)
    runs, looks = 2_000, 100
    walk = np.cumsum(rng.normal(0.0, 1.0, (runs, looks)), axis=1)
    statistics = walk / np.sqrt(np.arange(1, looks + 1))
    bounds = [
        sequential.one_sided_multiplier(units=1_000 * look, planned=100_000, alpha=0.05)
        for look in range(1, looks + 1)
    ]
    crossed = (statistics > np.asarray(bounds)).any(axis=1).sum()
    assert 0 < crossed <= 0.05 * runs


def test_a_real_effect_is_found_and_the_interval_holds_it():
    control, treatment = Sample(5_000, 10.0, 45_000.0), Sample(5_000, 10.5, 45_000.0)
    effect = effect_of(sequential.always_valid(control, treatment, planned=10_000))
    assert effect.is_significant
    assert effect.method is Method.ALWAYS_VALID
    assert effect.degrees is None
    assert effect.difference_interval.contains(0.5)
    assert effect.lift == pytest.approx(0.05)
    fixed = effect_of(welch(control, treatment))
    assert effect.statistic == fixed.statistic
    assert effect.p_value > fixed.p_value
    assert effect.difference_interval.low < fixed.difference_interval.low


def test_there_is_no_verdict_before_a_hundred_units_per_arm():
    outcome = sequential.always_valid(Sample(60, 1.0, 20.0), Sample(150, 1.5, 20.0), planned=1_000)
    assert outcome == Undetermined(Reason.TOO_FEW_UNITS, 40, 0.5, 0.5)
    early = sequential.always_valid(Sample(1, 1.0, 0.0), Sample(150, 1.5, 20.0), planned=1_000)
    assert early == Undetermined(Reason.TOO_FEW_UNITS, 99, 0.5, 0.5)


def test_rates_also_wait_for_five_events_per_arm():
    outcome = sequential.always_valid_rates(
        Proportion(1_000, 3), Proportion(1_000, 9), planned=10_000
    )
    assert isinstance(outcome, Undetermined)
    assert (outcome.reason, outcome.missing) == (Reason.TOO_FEW_EVENTS, 2)
    assert outcome.difference == pytest.approx(0.006)
    enough = sequential.always_valid_rates(
        Proportion(1_000, 50), Proportion(1_000, 90), planned=10_000
    )
    assert effect_of(enough).lift == pytest.approx(0.8)


def test_what_the_fixed_test_cannot_judge_is_not_judged_here():
    nobody, constant = Sample(0, 0.0, 0.0), Sample(200, 1.0, 0.0)
    assert sequential.always_valid(nobody, constant, planned=10) == Undetermined(Reason.NO_UNITS)
    same = sequential.always_valid(constant, constant, planned=10)
    assert same == Undetermined(Reason.NO_VARIATION, None, 0.0, 0.0)


def test_a_boundary_without_meaning_is_refused():
    with pytest.raises(ValueError, match="from one upward"):
        sequential.multiplier(units=0, planned=10)
    with pytest.raises(ValueError, match="from one upward"):
        sequential.multiplier(units=10, planned=0)
    with pytest.raises(ValueError, match="alpha"):
        sequential.multiplier(units=10, planned=10, alpha=1.0)
    with pytest.raises(ValueError, match="twice alpha"):
        sequential.one_sided_multiplier(units=10, planned=10, alpha=0.5)
    with pytest.raises(ValueError, match="standard error"):
        sequential.confidence_sequence(1.0, -math.ulp(0.0), units=10, planned=10)
