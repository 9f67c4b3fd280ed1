"""One axis for the forest plot of a section: its range, its ticks, and where a row stands on it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from experiments.views import numbers

# Room at both ends, so that labels of the outer ticks stay inside the picture.
EDGE: Final = 7.0
# A single wide interval must not flatten all others: beyond this multiple of the median it is cut.
WIDEST: Final = 8.0
STEPS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where, in percent of the width, and what it says."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Lifts from minus to plus `limit`, zero in the middle."""

    limit: float

    def place(self, lift: float) -> float:
        """Where a lift stands, in percent of the width; what lies outside stands at the edge."""
        inside = max(-self.limit, min(self.limit, lift))
        return round(50 + (50 - EDGE) * inside / self.limit, 2)

    def cuts(self, lift: float | None) -> bool:
        """Whether a value lies outside and is drawn as an arrow (None: unbounded)."""
        return lift is None or abs(lift) > self.limit * (1 + 1e-9)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Five lines: both ends, both halves, zero."""
        return tuple(self._tick(self.limit * part) for part in (-1.0, -0.5, 0.0, 0.5, 1.0))

    def _tick(self, lift: float) -> Tick:
        if lift == 0:
            return Tick(self.place(lift), "0")
        sign = numbers.MINUS if lift < 0 else "+"
        return Tick(self.place(lift), f"{sign}{abs(lift) * 100:,.6g}{numbers.SPACE}%")


@dataclass(frozen=True, slots=True)
class ForestRow:
    """A row of the picture in percent of the axis; what components/forest_row.html asks for."""

    x: float
    low: float
    high: float
    zero: float
    clipped_low: bool
    clipped_high: bool
    verdict: str
    description: str
    margin: float | None = None


def axis_for(reaches: Iterable[float]) -> Axis:
    """An axis that holds every reach (the larger end of an interval), save one far out."""
    known = sorted(reach for reach in reaches if reach > 0)
    if not known:
        return Axis(0.1)
    return Axis(_rounded_up(min(known[-1], WIDEST * known[(len(known) - 1) // 2])))


def _rounded_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    step = next(step for step in STEPS if step * power >= value * (1 - 1e-9))
    return float(f"{step * power:.10g}")
