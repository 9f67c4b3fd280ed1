"""Score intervals of two proportions, found by bisection so that they agree with the score test.

No N/(N-1) correction anywhere: the statistic at equality is the pooled z (Pearson's chi-square), the
difference interval is that of Mee 1984 (Miettinen & Nurminen 1985 without their factor) and the ratio
interval is Koopman's 1984. One statistic for test and intervals is what keeps them from disagreeing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from experiments.stats.outcomes import Interval
from experiments.stats.samples import Proportion

STEPS: Final = 200
POLISH: Final = 3


@dataclass(frozen=True, slots=True)
class Table:
    """Two proportions as floats: whole numbers of some libraries overflow in products of counts."""

    control_units: float
    control: float
    treatment_units: float
    treatment: float

    @classmethod
    def of(cls, control: Proportion, treatment: Proportion) -> "Table":
        """The table of a control and a treatment; both need at least one unit."""
        return cls(
            float(control.units),
            float(control.successes),
            float(treatment.units),
            float(treatment.successes),
        )

    @property
    def failed(self) -> "Table":
        """The same table with failures counted as successes."""
        return Table(
            self.control_units,
            self.control_units - self.control,
            self.treatment_units,
            self.treatment_units - self.treatment,
        )

    @property
    def units(self) -> float:
        """Units of both arms."""
        return self.control_units + self.treatment_units

    @property
    def successes(self) -> float:
        """Successes of both arms."""
        return self.control + self.treatment

    @property
    def difference(self) -> float:
        """The treatment's rate minus the control's."""
        return self.treatment / self.treatment_units - self.control / self.control_units


def pooled_z(table: Table) -> float:
    """The score statistic of equality; needs at least one success and one failure in all.

    Source: Pearson 1900 (its square is the 2x2 chi-square without correction).
    """
    spread = table.successes / table.units * (table.failed.successes / table.units)
    return table.difference / math.sqrt(
        spread * (1.0 / table.control_units + 1.0 / table.treatment_units)
    )


def difference_interval(table: Table, quantile: float) -> Interval:
    """All differences of rates within `quantile` of the score statistic; ends lie in [-1, 1].

    Needs at least one success and one failure in all. It leaves out 0 exactly when |pooled_z| exceeds
    the quantile. Source: Mee 1984; Miettinen & Nurminen 1985, without the factor N/(N-1).
    """
    if table.successes > table.units / 2.0:
        # Near a rate of one the cubic below cancels; counting failures moves it near zero.
        mirrored = _difference_interval(table.failed, quantile)
        return Interval(_negative(mirrored.high), _negative(mirrored.low))
    return _difference_interval(table, quantile)


def _difference_interval(table: Table, quantile: float) -> Interval:
    rejected = abs(pooled_z(table)) > quantile

    def rejects(value: float) -> bool:
        if value == 0.0:
            return rejected
        return abs(_difference_statistic(table, value)) > quantile

    estimate = table.difference
    if rejected:
        low, high = (0.0, 1.0) if estimate > 0.0 else (-1.0, 0.0)
        return Interval(_edge(estimate, low, rejects), _edge(estimate, high, rejects))
    low_start, high_start = min(estimate, 0.0), max(estimate, 0.0)
    return Interval(_edge(low_start, -1.0, rejects), _edge(high_start, 1.0, rejects))


def lift_interval(table: Table, quantile: float) -> Interval:
    """All relative differences within `quantile` of the score statistic; ends from -1 upward.

    Needs at least one success and one failure in all. Without successes in the control the upper end
    is unbounded; without successes in the treatment the lower end is -1. It leaves out 0 exactly when
    |pooled_z| exceeds the quantile. Source: Koopman 1984, "Confidence intervals for the ratio of two
    binomial proportions".
    """
    rejected = abs(pooled_z(table)) > quantile

    def rejects(value: float) -> bool:
        if value == 1.0:
            return rejected
        return abs(_ratio_statistic(table, value)) > quantile

    above = table.difference > 0.0
    below_one = 0.0 if not (rejected and above) else 1.0
    above_one = 1.0 if rejected and not above else None
    start = _inside(table, rejects)
    low = _edge(start if rejected else min(start, 1.0), below_one, rejects)
    if table.control == 0.0:
        return Interval(low - 1.0, None)
    inside = start if rejected else max(start, 1.0)
    if above_one is None:
        above_one = _first(max(inside, 1.0) * 2.0, rejects)
    return Interval(low - 1.0, _edge(inside, above_one, rejects) - 1.0)


def _inside(table: Table, rejects: Callable[[float], bool]) -> float:
    """A ratio that the data accept: their own, or where that is infinite, a large one."""
    if table.control > 0.0:
        return (table.treatment / table.treatment_units) / (table.control / table.control_units)
    return _first(2.0, lambda value: not rejects(value))


def _first(start: float, wanted: Callable[[float], bool]) -> float:
    value = start
    while not wanted(value):
        value *= 2.0
    return value


def _edge(inside: float, outside: float, rejects: Callable[[float], bool]) -> float:
    """The last accepted value on the way from an accepted value to a rejected one, by bisection."""
    if not rejects(outside):
        return outside
    for _ in range(STEPS):
        middle = (inside + outside) / 2.0
        if middle in (inside, outside):
            break
        if rejects(middle):
            outside = middle
        else:
            inside = middle
    return inside


def _ratio_statistic(table: Table, ratio: float) -> float:
    rate = _rate_given_ratio(table, ratio)
    raised = min(ratio * rate, 1.0)
    variance = (
        raised * (1.0 - raised) / table.treatment_units
        + ratio * ratio * rate * (1.0 - rate) / table.control_units
    )
    excess = table.treatment / table.treatment_units - ratio * table.control / table.control_units
    return _standardized(excess, variance)


def _rate_given_ratio(table: Table, ratio: float) -> float:
    """The control's likeliest rate if the treatment's is `ratio` times as large.

    The smaller root of Koopman's quadratic, its discriminant rewritten as a sum of positive terms
    (nothing cancels when both rates are near one).
    """
    own = ratio * (table.treatment_units + table.control)
    other = table.control_units + table.treatment
    control_failed = table.control_units - table.control
    treatment_failed = table.treatment_units - table.treatment
    gap = (ratio - 1.0) * (table.treatment_units + table.control)
    gap += treatment_failed - control_failed
    root = math.hypot(gap, 2.0 * math.sqrt(ratio * control_failed * treatment_failed))
    return min(2.0 * table.successes / (own + other + root), 1.0)


def _difference_statistic(table: Table, difference: float) -> float:
    rate = _rate_given_difference(table, difference)
    raised = min(max(rate + difference, 0.0), 1.0)
    variance = (
        raised * (1.0 - raised) / table.treatment_units + rate * (1.0 - rate) / table.control_units
    )
    return _standardized(table.difference - difference, variance)


def _rate_given_difference(table: Table, difference: float) -> float:
    """The control's likeliest rate if the treatment's is larger by `difference`.

    The root of Miettinen & Nurminen's cubic by its trigonometric solution, the argument of the
    arccosine clipped to [-1, 1]; then polished by Newton steps, because the solution loses half of
    its digits where two roots nearly meet (rare events in large arms).
    """
    square, linear, constant = _cubic(table, difference)
    lowest, highest = max(0.0, -difference), min(1.0, 1.0 - difference)
    rate = min(max(_middle_root(square, linear, constant), lowest), highest)
    for _ in range(POLISH):
        value = ((rate + square) * rate + linear) * rate + constant
        slope = (3.0 * rate + 2.0 * square) * rate + linear
        better = rate - value / slope if slope else rate
        if better == rate or not lowest <= better <= highest:
            break
        rate = better
    return rate


def _cubic(table: Table, difference: float) -> tuple[float, float, float]:
    """Coefficients of x^2, x and 1 (that of x^3 is one); the middle root is the constrained rate."""
    units, successes, control = table.units, table.successes, table.control
    weighted = (table.treatment_units + 2.0 * table.control_units) * difference
    square = (weighted - units - successes) / units
    linear = (table.control_units * difference - units - 2.0 * control) * difference + successes
    return square, linear / units, control * difference * (1.0 - difference) / units


def _middle_root(square: float, linear: float, constant: float) -> float:
    third = square / 3.0
    q = third * third * third - linear * third / 2.0 + constant / 2.0
    p = math.copysign(math.sqrt(max(third * third - linear / 3.0, 0.0)), q)
    if p == 0.0:
        return -third
    cosine = min(max(q / (p * p * p), -1.0), 1.0)
    return 2.0 * p * math.cos((math.pi + math.acos(cosine)) / 3.0) - third


def _standardized(excess: float, variance: float) -> float:
    if excess == 0.0:
        return 0.0
    if variance <= 0.0:
        return math.copysign(math.inf, excess)
    return excess / math.sqrt(variance)


def _negative(end: float | None) -> float | None:
    return None if end is None else -end
