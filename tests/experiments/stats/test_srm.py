"""The split check: alarms when it should, stays calm when it should, and refuses what it cannot judge."""

import math

import numpy as np
import pytest
from scipy.special import betaln
from scipy.stats import chisquare

from experiments.stats import srm
from experiments.stats.outcomes import Level, Reason, Srm, Undetermined


def checked(observed, planned):
    outcome = srm.chi_square(observed, planned)
    assert isinstance(outcome, Srm)
    return outcome


def watched(observed, planned, previous=1.0):
    outcome = srm.sequential(observed, planned, previous=previous)
    assert isinstance(outcome, Srm)
    return outcome


@pytest.mark.parametrize(
    ("observed", "planned"),
    [
        ([44700, 45489], [0.5, 0.5]),
        ([900, 110], [90, 10]),
        ([1000, 1010, 980], [1, 1, 1]),
        ([10**9, 10**9 + 10**5], [1, 1]),
    ],
)
def test_the_chi_square_is_that_of_scipy(observed, planned):
    outcome = checked(observed, planned)
    shares = np.asarray(planned) / sum(planned)
    oracle = chisquare(observed, shares * sum(observed))
    assert outcome.statistic == pytest.approx(oracle.statistic, rel=1e-10)
    assert outcome.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    assert outcome.degrees == len(planned) - 1
    assert outcome.observed == tuple(observed)
    assert sum(outcome.expected) == pytest.approx(sum(observed))


def test_a_broken_split_alarms_and_a_plain_one_does_not():
    assert checked([5000, 5400], [1, 1]).level is Level.ALARM
    assert checked([5000, 5300], [1, 1]).level is Level.NOTE
    assert checked([5000, 5050], [1, 1]).level is Level.OK


def test_a_perfect_split_has_a_p_value_of_one():
    assert checked([500, 500], [0.5, 0.5]).p_value == 1.0


def test_an_arm_of_weight_zero_is_left_out():
    with_it, without = checked([600, 0, 610], [1, 0, 1]), checked([600, 610], [1, 1])
    assert with_it.p_value == without.p_value
    assert with_it.degrees == 1
    assert with_it.expected == (605.0, 0.0, 605.0)


@pytest.mark.parametrize(
    ("observed", "planned", "missing"),
    [([0, 0], [1, 1], 100), ([50, 49], [1, 1], 1), ([150, 1], [99, 1], 349)],
)
def test_a_small_sample_says_how_many_units_it_needs(observed, planned, missing):
    outcome = srm.chi_square(observed, planned)
    assert outcome == Undetermined(Reason.TOO_FEW_UNITS, missing=missing)
    enough = [observed[0] + missing, observed[1]]
    assert isinstance(srm.chi_square(enough, planned), Srm)


@pytest.mark.parametrize("check", [srm.chi_square, srm.sequential])
def test_a_plan_that_cannot_be_judged_is_named(check):
    assert check([500, 3], [1, 0]) == Undetermined(Reason.ONE_ARM)
    assert check([500, 490, 3], [1, 1, 0]) == Undetermined(Reason.UNPLANNED_ARM)


@pytest.mark.parametrize("check", [srm.chi_square, srm.sequential])
@pytest.mark.parametrize(
    ("observed", "planned"),
    [([1, 2, 3], [1, 1]), ([-1, 2], [1, 1]), ([1, 2], [-1, 2]), ([1, 2], [math.nan, 1])],
)
def test_nonsense_is_refused(check, observed, planned):
    with pytest.raises(ValueError, match=r"arms were|fewer|weight"):
        check(observed, planned)


def test_the_chi_square_is_calibrated_at_one_look():
    rng = np.random.default_rng(31)
    counts = rng.multinomial(1_000, [0.7, 0.2, 0.1], size=5_000)
    rejected = sum(checked(row.tolist(), [7, 2, 1]).p_value < 0.01 for row in counts)
    assert abs(rejected - 50) <= 4 * math.sqrt(50 * 0.99)


def test_the_bayes_factor_of_two_arms_is_a_ratio_of_beta_functions():
    outcome = watched([310, 290], [0.5, 0.5])
    prior = srm.CONCENTRATION / 2
    expected = betaln(prior + 310, prior + 290) - betaln(prior, prior) - 600 * math.log(0.5)
    assert outcome.statistic == pytest.approx(expected, rel=1e-9)
    assert outcome.degrees is None


def test_the_order_of_arrival_does_not_matter_but_the_worst_look_is_kept():
    broken = watched([500, 800], [1, 1])
    mended = watched([10_000, 10_000], [1, 1], previous=broken.p_value)
    assert broken.level is Level.ALARM
    assert mended.p_value == broken.p_value
    assert watched([10_000, 10_000], [1, 1]).p_value == 1.0


def test_without_units_there_is_no_sequential_verdict():
    assert srm.sequential([0, 0], [1, 1]) == Undetermined(Reason.NO_UNITS)


def test_looking_a_hundred_times_does_not_wear_out_the_sequential_alarm():
    rng = np.random.default_rng(32)
    runs, looks = 400, 100
    paths = np.cumsum(rng.multinomial(300, [0.5, 0.5], size=(runs, looks)), axis=1)
    alarms = repeated = 0
    for path in paths:
        p_value, smallest = 1.0, 1.0
        for row in path:
            outcome = watched(row.tolist(), [1, 1], previous=p_value)
            p_value = outcome.p_value
            smallest = min(smallest, checked(row.tolist(), [1, 1]).p_value)
        alarms += p_value < 0.01
        repeated += smallest < 0.01
    assert alarms <= 0.01 * runs + 3 * math.sqrt(0.01 * runs)
    assert repeated > 5 * max(alarms, 4)


def test_a_real_mismatch_is_found_on_the_way():
    rng = np.random.default_rng(33)
    path = np.cumsum(rng.multinomial(1_000, [0.52, 0.48], size=100), axis=0)
    p_value = 1.0
    for row in path:
        p_value = watched(row.tolist(), [1, 1], previous=p_value).p_value
    assert p_value < 0.001
