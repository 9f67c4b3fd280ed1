"""How many units an effect needs, and how small an effect given units can show."""

import math
from typing import Final

from scipy.special import ndtri

from experiments.stats.outcomes import Reason, Undetermined, require_share

Shares = tuple[float, float]
EVEN: Final[Shares] = (0.5, 0.5)


def units_needed(
    control_variance: float,
    treatment_variance: float,
    *,
    delta: float,
    shares: Shares = EVEN,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int | Undetermined:
    """Units of both arms together that detect a difference of means with the given power.

    Variances are per unit, in the metric's unit squared; `delta` is the absolute difference (for a
    lift L it is L times the baseline mean); `shares` are the control's and the treatment's shares of
    the units, on any common scale. Two-sided at `alpha`; a significant result in the wrong direction
    does not count as power. Each arm gets at least two units. Undetermined for a delta of zero
    (NO_EFFECT), two variances of zero (NO_VARIATION), or a number beyond floating point
    (OUT_OF_RANGE). Raises ValueError for negative variances and for shares, alpha or power without
    meaning. Source: two-sample normal approximation, e.g. Chow, Shao, Wang 2008, ch. 3; equals
    `statsmodels.stats.power.normal_sample_size_one_tail` at alpha / 2.
    """
    control, treatment = _normalized(shares)
    spread = _spread(control_variance, treatment_variance, (control, treatment))
    if delta == 0.0:
        return Undetermined(Reason.NO_EFFECT)
    if spread == 0.0:
        return Undetermined(Reason.NO_VARIATION)
    reach = _reach(alpha, power) / delta
    units = reach * reach * spread
    if not math.isfinite(units):
        return Undetermined(Reason.OUT_OF_RANGE)
    return max(math.ceil(units), math.ceil(2.0 / min(control, treatment)))


def smallest_detectable(
    control_variance: float,
    treatment_variance: float,
    *,
    units: int,
    shares: Shares = EVEN,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float | Undetermined:
    """The smallest absolute difference of means that this many units in all detect with the power.

    The inverse of `units_needed`, with the same meanings and errors; the result is in the metric's
    unit. Undetermined below two units per arm (TOO_FEW_UNITS) or without variation (NO_VARIATION).
    """
    control, treatment = _normalized(shares)
    spread = _spread(control_variance, treatment_variance, (control, treatment))
    too_few = _too_few(units, (control, treatment))
    if too_few is not None:
        return too_few
    if spread == 0.0:
        return Undetermined(Reason.NO_VARIATION)
    return _reach(alpha, power) * math.sqrt(spread / units)


def units_needed_for_rate(
    baseline: float,
    *,
    delta: float,
    shares: Shares = EVEN,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int | Undetermined:
    """Units of both arms together that detect a change of a rate from `baseline` by `delta`.

    Each arm has the variance of its own rate under the alternative. `delta` is in rate (0.01 is one
    percentage point) and may be negative. Undetermined also where a rate leaves [0, 1]
    (RATE_OUT_OF_RANGE); otherwise as `units_needed`.
    """
    raised = baseline + delta
    if not (0.0 <= baseline <= 1.0 and 0.0 <= raised <= 1.0):
        return Undetermined(Reason.RATE_OUT_OF_RANGE)
    return units_needed(
        baseline * (1.0 - baseline),
        raised * (1.0 - raised),
        delta=delta,
        shares=shares,
        alpha=alpha,
        power=power,
    )


def smallest_detectable_rate(
    baseline: float,
    *,
    units: int,
    shares: Shares = EVEN,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float | Undetermined:
    """The smallest rise of a rate from `baseline` that this many units detect with the power.

    The inverse of `units_needed_for_rate`, solved exactly (the treatment's variance depends on the
    rise). The smallest fall from p is the smallest rise from 1 - p. Undetermined below two units per
    arm (TOO_FEW_UNITS), or where no rise within [0, 1] would be detected (RATE_OUT_OF_RANGE).
    """
    control, treatment = _normalized(shares)
    if not 0.0 <= baseline <= 1.0:
        return Undetermined(Reason.RATE_OUT_OF_RANGE)
    too_few = _too_few(units, (control, treatment))
    if too_few is not None:
        return too_few
    reach = _reach(alpha, power)
    scale = reach * reach / units
    variance = baseline * (1.0 - baseline)
    # delta^2 = scale (v / w_c + (p + delta)(1 - p - delta) / w_t), a quadratic in delta.
    square = 1.0 + scale / treatment
    half = scale * (1.0 - 2.0 * baseline) / treatment / 2.0
    constant = scale * variance * (1.0 / control + 1.0 / treatment)
    rise = (half + math.sqrt(half * half + square * constant)) / square
    if rise <= 0.0 or baseline + rise > 1.0:
        return Undetermined(Reason.RATE_OUT_OF_RANGE)
    return rise


def _normalized(shares: Shares) -> Shares:
    control, treatment = shares
    if not (control > 0.0 and treatment > 0.0 and math.isfinite(control + treatment)):
        raise ValueError("both arms need a share above zero")
    return control / (control + treatment), treatment / (control + treatment)


def _spread(control_variance: float, treatment_variance: float, shares: Shares) -> float:
    for variance in (control_variance, treatment_variance):
        if not (math.isfinite(variance) and variance >= 0.0):
            raise ValueError(f"a variance of {variance} cannot be")
    return control_variance / shares[0] + treatment_variance / shares[1]


def _reach(alpha: float, power: float) -> float:
    require_share(alpha, "alpha")
    require_share(power, "power")
    reach = -float(ndtri(alpha / 2.0)) + float(ndtri(power))
    if reach <= 0.0:
        raise ValueError("a power at or below half of alpha needs no units at all")
    return reach


def _too_few(units: int, shares: Shares) -> Undetermined | None:
    needed = math.ceil(2.0 / min(shares))
    return Undetermined(Reason.TOO_FEW_UNITS, missing=needed - units) if units < needed else None
