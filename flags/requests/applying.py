"""The end of a request: in force, exactly as approved, or refused with a sentence."""

from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from accounts.access import Access, Origin, Via
from accounts.errors import DomainError
from accounts.permissions import Permission
from flags import changes
from flags.changes import Applied, Outcome, Pending, Proposal, StaleVersion, Unchanged
from flags.drafting import draft, is_same_json, parts_of
from flags.models.change import WAITING, Change
from flags.requests.frame import finish, hold, note, same_content, say
from flags.standing import (
    AuthorMayNot,
    MayNotReview,
    at,
    authors_of,
    closed,
    current_version,
    standing,
    ticket_of,
    wrote,
)


class ResultDiffers(DomainError):
    """The same edits lead somewhere else now than when they were approved."""

    code = "result_differs"
    status = 409
    hint = "Revise the request, so that what it leads to now is looked at."


def apply(access: Access, number: int, *, content_hash: str = "") -> Outcome:
    """Put an approved request in force; one that is already stays as it is.

    With a hash only the content that was looked at, whatever else was approved meanwhile.
    """
    with transaction.atomic():
        change = hold(access, number)
        if content_hash:
            same_content(change, content_hash)
        if change.status == Change.Status.APPLIED:
            return _applied_before(change)
        return apply_held(access, change)


def apply_held(access: Access, change: Change, *, by_itself: bool = False) -> Outcome:
    """The same, of a request whose row is locked already."""
    here = at(access, change)
    refusal = standing(here, change).against_applying
    if isinstance(refusal, StaleVersion) and _leads_nowhere(here, change):
        finish(access, change, Change.Status.SUPERSEDED)
        note(access, change, "change.superseded", by_itself=by_itself)
        return Unchanged(current_version(here, parts_of(change.parts)[0]))
    if refusal is not None:
        raise refusal
    proposal = changes.propose(here, parts_of(change.parts), change.comment)
    _require_same_result(change, proposal)
    changes.hear_objections(proposal)
    return changes.carry_out(proposal, change, by_itself=by_itself)


def _applied_before(change: Change) -> Applied:
    return Applied(change, change.parts[0]["applied_version"], ())


def _leads_nowhere(access: Access, change: Change) -> bool:
    """Whether what the edits lead to is there already."""
    try:
        return not any(
            draft(access, replace(part, expected_version=current_version(access, part))).is_change
            for part in parts_of(change.parts)
        )
    except DomainError:
        return False


def _require_same_result(change: Change, proposal: Proposal) -> None:
    approved = {(part["target"]["kind"], part["target"]["key"]): part for part in change.parts}
    for one in proposal.drafts:
        part = approved[str(one.kind), one.key]
        if not is_same_json(one.after_json, part["after"]):
            raise ResultDiffers(f"{one.key} would come out otherwise than approved.")


def apply_if_ready(access: Access, change: Change) -> Outcome:
    """Apply by itself what was to apply when approved, if nothing is missing any more."""
    if not change.apply_when_approved or change.scheduled_for is not None:
        return Pending(change)
    now = standing(access, change)
    # Where nobody had to approve, nobody did: it waits for a hand.
    if not now.is_ready or not now.approvals:
        return Pending(change)
    return apply_by_itself(access, change) or Pending(change)


def apply_by_itself(access: Access, change: Change) -> Outcome | None:
    """Apply in the name of whoever asked for that, by their rights as they are now.

    A refusal is kept on the request, which stays open: nobody is there to be told. Returns None
    then. `access` is whose act or which clock set this off; its row must be locked.
    """
    person = change.scheduled_by if change.scheduled_for else change.author
    try:
        with transaction.atomic():
            ticket = ticket_of(at(access, change), person)
            if ticket is None:
                raise AuthorMayNot("Whoever asked for this to apply by itself is no longer here.")
            ticket = replace(ticket, origin=Origin(via=Via.SYSTEM))
            return apply_held(ticket, change, by_itself=True)
    except DomainError as refusal:
        change.refresh_from_db()
        change.schedule_problem = str(refusal)
        change.save(update_fields=["schedule_problem"])
        note(access, change, "change.schedule_refused", reason=str(refusal), code=refusal.code)
        return None


def bypass(access: Access, number: int, *, reason: str, content_hash: str = "") -> Outcome:
    """Apply a request in an emergency, without the approvals it still needs, freeze or not.

    Rights, versions, objections and what SDKs can load hold as ever; with a hash only what was
    looked at applies. Somebody else has to look at it afterwards.
    """
    access.require(Permission.BYPASS_REVIEW)
    changes.require_reason(reason, "Going past review asks for a reason.")
    with transaction.atomic():
        change = hold(access, number)
        if content_hash:
            same_content(change, content_hash)
        if change.status == Change.Status.APPLIED:
            return _applied_before(change)
        if change.status not in WAITING:
            raise closed(change)
        proposal = changes.propose(at(access, change), parts_of(change.parts), reason)
        _require_same_result(change, proposal)
        changes.hear_objections(proposal)
        return changes.carry_out(proposal, change, bypassed=True)


def look_at(access: Access, number: int, *, comment: str = "") -> Change:
    """Say that somebody else has looked at what went past review."""
    with transaction.atomic():
        change = hold(access, number)
        _require_other_eyes(access, change)
        if change.looked_at is not None:
            return change
        change.looked_at = timezone.now()
        change.looked_at_by = access.actor.label
        change.save(update_fields=["looked_at", "looked_at_by"])
        say(access, change, comment)
        note(access, change, "change.looked_at", reason=comment)
        return change


def _require_other_eyes(access: Access, change: Change) -> None:
    access.require(Permission.REVIEW)
    user = access.actor.user
    if not change.bypassed:
        raise closed(change)
    if user is None:
        raise MayNotReview("A service token looks at nothing: a person has to.")
    if wrote(user, {change.applied_by_id, *authors_of(change)} - {None}):
        raise MayNotReview("You made this change: somebody else has to look at it.")
