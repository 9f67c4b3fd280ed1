"""The interval of a relative difference of means that agrees with the test of the difference."""

import math
from dataclasses import dataclass

from experiments.stats.outcomes import Interval, Reason, Undetermined


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two independent means: the control's, the difference, and the standard error of each mean."""

    baseline: float
    difference: float
    control_error: float
    treatment_error: float

    @property
    def error(self) -> float:
        """The standard error of the difference."""
        return math.hypot(self.control_error, self.treatment_error)

    @property
    def lift(self) -> float | None:
        """The difference as a share of |baseline|; None where that is no finite number."""
        if self.baseline == 0.0:
            return None
        lift = self.difference / abs(self.baseline)
        return lift if math.isfinite(lift) else None


def lift_interval(contrast: Contrast, quantile: float) -> Interval | Undetermined:
    """All lifts L for which |m_t - m_c - L |m_c|| stays within `quantile` standard errors of itself.

    The set is the solution of a quadratic in L, solved here for the lift rather than for the ratio:
    its constant term is (d^2 - quantile^2 se^2) / m_c^2, so the interval leaves out zero exactly when
    the test of the difference rejects, also in floating point, and small lifts lose no digits.
    A negative baseline is mirrored: the sign of the lift is that of the difference.

    `quantile` is that of the test (of Student's t, the normal, or a sequential boundary). Undetermined
    for a baseline of zero (ZERO_BASELINE), one that the same quantile cannot tell from zero
    (BASELINE_NEAR_ZERO), or figures beyond floating point (OUT_OF_RANGE).
    Source: Fieller 1954, "Some problems in interval estimation".
    """
    lift = contrast.lift
    if contrast.baseline == 0.0:
        return Undetermined(Reason.ZERO_BASELINE)
    size = abs(contrast.baseline)
    control = quantile * contrast.control_error / size
    g = control * control
    if g >= 1.0:
        return Undetermined(Reason.BASELINE_NEAR_ZERO, lift=lift)
    if lift is None:
        return Undetermined(Reason.OUT_OF_RANGE)
    sign = math.copysign(1.0, contrast.baseline)
    treatment = quantile * contrast.treatment_error / size
    both = quantile * contrast.error / size
    middle = lift + sign * g
    root = math.hypot((1.0 + sign * lift) * control, treatment * math.sqrt(1.0 - g))
    far = middle + math.copysign(root, middle)
    product = (abs(lift) - both) * (abs(lift) + both)
    return _interval(far / (1.0 - g), product / far if far else 0.0)


def _interval(one: float, other: float) -> Interval | Undetermined:
    if not (math.isfinite(one) and math.isfinite(other)):
        return Undetermined(Reason.OUT_OF_RANGE)
    return Interval(min(one, other), max(one, other))
