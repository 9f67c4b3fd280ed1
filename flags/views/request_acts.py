"""The steps of a request as buttons: what each takes, what it does, what is said afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.errors import DomainError, NotFound
from accounts.permissions import Permission
from flags import docket
from flags import requests as life
from flags.changes import Applied, Outcome, Pending
from flags.models import Change
from flags.views import request_forms as forms
from flags.views.editing import Message, message
from flags.views.request_forms import ActForm

Given = Mapping[str, Any]


def _approve(access: Access, number: int, given: Given) -> Message:
    outcome = life.approve(
        access, number, content_hash=given["content_hash"], comment=given["comment"]
    )
    if isinstance(outcome, Applied):
        return Message("success", _("Approved, and applied at once."), message(outcome).title)
    return Message("success", _("Approved exactly %(hash)s.") % {"hash": given["content_hash"][:7]})


def _request_changes(access: Access, number: int, given: Given) -> Message:
    life.request_changes(
        access, number, comment=given["comment"], content_hash=given["content_hash"] or None
    )
    return Message("success", _("The author is asked for something else."))


def _reject(access: Access, number: int, given: Given) -> Message:
    life.reject(access, number, reason=given["reason"], content_hash=given["content_hash"] or None)
    return Message("success", _("Rejected. Nothing of it was applied."))


def _withdraw(access: Access, number: int, given: Given) -> Message:
    life.withdraw(access, number, reason=given["reason"])
    return Message("success", _("Withdrawn. Nothing of it was applied."))


def _comment(access: Access, number: int, given: Given) -> Message:
    life.comment(access, number, given["text"])
    return Message("success", _("Said."))


def _apply(access: Access, number: int, given: Given) -> Message:
    return message(life.apply(access, number, content_hash=given["content_hash"]))


def _bypass(access: Access, number: int, given: Given) -> Message:
    outcome = life.bypass(
        access, number, reason=given["reason"], content_hash=given["content_hash"]
    )
    told = message(outcome)
    return Message("warning", _("Applied past review."), told.title)


def _look_at(access: Access, number: int, given: Given) -> Message:
    life.look_at(access, number, comment=given["comment"])
    return Message("success", _("Looked at. That is kept with the request."))


def _unschedule(access: Access, number: int, _given: Given) -> Message:
    life.unschedule(access, number)
    return Message("success", _("Paused: it no longer applies by itself."))


def _rebase(access: Access, number: int, given: Given) -> Message:
    access.require(Permission.EDIT_TARGETING)
    _require_revision(access, number, given["revision"])
    change = life.rebase(access, number, given["sides"])
    if change.status == Change.Status.SUPERSEDED:
        return Message("info", _("Nothing is left of it that is not there already: it is closed."))
    return Message("success", _("Merged with what changed meanwhile."))


def _require_revision(access: Access, number: int, revision: int) -> Change:
    change = docket.request(access, number)
    life.same_revision(change, revision)
    return change


def _discard(access: Access, number: int, _given: Given) -> Message:
    life.discard_draft(access, number)
    return Message("success", _("Thrown away."))


def _send(access: Access, number: int, given: Given) -> Message:
    outcome = life.open_draft(
        access,
        number,
        comment=given["comment"],
        apply_when_approved=given["apply_when_approved"],
    )
    return _sent(outcome)


def _sent(outcome: Outcome) -> Message:
    if isinstance(outcome, Pending) and not outcome.change.approvals_needed:
        return Message("success", _("It is a request now, and needs no approval."))
    return message(outcome)


def _drop(access: Access, number: int, given: Given) -> Message:
    change = _require_revision(access, number, given["revision"])
    left = forms.without(change, given["part"])
    if not left or len(left) == len(change.parts):
        raise NotFound(_("There is no such part."))
    life.revise(access, number, left, expected_revision=given["revision"])
    return Message("success", _("Taken out; what is left is a new revision."))


@dataclass(frozen=True, slots=True)
class Act:
    """One step: its form, what it does, and whether the request is gone afterwards."""

    form: type[ActForm]
    perform: Callable[[Access, int, Given], Message]
    leaves: bool = False


ACTS: Final[Mapping[str, Act]] = {
    "approve": Act(forms.ApproveForm, _approve),
    "request-changes": Act(forms.ChangesForm, _request_changes),
    "reject": Act(forms.RejectForm, _reject),
    "withdraw": Act(forms.ReasonForm, _withdraw),
    "comment": Act(forms.CommentForm, _comment),
    "apply": Act(forms.SeenForm, _apply),
    "bypass": Act(forms.BypassForm, _bypass),
    "look-at": Act(forms.LookForm, _look_at),
    "unschedule": Act(forms.ActForm, _unschedule),
    "rebase": Act(forms.MergeForm, _rebase),
    "discard": Act(forms.ActForm, _discard, leaves=True),
    "send": Act(forms.SendForm, _send),
    "drop": Act(forms.DropForm, _drop),
}


def form_of(key: str, data: Any, change: Change) -> ActForm:
    """The form of a step, empty or as it was sent."""
    if key == "bypass":
        return forms.BypassForm(data, typed_place(change))
    return ACTS[key].form(data, auto_id=f"{key}_%s")


def typed_place(change: Change) -> str:
    """What somebody types who means it: the environment, or the project where all are meant."""
    return str(change.environment.key if change.environment else change.project.key)


def refused(error: DomainError) -> dict[str, object]:
    """A refusal as the page's box shows it."""
    return {
        "title": "",
        "detail": str(error),
        "hint": error.hint,
        "changed": _("Nothing was changed."),
        "status": error.status,
    }
