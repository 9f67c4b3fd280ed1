"""Whether units were split as planned (sample ratio mismatch): once, or at every look."""

import math
from collections.abc import Sequence
from typing import Final

from scipy.special import chdtrc

from experiments.stats.outcomes import Reason, Srm, Undetermined

LEAST_UNITS: Final = 100
LEAST_EXPECTED: Final = 5.0
# The weight of the plan in the sequential check, in units: as if that many had been seen before.
CONCENTRATION: Final = 1_000.0


def chi_square(observed: Sequence[int], planned: Sequence[float]) -> Srm | Undetermined:
    """Pearson's chi-square of the units seen per arm against the planned weights, for one look.

    `observed` are units per arm, `planned` weights in the same order, on any common scale (0.5 and
    0.5, or 50 and 50); units seen in several arms are counted in neither. An arm of weight zero is
    left out. Undetermined below 100 units or with fewer than 5 expected in an arm (TOO_FEW_UNITS),
    with units in an arm of weight zero (UNPLANNED_ARM) or with one arm planned (ONE_ARM). Raises
    ValueError for lists of different length and for negative numbers.
    Source: Pearson 1900; Fabijan et al. 2019, "Diagnosing sample ratio mismatch".
    """
    shares = _shares(observed, planned)
    if isinstance(shares, Undetermined):
        return shares
    total = sum(observed)
    smallest = min(share for share in shares if share > 0.0)
    needed = max(LEAST_UNITS, math.ceil(LEAST_EXPECTED / smallest))
    if total < needed:
        return Undetermined(Reason.TOO_FEW_UNITS, missing=needed - total)
    expected = tuple(total * share for share in shares)
    statistic = math.fsum(
        (seen - due) * (seen - due) / due
        for seen, due in zip(observed, expected, strict=True)
        if due > 0.0
    )
    degrees = sum(share > 0.0 for share in shares) - 1
    return Srm(
        p_value=float(chdtrc(degrees, statistic)),
        statistic=statistic,
        degrees=degrees,
        observed=tuple(int(count) for count in observed),
        expected=expected,
    )


def sequential(
    observed: Sequence[int], planned: Sequence[float], *, previous: float = 1.0
) -> Srm | Undetermined:
    """The same question, safe to ask at every refresh: the p-value holds however often one looks.

    The Bayes factor of a Dirichlet-multinomial against the planned shares; its inverse, kept at its
    minimum over all looks, is an always-valid p-value. `previous` is that of the look before, and 1
    at the first. `statistic` is the logarithm of the Bayes factor. It answers from the first unit on.
    Undetermined without units (NO_UNITS), with UNPLANNED_ARM or ONE_ARM as `chi_square`; raises
    ValueError as that does.
    Source: Lindon & Malek 2020, "Anytime-valid inference for multinomial count data" (2011.03567).
    """
    shares = _shares(observed, planned)
    if isinstance(shares, Undetermined):
        return shares
    total = sum(observed)
    if total == 0:
        return Undetermined(Reason.NO_UNITS)
    factor = math.lgamma(CONCENTRATION) - math.lgamma(CONCENTRATION + total)
    for seen, share in zip(observed, shares, strict=True):
        if share > 0.0:
            prior = CONCENTRATION * share
            factor += math.lgamma(prior + seen) - math.lgamma(prior) - seen * math.log(share)
    return Srm(
        p_value=min(previous, 1.0, math.exp(min(0.0, -factor))),
        statistic=factor,
        degrees=None,
        observed=tuple(int(count) for count in observed),
        expected=tuple(total * share for share in shares),
    )


def _shares(observed: Sequence[int], planned: Sequence[float]) -> tuple[float, ...] | Undetermined:
    if len(observed) != len(planned):
        raise ValueError(f"{len(observed)} arms were observed and {len(planned)} planned")
    if any(count < 0 for count in observed):
        raise ValueError("an arm cannot have fewer than no units")
    if not all(math.isfinite(weight) and weight >= 0.0 for weight in planned):
        raise ValueError("a planned weight is a number from zero upward")
    if sum(weight > 0.0 for weight in planned) < 2:
        return Undetermined(Reason.ONE_ARM)
    if any(seen and not weight for seen, weight in zip(observed, planned, strict=True)):
        return Undetermined(Reason.UNPLANNED_ARM)
    whole = math.fsum(planned)
    return tuple(weight / whole for weight in planned)
