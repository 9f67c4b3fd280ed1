"""Welch's test and Fieller's interval against statsmodels, algebra and awkward data."""

import math
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from experiments.stats import fieller
from experiments.stats.fieller import Contrast
from experiments.stats.frequentist import welch
from experiments.stats.outcomes import Effect, Interval, Method, Reason, Undetermined
from experiments.stats.samples import Sample


def sample_of(values):
    array = np.asarray(values, dtype=float)
    mean = float(array.mean())
    return Sample(len(array), mean, float(((array - mean) ** 2).sum()))


def effect_of(control, treatment, confidence=0.95) -> Any:
    effect = welch(control, treatment, confidence=confidence)
    assert isinstance(effect, Effect)
    return effect


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize("sizes", [(2, 2), (30, 900), (5000, 50)])
def test_test_and_interval_are_those_of_statsmodels_on_raw_rows(sizes, confidence):
    rng = np.random.default_rng(sum(sizes))
    control, treatment = rng.gamma(2.0, 3.0, sizes[0]), rng.gamma(2.2, 3.0, sizes[1])
    effect = effect_of(sample_of(control), sample_of(treatment), confidence)
    oracle = CompareMeans(DescrStatsW(treatment), DescrStatsW(control))
    statistic, p_value, degrees = oracle.ttest_ind(usevar="unequal")
    low, high = oracle.tconfint_diff(alpha=1 - confidence, usevar="unequal")
    assert effect.statistic == pytest.approx(statistic, rel=1e-11)
    assert effect.p_value == pytest.approx(p_value, rel=1e-10)
    assert effect.degrees == pytest.approx(degrees, rel=1e-11)
    assert effect.difference_interval.low == pytest.approx(low, rel=1e-10)
    assert effect.difference_interval.high == pytest.approx(high, rel=1e-10)
    assert (effect.confidence, effect.method) == (confidence, Method.WELCH)


def test_moments_give_what_a_two_point_sample_gives_in_statsmodels():
    control, treatment = Sample(1_000, 52.4, 3.1e6), Sample(400, 49.9, 2.0e6)

    def two_points(sample):
        spread = math.sqrt(sample.m2 / sample.units)
        return DescrStatsW([sample.mean - spread, sample.mean + spread], [sample.units / 2] * 2)

    oracle = CompareMeans(two_points(treatment), two_points(control))
    statistic, p_value, degrees = oracle.ttest_ind(usevar="unequal")
    effect = effect_of(control, treatment)
    assert effect.statistic == pytest.approx(statistic, rel=1e-12)
    assert effect.p_value == pytest.approx(p_value, rel=1e-11)
    assert effect.degrees == pytest.approx(degrees, rel=1e-12)


