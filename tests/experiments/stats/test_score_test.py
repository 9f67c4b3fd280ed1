"""The score test and its intervals against statsmodels, exact arithmetic and published tables."""

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportions_ztest,
)

from experiments.stats.frequentist import score_test
from experiments.stats.outcomes import Effect, Interval, Method, Reason, Undetermined
from experiments.stats.samples import Proportion

Z = Decimal("1.959963984540054")


def effect_of(control, treatment, confidence=0.95) -> Any:
    effect = score_test(Proportion(*control), Proportion(*treatment), confidence=confidence)
    assert isinstance(effect, Effect)
    return effect


def random_tables(count, seed, largest=4.0):
    rng = np.random.default_rng(seed)
    while count:
        units = [int(10 ** rng.uniform(0.5, largest)) for _ in range(2)]
        rate = 10 ** rng.uniform(-largest, 0)
        rate = rate if rng.random() < 0.5 else 1 - rate
        counts = [int(rng.binomial(n, rate * rng.uniform(0.8, 1.0))) for n in units]
        if 0 < sum(counts) < sum(units):
            count -= 1
            yield (units[0], counts[0]), (units[1], counts[1])


def test_the_test_is_the_pooled_z_and_pearson_s_chi_square():
    for control, treatment in random_tables(100, seed=1):
        effect = effect_of(control, treatment)
        z, p_value = proportions_ztest(
            [float(treatment[1]), float(control[1])], [treatment[0], control[0]]
        )
        assert effect.statistic == pytest.approx(z, rel=1e-9, abs=1e-12)
        assert effect.p_value == pytest.approx(p_value, rel=1e-9)
        table = [[n - successes, successes] for n, successes in (control, treatment)]
        chi_square = chi2_contingency(table, correction=False).statistic
        assert effect.statistic**2 == pytest.approx(chi_square, rel=1e-9, abs=1e-12)
        assert (effect.method, effect.degrees) == (Method.SCORE, None)


def test_the_lift_interval_is_that_of_statsmodels():
    compared = 0
    for control, treatment in random_tables(150, seed=2):
        if not (0 < control[1] < control[0] and 0 < treatment[1] < treatment[0]):
            continue
        low, high = confint_proportions_2indep(
            *map(float, (treatment[1], treatment[0], control[1], control[0])),
            compare="ratio",
            method="score",
            correction=False,
        )
        interval = effect_of(control, treatment).lift_interval
        assert interval.low + 1.0 == pytest.approx(low, rel=1e-6)
        assert interval.high + 1.0 == pytest.approx(high, rel=1e-6)
        compared += 1
    assert compared > 50


def test_koopman_s_own_example_gives_the_published_interval():
    # Koopman 1984: 36 of 40 against 16 of 80, ratio 4.5 with a 95 % interval of (2.94, 7.15).
    interval = effect_of((80, 16), (40, 36)).lift_interval
    assert (round(interval.low + 1, 2), round(interval.high + 1, 2)) == (2.94, 7.15)


@pytest.mark.parametrize(
    ("treatment", "control", "low", "high"),
    [
        ((70, 56), (80, 48), 0.0533, 0.3377),
        ((10, 9), (10, 3), 0.1821, 0.8370),
        ((7, 6), (7, 2), 0.0544, 0.8478),
        ((56, 5), (29, 0), -0.0313, 0.1926),
        ((10, 10), (20, 0), 0.7225, 1.0),
        ((10, 10), (10, 0), 0.6777, 1.0),
    ],
)
def test_newcombe_s_examples_give_the_published_difference_intervals(treatment, control, low, high):
    # Newcombe 1998, method 5 (Mee).
    interval = effect_of(control, treatment).difference_interval
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_the_example_of_fagerland_and_others_gives_the_published_interval():
    # Fagerland, Lydersen, Laake 2015: 7 of 34 against 1 of 34.
    interval = effect_of((34, 1), (34, 7)).difference_interval
    assert (round(interval.low, 3), round(interval.high, 2)) == (0.028, 0.34)


def likeliest_rate(control, treatment, difference):
    """The control's rate that maximizes the likelihood, by bisection of its slope in decimals."""
    low, high = max(Decimal(0), -difference), min(Decimal(1), 1 - difference)
    for _ in range(120):
        middle = (low + high) / 2
        slope = Decimal(0)
        for (units, successes), rate in ((control, middle), (treatment, middle + difference)):
            slope += successes / rate if successes else 0
            slope -= (units - successes) / (1 - rate) if units > successes else 0
        low, high = (middle, high) if slope > 0 else (low, middle)
    return (low + high) / 2


def exact_statistic(control, treatment, difference):
    rate = likeliest_rate(control, treatment, difference)
    raised = rate + difference
    variance = raised * (1 - raised) / treatment[0] + rate * (1 - rate) / control[0]
    gap = Decimal(treatment[1]) / treatment[0] - Decimal(control[1]) / control[0]
    return (gap - difference) / variance.sqrt()


def test_the_ends_of_the_difference_interval_lie_on_the_exact_boundary():
    # statsmodels is no oracle here: the linear coefficient of its cubic holds a count where the
    # arm's units belong, so its interval is a little off. The likelihood itself is the judge.
    with localcontext() as context:
        context.prec = 40
        for control, treatment in random_tables(15, seed=3, largest=7.5):
            interval = effect_of(control, treatment).difference_interval
            for end in (interval.low, interval.high):
                if abs(end) < 1:
                    statistic = exact_statistic(control, treatment, Decimal(end))
                    assert abs(abs(statistic) - Z) < Decimal("1e-5")


