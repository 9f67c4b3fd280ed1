"""What was said and done about a request, in the order it happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from flags import docket
from flags.models import Change
from flags.models.change import Review


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the conversation."""

    at: datetime
    who: str
    did: str
    text: str = ""
    mark: str = "·"
    tone: str = ""


def conversation(change: Change) -> list[Said]:
    """Everything in order; at one moment, what was written comes before what was decided."""
    found = [*_written(change), *_reviewed(change), *_commented(change), *_ended(change)]
    return sorted(found, key=lambda one: one.at)


def _written(change: Change) -> Iterator[Said]:
    revisions = docket.revisions(change)
    if not revisions:
        yield Said(change.created_at, change.author_label, _("kept this draft"), change.comment)
    for revision in revisions:
        short = revision.content_hash[:7]
        if revision is revisions[0]:
            did = _("asked for this (%(hash)s)") % {"hash": short}
            yield Said(revision.created_at, revision.author_label, did, change.comment, "→")
            continue
        words = {"n": revision.number, "hash": short}
        did = _("made revision %(n)d (%(hash)s); earlier approvals no longer count") % words
        yield Said(revision.created_at, revision.author_label, did, "", "↻")


_VERDICTS = {
    Review.Verdict.APPROVE: ("✓", "ok"),
    Review.Verdict.REQUEST_CHANGES: ("!", "warn"),
    Review.Verdict.REJECT: ("\N{MULTIPLICATION SIGN}", "danger"),
}


def _reviewed(change: Change) -> Iterator[Said]:
    words = {
        Review.Verdict.APPROVE: _("approved %(hash)s"),
        Review.Verdict.REQUEST_CHANGES: _("asked for something else than %(hash)s"),
        Review.Verdict.REJECT: _("rejected %(hash)s"),
    }
    for review in docket.reviews(change):
        verdict = Review.Verdict(review.verdict)
        mark, tone = _VERDICTS[verdict]
        did = words[verdict] % {"hash": review.content_hash[:7]}
        if review.content_hash != change.content_hash:
            did = _("%(did)s, an earlier revision") % {"did": did}
        if review.reviewer_role:
            did = _("%(did)s, as %(role)s") % {"did": did, "role": review.reviewer_role}
        yield Said(review.created_at, review.reviewer_label, did, review.comment, mark, tone)


def _commented(change: Change) -> Iterator[Said]:
    for comment in docket.comments(change):
        yield Said(comment.created_at, comment.author_label, _("said"), comment.text, "“")


def _ended(change: Change) -> Iterator[Said]:
    if change.applied_at is not None:
        who = change.applied_by_label or change.author_label
        if change.bypassed:
            did = _("applied it past review")
            yield Said(change.applied_at, who, did, change.bypass_reason, "!", "danger")
        else:
            yield Said(change.applied_at, who, _("applied it"), "", "●", "ok")
    elif change.closed_at is not None and change.status == Change.Status.WITHDRAWN:
        who = change.closed_by_label or change.author_label
        yield Said(change.closed_at, who, _("withdrew it"), "", "\N{MULTIPLICATION SIGN}")
    elif change.closed_at is not None and change.status == Change.Status.SUPERSEDED:
        yield Said(
            change.closed_at,
            "Wayfork",
            _("closed it: what it asked for is there already"),
            "",
            "\N{MULTIPLICATION SIGN}",
        )
    if change.looked_at is not None:
        yield Said(
            change.looked_at, change.looked_at_by, _("looked at it afterwards"), "", "✓", "ok"
        )