def test_student_s_sleep_data_give_the_published_figures():
    # Student 1908 (hours of sleep gained); t = 1.8608, df = 17.776, p = 0.07939 in many textbooks.
    control = sample_of([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    treatment = sample_of([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    effect = effect_of(control, treatment)
    assert effect.statistic == pytest.approx(1.8608, abs=5e-5)
    assert effect.degrees == pytest.approx(17.776, abs=5e-4)
    assert effect.p_value == pytest.approx(0.07939, abs=5e-6)
    assert effect.difference_interval.low == pytest.approx(-0.2054832, abs=5e-8)
    assert effect.difference_interval.high == pytest.approx(3.3654832, abs=5e-8)


@pytest.mark.parametrize("baseline", [50.0, -50.0])
@pytest.mark.parametrize("difference", [-30.0, -1.0, 0.0, 2.0, 30.0])
def test_the_ends_of_the_lift_interval_solve_fieller_s_equation(baseline, difference):
    means = Contrast(baseline, difference, 2.0, 3.0)
    interval = fieller.lift_interval(means, 1.96)
    assert isinstance(interval, Interval)
    for end in (interval.low, interval.high):
        assert end is not None
        ratio = 1.0 + math.copysign(1.0, baseline) * end
        distance = baseline + difference - ratio * baseline
        assert abs(distance) == pytest.approx(1.96 * math.hypot(3.0, ratio * 2.0), rel=1e-12)
    assert interval.contains(difference / abs(baseline))


def test_a_known_baseline_leaves_the_interval_of_the_difference():
    interval = fieller.lift_interval(Contrast(50.0, 2.0, 0.0, 3.0), 2.0)
    assert isinstance(interval, Interval)
    assert interval.low == pytest.approx(-4.0 / 50.0, rel=1e-14)
    assert interval.high == pytest.approx(8.0 / 50.0, rel=1e-14)


def test_a_negative_baseline_keeps_the_sign_of_the_difference():
    effect = effect_of(Sample(500, -10.0, 450.0), Sample(500, -9.0, 450.0))
    assert effect.difference == 1.0
    assert effect.lift == pytest.approx(0.1)
    assert 0.0 < effect.lift_interval.low < 0.1 < effect.lift_interval.high


def test_mirrored_values_give_the_mirrored_effect():
    up = effect_of(Sample(40, 10.0, 800.0), Sample(60, 12.0, 900.0))
    down = effect_of(Sample(40, -10.0, 800.0), Sample(60, -12.0, 900.0))
    assert down.lift == -up.lift
    assert down.lift_interval.low == pytest.approx(-up.lift_interval.high, rel=1e-14)
    assert down.lift_interval.high == pytest.approx(-up.lift_interval.low, rel=1e-14)


def test_a_baseline_near_zero_still_has_a_difference():
    effect = effect_of(Sample(100, 0.1, 9_900.0), Sample(100, 3.0, 9_900.0))
    assert effect.lift_interval == Undetermined(Reason.BASELINE_NEAR_ZERO, lift=effect.lift)
    assert effect.lift == pytest.approx(29.0)
    assert effect.difference_interval.contains(2.9)


def test_a_baseline_of_zero_has_no_lift():
    effect = effect_of(Sample(100, 0.0, 99.0), Sample(100, 3.0, 99.0))
    assert effect.lift is None
    assert effect.lift_interval == Undetermined(Reason.ZERO_BASELINE)


def test_a_constant_baseline_of_nearly_zero_is_out_of_range():
    effect = effect_of(Sample(100, 1e-310, 0.0), Sample(100, 3.0, 99.0))
    assert effect.lift is None
    assert effect.lift_interval == Undetermined(Reason.OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("control_units", "treatment_units", "missing"), [(1, 1, 2), (1, 50, 1), (50, 1, 1)]
)
def test_below_two_units_the_estimate_is_shown_without_a_test(
    control_units, treatment_units, missing
):
    outcome = welch(Sample(control_units, 4.0, 0.0), Sample(treatment_units, 5.0, 0.0))
    assert outcome == Undetermined(Reason.TOO_FEW_UNITS, missing, 1.0, 0.25)


def test_an_arm_without_units_has_no_effect():
    assert welch(Sample(0, 0.0, 0.0), Sample(5, 1.0, 2.0)) == Undetermined(Reason.NO_UNITS)
    assert welch(Sample(5, 1.0, 2.0), Sample(0, 0.0, 0.0)) == Undetermined(Reason.NO_UNITS)


def test_constant_values_are_not_proof_of_a_difference():
    outcome = welch(Sample(100, 4.0, 0.0), Sample(100, 5.0, 0.0))
    assert outcome == Undetermined(Reason.NO_VARIATION, None, 1.0, 0.25)
    zeros = welch(Sample(100, 0.0, 0.0), Sample(100, 0.0, 0.0))
    assert zeros == Undetermined(Reason.NO_VARIATION, None, 0.0, None)


def test_what_rounding_leaves_of_a_constant_is_not_variation():
    # A plain running sum of a million times 0.1, as an engine may do it.
    mean = float(np.cumsum(np.full(1_000_000, 0.1))[-1]) / 1_000_000
    rounded = Sample(1_000_000, mean, 1_000_000 * (0.1 - mean) ** 2)
    assert rounded.m2 > 0.0
    outcome = welch(rounded, Sample(1_000_000, 0.1, 0.0))
    assert isinstance(outcome, Undetermined)
    assert outcome.reason is Reason.NO_VARIATION


def test_one_constant_arm_is_enough_variation_in_the_other():
    effect = effect_of(Sample(10, 1.0, 0.0), Sample(10, 2.0, 9.0))
    assert effect.degrees == pytest.approx(9.0)
    assert isinstance(effect.lift_interval, Interval)


def test_a_large_mean_with_a_small_spread_is_tested_rightly():
    effect = effect_of(Sample(1_001, 10000000.2, 10.0), Sample(1_001, 10000000.25, 10.0))
    assert effect.statistic == pytest.approx(0.05 / math.sqrt(2 * 0.01 / 1_001), rel=1e-7)
    assert isinstance(effect.lift_interval, Interval)
    scaled = effect.difference_interval.low / 10000000.2
    assert effect.lift_interval.low == pytest.approx(scaled, rel=1e-6)


def test_huge_values_are_computed_or_named_but_never_infinite():
    effect = effect_of(Sample(100, 1e150, 1e300), Sample(100, 2e150, 1e300))
    assert effect.lift == pytest.approx(1.0)
    far = welch(Sample(100, -1.7e308, 1e308), Sample(100, 1.7e308, 1e308))
    assert far == Undetermined(Reason.OUT_OF_RANGE)


def test_an_overwhelming_difference_has_a_p_value_of_zero_at_worst():
    effect = effect_of(Sample(10**6, 1.0, 1.0), Sample(10**6, 2.0, 1.0))
    assert effect.p_value == 0.0
    assert effect.is_significant


def test_swapping_the_arms_turns_the_difference_around():
    one, other = Sample(40, 10.0, 800.0), Sample(60, 12.0, 900.0)
    there, back = effect_of(one, other), effect_of(other, one)
    assert back.difference == -there.difference
    assert back.p_value == pytest.approx(there.p_value, rel=1e-14)
    assert back.difference_interval.low == pytest.approx(-there.difference_interval.high)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 95.0, math.nan])
def test_a_confidence_outside_zero_to_one_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        welch(Sample(10, 1.0, 1.0), Sample(10, 1.0, 1.0), confidence=confidence)
