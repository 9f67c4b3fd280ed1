"""What a change is about, for the ledger: its targets, the tags their flags carry, its request."""

from collections.abc import Iterator, Mapping
from typing import Any

from accounts.audit import Subject
from flags import queries
from flags.edits import EditKind
from flags.models.change import Change

OF_FLAGS = frozenset({EditKind.STATE, EditKind.DEFINITION})


def of_change(change: Change) -> tuple[Subject, ...]:
    """Tags count as they are stored and as the change found and left them."""
    targets = [part["target"] for part in change.parts]
    flags = [target["key"] for target in targets if target["kind"] in OF_FLAGS]
    found = [Subject(_kind(target["kind"]), target["key"]) for target in targets]
    tags = {tag for part in change.parts for tag in _tags_in(part)}
    tags |= queries.tags_of(change.project, flags)
    found += [Subject("tag", tag) for tag in sorted(tags)]
    if change.number is not None:
        found.append(Subject("change", str(change.number)))
    return tuple(found)


def _kind(kind: str) -> str:
    return "flag" if kind in OF_FLAGS else kind


def _tags_in(part: Mapping[str, Any]) -> Iterator[str]:
    if part["target"]["kind"] != EditKind.DEFINITION:
        return
    for document in (part["before"], part["after"]):
        yield from (document or {}).get("tags", ())
