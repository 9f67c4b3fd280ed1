"""Moments of a sample: exact where sums of squares fail, mergeable, refused when nonsense."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from experiments.stats.outcomes import MalformedOutcome, Reason, Undetermined
from experiments.stats.samples import Proportion, Sample, merge


def sample_of(values):
    array = np.asarray(values, dtype=float)
    mean = float(array.mean())
    return Sample(len(array), mean, float(((array - mean) ** 2).sum()))


def certified_like_numacc4():
    """1,001 values about 10,000,000.2 that alternate by 0.1: mean 10000000.2, variance 0.01."""
    return [10000000.2] + [10000000.1, 10000000.3] * 500


def test_merged_slices_equal_the_whole():
    values = np.random.default_rng(5).gamma(1.5, 20.0, size=1_000)
    slices = [sample_of(part) for part in np.split(values, [1, 17, 400])]
    together = slices[0]
    for part in slices[1:]:
        together = merge(together, part)
    whole = sample_of(values)
    assert together.units == whole.units
    assert math.isclose(together.mean, whole.mean, rel_tol=1e-13)
    assert math.isclose(together.m2, whole.m2, rel_tol=1e-12)


def test_merging_with_nobody_changes_nothing():
    nobody, some = Sample(0, 0.0, 0.0), Sample(7, 3.5, 2.25)
    assert merge(nobody, some) == some
    assert merge(some, nobody) == some


def test_a_large_mean_does_not_swallow_the_variance():
    values = certified_like_numacc4()
    halves = merge(sample_of(values[:400]), sample_of(values[400:]))
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    m2 = sum((value - mean) ** 2 for value in exact)
    assert math.isclose(halves.mean, 10000000.2, rel_tol=1e-15)
    assert math.isclose(halves.m2, float(m2), rel_tol=1e-7)
    assert isinstance(halves.variance, float)
    assert math.isclose(halves.variance, 0.01, rel_tol=1e-6)


def test_variance_and_deviation_are_those_of_numpy():
    values = np.random.default_rng(6).normal(5.0, 3.0, size=50)
    sample = sample_of(values)
    assert sample.variance == pytest.approx(values.var(ddof=1), rel=1e-13)
    assert sample.deviation == pytest.approx(values.std(ddof=1), rel=1e-13)


@pytest.mark.parametrize(("units", "missing"), [(0, 2), (1, 1)])
def test_a_variance_needs_two_units(units, missing):
    sample = Sample(units, 1.0, 0.0)
    assert sample.variance == Undetermined(Reason.TOO_FEW_UNITS, missing=missing)
    assert sample.deviation == sample.variance


@pytest.mark.parametrize(
    "moments",
    [(-1, 0.0, 0.0), (3, math.nan, 1.0), (3, math.inf, 1.0), (3, 0.0, -1e-9), (3, 0.0, math.nan)],
)
def test_moments_that_cannot_be_are_refused(moments):
    with pytest.raises(ValueError, match=r"cannot be|finite"):
        Sample(*moments)


def test_a_proportion_knows_its_rate_and_its_moments():
    proportion = Proportion(40, 10)
    assert proportion.rate == 0.25
    assert proportion.failures == 30
    assert proportion.sample == sample_of([1.0] * 10 + [0.0] * 30)
    assert Proportion(0, 0).rate == Undetermined(Reason.NO_UNITS)
    assert Proportion(0, 0).sample == Sample(0, 0.0, 0.0)


@pytest.mark.parametrize("counts", [(3, 4), (3, -1), (-1, 0)])
def test_more_successes_than_units_are_refused(counts):
    with pytest.raises(ValueError, match="cannot be"):
        Proportion(*counts)


@pytest.mark.parametrize(
    "stored", [Sample(3, 0.1 + 0.2, 1e-300), Sample(10**12, -1e22, 1e22), Proportion(10**12, 7)]
)
def test_samples_come_back_from_storage_exactly(stored):
    document = json.loads(json.dumps(stored.to_json(), allow_nan=False))
    assert type(stored).from_json(document) == stored


def test_a_document_of_something_else_is_refused():
    with pytest.raises(MalformedOutcome, match="whole number"):
        Sample.from_json({"units": 3.5, "mean": 0.0, "m2": 0.0})
