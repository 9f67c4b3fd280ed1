"""Snapshot documents cut down to some flags, with ids replaced by what samples hold in their place."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flags.contexts import Sealer
from flags.snapshots import Document, closed
from wayfork.engine import (
    Clause,
    Compiled,
    FlagState,
    Rule,
    compile_snapshot,
    parse_snapshot,
    unit_id,
)
from wayfork.engine.document import canonical_json

# What a hash can still be asked: whether it is there, and whether it is this one.
ANSWERABLE: Final = frozenset({"in", "exists"})


def affected(before: Document, after: Document) -> set[str]:
    """The flags that may answer otherwise: those that differ, those that lean on a segment, holdout
    or unit that does, and those that require any of these."""
    flags = {**before["flags"], **after["flags"]}
    if not _is_same(before["units"], after["units"]):
        return set(flags)
    segments = {**before["segments"], **after["segments"]}
    askers: dict[str, list[str]] = {}
    for key, segment in segments.items():
        for used in _segments_in(segment["rules"]):
            askers.setdefault(used, []).append(key)
    changed = closed(_different(before["segments"], after["segments"]), askers)
    holdouts = _different(before["holdouts"], after["holdouts"])
    found = _different(before["flags"], after["flags"])
    for document in (before, after):
        for key, flag in document["flags"].items():
            leans = flag.get("holdout") in holdouts or not changed.isdisjoint(_segments_of(flag))
            if leans:
                found.add(key)
    return closed(found, _requirers(before, after))


@dataclass(frozen=True, slots=True)
class Leaning:
    """Flags that a change reaches through segments alone, and these segments.

    They answer otherwise only to who enters or leaves one of the segments.
    """

    flags: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()


def leaning(before: Document, after: Document, keys: set[str]) -> Leaning:
    """Those of the affected flags; none where asking for the segments would be no less work."""
    differing = _different(before["segments"], after["segments"])
    is_everywhere = differing <= before["segments"].keys() & after["segments"].keys()
    if not is_everywhere or not _is_same(before["units"], after["units"]):
        return Leaning()
    holdouts = _different(before["holdouts"], after["holdouts"])
    whole = _different(before["flags"], after["flags"])
    for document in (before, after):
        whole |= {key for key, one in document["flags"].items() if one.get("holdout") in holdouts}
    flags = keys - closed(whole, _requirers(before, after))
    found = Leaning(frozenset(flags), frozenset(differing))
    return found if len(differing) < len(flags) else Leaning()


def asking(segments: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A flag for each segment that is on for its members."""
    return {key: _asking(key).to_json() for key in segments}


def _asking(segment: str) -> FlagState:
    member = Rule("member", "", (Clause(None, "in_segment", (segment,)),), "in")
    return FlagState(
        type="boolean",
        enabled=True,
        variations={"in": True, "out": False},
        off="out",
        fallthrough="out",
        rules=(member,),
    )


def _requirers(*documents: Document) -> dict[str, list[str]]:
    askers: dict[str, list[str]] = {}
    for document in documents:
        for key, flag in document["flags"].items():
            for needed in flag["prerequisites"]:
                askers.setdefault(needed["flag"], []).append(key)
    return askers


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    return {key for key in {*before, *after} if not _is_same(before.get(key, None), after.get(key))}


def _is_same(one: object, other: object) -> bool:
    return one is other or canonical_json(one) == canonical_json(other)


def _segments_of(flag: Mapping[str, Any]) -> Iterator[str]:
    return _segments_in([rule["when"] for rule in flag["rules"]])


def _segments_in(groups: Iterable[Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    for clauses in groups:
        for clause in clauses:
            if clause["op"] == "in_segment":
                yield from clause["values"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which attributes decide, and which of them a hash cannot answer for."""

    attributes: frozenset[str]
    hidden: frozenset[str]


class Disguise:
    """Makes documents fit for samples of one environment."""

    def __init__(self, sealer: Sealer, units: Sequence[Mapping[str, Any]]) -> None:
        self._sealer = sealer
        self._units = frozenset(name for unit in units for name in unit["attributes"])

    def compiled(self, document: Document, keys: set[str]) -> Compiled:
        """These flags and all they need, ready to be asked with sampled contexts."""
        flags = document["flags"]
        needs = {key: [each["flag"] for each in flags[key]["prerequisites"]] for key in flags}
        wanted = closed({key for key in keys if key in flags}, needs)
        used = self._segments_used(document, wanted)
        segments = document["segments"]
        cut = {
            **document,
            "flags": {key: self._flag(flags[key]) for key in sorted(wanted) if key in flags},
            "segments": {key: self._segment(segments[key]) for key in used if key in segments},
        }
        return compile_snapshot(parse_snapshot(cut))

    def asked(self, document: Document, keys: set[str]) -> Asked:
        """What the rules of these flags look at, their segments included."""
        flags = [document["flags"][key] for key in keys if key in document["flags"]]
        used = self._segments_used(document, keys)
        groups = [rule["when"] for flag in flags for rule in flag["rules"]]
        groups += [
            clauses
            for key in used
            if key in document["segments"]
            for clauses in document["segments"][key]["rules"]
        ]
        clauses = [clause for group in groups for clause in group if clause.get("attribute")]
        return Asked(
            frozenset(clause["attribute"] for clause in clauses) - self._units,
            frozenset(clause["attribute"] for clause in clauses if self._is_hidden(clause)),
        )

    def _segments_used(self, document: Document, keys: set[str]) -> set[str]:
        flags = [document["flags"][key] for key in keys if key in document["flags"]]
        nested = {
            key: list(_segments_in(one["rules"])) for key, one in document["segments"].items()
        }
        return closed({name for flag in flags for name in _segments_of(flag)}, nested)

    def _is_hidden(self, clause: Mapping[str, Any]) -> bool:
        return clause["attribute"] in self._units and (
            clause["op"] not in ANSWERABLE or bool(clause.get("ignoreCase"))
        )

    def _flag(self, flag: Mapping[str, Any]) -> dict[str, Any]:
        rules = [{**rule, "when": self._clauses(rule["when"])} for rule in flag["rules"]]
        assignments = {
            unit: {self._sealer.seal(one): variation for one, variation in ids.items()}
            for unit, ids in flag["assignments"].items()
        }
        return {**flag, "rules": rules, "assignments": assignments}

    def _segment(self, segment: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **segment,
            "included": list(self._sealer.seal_all(segment["included"])),
            "excluded": list(self._sealer.seal_all(segment["excluded"])),
            "rules": [self._clauses(group) for group in segment["rules"]],
        }

    def _clauses(self, clauses: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [self._clause(clause) for clause in clauses]

    def _clause(self, clause: Mapping[str, Any]) -> Mapping[str, Any]:
        if clause.get("attribute") not in self._units or clause["op"] != "in":
            return clause
        ids = (unit_id(value) for value in clause["values"])
        return {**clause, "values": [self._sealer.seal(one) for one in ids if one is not None]}
