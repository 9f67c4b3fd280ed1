"""Sample size and detectable effect: against statsmodels, each other, and simulation."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import normal_sample_size_one_tail

from experiments.stats.frequentist import score_test
from experiments.stats.outcomes import Effect, Reason, Undetermined
from experiments.stats.power import (
    smallest_detectable,
    smallest_detectable_rate,
    units_needed,
    units_needed_for_rate,
)
from experiments.stats.samples import Proportion


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (1, 3)])
@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.01, 0.95)])
def test_units_needed_are_those_of_statsmodels(shares, alpha, power):
    units = units_needed(4.0, 9.0, delta=0.1, shares=shares, alpha=alpha, power=power)
    ratio = shares[1] / shares[0]
    # Per unit of the control arm, the variance of the difference is v_c + v_t / ratio.
    deviation = math.sqrt(4.0 + 9.0 / ratio)
    control = normal_sample_size_one_tail(0.1, power, alpha / 2, deviation, deviation)
    assert units == math.ceil(float(control) * (1 + ratio))


def test_the_direction_of_the_effect_does_not_matter_for_means():
    assert units_needed(4.0, 9.0, delta=0.1) == units_needed(4.0, 9.0, delta=-0.1)


def test_a_well_known_rate_needs_the_well_known_number():
    # 10 % to 12 %: about 3,839 per arm in the textbooks that use both arms' variances.
    assert units_needed_for_rate(0.10, delta=0.02) == pytest.approx(2 * 3_839, abs=6)


def test_effect_and_units_are_inverse():
    units = units_needed(4.0, 9.0, delta=0.05, shares=(0.8, 0.2))
    assert isinstance(units, int)
    detectable = smallest_detectable(4.0, 9.0, units=units, shares=(0.8, 0.2))
    assert detectable == pytest.approx(0.05, rel=1e-4)
    assert isinstance(detectable, float)
    assert detectable <= 0.05


@pytest.mark.parametrize("baseline", [0.001, 0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.95, 0.05)])
def test_rise_and_units_are_inverse_for_rates(baseline, shares):
    rise = smallest_detectable_rate(baseline, units=100_000, shares=shares)
    assert isinstance(rise, float)
    again = units_needed_for_rate(baseline, delta=rise, shares=shares)
    assert again == pytest.approx(100_000, abs=1)


def test_the_smallest_fall_is_the_smallest_rise_of_the_complement():
    rise = smallest_detectable_rate(0.9, units=10_000)
    assert isinstance(rise, float)
    assert units_needed_for_rate(0.1, delta=-rise) == pytest.approx(10_000, abs=1)


def test_simulated_experiments_of_that_size_find_the_effect_as_often_as_promised():
    units = units_needed_for_rate(0.20, delta=0.05)
    assert isinstance(units, int)
    arm = math.ceil(units / 2)
    rng = np.random.default_rng(41)
    runs = 2_000
    controls, treatments = rng.binomial(arm, 0.20, runs), rng.binomial(arm, 0.25, runs)
    found = 0
    for control, treatment in zip(controls, treatments, strict=True):
        effect = score_test(Proportion(arm, int(control)), Proportion(arm, int(treatment)))
        assert isinstance(effect, Effect)
        found += effect.is_significant
    assert abs(found - 0.8 * runs) <= 4 * math.sqrt(runs * 0.16)


def test_what_no_number_of_units_can_do_is_named():
    assert units_needed(1.0, 1.0, delta=0.0) == Undetermined(Reason.NO_EFFECT)
    assert units_needed(0.0, 0.0, delta=1.0) == Undetermined(Reason.NO_VARIATION)
    assert units_needed(1.0, 1.0, delta=1e-200) == Undetermined(Reason.OUT_OF_RANGE)
    assert units_needed_for_rate(0.95, delta=0.06) == Undetermined(Reason.RATE_OUT_OF_RANGE)
    assert units_needed_for_rate(0.05, delta=-0.06) == Undetermined(Reason.RATE_OUT_OF_RANGE)
    assert units_needed_for_rate(0.05, delta=0.0) == Undetermined(Reason.NO_EFFECT)


def test_what_these_units_cannot_show_is_named():
    assert smallest_detectable(1.0, 1.0, units=3) == Undetermined(Reason.TOO_FEW_UNITS, missing=1)
    assert smallest_detectable(0.0, 0.0, units=50) == Undetermined(Reason.NO_VARIATION)
    out_of_range = Undetermined(Reason.RATE_OUT_OF_RANGE)
    assert smallest_detectable_rate(0.99, units=10) == out_of_range
    assert smallest_detectable_rate(1.0, units=1_000) == out_of_range
    assert smallest_detectable_rate(1.5, units=1_000) == out_of_range
    assert smallest_detectable_rate(0.1, units=0) == Undetermined(Reason.TOO_FEW_UNITS, missing=4)


def test_every_arm_gets_two_units_even_for_a_huge_effect():
    assert units_needed(1.0, 1.0, delta=1e6) == 4
    assert units_needed(1.0, 1.0, delta=1e6, shares=(0.9, 0.1)) == 20


@pytest.mark.parametrize(
    "plan",
    [{"alpha": 0.0}, {"power": 1.0}, {"shares": (0.0, 1.0)}, {"shares": (1.0, math.inf)}],
)
def test_a_plan_without_meaning_is_refused(plan):
    with pytest.raises(ValueError, match=r"between 0 and 1|share above zero"):
        units_needed(1.0, 1.0, delta=0.1, **plan)


def test_a_power_below_the_false_positive_rate_is_refused():
    with pytest.raises(ValueError, match="half of alpha"):
        units_needed(1.0, 1.0, delta=0.1, alpha=0.5, power=0.2)


@pytest.mark.parametrize("variance", [-1.0, math.nan, math.inf])
def test_a_variance_that_cannot_be_is_refused(variance):
    with pytest.raises(ValueError, match="cannot be"):
        units_needed(variance, 1.0, delta=0.1)
