"""Other eyes: approving exactly what was looked at, asking for changes, rejecting."""

from django.db import transaction

from accounts.access import Access, role_at
from accounts.permissions import Permission
from flags import changes
from flags.changes import Outcome, Pending
from flags.edits import check_storable
from flags.models.change import Change, Review
from flags.requests.applying import apply_if_ready
from flags.requests.frame import finish, hold_open, note, same_content
from flags.standing import Standing, standing


def approve(access: Access, number: int, *, content_hash: str, comment: str = "") -> Outcome:
    """Approve the content with this hash and no other; applies at once where that was asked for.

    Refused once what it starts from has moved: it applies only as the merge makes it.
    """
    with transaction.atomic():
        change = hold_open(access, number)
        same_content(change, content_hash)
        now = standing(access, change)
        if _has_approved(access, now):
            return Pending(change)
        if now.against_approving is not None:
            raise now.against_approving
        role = _keep(access, change, Review.Verdict.APPROVE, comment)
        now = standing(access, change)
        _set_status(change, now)
        note(
            access,
            change,
            "change.approved",
            reason=comment,
            reviewer_role=role,
            approvals=[word.label for word in now.approvals],
            missing=list(now.missing),
        )
        return apply_if_ready(access, change)


def request_changes(
    access: Access, number: int, *, comment: str, content_hash: str | None = None
) -> Change:
    """Ask the author for something else; it holds the request up until the asker approves."""
    changes.require_reason(comment, "Asking for changes needs a sentence: which?")
    with transaction.atomic():
        change = _hold_for_word(access, number, content_hash)
        role = _keep(access, change, Review.Verdict.REQUEST_CHANGES, comment)
        _set_status(change, standing(access, change))
        note(access, change, "change.changes_requested", reason=comment, reviewer_role=role)
        return change


def reject(access: Access, number: int, *, reason: str, content_hash: str | None = None) -> Change:
    """End a request, with a reason."""
    changes.require_reason(reason, "Rejecting a request asks for a reason.")
    with transaction.atomic():
        change = _hold_for_word(access, number, content_hash)
        role = _keep(access, change, Review.Verdict.REJECT, reason)
        finish(access, change, Change.Status.REJECTED)
        note(access, change, "change.rejected", reason=reason, reviewer_role=role)
        return change


def _hold_for_word(access: Access, number: int, content_hash: str | None) -> Change:
    change = hold_open(access, number)
    if content_hash is not None:
        same_content(change, content_hash)
    now = standing(access, change)
    # Whoever approved may think better of it, though not by a token without the right.
    may_take_back = access.may(Permission.REVIEW) and _has_approved(access, now)
    if now.against_reviewing is not None and not may_take_back:
        raise now.against_reviewing
    return change


def _has_approved(access: Access, now: Standing) -> bool:
    user = access.actor.user
    return user is not None and any(word.user_id == user.pk for word in now.approvals)


def _keep(access: Access, change: Change, verdict: Review.Verdict, comment: str) -> str:
    """Keep their word, and return the role they spoke in: theirs may be another one tomorrow."""
    check_storable(comment, "comment")
    role = role_at(access)
    Review.objects.create(
        change=change,
        revision=change.revision,
        content_hash=change.content_hash,
        reviewer=access.actor.user,
        reviewer_label=access.actor.label,
        reviewer_role=role,
        verdict=verdict,
        comment=comment.strip(),
    )
    return role


def _set_status(change: Change, now: Standing) -> None:
    """What lists show; whether it may apply is asked anew each time."""
    if now.objections:
        change.status = Change.Status.CHANGES_REQUESTED
    else:
        change.status = Change.Status.APPROVED if now.is_ready else Change.Status.OPEN
    change.approvals_needed = now.approvals_needed
    change.save()
