"""Who is in and who gets what: allocations and splits bound to their buckets."""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import NamedTuple

from wayfork.engine.bucketing import HASHES, NATIVE, Bucketer, Hash
from wayfork.engine.context import UnitReader
from wayfork.engine.errors import ParseError
from wayfork.engine.snapshot import STEPS, Allocation, Holdout, Ranges, Split


class Share(NamedTuple):
    """Whom an allocation or a holdout takes in."""

    unit: str
    reader: UnitReader
    salt: str
    hash: str | None
    place: Bucketer
    ranges: Ranges

    @property
    def covers_everything(self) -> bool:
        """Whether nobody is left out, so that no bucket is needed to know."""
        return (
            bool(self.ranges)
            and self.ranges[0][0] == 0
            and self.ranges[-1][1] == STEPS
            and all(before[1] == after[0] for before, after in pairwise(self.ranges))
        )

    def holds(self, bucket: int) -> bool:
        """Whether a bucket lies in one of the ranges."""
        return any(low <= bucket < high for low, high in self.ranges)


class Cut(NamedTuple):
    """A split's variations and where each one ends."""

    unit: str
    reader: UnitReader
    salt: str
    hash: str | None
    place: Bucketer
    variations: tuple[str, ...]
    edges: tuple[int, ...]

    def variation_at(self, bucket: int) -> str:
        """The variation whose share a bucket lies in."""
        return self.variations[bisect_right(self.edges, bucket)]


def hash_named(name: str | None, where: str) -> Hash:
    """Our own hash, or one of an imported system."""
    if name is None:
        return NATIVE
    if name not in HASHES:
        raise ParseError(f"{where}.hash", f"{name!r} is not a hash this version knows")
    return HASHES[name]


def reader_of(units: Mapping[str, UnitReader], unit: str, where: str) -> UnitReader:
    """What reads the ids of a unit type the snapshot declares."""
    if unit not in units:
        raise ParseError(f"{where}.unit", f"{unit!r} is not a unit type of this project")
    return units[unit]


def share_of(
    allocation: Allocation | Holdout, units: Mapping[str, UnitReader], where: str
) -> Share:
    """Bind an allocation or a holdout; raises ParseError."""
    check_ranges(allocation.ranges, f"{where}.ranges")
    name = allocation.hash if isinstance(allocation, Allocation) else None
    return Share(
        allocation.unit,
        reader_of(units, allocation.unit, where),
        allocation.salt,
        name,
        hash_named(name, where).allocation(allocation.salt),
        allocation.ranges,
    )


def check_ranges(ranges: Ranges, where: str) -> None:
    """Ranges are sorted, disjoint and within the scale; raises ParseError."""
    previous = 0
    for index, (low, high) in enumerate(ranges):
        if not 0 <= low <= high <= STEPS:
            raise ParseError(f"{where}[{index}]", f"must satisfy 0 <= from <= to <= {STEPS}")
        if low < previous:
            raise ParseError(f"{where}[{index}]", "must follow the one before without overlap")
        previous = high


def cut_of(
    split: Split,
    units: Mapping[str, UnitReader],
    variations: Mapping[str, object],
    where: str,
) -> Cut:
    """Bind a split; raises ParseError."""
    for index, (variation, weight) in enumerate(split.weights):
        if variation not in variations:
            raise ParseError(f"{where}.weights[{index}]", f"there is no variation {variation!r}")
        if weight <= 0:
            raise ParseError(f"{where}.weights[{index}]", "must weigh more than nothing")
    if sum(weight for _, weight in split.weights) != STEPS:
        raise ParseError(f"{where}.weights", f"must add up to {STEPS}")
    return Cut(
        split.unit,
        reader_of(units, split.unit, where),
        split.salt,
        split.hash,
        hash_named(split.hash, where).split(split.salt),
        tuple(variation for variation, _ in split.weights),
        tuple(accumulate(weight for _, weight in split.weights)),
    )
