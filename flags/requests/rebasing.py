"""Bringing a request together with what happened since it was made."""

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from accounts.access import Access
from accounts.errors import DomainError
from flags import changes, merging
from flags.changes import Part
from flags.drafting import authorize, draft, json_of, load, parts_of
from flags.merging import Clash
from flags.models.change import WAITING, Change
from flags.requests.frame import finish, hold, note
from flags.requests.writing import rewrite
from flags.standing import at, clashes_of, closed, stale_parts


class MergeConflict(DomainError):
    """The request and what happened meanwhile touch the same: somebody has to choose."""

    code = "merge_conflict"
    status = 409
    hint = "Revise the request: decide for each place named which side should stand."

    def __init__(self, number: int | None, clashes: Sequence[Clash]) -> None:
        places = ", ".join(f"{one.key} {one.place}" for one in clashes[:5])
        super().__init__(
            f"Request {number} and what changed meanwhile touch the same: {places}.",
            conflicts=[one.to_json() for one in clashes],
        )
        self.clashes = tuple(clashes)


def rebase(access: Access, number: int) -> Change:
    """Bring a request whose base moved together with what happened meanwhile.

    Where both touch different things the edits are replayed on what is there now, as a new
    revision; where they touch the same, MergeConflict names each place with all three sides.
    """
    with transaction.atomic():
        change = hold(access, number)
        if change.status not in (*WAITING, Change.Status.DRAFT):
            raise closed(change)
        here = at(access, change)
        authorize(here, parts_of(change.parts), change.comment)
        if not stale_parts(here, change):
            return change
        merged = _merged(here, change)
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


def _merged(access: Access, change: Change) -> list[Part]:
    """The request's parts, made against what is there now."""
    moved = {part.target for part in stale_parts(access, change)}
    parts, wrong = [], list[Clash]()
    for part in parts_of(change.parts):
        if part.target not in moved:
            parts.append(part)
            continue
        found = clashes_of(access, change, part)
        again = None if found else _replayed(access, change, part)
        wrong += found or (again if isinstance(again, list) else [])
        if isinstance(again, Part):
            parts.append(again)
    if wrong:
        raise MergeConflict(change.number, wrong)
    return parts


def _replayed(access: Access, change: Change, part: Part) -> Part | list[Clash]:
    """The part on top of what is there now, or the places where that would go wrong."""
    kind, key = part.target.kind, part.target.key
    stored = next(one for one in change.parts if one["target"] == {"kind": str(kind), "key": key})
    row = load(access, part.target)
    again = replace(part, expected_version=row.version)
    theirs = json_of(kind, row.document)
    try:
        after = draft(access, again).after_json
    except DomainError as refusal:
        return [Clash(str(kind), key, ("edits",), stored["before"], theirs, str(refusal))]
    meant = merging.touched(stored["before"], stored["after"])
    return merging.strays(str(kind), key, theirs=theirs, mine=meant, merged=after) or again
