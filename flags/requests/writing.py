"""Writing a request: drafts, opening, new revisions, merging with what happened, taking it back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from accounts import limits
from accounts.access import Access
from accounts.errors import InvalidInput, NotPermitted
from accounts.permissions import Permission
from flags import changes, matters, records, review
from flags.changes import Outcome, Part, Pending, Proposal, Unchanged
from flags.drafting import (
    OWN,
    Draft,
    authorize,
    content_hash,
    part_json,
    parts_of,
)
from flags.models.change import WAITING, Change
from flags.requests import applying, timing
from flags.requests.frame import finish, hold, hold_open, note, same_revision, say
from flags.review import CodeFreeze, Verdict
from flags.standing import at, authors_of, closed

# By one person, on all requests of all projects.
COMMENTS_A_MINUTE: Final = 30


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of edits: where they lead, what they would wait for, a freeze."""

    drafts: tuple[Draft, ...]
    verdict: Verdict
    freeze: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why they would not apply at once, as sentences."""
        return (self.freeze, *self.verdict.reasons) if self.freeze else self.verdict.reasons


def foresee(access: Access, parts: Sequence[Part], *, comment: str = "") -> Foreseen:
    """Try edits without writing anything; raises whatever would refuse them."""
    with transaction.atomic():
        proposal = changes.propose(access, parts, comment)
        verdict = _examined(proposal) if proposal.changed else review.FREE
        judged = matters.of_drafts(proposal.changed)
        try:
            review.check_freeze(access, proposal.environments, judged)
            freeze = ""
        except CodeFreeze as refusal:
            freeze = str(refusal)
        transaction.set_rollback(True)
    return Foreseen(tuple(proposal.changed), verdict, freeze)


def save_draft(access: Access, parts: Sequence[Part], *, comment: str = "") -> Change:
    """Keep edits for later; nobody else sees them, and nothing is written to the ledger."""
    if access.actor.user is None:
        raise InvalidInput("A draft belongs to a person.", where="author")
    with transaction.atomic():
        proposal = changes.propose(access, parts, comment)
        change = _draft_row(access, proposal)
        change.number = records.next_number(access.project)
        change.save()
        return change


def _draft_row(access: Access, proposal: Proposal) -> Change:
    return Change(
        project=access.project,
        environment=access.environment if _has_own(proposal.drafts) else None,
        author=access.actor.user,
        author_label=access.actor.label,
        status=Change.Status.DRAFT,
        parts=[part_json(one, applied=False) for one in proposal.drafts],
        comment=proposal.comment,
    )


def _has_own(drafts: Sequence[Any]) -> bool:
    return any(one.kind in OWN for one in drafts)


def discard_draft(access: Access, number: int) -> None:
    """Throw a draft away; its number stays taken."""
    with transaction.atomic():
        change = _hold_draft(access, number)
        _require_rights_of_token(access, change)
        change.parts, change.comment = [], ""
        finish(access, change, Change.Status.WITHDRAWN)


def _hold_draft(access: Access, number: int) -> Change:
    change = hold(access, number)
    if change.status != Change.Status.DRAFT:
        raise closed(change)
    return change


def open_request(
    access: Access,
    parts: Sequence[Part],
    *,
    comment: str,
    apply_when_approved: bool = False,
    scheduled_for: datetime | None = None,
    time_zone: str = "",
) -> Outcome:
    """Ask others to look at edits, even where the policy does not.

    During a freeze too: only applying waits for its end.
    """
    with transaction.atomic():
        proposal = changes.propose(access, parts, comment)
        if not proposal.changed:
            return Unchanged(proposal.drafts[0].version)
        verdict = _examined(proposal)
        change = changes.store_request(proposal, verdict, apply_when_approved=apply_when_approved)
        return _under_way(access, change, scheduled_for, time_zone)


def open_draft(
    access: Access,
    number: int,
    *,
    comment: str = "",
    apply_when_approved: bool = False,
    scheduled_for: datetime | None = None,
    time_zone: str = "",
) -> Outcome:
    """Make a request of a draft; refused when its targets have moved on (rebase it then)."""
    with transaction.atomic():
        change = _hold_draft(access, number)
        change.comment = comment or change.comment
        change.apply_when_approved = apply_when_approved
        proposal = changes.propose(at(access, change), parts_of(change.parts), change.comment)
        if not proposal.changed:
            return Unchanged(proposal.drafts[0].version)
        verdict = _examined(proposal)
        change.parts = [part_json(one, applied=False) for one in proposal.changed]
        change.status = Change.Status.OPEN
        records.submitted(access, change, verdict)
        return _under_way(access, change, scheduled_for, time_zone)


def _examined(proposal: Proposal) -> Verdict:
    """What a proposal must wait for, after everything that would refuse it anyway."""
    changes.hear_objections(proposal)
    changes.try_out(proposal)
    judged = matters.of_drafts(proposal.changed)
    return review.verdict(proposal.access, proposal.environments, judged)


def _under_way(
    access: Access, change: Change, scheduled_for: datetime | None, time_zone: str
) -> Outcome:
    if scheduled_for is not None:
        timing.set_time(access, change, scheduled_for, time_zone)
        return Pending(change)
    return applying.apply_if_ready(access, change)


def revise(
    access: Access,
    number: int,
    parts: Sequence[Part],
    *,
    expected_revision: int,
    comment: str = "",
) -> Change:
    """Say something else: a new revision, which nobody has approved yet. The reviser is an author."""
    with transaction.atomic():
        change = hold(access, number)
        if change.status not in (*WAITING, Change.Status.DRAFT):
            raise closed(change)
        same_revision(change, expected_revision)
        here = at(access, change)
        proposal = changes.propose(here, _about_the_same(change, parts), comment or change.comment)
        if not proposal.changed:
            raise InvalidInput(
                "This leads to what is there already.", hint="Withdraw the request instead."
            )
        if change.environment is None and _has_own(proposal.drafts):
            change.environment = here.environment
        return rewrite(access, change, proposal, "change.revised", comment)


def _about_the_same(change: Change, parts: Sequence[Part]) -> list[Part]:
    """What starts, stops or decides an experiment goes on doing so, whatever it says now."""
    about = next((part.experiment for part in parts_of(change.parts) if part.experiment), "")
    return [replace(part, experiment=about) for part in parts]


def rewrite(
    access: Access, change: Change, proposal: Proposal, action: str, comment: str
) -> Change:
    """Put another content into a request; approvals name the old one and do not count any more."""
    change.parts = [part_json(one, applied=False) for one in proposal.changed]
    change.revision += 1
    if change.status == Change.Status.DRAFT:
        change.comment = comment or change.comment
        change.save()
        return change
    verdict = _examined(proposal)
    change.status = Change.Status.OPEN
    change.approvals_needed = verdict.approvals
    change.content_hash = content_hash(
        change.parts, environment=change.environment_id, revision=change.revision
    )
    waits_now = _stop_running_by_itself(access, change)
    change.save()
    records.keep_revision(access, change)
    records.name_targets(change)
    say(access, change, comment)
    note(
        access,
        change,
        action,
        reason=comment,
        sentences=records.sentences(change),
        **verdict.asked(),
        **({"waits_for_hand": True} if waits_now else {}),
    )
    return change


def _stop_running_by_itself(access: Access, change: Change) -> bool:
    """Nobody's name and rights carry what they never saw: what somebody else wrote anew neither
    keeps its time nor applies when approved. Returns whether that ends the latter."""
    if change.scheduled_for is not None and change.scheduled_by != access.actor.user:
        change.scheduled_for, change.scheduled_by, change.schedule_problem = None, None, ""
        note(access, change, "change.unscheduled", reason="Somebody else revised it.")
    ends = change.apply_when_approved and change.author != access.actor.user
    if ends:
        change.apply_when_approved = False
        if change.scheduled_for is None:
            change.schedule_problem = ""
    return ends


def _require_rights_of_token(access: Access, change: Change) -> None:
    """A person takes back what is theirs, whatever else they may still do here. A token has to hold
    the rights of its edits: it may have fewer than the person it acts for."""
    if access.actor.token:
        authorize(at(access, change), parts_of(change.parts), change.comment)


def withdraw(access: Access, number: int, *, reason: str = "") -> Change:
    """Take a request back: its authors may, and whoever manages the project."""
    with transaction.atomic():
        change = hold_open(access, number)
        user = access.actor.user
        is_author = user is not None and user.pk in authors_of(change)
        if not is_author and not access.may(Permission.MANAGE_PROJECT):
            raise NotPermitted(
                "Only its authors and admins of the project may withdraw a request.",
                hint="Reject it with a reason instead, if you review it.",
            )
        if not access.may(Permission.MANAGE_PROJECT):
            _require_rights_of_token(access, change)
        say(access, change, reason)
        finish(access, change, Change.Status.WITHDRAWN)
        note(access, change, "change.withdrawn", reason=reason)
        return change


def comment(access: Access, number: int, text: str) -> Change:
    """Say something about a request. Whoever may look may talk, though not without an end: each
    word is a line of the ledger, which nobody can delete, and a message to others."""
    access.require(Permission.VIEW)
    limits.count(
        "comments", limits.person_of(access), most=COMMENTS_A_MINUTE, seconds=limits.MINUTE
    )
    with transaction.atomic():
        change = hold(access, number)
        if change.status == Change.Status.DRAFT:
            raise InvalidInput(
                "Nobody else reads a draft.", hint="Send it for review first.", where="comment"
            )
        if say(access, change, text) is None:
            raise InvalidInput("There is nothing to say.", where="comment")
        note(access, change, "change.commented", reason=text.strip())
        return change
