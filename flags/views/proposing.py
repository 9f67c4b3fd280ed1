"""What a form's buttons may do: apply, ask for review, keep as a draft, add to a request."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import Access
from accounts.errors import InvalidInput, NotFound
from flags import changes, docket, requests, review
from flags.changes import Outcome, Part, Pending, StaleVersion, Target
from flags.drafting import parts_of
from flags.edits import FlagDefinition, ReviewRules
from flags.models import Change
from flags.models.change import WAITING
from flags.queries import FlagInEnvironment
from flags.review import Forecast
from flags.standing import current_version
from flags.views.request_words import title_of

# What a button says it wants, beside nothing: send it the usual way.
DRAFT: Final = "draft"
SCHEDULE: Final = "schedule"
ADD: Final = "add"
MOST_CHOICES: Final = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """A request the edits could go into."""

    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Ways:
    """What pressing does, said before it is pressed."""

    forecast: Forecast
    review_label: str
    requests: tuple[Choice, ...] = ()

    @property
    def is_blocked(self) -> bool:
        """Whether the usual way is closed: frozen, or somebody else's to change."""
        return self.forecast.is_frozen or self.forecast.is_refused


def ways(access: Access, target: Target) -> Ways:
    """What can be done with an edit of this target, here and by this person."""
    forecast = review.forecast(access, target.kind, target.key)
    return Ways(forecast, review_label(forecast), tuple(_choices(access)))


def which_ask(access: Access, definitions: Sequence[FlagDefinition]) -> frozenset[str]:
    """Flags whose switch would not act at once here, found for a whole list in two reads."""
    rules = review.rules([access.environment]).get(access.environment.pk, ReviewRules())
    if rules.approvals or rules.frozen or rules.freeze(timezone.now()):
        return frozenset(one.key for one in definitions)
    named = {(one.kind, one.key) for one in review.stewards_of(access.project).rules}
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


def _choices(access: Access) -> list[Choice]:
    """What this person wrote and may still write to, here: drafts first."""
    mine = [*docket.drafts(access), *docket.requests(access, status=WAITING, mine=True)]
    return [
        Choice(change.number, title_of(change))
        for change in mine[:MOST_CHOICES]
        if change.number and change.environment_id in {None, access.environment.pk}
    ]


def as_requested(access: Access, flag: FlagInEnvironment, number: str) -> FlagInEnvironment:
    """A flag as a request would leave it, to be edited further there; as it stands without one."""
    if not number:
        return flag
    stored = docket.request(access, _read(number)).parts
    target = {"kind": "state", "key": flag.definition.key}
    part = next((one for one in stored if one["target"] == target), None)
    if part is None:
        return flag
    return replace(flag, own=part["after"], version=part["base_version"])


def _read(number: str) -> int:
    if not (number.isdecimal() and number.isascii()) or len(number) > 9:
        raise NotFound("There is no such request.")
    return int(number)


@dataclass(frozen=True, slots=True)
class Sent:
    """Where an edit went: applied, waiting, or into a draft or request."""

    outcome: Outcome | None = None
    request: Change | None = None
    then: str = ""


def send(access: Access, part: Part, comment: str, how: str) -> Sent:
    """Send one part the way its button said."""
    wish, _colon, number = how.partition(":")
    if wish in {DRAFT, SCHEDULE}:
        return Sent(request=requests.save_draft(access, [part], comment=comment), then=wish)
    if wish == ADD:
        return Sent(request=add(access, number, part, comment), then=ADD)
    outcome = changes.submit_all(access, [part], comment=comment)
    return Sent(outcome, outcome.change if isinstance(outcome, Pending) else None)


def add(access: Access, number: str, part: Part, comment: str) -> Change:
    """Put a part into a request that exists: a new revision of it."""
    change = docket.request(access, _read(number))
    parts = with_part(parts_of(change.parts), part)
    try:
        return requests.revise(
            access, int(number), parts, expected_revision=change.revision, comment=comment
        )
    except StaleVersion as stale:
        # The form itself may be what is old: that is told beside its fields.
        if current_version(access, part) == part.expected_version or part not in parts:
            raise InvalidInput(
                _("#%(number)s starts from an older version.") % {"number": number},
                hint=_("Merge it on its page first, then add to it."),
            ) from stale
        raise


def with_part(parts: Sequence[Part], new: Part) -> list[Part]:
    """The parts with one more; edits of a target that is among them follow those it has."""
    for place, part in enumerate(parts):
        if part.target == new.target:
            longer = replace(part, edits=(*part.edits, *new.edits))
            return [*parts[:place], longer, *parts[place + 1 :]]
    return [*parts, new]
