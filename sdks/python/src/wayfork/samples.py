"""Sampled contexts, as SDKs send them and the server keeps them: which attributes, and ids as hashes."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wayfork.engine import Clause, Snapshot
from wayfork.engine.bucketing import repaired

HASH_LENGTH: Final = 32


def unit_hash(project: str, environment: str, unit_id: str) -> str:
    """What stands for a unit's id in a sample: the same id of the same environment, the same text.

    Keys hold no colon, so no two places share a salt.
    """
    salted = f"wayfork sample:{project}:{environment}:{unit_id}"
    return hashlib.sha256(repaired(salted).encode()).hexdigest()[:HASH_LENGTH]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the rules of a snapshot can look at: `plain` attributes, and those that hold `units`."""

    plain: frozenset[str]
    units: frozenset[str]


def asked(snapshot: Snapshot) -> Asked:
    """The attributes a sample of this snapshot's evaluations consists of."""
    units = frozenset(name for unit in snapshot.units for name in unit.attributes)
    return Asked(frozenset(_named(clauses_of(snapshot))) - units, units)


def clauses_of(snapshot: Snapshot) -> Iterator[Clause]:
    """Every condition of every rule and segment."""
    for flag in snapshot.flags.values():
        for rule in flag.rules:
            yield from rule.when
    for segment in snapshot.segments.values():
        for clauses in segment.rules:
            yield from clauses


def _named(clauses: Iterable[Clause]) -> Iterator[str]:
    return (clause.attribute for clause in clauses if clause.attribute is not None)