@pytest.mark.parametrize("successes", [(50, 40), (10**9 - 50, 10**9 - 40)])
def test_rare_events_in_huge_arms_lose_no_digits(successes):
    control, treatment = ((10**9, count) for count in successes)
    interval = effect_of(control, treatment).difference_interval
    with localcontext() as context:
        context.prec = 40
        for end in (interval.low, interval.high):
            statistic = exact_statistic(control, treatment, Decimal(end))
            assert abs(abs(statistic) - Z) < Decimal("1e-10")


def exact_ratio_statistic(control, treatment, ratio):
    """Koopman's statistic from the plain solution of his quadratic, in decimals."""
    (m, x), (n, y) = control, treatment
    linear = n * ratio + y + m + x * ratio
    root = (linear * linear - 4 * (m + n) * ratio * (x + y)).sqrt()
    rate = (linear - root) / (2 * (m + n) * ratio)
    variance = ratio * rate * (1 - ratio * rate) / n + ratio * ratio * rate * (1 - rate) / m
    return (Decimal(y) / n - ratio * x / m) / variance.sqrt()


def test_the_ends_of_the_lift_interval_lie_on_the_exact_boundary():
    with localcontext() as context:
        context.prec = 50
        for control, treatment in random_tables(100, seed=5, largest=7.5):
            interval = effect_of(control, treatment).lift_interval
            for end in (interval.low, interval.high):
                if end is not None and end > -1.0:
                    ratio = Decimal(end) + 1
                    statistic = exact_ratio_statistic(control, treatment, ratio)
                    assert abs(abs(statistic) - Z) < Decimal("1e-6")


def test_a_swapped_table_gives_the_mirrored_interval():
    for control, treatment in random_tables(50, seed=4):
        there, back = effect_of(control, treatment), effect_of(treatment, control)
        assert back.difference == -there.difference
        low, high = there.difference_interval.low, there.difference_interval.high
        assert back.difference_interval.low == pytest.approx(-high, rel=1e-7, abs=1e-12)
        assert back.difference_interval.high == pytest.approx(-low, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("successes", [0, 1])
def test_all_units_alike_give_no_verdict(successes):
    outcome = score_test(Proportion(50, 50 * successes), Proportion(70, 70 * successes))
    lift = 0.0 if successes else None
    assert outcome == Undetermined(Reason.NO_VARIATION, None, 0.0, lift)


def test_an_arm_without_units_has_no_effect():
    assert score_test(Proportion(0, 0), Proportion(9, 3)) == Undetermined(Reason.NO_UNITS)
    assert score_test(Proportion(9, 3), Proportion(0, 0)) == Undetermined(Reason.NO_UNITS)


@pytest.mark.parametrize(("successes", "significant"), [(1, False), (40, True)])
def test_no_success_in_the_control_leaves_the_lift_without_an_upper_end(successes, significant):
    effect = effect_of((100, 0), (100, successes))
    assert effect.lift is None
    assert isinstance(effect.lift_interval, Interval)
    assert effect.lift_interval.high is None
    assert effect.lift_interval.contains(0.0) is not significant
    assert effect.is_significant is significant


@pytest.mark.parametrize(("successes", "significant"), [(1, False), (40, True)])
def test_no_success_in_the_treatment_is_a_fall_of_everything(successes, significant):
    effect = effect_of((100, successes), (100, 0))
    assert effect.lift == -1.0
    assert effect.lift_interval.low == -1.0
    assert effect.lift_interval.contains(0.0) is not significant


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        ((10, 10), (10, 0)),
        ((10, 0), (10, 10)),
        ((1, 0), (1, 1)),
        ((1, 1), (5, 4)),
        ((10**9, 10**9 - 1), (10**9, 10**9)),
        ((10**9, 1), (10**9, 0)),
        ((3, 0), (10**9, 10**8)),
    ],
)
def test_extreme_tables_have_intervals_that_hold_the_estimate(control, treatment):
    effect = effect_of(control, treatment)
    assert effect.difference_interval.contains(effect.difference)
    assert -1.0 <= effect.difference_interval.low <= effect.difference_interval.high <= 1.0
    assert isinstance(effect.lift_interval, Interval)
    assert effect.lift is None or effect.lift_interval.contains(effect.lift)


def test_counts_of_another_library_do_not_overflow():
    counts: list[Any] = [np.int32(value) for value in (2_000_000, 100_000, 2_000_000, 101_000)]
    narrow = score_test(Proportion(counts[0], counts[1]), Proportion(counts[2], counts[3]))
    assert narrow == effect_of((2_000_000, 100_000), (2_000_000, 101_000))


def test_more_confidence_means_wider_intervals():
    narrow, wide = (effect_of((900, 90), (800, 99), level) for level in (0.8, 0.99))
    assert wide.difference_interval.low < narrow.difference_interval.low
    assert wide.difference_interval.high > narrow.difference_interval.high
    assert wide.lift_interval.low < narrow.lift_interval.low
    assert wide.lift_interval.high > narrow.lift_interval.high


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_outside_zero_to_one_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        score_test(Proportion(10, 1), Proportion(10, 2), confidence=confidence)
