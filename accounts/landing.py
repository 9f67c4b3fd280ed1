"""Where a line of the ledger leads: paths of our own, found by the names of routes."""

from collections.abc import Mapping
from typing import Final

from django.urls import NoReverseMatch, reverse

from accounts.models import AuditEntry, Environment

# The rooms above are known by the names of their routes alone.
PAGES: Final[Mapping[str, str]] = {
    "flag": "flags:detail",
    "segment": "flags:segment",
    "experiment": "experiments:detail",
}
REQUEST: Final = "flags:request"
# Acts on an organization's people, by the noun their action begins with.
AREAS: Final[Mapping[str, str]] = {
    "access": "accounts:access-requests",
    "invitation": "accounts:people",
    "member": "accounts:people",
    "right": "accounts:people",
    "destination": "accounts:destinations",
}
# Where a project has such a page of its own, which its admins may open.
AREAS_OF_PROJECTS: Final[Mapping[str, str]] = {"destination": "accounts:project-destinations"}


def request_number(entry: AuditEntry) -> int | None:
    """The number of the change request a line belongs to, if it names one."""
    number = entry.after.get("number") if isinstance(entry.after, dict) else None
    return number if isinstance(number, int) else None


def went_past_review(entry: AuditEntry) -> bool:
    """Whether the line tells of a change that somebody bypassed the review of."""
    return _says(entry, "bypassed")


def applied_by_itself(entry: AuditEntry) -> bool:
    """Whether nobody pressed anything: its time had come, or its last approval."""
    return _says(entry, "by_itself")


def passed_reviewers_by(entry: AuditEntry) -> bool:
    """Whether it is a kill or a roll back of what others would be asked about otherwise."""
    return _says(entry, "past_review")


def _says(entry: AuditEntry, what: str) -> bool:
    return isinstance(entry.after, dict) and entry.after.get(what) is True


def page_of(entry: AuditEntry) -> str:
    """The page that shows what the line is about; at least the line itself, or the start page."""
    organization = entry.organization.key
    noun = entry.action.partition(".")[0]
    if noun in AREAS_OF_PROJECTS and entry.project is not None:
        return _path(AREAS_OF_PROJECTS[noun], organization, entry.project.key) or "/"
    if noun in AREAS:
        return _path(AREAS[noun], organization) or "/"
    place = _place(entry)
    return (_page_at(entry, place) if place else "") or line_of(entry)


def _page_at(entry: AuditEntry, place: tuple[str, str, str]) -> str:
    number = request_number(entry)
    if number is not None:
        return _path(REQUEST, *place, number)
    for kind, key in entry.subjects:
        if kind in PAGES:
            return _path(PAGES[kind], *place, key)
    return ""


def line_of(entry: AuditEntry) -> str:
    """The line's own page in the audit history of its project, or of the organization."""
    place = _place(entry)
    if place is None:
        organization = entry.organization.key
        return _path("accounts:organization-audit-entry", organization, entry.sequence) or "/"
    return _path("accounts:audit-entry", *place, entry.sequence) or "/"


def _place(entry: AuditEntry) -> tuple[str, str, str] | None:
    if entry.project is None:
        return None
    environment = entry.environment or Environment.objects.within(entry.project).last()
    if environment is None:
        return None
    return entry.organization.key, entry.project.key, environment.key


def _path(name: str, *parts: object) -> str:
    try:
        return reverse(name, args=parts)
    except NoReverseMatch:
        return ""
