"""Where a request stands, in sentences, and what to know before deciding about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import Access
from flags import docket
from flags.models import Change
from flags.models.change import WAITING
from flags.standing import Standing
from flags.views import moments


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know before deciding."""

    tone: str
    title: str
    text: str


def sentences(change: Change, standing: Standing) -> Iterator[str]:
    """What has become of it, or what it waits for."""
    match change.status:
        case Change.Status.DRAFT:
            yield _("Only you see it until you send it.")
        case Change.Status.APPLIED:
            yield _("Applied by %(who)s.") % {"who": change.applied_by_label or change.author_label}
        case Change.Status.REJECTED | Change.Status.WITHDRAWN | Change.Status.SUPERSEDED:
            yield _("Nothing of it was applied.")
        case _:
            yield _waits(standing)
    if change.status in WAITING and change.scheduled_for and not change.schedule_problem:
        when = moments.said(change.scheduled_for, change.time_zone)
        yield _("It applies by itself on %(when)s, if it is approved by then.") % {"when": when}
    elif change.status in WAITING and change.apply_when_approved:
        yield _("It applies by itself once it is approved.")
    elif change.status in WAITING and change.revision > 1:
        last = docket.revisions(change)[-1]
        if last.author_id != change.author_id:
            # Whatever its author wished of it before was of what they had written.
            told = _("%(who)s wrote its newest revision, so it waits for somebody to apply it.")
            yield told % {"who": last.author_label}


def _waits(standing: Standing) -> str:
    if standing.objections:
        who = ", ".join(word.label for word in standing.objections)
        return _("%(who)s asked for something else.") % {"who": who}
    if standing.is_stale:
        return _(
            "What it starts from has moved: it cannot be applied as it stands. Brought together"
            " with what changed it is a new revision, and approvals are given anew."
        )
    more = standing.approvals_needed - len(standing.approvals)
    if standing.is_ready:
        return _approved(standing)
    if more <= 0:
        return _("An approval of somebody else is missing.")
    return ngettext("%(n)d approval is missing.", "%(n)d approvals are missing.", more) % {
        "n": more
    }


def _approved(standing: Standing) -> str:
    if standing.may_apply:
        return _("Nothing is missing: it can be applied.")
    if standing.is_stale:
        return _("No approval is missing, but what it starts from has moved.")
    return _("No approval is missing.")


def notices(access: Access, change: Change) -> Iterator[Notice]:
    """What to know before deciding."""
    if change.schedule_problem:
        yield Notice(
            "danger",
            _("At its time it could not be applied"),
            _("%(why)s Settle that, then schedule it again or apply it by hand.")
            % {"why": change.schedule_problem},
        )
    if change.bypassed and change.looked_at is None:
        yield Notice(
            "danger",
            _("Applied past review; nobody else has looked at it yet"),
            _(
                "%(who)s bypassed the review: “%(why)s”."
                " Somebody else looks at what changed and says so here."
            )
            % {"who": change.applied_by_label, "why": change.bypass_reason},
        )
    if access.at_environment and change.environment and change.environment.archived_at:
        yield Notice("warn", _("The environment is archived"), _("It takes no changes."))
