"""What the data say in a few numbers: moments of a mean, counts of a proportion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from experiments.stats.outcomes import Document, Reason, Undetermined, integer, number


@dataclass(frozen=True, slots=True)
class Sample:
    """Per-unit values of one arm: how many units, their mean, and `m2`, the sum of squared deviations.

    `m2` is centered (the sum of (x - mean)^2), in the metric's unit squared. Sums of plain squares
    lose all digits when the mean is large against the spread, and are not accepted for that reason.
    Raises ValueError for a negative count or moment and for anything that is not finite.
    """

    units: int
    mean: float
    m2: float

    def __post_init__(self) -> None:
        if self.units < 0:
            raise ValueError(f"{self.units} units cannot be")
        if not (math.isfinite(self.mean) and math.isfinite(self.m2)):
            raise ValueError("the moments of a sample are finite numbers")
        if self.m2 < 0.0:
            raise ValueError(f"a sum of squares of {self.m2} cannot be")

    @property
    def variance(self) -> float | Undetermined:
        """The unbiased variance `m2 / (units - 1)`; undetermined below two units."""
        if self.units < 2:
            return Undetermined(Reason.TOO_FEW_UNITS, missing=2 - self.units)
        return self.m2 / (self.units - 1)

    @property
    def deviation(self) -> float | Undetermined:
        """The standard deviation, in the metric's own unit; undetermined below two units."""
        variance = self.variance
        return variance if isinstance(variance, Undetermined) else math.sqrt(variance)

    def to_json(self) -> Document:
        """A document of plain JSON values, with `kind` "sample"."""
        return {"kind": "sample", "units": self.units, "mean": self.mean, "m2": self.m2}

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Self:
        """The sample that `to_json` wrote. Raises MalformedOutcome."""
        return cls(integer(document, "units"), number(document, "mean"), number(document, "m2"))


def merge(first: Sample, second: Sample) -> Sample:
    """The sample of both sets of units together, as if they had been measured at once.

    The sets must not share a unit: slices of units merge, days do not (a unit's total spans them).
    Source: Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance".
    """
    if first.units == 0:
        return second
    if second.units == 0:
        return first
    units = first.units + second.units
    gap = second.mean - first.mean
    share = second.units / units
    return Sample(
        units=units,
        mean=first.mean + gap * share,
        m2=first.m2 + second.m2 + gap * gap * first.units * share,
    )


@dataclass(frozen=True, slots=True)
class Proportion:
    """How many units of an arm there are, and how many of them did the thing in question.

    Raises ValueError unless 0 <= successes <= units.
    """

    units: int
    successes: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.units:
            raise ValueError(f"{self.successes} successes of {self.units} units cannot be")

    @property
    def rate(self) -> float | Undetermined:
        """Successes per unit, between 0 and 1; undetermined without units."""
        if self.units == 0:
            return Undetermined(Reason.NO_UNITS)
        return self.successes / self.units

    @property
    def failures(self) -> int:
        """Units that did not do it."""
        return self.units - self.successes

    @property
    def sample(self) -> Sample:
        """The same units as a sample of zeros and ones, for methods that work on means."""
        if self.units == 0:
            return Sample(0, 0.0, 0.0)
        m2 = self.successes * (self.failures / self.units)
        return Sample(self.units, self.successes / self.units, m2)

    def to_json(self) -> Document:
        """A document of plain JSON values, with `kind` "proportion"."""
        return {"kind": "proportion", "units": self.units, "successes": self.successes}

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Self:
        """The proportion that `to_json` wrote. Raises MalformedOutcome."""
        return cls(integer(document, "units"), integer(document, "successes"))
