"""What a flag's or segment's page says about requests and schedules that are on their way to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.access import Access
from flags import docket
from flags.edits import EditKind
from flags.models import Change
from flags.views import moments
from flags.views.cards import here
from flags.views.request_words import status_word, title_of


@dataclass(frozen=True, slots=True)
class Banner:
    """One request on its way."""

    tone: str
    title: str
    text: str
    url: str


def banners(access: Access, kinds: Sequence[EditKind], key: str) -> list[Banner]:
    """The requests that wait on this, newest first."""
    return [_banner(access, change) for change in docket.requests_on(access, key, *kinds)]


def _banner(access: Access, change: Change) -> Banner:
    words = {
        "number": change.number,
        "author": change.author_label,
        "title": title_of(change),
        "status": status_word(change),
    }
    if change.scheduled_for is not None:
        title = _("#%(number)d applies on %(when)s") % {
            **words,
            "when": moments.said(change.scheduled_for, change.time_zone),
        }
    else:
        title = _("#%(number)d %(status)s") % words
    return Banner(
        tone="danger" if change.schedule_problem else "warn",
        title=title,
        text=_("%(author)s asks: %(title)s. Nothing of it is live yet.") % words,
        url=here(access, "flags:request", change.number),
    )
