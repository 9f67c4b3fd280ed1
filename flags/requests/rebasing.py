"""Bringing a request together with what happened since it was made."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from django.db import transaction

from accounts.access import Access
from accounts.errors import DomainError
from flags import changes, merging
from flags.changes import Part
from flags.drafting import authorize, draft, json_of, load, parts_of
from flags.edits import Edit, EditKind
from flags.merging import Clash, Path
from flags.models.change import WAITING, Change
from flags.requests.frame import finish, hold, note
from flags.requests.writing import rewrite
from flags.standing import at, clashes_of, closed, stale_parts

NOTHING_CHOSEN: Final[Mapping[str, Any]] = MappingProxyType({})


class MergeConflict(DomainError):
    """The request and what happened meanwhile touch the same: somebody has to choose."""

    code = "merge_conflict"
    status = 409
    hint = "Choose for each place which side should stand, or revise the request."

    def __init__(self, number: int | None, clashes: Sequence[Clash]) -> None:
        places = ", ".join(f"{one.key} {one.place}" for one in clashes[:5])
        super().__init__(
            f"Request {number} and what changed meanwhile touch the same: {places}.",
            conflicts=[one.to_json() for one in clashes],
        )
        self.clashes = tuple(clashes)


class Side(StrEnum):
    """What stands at a place both sides changed: what is there now, or what the request says."""

    THEIRS = "theirs"
    MINE = "mine"


def rebase(access: Access, number: int, sides: Mapping[str, Side] = NOTHING_CHOSEN) -> Change:
    """Bring a request whose base moved together with what happened meanwhile.

    Where both touch different things the edits are replayed on what is there now, as a new
    revision; where they touch the same, MergeConflict names each place with all three sides, and
    `sides` says by its id which should stand. Theirs leaves out the edits that would change it.
    """
    with transaction.atomic():
        change = hold(access, number)
        if change.status not in (*WAITING, Change.Status.DRAFT):
            raise closed(change)
        here = at(access, change)
        authorize(here, parts_of(change.parts), change.comment)
        if not stale_parts(here, change):
            return change
        merged = _merged(here, change, sides)
        if not merged:
            return supersede(access, change)
        proposal = changes.propose(here, merged, change.comment)
        if not proposal.changed:
            return supersede(access, change)
        return rewrite(access, change, proposal, "change.revised", "")


def supersede(access: Access, change: Change) -> Change:
    """Close a request whose edits lead to what is there already."""
    finish(access, change, Change.Status.SUPERSEDED)
    if change.content_hash:
        note(access, change, "change.superseded")
    return change


def _merged(access: Access, change: Change, sides: Mapping[str, Side]) -> list[Part]:
    """The request's parts, made against what is there now."""
    moved = {part.target for part in stale_parts(access, change)}
    parts, wrong = [], list[Clash]()
    for part in parts_of(change.parts):
        if part.target not in moved:
            parts.append(part)
            continue
        found = clashes_of(access, change, part)
        unsettled = [clash for clash in found if clash.id not in sides]
        if unsettled:
            wrong += unsettled
            continue
        again = _settled(access, change, part, found, sides)
        if isinstance(again, list):
            wrong += again
        elif again.edits:
            parts.append(again)
    if wrong:
        raise MergeConflict(change.number, wrong)
    return parts


def _settled(
    access: Access, change: Change, part: Part, found: Sequence[Clash], sides: Mapping[str, Side]
) -> Part | list[Clash]:
    """The part on top of what is there now as somebody chose, or what is left to choose."""
    theirs = {clash.path for clash in found if sides[clash.id] == Side.THEIRS}
    again = _replayed(access, change, part, theirs, sides)
    if not isinstance(again, list) or any(sides.get(one.id) != Side.THEIRS for one in again):
        return again
    # Only the replay showed these places: once more, without what would change them.
    return _replayed(access, change, part, theirs | {clash.path for clash in again}, sides)


def _replayed(
    access: Access, change: Change, part: Part, theirs_at: Set[Path], sides: Mapping[str, Side]
) -> Part | list[Clash]:
    """The part on top of what is there now, or the places where that would go wrong."""
    kind, key = part.target.kind, part.target.key
    stored = next(one for one in change.parts if one["target"] == {"kind": str(kind), "key": key})
    row = load(access, part.target)
    theirs = json_of(kind, row.document)
    edits, lost = _without(kind, row.document, part.edits, theirs_at)
    again = replace(part, edits=edits, expected_version=row.version)
    if not edits:
        return again
    try:
        after = draft(access, again).after_json
    except DomainError as refusal:
        return [Clash(str(kind), key, ("edits",), stored["before"], theirs, str(refusal))]
    meant = merging.touched(stored["before"], stored["after"])
    meant = {path: value for path, value in meant.items() if path not in lost}
    wrong = merging.strays(str(kind), key, theirs=theirs, mine=meant, merged=after)
    return [clash for clash in wrong if sides.get(clash.id) != Side.MINE] or again


def _without(
    kind: EditKind, document: Any, edits: Sequence[Edit], theirs_at: Set[Path]
) -> tuple[tuple[Edit, ...], Set[Path]]:
    """The edits that leave these places as they are now, and every place the others touch."""
    if not theirs_at:
        return tuple(edits), frozenset()
    kept, lost = list[Edit](), set(theirs_at)
    for edit in edits:
        try:
            after = edit.apply(document)
        except DomainError:
            # What it speaks of is gone.
            continue
        places = set(merging.touched(json_of(kind, document), json_of(kind, after)))
        if places.isdisjoint(theirs_at):
            kept, document = [*kept, edit], after
        else:
            lost |= places
    return tuple(kept), lost
