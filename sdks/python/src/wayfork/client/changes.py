"""Which flags may answer differently under a new snapshot, and who wants to be told."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from wayfork.engine import Clause, FlagState, Snapshot


@dataclass(frozen=True, slots=True)
class Change:
    """A new snapshot is in use; `keys` are the flags that may answer differently."""

    keys: frozenset[str]
    epoch: int
    version: int


Listener = Callable[[Change], object]


def changed_keys(old: Snapshot | None, new: Snapshot) -> frozenset[str]:
    """Flags that differ, or that lean on a segment, holdout or flag that does."""
    if old is None or old.units != new.units:
        return frozenset(new.flags) | frozenset(old.flags if old else ())
    segments = _spread(
        _differing(old.segments, new.segments),
        {key: _segments_in(segment.rules) for key, segment in new.segments.items()},
    )
    holdouts = _differing(old.holdouts, new.holdouts)
    touched = set(_differing(old.flags, new.flags))
    for key, flag in new.flags.items():
        if flag.holdout in holdouts or not segments.isdisjoint(_segments_of(flag)):
            touched.add(key)
    leaning = {
        key: {needed.flag for needed in flag.prerequisites} for key, flag in new.flags.items()
    }
    return frozenset(_spread(touched, leaning))


def _differing(old: Mapping[str, object], new: Mapping[str, object]) -> set[str]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _spread(touched: Iterable[str], leaning: Mapping[str, set[str]]) -> set[str]:
    found = set(touched)
    grown = True
    while grown:
        more = {key for key, needed in leaning.items() if key not in found and needed & found}
        found |= more
        grown = bool(more)
    return found


def _segments_of(flag: FlagState) -> set[str]:
    return _segments_in(rule.when for rule in flag.rules)


def _segments_in(groups: Iterable[tuple[Clause, ...]]) -> set[str]:
    clauses = (clause for group in groups for clause in group if clause.op == "in_segment")
    return {str(value) for clause in clauses for value in clause.values}
