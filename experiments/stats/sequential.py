"""Looking at any time: confidence sequences and p-values that stay valid however often one looks.

The normal-mixture boundary of Robbins 1970 in its asymptotic form (Waudby-Smith et al. 2021,
2103.06476; Howard et al. 2021, eq. 14). `units` are those of both arms at the look, `planned` those
expected at the end of the run, where the boundary is made narrowest. A caller that looks repeatedly
keeps the smallest p-value so far; the intervals of all looks hold together, so it may intersect them.
"""

import math
from dataclasses import replace
from typing import Final

from experiments.stats import fieller
from experiments.stats.fieller import Contrast
from experiments.stats.frequentist import contrast
from experiments.stats.outcomes import (
    Effect,
    Interval,
    Method,
    Reason,
    Undetermined,
    require_share,
)
from experiments.stats.samples import Proportion, Sample

# The guarantee is asymptotic: it starts when variances can be trusted.
LEAST_UNITS: Final = 100
LEAST_EVENTS: Final = 5


def multiplier(*, units: int, planned: int, alpha: float = 0.05) -> float:
    """Half the width of the two-sided confidence sequence, in standard errors.

    3.04 at the planned end for alpha 0.05, against 1.96 for a single look. Raises ValueError unless
    units and planned are positive and alpha lies in (0, 1).
    Source: Robbins 1970; Howard et al. 2021, eq. 14; Waudby-Smith et al. 2021.
    """
    ratio = _progress(units, planned, alpha)
    return math.sqrt((1.0 + 1.0 / ratio) * (math.log1p(ratio) - 2.0 * math.log(alpha)))


def p_value(statistic: float, *, units: int, planned: int, alpha: float = 0.05) -> float:
    """The always-valid two-sided p-value of a look at which difference / standard error = statistic.

    Below alpha exactly when the statistic is beyond `multiplier`. `alpha` only tunes the boundary.
    Errors as `multiplier`. Source: the same mixture, inverted (Johari et al. 2022 for the notion).
    """
    ratio = _progress(units, planned, alpha)
    evidence = statistic * statistic * ratio / (2.0 * (1.0 + ratio)) - math.log1p(ratio) / 2.0
    return math.exp(min(0.0, -evidence))


def one_sided_multiplier(*, units: int, planned: int, alpha: float = 0.05) -> float:
    """The distance of a one-sided confidence sequence from its estimate, in standard errors.

    Harm is proved when difference + multiplier x standard error is below zero. Errors as
    `multiplier`; alpha below one half. Source: Waudby-Smith et al. 2021, one-sided form (eq. 134).
    """
    ratio = _one_sided_progress(units, planned, alpha)
    inner = math.log1p(math.sqrt(1.0 + ratio) / (2.0 * alpha))
    return math.sqrt((1.0 + 1.0 / ratio) * 2.0 * inner)


def one_sided_p_value(statistic: float, *, units: int, planned: int, alpha: float = 0.05) -> float:
    """The always-valid p-value against "not above zero": small for a large positive statistic.

    For harm pass the negated statistic. Below alpha exactly when the statistic is beyond
    `one_sided_multiplier`; 1 for a statistic at or below zero. Errors as there.
    """
    ratio = _one_sided_progress(units, planned, alpha)
    if statistic <= 0.0:
        return 1.0
    exponent = statistic * statistic * ratio / (2.0 * (1.0 + ratio))
    # sqrt(1 + ratio) / (2 (e^x - 1)) without overflow for large x.
    scale = math.sqrt(1.0 + ratio) / 2.0
    return min(1.0, scale * math.exp(-exponent) / -math.expm1(-exponent))


def confidence_sequence(
    difference: float,
    standard_error: float,
    *,
    units: int,
    planned: int,
    confidence: float = 0.95,
) -> Interval:
    """The always-valid interval of a difference, in the unit of the difference.

    Raises ValueError as `multiplier` and for a negative standard error.
    """
    if standard_error < 0.0:
        raise ValueError(f"a standard error of {standard_error} cannot be")
    require_share(confidence, "confidence")
    half = standard_error * multiplier(units=units, planned=planned, alpha=1.0 - confidence)
    return Interval(difference - half, difference + half)


def always_valid(
    control: Sample, treatment: Sample, *, planned: int, confidence: float = 0.95
) -> Effect | Undetermined:
    """Treatment against control for means, safe to read at any moment.

    Test, difference interval and Fieller's lift interval share one multiplier, so they agree. The
    p-value is that of this look. Undetermined below 100 units in an arm (TOO_FEW_UNITS) and otherwise
    as `frequentist.contrast`; raises ValueError for a confidence outside (0, 1) or planned below 1.
    """
    require_share(confidence, "confidence")
    alpha = 1.0 - confidence
    units = control.units + treatment.units
    means = contrast(control, treatment)
    missing = sum(max(0, LEAST_UNITS - arm.units) for arm in (control, treatment))
    if isinstance(means, Undetermined):
        return replace(means, missing=missing) if means.missing else means
    if missing:
        return Undetermined(Reason.TOO_FEW_UNITS, missing, means.difference, means.lift)
    bound = multiplier(units=units, planned=planned, alpha=alpha)
    statistic = means.difference / means.error
    if not math.isfinite(statistic):
        return Undetermined(Reason.OUT_OF_RANGE, None, means.difference, means.lift)
    probability = p_value(statistic, units=units, planned=planned, alpha=alpha)
    return _effect(means, bound, probability, confidence)


def always_valid_rates(
    control: Proportion, treatment: Proportion, *, planned: int, confidence: float = 0.95
) -> Effect | Undetermined:
    """Treatment against control for rates, safe to read at any moment.

    As `always_valid` on zeros and ones; undetermined also while an arm has fewer than five of the
    rarer outcome (TOO_FEW_EVENTS).
    """
    effect = always_valid(control.sample, treatment.sample, planned=planned, confidence=confidence)
    missing = sum(
        max(0, LEAST_EVENTS - min(arm.successes, arm.failures)) for arm in (control, treatment)
    )
    if isinstance(effect, Effect) and missing:
        return Undetermined(Reason.TOO_FEW_EVENTS, missing, effect.difference, effect.lift)
    return effect


def _effect(
    means: Contrast, bound: float, probability: float, confidence: float
) -> Effect | Undetermined:
    statistic, half = means.difference / means.error, bound * means.error
    low, high = means.difference - half, means.difference + half
    if not (math.isfinite(low) and math.isfinite(high)):
        return Undetermined(Reason.OUT_OF_RANGE, None, means.difference, means.lift)
    return Effect(
        difference=means.difference,
        difference_interval=Interval(low, high),
        lift=means.lift,
        lift_interval=fieller.lift_interval(means, bound),
        p_value=probability,
        statistic=statistic,
        degrees=None,
        confidence=confidence,
        method=Method.ALWAYS_VALID,
    )


def _progress(units: int, planned: int, alpha: float) -> float:
    """units / k, with k such that the boundary is narrowest at the planned units."""
    require_share(alpha, "alpha")
    if units < 1 or planned < 1:
        raise ValueError("units and planned are counts from one upward")
    log = -2.0 * math.log(alpha)
    return units / planned * (log + math.log1p(log))


def _one_sided_progress(units: int, planned: int, alpha: float) -> float:
    # Tuned with twice alpha, because the one-sided boundary spends it on one side only.
    require_share(2.0 * alpha, "twice alpha")
    return _progress(units, planned, 2.0 * alpha)
