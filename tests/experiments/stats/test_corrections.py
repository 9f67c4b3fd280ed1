"""Corrections for many comparisons: worked by hand, tolerant of what has no p-value."""

import math

import pytest

from experiments.stats.corrections import benjamini_hochberg, holm


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))


def test_benjamini_and_hochberg_by_hand():
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.04, 0.04))


def test_the_example_of_benjamini_and_hochberg_keeps_four_findings():
    # Benjamini & Hochberg 1995, section 4.1: 15 p-values, four rejected at 0.05 (Bonferroni: three).
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    published += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    findings = [value for value in benjamini_hochberg(published) if value and value <= 0.05]
    assert len(findings) == 4
    assert len([value for value in holm(published) if value and value <= 0.05]) == 3


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_a_missing_p_value_stays_missing_and_harms_nobody(correct):
    assert correct([None, 0.01, None, 0.04, 0.03]) == (
        None,
        correct([0.01, 0.04, 0.03])[0],
        None,
        *correct([0.01, 0.04, 0.03])[1:],
    )


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_nothing_to_correct_is_no_problem(correct):
    assert correct([]) == ()
    assert correct([None, None]) == (None, None)
    assert correct([0.2]) == (0.2,)
    assert correct([0.0, 1.0]) == (0.0, 1.0)


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
@pytest.mark.parametrize("value", [math.nan, -0.1, 1.1, math.inf])
def test_what_is_no_p_value_is_refused(correct, value):
    with pytest.raises(ValueError, match="between 0 and 1"):
        correct([0.5, value])
