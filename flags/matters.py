"""What of a change is judged: its targets, and the things stewards may have named."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from accounts.models import Project
from flags.drafting import OWN, Draft, Part, parts_of
from flags.edits import Edit, EditKind, LayerDefinition, Restore, Steward, Stewards
from flags.models.change import Change
from flags.models.state import Flag


@dataclass(frozen=True, slots=True)
class Matter:
    """What is judged of a target: its edits (None: any), the things stewards may name, the tags
    that would come or go, the steward rules that would, the rules whose place in a layer would."""

    kind: EditKind
    key: str
    edits: tuple[Edit, ...] | None
    things: frozenset[tuple[str, str]]
    retagged: frozenset[str] = frozenset()
    dropped: tuple[Steward, ...] = ()
    moved: frozenset[str] = frozenset()

    @property
    def returns(self) -> tuple[int, ...]:
        """The versions it brings back of what environments share, if it does nothing else."""
        edits = self.edits or ()
        if self.kind in OWN or not all(isinstance(edit, Restore) for edit in edits):
            return ()
        return tuple(edit.version for edit in edits if isinstance(edit, Restore))


def of_drafts(drafts: Iterable[Draft]) -> list[Matter]:
    """What is judged of drafts."""
    return [
        _matter(
            draft.part,
            draft.before_json,
            draft.after_json,
            draft.row.flag and draft.row.flag.document,
        )
        for draft in drafts
    ]


def of_change(change: Change) -> list[Matter]:
    """What is judged of a stored change, as things are named and tagged now."""
    return of_changes(change.project, [change])[0]


def of_changes(project: Project, changes: Sequence[Change]) -> list[list[Matter]]:
    """What is judged of each of a project's changes: one question for all of them."""
    keys = {part["target"]["key"] for change in changes for part in change.parts}
    rows = Flag.objects.within(project).filter(key__in=keys)
    flags = dict(rows.values_list("key", "document"))
    return [
        [
            _matter(part, stored["before"], stored["after"], flags.get(part.target.key))
            for part, stored in zip(parts_of(change.parts), change.parts, strict=True)
        ]
        for change in changes
    ]


def _matter(part: Part, before: Any, after: Any, flag: Mapping[str, Any] | None) -> Matter:
    """From documents as JSON; `flag` is the flag's definition as it stands now, if it is one."""
    kind, key = part.target.kind, part.target.key
    old, new = frozenset(flag["tags"] if flag else ()), frozenset[str]()
    if kind == EditKind.DEFINITION:
        old |= frozenset(before["tags"] if before else ())
        new = frozenset(after["tags"])
    things = set(things_of(kind, key, old | new))
    if kind == EditKind.STATE:
        moved = _experiment_rules(before) ^ _experiment_rules(after)
        things |= {("experiment", name) for name, _ in moved}
    if part.experiment:
        # After a stop there is no rule left that would tell.
        things.add(("experiment", part.experiment))
    retagged = old ^ new if kind == EditKind.DEFINITION else frozenset[str]()
    dropped = _dropped(before, after) if kind == EditKind.STEWARDS else ()
    slots = _moved(before, after) if kind == EditKind.LAYER else frozenset[str]()
    return Matter(kind, key, part.edits, frozenset(things), retagged, tuple(dropped), slots)


def tags_of(project: Project, kind: EditKind, key: str) -> frozenset[str]:
    if kind not in {EditKind.STATE, EditKind.DEFINITION}:
        return frozenset()
    row = Flag.objects.within(project).filter(key=key).first()
    return frozenset(row.document["tags"] if row else ())


def things_of(kind: EditKind, key: str, tags: Iterable[str]) -> Iterator[tuple[str, str]]:
    if kind in {EditKind.STATE, EditKind.DEFINITION}:
        yield ("flag", key)
        yield from (("tag", tag) for tag in tags)
    elif kind == EditKind.SEGMENT:
        yield ("segment", key)


def _experiment_rules(document: Mapping[str, Any] | None) -> set[tuple[str, str]]:
    """Each experiment with what its rules say."""
    rules = document.get("rules", ()) if document else ()
    return {
        (rule["experiment"], json.dumps(rule, sort_keys=True))
        for rule in rules
        if rule.get("experiment")
    }


def _dropped(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Steward]:
    """Steward rules that would change or go: whoever they ask for is asked about that too."""
    old, new = Stewards.from_json(before), Stewards.from_json(after)
    yield from (rule for rule in old.rules if new.of(rule.kind, rule.key) != rule)


def _moved(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the rules that a layer would give to other units."""
    new = LayerDefinition.from_json(after)
    old = LayerDefinition.from_json(before) if before else replace(new, slots={})
    rules = old.slots.keys() | new.slots.keys()
    return frozenset(rule for rule in rules if old.allocation(rule) != new.allocation(rule))
