"""What a form's buttons may do: apply, ask for review, keep as a draft, add to a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import Access
from flags import changes, docket, requests, review
from flags.changes import Outcome, Part, Pending, Target, Unchanged
from flags.drafting import OWN
from flags.edits import FlagDefinition, ReviewRules
from flags.ground import stewards_of
from flags.models import Change
from flags.models.change import WAITING
from flags.review import Forecast
from flags.views import opened
from flags.views.opened import Opened
from flags.views.request_words import title_of

# What a button says it wants, beside nothing: send it the usual way.
DRAFT: Final = "draft"
SCHEDULE: Final = "schedule"
ADD: Final = "add"
MOST_CHOICES: Final = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """A request the edits could go into, at the revision it is offered at."""

    number: int
    revision: int
    title: str


@dataclass(frozen=True, slots=True)
class Ways:
    """What pressing does, said before it is pressed."""

    forecast: Forecast
    review_label: str
    # Of a form that holds both: what applies at once all the same, as a sentence.
    mixed: str = ""
    # Why another environment than this one is heard, as a sentence.
    why: str = ""

    @property
    def is_blocked(self) -> bool:
        """Whether the usual way is closed: frozen, or somebody else's to change."""
        return self.forecast.is_refused or (self.forecast.is_frozen and not self.mixed)


def ways(access: Access, target: Target, mixed: str = "") -> Ways:
    """What can be done with an edit of this target, here and by this person."""
    forecast = review.forecast(access, target.kind, target.key)
    if mixed and not (forecast.is_free or forecast.is_refused):
        return Ways(forecast, "", mixed)
    return Ways(forecast, review_label(forecast), why=_why(access, target, forecast))


def _why(access: Access, target: Target, forecast: Forecast) -> str:
    """Why what is made here waits for somebody there."""
    here = access.environment.name
    if target.kind in OWN or not forecast.places or here in forecast.places:
        return ""
    words = {"noun": target.noun, "here": here, "places": _(" and ").join(forecast.places)}
    return (
        _("All environments share it: a %(noun)s in %(here)s is in %(places)s too, which is why.")
        % words
    )


def which_ask(access: Access, definitions: Sequence[FlagDefinition]) -> frozenset[str]:
    """Flags whose switch would not act at once here, found for a whole list in two reads."""
    rules = review.rules([access.environment]).get(access.environment.pk, ReviewRules())
    if rules.approvals or rules.frozen or rules.freeze(timezone.now()):
        return frozenset(one.key for one in definitions)
    named = {(one.kind, one.key) for one in stewards_of(access.project).rules}
    return frozenset(
        one.key
        for one in definitions
        if ("flag", one.key) in named or any(("tag", tag) in named for tag in one.tags)
    )


def review_label(forecast: Forecast) -> str:
    """What the button says: what happens, and who decides."""
    if forecast.is_frozen:
        until = forecast.until
        return (
            _("Frozen until %(until)s UTC") % {"until": f"{until:%Y-%m-%d %H:%M}"}
            if until
            else _("Frozen")
        )
    if forecast.is_refused:
        return _("Not yours to change")
    if not forecast.needs_review:
        return ""
    words = {"n": forecast.approvals, "teams": ", ".join(forecast.teams)}
    if forecast.teams:
        return (
            ngettext(
                "Submit for review (%(n)d approval by %(teams)s)",
                "Submit for review (%(n)d approvals by %(teams)s)",
                forecast.approvals,
            )
            % words
        )
    return (
        ngettext(
            "Submit for review (%(n)d approval)",
            "Submit for review (%(n)d approvals)",
            forecast.approvals,
        )
        % words
    )


def choices(access: Access) -> list[Choice]:
    """What this person wrote and may still write to, here: drafts first."""
    mine = [*docket.drafts(access), *docket.requests(access, status=WAITING, mine=True)]
    return [
        Choice(change.number, change.revision, title_of(change))
        for change in mine[:MOST_CHOICES]
        if change.number and change.environment_id in {None, access.environment.pk}
    ]


@dataclass(frozen=True, slots=True)
class Sent:
    """Where an edit went: applied, waiting, or into a draft or request."""

    outcome: Outcome | None = None
    request: Change | None = None
    then: str = ""


def named_in(access: Access, how: str) -> Opened | None:
    """The request a button names, at the revision it was drawn for."""
    wish, _colon, named = how.partition(":")
    return opened.read(access, named) if wish == ADD else None


def send(access: Access, part: Part, comment: str, how: str, into: Opened | None) -> Sent:
    """Send one part the way its button said; into a request, if it is given."""
    if into is not None:
        change = opened.add(access, into, part, comment)
        is_new = change.revision != into.revision
        return Sent(None if is_new else Unchanged(part.expected_version), change, ADD)
    if how in {DRAFT, SCHEDULE}:
        return Sent(request=requests.save_draft(access, [part], comment=comment), then=how)
    outcome = changes.submit_all(access, [part], comment=comment)
    return Sent(outcome, outcome.change if isinstance(outcome, Pending) else None)
