"""The fixed-horizon tests: Welch for means, the score test for proportions."""

import math
from typing import Final

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from experiments.stats import fieller, scores
from experiments.stats.fieller import Contrast
from experiments.stats.outcomes import (
    Effect,
    Interval,
    Method,
    Reason,
    Undetermined,
    require_share,
)
from experiments.stats.samples import Proportion, Sample

# A spread below this share of the mean is what summing a constant leaves behind (measured: 1e-11 for
# a million times 0.1), not a property of the units.
ROUNDING: Final = 1e-10


def contrast(control: Sample, treatment: Sample) -> Contrast | Undetermined:
    """Difference of two means with their standard errors: what every test of means starts from.

    Undetermined without units (NO_UNITS), below two units in an arm (TOO_FEW_UNITS), when neither
    arm varies beyond rounding (NO_VARIATION), or beyond floating point (OUT_OF_RANGE). The plain
    difference and lift are kept where they exist.
    """
    if control.units == 0 or treatment.units == 0:
        return Undetermined(Reason.NO_UNITS)
    difference = treatment.mean - control.mean
    plain = Contrast(control.mean, difference, 0.0, 0.0)
    if not math.isfinite(difference):
        return Undetermined(Reason.OUT_OF_RANGE)
    deviations = control.deviation, treatment.deviation
    if isinstance(deviations[0], Undetermined) or isinstance(deviations[1], Undetermined):
        missing = max(0, 2 - control.units) + max(0, 2 - treatment.units)
        return Undetermined(Reason.TOO_FEW_UNITS, missing, difference, plain.lift)
    largest = max(abs(control.mean), abs(treatment.mean))
    if max(deviations[0], deviations[1]) <= ROUNDING * largest:
        return Undetermined(Reason.NO_VARIATION, None, difference, plain.lift)
    return Contrast(
        control.mean,
        difference,
        deviations[0] / math.sqrt(control.units),
        deviations[1] / math.sqrt(treatment.units),
    )


def welch(control: Sample, treatment: Sample, *, confidence: float = 0.95) -> Effect | Undetermined:
    """Two-sided test of equal means without assuming equal variances, and Fieller's lift interval.

    Samples hold one value per assigned unit; the difference is treatment minus control in the
    metric's unit. Test and both intervals use one quantile of Student's t, so they agree. Undetermined
    as `contrast` says; `lift_interval` alone can be undetermined as `fieller.lift_interval` says.
    Raises ValueError for a confidence outside (0, 1).
    Source: Welch 1947; Satterthwaite 1946 (degrees of freedom); Fieller 1954.
    """
    require_share(confidence, "confidence")
    means = contrast(control, treatment)
    if isinstance(means, Undetermined):
        return means
    degrees = satterthwaite(means, control.units, treatment.units)
    quantile = -float(stdtrit(degrees, (1.0 - confidence) / 2.0))
    statistic = means.difference / means.error
    half = quantile * means.error
    low, high = means.difference - half, means.difference + half
    if not all(math.isfinite(value) for value in (statistic, low, high)):
        return Undetermined(Reason.OUT_OF_RANGE, None, means.difference, means.lift)
    return Effect(
        difference=means.difference,
        difference_interval=Interval(low, high),
        lift=means.lift,
        lift_interval=fieller.lift_interval(means, quantile),
        p_value=min(1.0, 2.0 * float(stdtr(degrees, -abs(statistic)))),
        statistic=statistic,
        degrees=degrees,
        confidence=confidence,
        method=Method.WELCH,
    )


def satterthwaite(means: Contrast, control_units: int, treatment_units: int) -> float:
    """Approximate degrees of freedom of a difference of two means with unequal variances.

    Between the smaller arm's units - 1 and the sum of both. Needs two units per arm and a standard
    error above zero. Source: Satterthwaite 1946; Welch 1947.
    """
    control = means.control_error / means.error
    treatment = means.treatment_error / means.error
    control_part = control * control * control * control / (control_units - 1)
    treatment_part = treatment * treatment * treatment * treatment / (treatment_units - 1)
    return 1.0 / (control_part + treatment_part)


def score_test(
    control: Proportion, treatment: Proportion, *, confidence: float = 0.95
) -> Effect | Undetermined:
    """Two-sided score test of equal rates, with score intervals of the difference and the lift.

    Proportions count assigned units; the difference is treatment minus control, in rate (0.01 is one
    percentage point). The intervals invert the same statistic, so all three agree in every table.
    Without successes in the control the lift is None and its interval has no upper end. Undetermined
    without units in an arm (NO_UNITS) or when all units agree (NO_VARIATION). Raises ValueError for a
    confidence outside (0, 1).
    Source: Pearson 1900 (test); Mee 1984, Miettinen & Nurminen 1985 (difference); Koopman 1984 (lift).
    """
    require_share(confidence, "confidence")
    if control.units == 0 or treatment.units == 0:
        return Undetermined(Reason.NO_UNITS)
    table = scores.Table.of(control, treatment)
    if table.successes in (0.0, table.units):
        lift = 0.0 if control.successes else None
        return Undetermined(Reason.NO_VARIATION, None, 0.0, lift)
    quantile = -float(ndtri((1.0 - confidence) / 2.0))
    statistic = scores.pooled_z(table)
    baseline = table.control / table.control_units
    return Effect(
        difference=table.difference,
        difference_interval=scores.difference_interval(table, quantile),
        lift=table.difference / baseline if baseline else None,
        lift_interval=scores.lift_interval(table, quantile),
        p_value=min(1.0, 2.0 * float(ndtr(-abs(statistic)))),
        statistic=statistic,
        degrees=None,
        confidence=confidence,
        method=Method.SCORE,
    )
