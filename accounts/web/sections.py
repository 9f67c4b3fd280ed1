"""The sections of an organization's and a project's area: one tab for each page that is there."""

from dataclasses import dataclass
from typing import Final

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from accounts.access import Access
from accounts.permissions import Permission


@dataclass(frozen=True, slots=True)
class Tab:
    """A section in the row of tabs."""

    key: str
    name: str | Promise
    url: str
    count: int | None = None


Sections = tuple[tuple[str, str | Promise, Permission], ...]

# Key of the section and of its page (`accounts:<key>`), its name, and the right that shows it.
SECTIONS: Final[Sections] = (
    ("people", gettext_lazy("People"), Permission.VIEW),
    ("teams", gettext_lazy("Teams"), Permission.VIEW),
    ("access-requests", gettext_lazy("Access requests"), Permission.VIEW),
    ("providers", gettext_lazy("Sign-in"), Permission.MANAGE_ORGANIZATION),
    ("directory", gettext_lazy("Directory"), Permission.MANAGE_ORGANIZATION),
    ("destinations", gettext_lazy("Notifications"), Permission.MANAGE_ORGANIZATION),
    ("organization-audit", gettext_lazy("Audit history"), Permission.MANAGE_ORGANIZATION),
    ("organization-settings", gettext_lazy("Settings"), Permission.VIEW),
)
# The same of a project; its pages are called `accounts:project-<key>`.
OF_PROJECT: Final[Sections] = (
    ("people", gettext_lazy("People"), Permission.VIEW),
    ("destinations", gettext_lazy("Notifications"), Permission.MANAGE_PROJECT),
)


def tabs_of(access: Access) -> list[Tab]:
    """The sections this person may open, of the project if the place is in one."""
    project = access.at_project
    sections, prefix = (SECTIONS, "") if project is None else (OF_PROJECT, "project-")
    place = [access.organization.key, *([project.key] if project else [])]
    return [
        Tab(key, name, url)
        for key, name, permission in sections
        if access.may(permission) and (url := _address(prefix + key, place))
    ]


def _address(page: str, place: list[str]) -> str:
    try:
        return reverse(f"accounts:{page}", args=place)
    except NoReverseMatch:
        # An installation without that page shows no tab for it.
        return ""
