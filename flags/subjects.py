"""What a change is about, for the ledger: its targets, the tags their flags carry, its request."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from accounts.audit import ACT, SERVED, TAG, Subject
from flags import queries
from flags.edits import EditKind
from flags.models.change import Change
from flags.snapshots import Published

OF_FLAGS = frozenset({EditKind.STATE, EditKind.DEFINITION})


def of_change(change: Change) -> tuple[Subject, ...]:
    """Tags count as they are stored and as the change found and left them."""
    targets = [part["target"] for part in change.parts]
    flags = [target["key"] for target in targets if target["kind"] in OF_FLAGS]
    found = [Subject(_kind(target["kind"]), target["key"]) for target in targets]
    tags = {tag for part in change.parts for tag in _tags_in(part)}
    tags |= queries.tags_of(change.project, flags)
    found += [Subject(TAG, tag) for tag in sorted(tags)]
    if change.number is not None:
        found.append(Subject("change", str(change.number)))
    return tuple(found)


def of_applied(
    change: Change, published: Iterable[Published], acts: Iterable[str] = ()
) -> tuple[Subject, ...]:
    """Besides, where else something else is served now, and which other acts it was: whoever
    listens for one environment or one kind of act misses nothing that comes along with others."""
    elsewhere = [
        one.environment for one in published if one.environment.pk != change.environment_id
    ]
    served = (Subject(SERVED, key) for key in sorted(one.key for one in elsewhere))
    return (*of_change(change), *served, *(Subject(ACT, act) for act in acts))


def _kind(kind: str) -> str:
    return "flag" if kind in OF_FLAGS else kind


def _tags_in(part: Mapping[str, Any]) -> Iterator[str]:
    if part["target"]["kind"] != EditKind.DEFINITION:
        return
    for document in (part["before"], part["after"]):
        yield from (document or {}).get("tags", ())
