"""Everything the page of a request shows, made from the request and where it stands."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import NoReverseMatch
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import Access
from accounts.permissions import Permission
from flags.drafting import OWN
from flags.edits import EditKind
from flags.merging import ABSENT, Clash
from flags.models import Change
from flags.models.change import WAITING
from flags.standing import Standing, authors_of, current_version, stale_parts
from flags.standing import at as at_change
from flags.views import moments
from flags.views.cards import here
from flags.views.differences import Difference, differences
from flags.views.frame import Tab
from flags.views.json_lines import Line, Pair, compared, unified
from flags.views.request_talk import Said, conversation
from flags.views.request_words import (
    NOUNS,
    UNNAMED,
    part_name,
    place_name,
    status_tone,
    status_word,
    title_of,
)
from flags.views.sentences import percent

SHORT: Final = 7
PAGES: Final = {
    EditKind.STATE: "flags:detail",
    EditKind.DEFINITION: "flags:settings",
    EditKind.SEGMENT: "flags:segment",
}
LONGEST_VALUE: Final = 300


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
class Notice:
    """Something to know before deciding."""

    tone: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """Whether a button is there for this person, and why not."""

    may: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class PartCard:
    """What happens to one target."""

    index: int
    name: str
    noun: str
    key: str
    where: str
    url: str
    sentences: tuple[str, ...]
    differences: list[Difference]
    pairs: list[Pair]
    lines: list[Line]
    is_new: bool
    base: str
    moved: str
    # Forms that add to what the request says about this.
    editors: list[Tab]


@dataclass(frozen=True, slots=True)
class Conflict:
    """One place both sides changed, in words."""

    name: str
    what: str
    base: str
    theirs: str
    mine: str


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
        """What is asked, in a sentence."""
        words = {
            "author": self.author,
            "place": self.place.name,
            "title": title_of(self.change),
        }
        if self.change.status == Change.Status.DRAFT:
            return _("Your draft for %(place)s. %(title)s.") % words
        return _("%(author)s asks for a change in %(place)s. %(title)s.") % words

    @property
    def note(self) -> str:
        """Where it stands, beneath the sentence."""
        return " ".join(_stands(self.change, self.standing))

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
        return self.standing.approvals_needed

    @property
    def approvals_text(self) -> str:
        return approvals_words(len(self.standing.approvals), self.needed)

    @property
    def given(self) -> list[str]:
        return [word.label for word in self.standing.approvals]

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
        parts=_parts(access, change),
        notices=list(_notices(access, change)),
        conflicts=[_conflict(clash) for clash in standing.conflicts],
        talk=conversation(change),
        approve=_press(change, standing.may_approve, standing.why_not_approve),
        apply=_press(change, standing.may_apply, _why_not_apply(standing)),
        may_edit=is_open and _may_edit(access, change),
        is_mine=is_open and is_author(access, change),
        may_bypass=change.status in WAITING
        and access.may(Permission.BYPASS_REVIEW)
        and not standing.may_apply,
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


# --- what changes


def _parts(access: Access, change: Change) -> list[PartCard]:
    stand = at_change(access, change)
    moved = {
        (str(part.target.kind), part.target.key): current_version(stand, part)
        for part in (stale_parts(stand, change) if _is_unfinished(change) else [])
    }
    return [_part(stand, change, at, part, moved) for at, part in enumerate(change.parts)]


def _is_unfinished(change: Change) -> bool:
    return change.status in {*WAITING, Change.Status.DRAFT}


def _part(
    access: Access,
    change: Change,
    index: int,
    part: Mapping[str, Any],
    moved: Mapping[tuple[str, str], int],
) -> PartCard:
    kind, key = part["target"]["kind"], part["target"]["key"]
    pairs = compared(part["before"], part["after"])
    now = moved.get((kind, key))
    version = part["base_version"]
    return PartCard(
        index=index,
        name=part_name(part),
        noun=str(NOUNS[kind]),
        key="" if kind in UNNAMED else key,
        where=_where(change, kind),
        url=_url(access, kind, key, is_new=part["before"] is None and version == 0),
        sentences=tuple(part["sentences"]),
        differences=differences(part["before"], part["after"]),
        pairs=pairs,
        lines=unified(pairs),
        is_new=part["before"] is None,
        base=_("%(name)s at version %(version)d") % {"name": part_name(part), "version": version},
        moved=""
        if now is None
        else _("Written against version %(base)d; it is at version %(now)d now.")
        % {"base": version, "now": now},
        editors=_editors(access, change, part) if kind == EditKind.STATE and now is None else [],
    )


def _editors(access: Access, change: Change, part: Mapping[str, Any]) -> list[Tab]:
    """The flag's own forms, opened on what the request would leave."""
    key, asked = part["target"]["key"], f"?in={change.number}"
    forms = [
        ("serving", _("What everyone else gets")),
        ("new-rule", _("Add rule")),
        ("assignments", _("Custom assignments")),
        ("requirements", _("Requirements")),
    ]
    found = [Tab(name, told, here(access, f"flags:{name}", key) + asked) for name, told in forms]
    rules = [
        Tab(
            rule["id"],
            _("Rule %(name)s") % {"name": rule.get("name") or rule["id"]},
            here(access, "flags:rule", key, rule["id"]) + asked,
        )
        for rule in part["after"].get("rules", [])
        if not rule.get("experiment")
    ]
    return [*rules, *found]


def _where(change: Change, kind: str) -> str:
    if kind in OWN and change.environment:
        return _("in %(name)s") % {"name": change.environment.name}
    return _("in every environment")


def _url(access: Access, kind: str, key: str, *, is_new: bool) -> str:
    page = PAGES.get(EditKind(kind))
    if page is None or (is_new and kind != EditKind.STATE):
        return ""
    return here(access, page, key)


def _conflict(clash: Clash) -> Conflict:
    return Conflict(
        name=clash.key,
        what=clash.place,
        base=_value(clash, clash.base),
        theirs=_value(clash, clash.theirs),
        mine=_value(clash, clash.mine),
    )


def _value(clash: Clash, value: object) -> str:
    if value is ABSENT:
        return _("nothing")
    if clash.path[-1:] == ("ranges",) and isinstance(value, list):
        return percent(sum(high - low for low, high in value))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


# --- where it stands


def _stands(change: Change, standing: Standing) -> Iterator[str]:
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


def _waits(standing: Standing) -> str:
    if standing.objections:
        who = ", ".join(word.label for word in standing.objections)
        return _("%(who)s asked for something else.") % {"who": who}
    more = standing.approvals_needed - len(standing.approvals)
    if standing.is_ready:
        return _("Nothing is missing: it can be applied.")
    if more <= 0:
        return _("An approval of somebody else is missing.")
    return ngettext("%(n)d approval is missing.", "%(n)d approvals are missing.", more) % {
        "n": more
    }


def _notices(access: Access, change: Change) -> Iterator[Notice]:
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
            _("%(who)s bypassed the review. Look at what changed, then say so here.")
            % {"who": change.applied_by_label},
        )
    if access.at_environment and change.environment and change.environment.archived_at:
        yield Notice("warn", _("The environment is archived"), _("It takes no changes."))
