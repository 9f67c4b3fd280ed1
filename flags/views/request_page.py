"""Everything the page of a request shows, made from the request and where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import NoReverseMatch
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.permissions import Permission
from flags.edits import EditKind
from flags.models import Change
from flags.models.change import WAITING, Review
from flags.standing import Standing, authors_of
from flags.views import moments, request_stand
from flags.views.cards import here
from flags.views.conflicts import Conflict, conflicts_of
from flags.views.request_parts import PartCard, part_cards
from flags.views.request_stand import Notice
from flags.views.request_talk import Said, conversation
from flags.views.request_words import (
    place_name,
    status_tone,
    status_word,
    title_of,
)

SHORT: Final = 7


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request applies, as badges show it."""

    name: str
    is_production: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A small sign beside the state."""

    text: str
    tone: str
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Press:
    """Whether a button is there for this person, and why not."""

    may: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class RequestPage:
    """The whole page but its forms."""

    change: Change
    standing: Standing
    place: Place
    parts: list[PartCard]
    notices: list[Notice]
    conflicts: list[Conflict]
    talk: list[Said]
    approve: Press
    apply: Press
    may_edit: bool
    is_mine: bool
    may_bypass: bool
    impact_url: str

    @property
    def number(self) -> int | None:
        return self.change.number

    @property
    def title(self) -> str:
        """What it is about; what happens to that, the sentence says."""
        return ", ".join(dict.fromkeys(part.name for part in self.parts))

    @property
    def status(self) -> str:
        return status_word(self.change)

    @property
    def tone(self) -> str:
        return status_tone(self.change)

    @property
    def marks(self) -> list[Mark]:
        return list(marks_of(self.change, is_stale=self.standing.is_stale))

    @property
    def hash(self) -> str:
        return str(self.change.content_hash)

    @property
    def short_hash(self) -> str:
        return self.hash[:SHORT]

    @property
    def revision(self) -> int:
        return int(self.change.revision)

    @property
    def author(self) -> str:
        return str(self.change.author_label)

    @property
    def at(self) -> datetime:
        return self.change.created_at

    @property
    def schedule(self) -> str:
        due = self.change.scheduled_for
        return moments.said(due, self.change.time_zone) if due else ""

    @property
    def sentence(self) -> str:
        """What is asked, or was, in a sentence."""
        words = {
            "author": self.author,
            "place": self.place.name,
            "title": title_of(self.change),
        }
        if self.change.status == Change.Status.DRAFT:
            return _("Your draft for %(place)s. %(title)s.") % words
        if self.is_waiting:
            return _("%(author)s asks for a change in %(place)s. %(title)s.") % words
        return _("%(author)s asked for a change in %(place)s. %(title)s.") % words

    @property
    def note(self) -> str:
        """Where it stands, beneath the sentence."""
        return " ".join(request_stand.sentences(self.change, self.standing))

    @property
    def is_waiting(self) -> bool:
        return self.change.status in WAITING

    @property
    def can_merge(self) -> bool:
        return self.may_edit and self.standing.can_merge

    @property
    def may_comment(self) -> bool:
        return self.change.status != Change.Status.DRAFT

    @property
    def bases(self) -> list[str]:
        return [part.base for part in self.parts]

    # --- approvals

    @property
    def shows_approvals(self) -> bool:
        return self.change.status != Change.Status.DRAFT

    @property
    def needed(self) -> int:
        """How many it takes; of what has ended, how many it took: policies change."""
        if self.is_waiting:
            return self.standing.approvals_needed
        return int(self.change.approvals_needed)

    @property
    def approvals_text(self) -> str:
        return approvals_words(len(self.given), self.needed)

    @property
    def given(self) -> list[str]:
        """Whose approvals count; of what has ended, whoever approved, here or gone by now."""
        words = self.standing.approvals if self.is_waiting else self.standing.words
        return [word.label for word in words if word.verdict == Review.Verdict.APPROVE]

    @property
    def none_given(self) -> str:
        """What stands in the place of approvals that nobody gave."""
        if self.change.bypassed:
            return _("It went past review: “%(reason)s”") % {"reason": self.change.bypass_reason}
        if self.needed and not self.is_waiting:
            return _("It ended without an approval.")
        return _("It needs no approval.") if self.is_waiting else _("It needed no approval.")

    @property
    def approve_is_first(self) -> bool:
        """Whether to approve is what is to be done next: not once it may apply, nor before a merge."""
        return not (self.apply.may or self.standing.is_stale)

    @property
    def missing(self) -> tuple[str, ...]:
        return self.standing.missing if self.is_waiting else ()


def approvals_words(given: int, needed: int) -> str:
    """How many of how many."""
    return _("%(given)d of %(needed)d") % {"given": min(given, needed), "needed": needed}


def page_of(access: Access, change: Change, standing: Standing) -> RequestPage:
    """The page of one request for one person."""
    is_open = change.status in {*WAITING, Change.Status.DRAFT}
    return RequestPage(
        change=change,
        standing=standing,
        place=place_of(change),
        parts=part_cards(access, change),
        notices=list(request_stand.notices(access, change)),
        conflicts=conflicts_of(change, standing.conflicts, {}),
        talk=conversation(change),
        approve=_press(change, standing.may_approve, standing.why_not_approve),
        apply=_press(change, standing.may_apply, _why_not_apply(standing)),
        may_edit=is_open and _may_edit(access, change),
        is_mine=is_open and is_author(access, change),
        may_bypass=change.status in WAITING
        and access.may(Permission.BYPASS_REVIEW)
        and _may_edit(access, change)
        and not (standing.may_apply or standing.is_stale),
        impact_url=_impact_url(access, change) if is_open else "",
    )


def place_of(change: Change) -> Place:
    """Where it applies."""
    environment = change.environment
    return Place(place_name(change), environment is not None and bool(environment.is_production))


def _press(change: Change, may: bool, why_not: str) -> Press:
    if change.status not in WAITING:
        return Press(may=False)
    return Press(may, "" if may else why_not)


def _why_not_apply(standing: Standing) -> str:
    # Missing approvals stand above the button already.
    return "" if standing.missing else standing.why_not_apply


def _may_edit(access: Access, change: Change) -> bool:
    rights = {
        EditKind.STATE: Permission.EDIT_TARGETING,
        EditKind.DEFINITION: Permission.EDIT_FLAGS,
        EditKind.SEGMENT: Permission.EDIT_SEGMENTS,
        EditKind.POLICY: Permission.MANAGE_POLICY,
        EditKind.STEWARDS: Permission.MANAGE_POLICY,
    }
    kinds = {EditKind(part["target"]["kind"]) for part in change.parts}
    return all(access.may(rights.get(kind, Permission.EDIT_TARGETING)) for kind in kinds)


def is_author(access: Access, change: Change) -> bool:
    """Whether this person wrote any of it."""
    user = access.actor.user
    return user is not None and user.pk in authors_of(change)


def _impact_url(access: Access, change: Change) -> str:
    try:
        return here(access, "flags:request-impact", change.number)
    except NoReverseMatch:
        return ""


def marks_of(change: Change, *, is_stale: bool) -> Iterator[Mark]:
    """The signs a request wears in lists and on its page."""
    if is_stale:
        yield Mark(_("base moved"), "warn", "!")
    if change.schedule_problem:
        yield Mark(_("schedule refused"), "danger", "!")
    elif change.scheduled_for and change.status in WAITING:
        yield Mark(_("scheduled"), "accent", "◷")
    if change.bypassed:
        looked = change.looked_at is not None
        yield Mark(
            _("bypassed, looked at") if looked else _("bypassed, not looked at yet"),
            "muted" if looked else "danger",
            "" if looked else "!",
        )
