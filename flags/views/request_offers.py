"""The steps a person may take with a request, besides approving and applying it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.permissions import Permission
from flags.models import Change
from flags.models.change import WAITING
from flags.standing import authors_of, wrote
from flags.views.cards import here
from flags.views.request_forms import ActForm
from flags.views.request_page import RequestPage


@dataclass(frozen=True, slots=True)
class Offer:
    """A step as the page offers it: a link, a button, or a form that opens."""

    key: str
    name: str
    text: str = ""
    button: str = ""
    form: ActForm | None = None
    url: str = ""
    is_danger: bool = False
    is_first: bool = False


def offers(access: Access, page: RequestPage, forms: Mapping[str, ActForm]) -> list[Offer]:
    """The steps this person may take besides approving and applying."""
    change = page.change
    if change.status == Change.Status.DRAFT:
        return _offers_of_draft(access, page, forms)
    found: list[Offer] = []
    if _may_look(access, change):
        found.append(Offer("look-at", _("I have looked at it"), form=forms["look-at"]))
    if change.status not in WAITING:
        return found
    if page.may_edit:
        found += _offers_of_time(access, page)
    if _may_speak(access, page):
        found += [
            Offer(
                "request-changes",
                _("Ask for something else…"),
                form=forms["request-changes"],
                button=_("Ask for it"),
            ),
            Offer(
                "reject",
                _("Reject…"),
                text=_("It ends here; the author can ask anew."),
                form=forms["reject"],
                button=_("Reject"),
                is_danger=True,
            ),
        ]
    if page.is_mine or access.may(Permission.MANAGE_PROJECT):
        found.append(
            Offer("withdraw", _("Withdraw…"), form=forms["withdraw"], button=_("Withdraw"))
        )
    return found


def _may_look(access: Access, change: Change) -> bool:
    """Somebody else than whoever went past review."""
    if not change.bypassed or change.looked_at is not None or not access.may(Permission.REVIEW):
        return False
    user = access.actor.user
    makers = {change.applied_by_id, *authors_of(change)} - {None}
    return user is not None and not wrote(user, makers)


def _may_speak(access: Access, page: RequestPage) -> bool:
    """Whoever may approve, or has approved and thinks better of it."""
    user = access.actor.user
    approved = user is not None and any(word.user_id == user.pk for word in page.standing.approvals)
    return page.standing.against_reviewing is None or approved


def _offers_of_time(access: Access, page: RequestPage) -> list[Offer]:
    when = here(access, "flags:request-schedule", page.number)
    if page.change.scheduled_for is None:
        return [Offer("schedule", _("Schedule…"), url=when)]
    return [
        Offer("schedule", _("Another time…"), url=when),
        Offer("unschedule", _("Pause: do not apply by itself")),
    ]


def _offers_of_draft(
    access: Access, page: RequestPage, forms: Mapping[str, ActForm]
) -> list[Offer]:
    return [
        Offer("send", _("Send for review…"), form=forms["send"], button=_("Send"), is_first=True),
        Offer("schedule", _("Schedule…"), url=here(access, "flags:request-schedule", page.number)),
        Offer("discard", _("Throw away"), is_danger=True),
    ]
