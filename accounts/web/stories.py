"""How a line of the ledger is told on a page: what was done, to what, and where that is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import NoReverseMatch, reverse

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
}


@dataclass(frozen=True, slots=True)
class Story:
    """One line, ready to be shown."""

    entry: AuditEntry
    did: str
    # Page of the object, and of the line itself.
    url: str
    permalink: str


def told(access: Access, entries: Iterable[AuditEntry]) -> list[Story]:
    """Lines of the history, with their addresses for this person."""
    return [tell(access, entry) for entry in entries]


def tell(access: Access, entry: AuditEntry) -> Story:
    """One line."""
    kind, key = _one_subject(entry)
    return Story(
        entry, did(entry.action), _page(access, entry, kind, key), permalink(access, entry)
    )


def did(action: str) -> str:
    """`flag.changed` in words: "changed flag"."""
    noun, _, verb = action.partition(".")
    spoken = VERBS.get(verb, verb.replace("_", " "))
    return f"{spoken} {NOUNS.get(noun, noun.replace('_', ' '))}".strip()


def _one_subject(entry: AuditEntry) -> tuple[str, str]:
    """What the line is about, where that is one thing."""
    things = [(kind, key) for kind, key in entry.subjects if kind != "tag"]
    return things[0] if len(things) == 1 else ("", "")


def permalink(access: Access, entry: AuditEntry) -> str:
    """The line's own address, in the history the person is looking at."""
    if access.at_project is None:
        args: list[Any] = [access.organization.key, entry.sequence]
        return reverse("accounts:organization-audit-entry", args=args)
    environment = access.environment.key
    place = [access.organization.key, access.project.key, environment]
    return reverse("accounts:audit-entry", args=[*place, entry.sequence])


def _page(access: Access, entry: AuditEntry, kind: str, key: str) -> str:
    environment = entry.environment or access.at_environment
    if kind not in PAGES or entry.project is None or environment is None:
        return ""
    place = [access.organization.key, entry.project.key, environment.key]
    return address(PAGES[kind], *place, key)


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
