"""How a line of the ledger is told on a page: what was done, to what, and where that is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts import audit
from accounts.access import Access
from accounts.models import AuditEntry

# The page of an object, by its kind: its name, and whether it stands in an environment.
PAGES: Final[Mapping[str, str]] = {
    "flag": "flags:detail",
    "segment": "flags:segment",
    "experiment": "experiments:detail",
    "metric": "metrics:metric",
    "fact": "metrics:fact",
    "event_source": "metrics:source",
    "assignment_query": "metrics:assignment-query",
}
# Nouns and verbs whose words are not simply those of the action.
NOUNS: Final[Mapping[str, str]] = {
    "sdk_key": "SDK key",
    "sso": "single sign-on",
    "mfa": "two-step verification",
    "change": "change of",
    "audit": "audit history of",
    "role": "role of",
    "account": "",
    "refusal": "",
}
VERBS: Final[Mapping[str, str]] = {
    "changes_requested": "requested changes to the",
    "rolled_back": "rolled back",
    "looked_at": "looked at the",
    "forbidden": "was not permitted",
    "not_found": "asked for what they may not see:",
    "token": "showed a dead token:",
    "schedule_refused": "could not apply the scheduled",
    "role_set": "set the role of",
    "right_set": "set a right of",
    "members_set": "set the members of",
    "teams_set": "set the teams of",
    "owner_set": "set the ownership of",
    "tokens_suspended": "suspended the access tokens of",
    "tokens_resumed": "let the access tokens work again of",
    "break_glass_set": "set the emergency sign-in of",
    "break_glass": "signed in with a password past",
    "group_added": "added a group to",
    "group_removed": "removed a group from",
    "link_made": "made an",
    "secret_rotated": "rotated the secret of",
    "given_up": "gave up",
}
# A younger line says how long ago it was; of older ones people want to know the day.
YOUNG: Final = timedelta(days=1)
REASON_SHOWN: Final = 80
# Most lines come by pages: that is not said.
PAGE: Final = "page"


@dataclass(frozen=True, slots=True)
class Story:
    """One line, ready to be shown: a page has fifty, and looking things up in them is its cost."""

    who: str
    # By which way in, where that was no page.
    door: str
    did: str
    target: str
    summary: str
    # The environment; where it is of none, what all of it was about.
    where: str
    wide: str
    # Page of the object, and of the line itself.
    url: str
    permalink: str
    # When: in few words, and to the second.
    moment: str
    exact: str
    # The reason, cut where it is long.
    why: str

    def __getitem__(self, name: str) -> str:
        """For templates: they ask like this first, and to be refused takes longer than the rest."""
        return str(getattr(self, name))


def told(access: Access, entries: Iterable[AuditEntry]) -> list[Story]:
    """Lines of the history, with their addresses for this person.

    A page of lines is all of the page's cost: what is alike for many lines is found out once.
    """
    home, look_up, act, now = history_page(access), cache(address), cache(did), timezone.now()
    return [_story(access, entry, home, look_up, act, now) for entry in entries]


def tell(access: Access, entry: AuditEntry) -> Story:
    """One line."""
    return told(access, [entry])[0]


def _story(
    access: Access,
    entry: AuditEntry,
    home: str,
    look_up: Callable[..., str],
    act: Callable[[str], str],
    now: datetime,
) -> Story:
    kind, key = _one_subject(entry)
    reason, (where, wide) = entry.reason, _where(access, entry)
    return Story(
        entry.actor_label,
        "" if entry.via == PAGE else gettext("by %(door)s") % {"door": entry.via},
        act(entry.action),
        entry.target,
        entry.summary,
        where,
        wide,
        _page(access, entry, kind, key, look_up),
        f"{home}{entry.sequence}/",
        naturaltime(entry.at) if now - entry.at < YOUNG else f"{entry.at:%Y-%m-%d %H:%M}",
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        reason if len(reason) <= REASON_SHOWN else f"{reason[: REASON_SHOWN - 1]}…",
    )


def _where(access: Access, entry: AuditEntry) -> tuple[str, str]:
    """In a project's own history its name goes without saying."""
    project = entry.project.name if entry.project else ""
    if entry.environment is not None:
        name = entry.environment.name
        return name if access.at_project else f"{project}, {name}", ""
    if entry.project is None:
        return "", gettext("organization")
    return "", gettext("project") if access.at_project else project


def did(action: str) -> str:
    """`flag.changed` in words: "changed flag"."""
    noun, _, verb = action.partition(".")
    spoken = VERBS.get(verb, verb.replace("_", " "))
    return f"{spoken} {NOUNS.get(noun, noun.replace('_', ' '))}".strip()


def _one_subject(entry: AuditEntry) -> tuple[str, str]:
    """What the line is about, where that is one thing."""
    things = [(kind, key) for kind, key in entry.subjects if kind not in audit.BESIDE]
    return things[0] if len(things) == 1 else ("", "")


def history_page(access: Access) -> str:
    """The history the person is looking at; each of its lines stands below it, by its number."""
    if access.at_project is None:
        return reverse("accounts:organization-audit", args=[access.organization.key])
    place = [access.organization.key, access.project.key, access.environment.key]
    return reverse("accounts:audit", args=place)


def _page(
    access: Access, entry: AuditEntry, kind: str, key: str, look_up: Callable[..., str]
) -> str:
    environment = entry.environment or access.at_environment
    if kind not in PAGES or entry.project is None or environment is None:
        return ""
    place = [access.organization.key, entry.project.key, environment.key]
    return look_up(PAGES[kind], *place, key)


def request_page(access: Access, entry: AuditEntry) -> str:
    """The page of the change request a line belongs to."""
    number = entry.after.get("number") if isinstance(entry.after, dict) else None
    environment = entry.environment or access.at_environment
    if number is None or entry.project is None or environment is None:
        return ""
    place = [access.organization.key, entry.project.key, environment.key]
    return address("flags:request", *place, number)


def address(name: str, *args: object) -> str:
    """Of a page, or nothing where there is no such page or the key fits no address."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
