"""The sections of an organization's area: one tab for each page that is there."""

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


# Key of the section and of its page (`accounts:<key>`), its name, and the right that shows it.
SECTIONS: Final[tuple[tuple[str, str | Promise, Permission], ...]] = (
    ("people", gettext_lazy("People"), Permission.VIEW),
    ("teams", gettext_lazy("Teams"), Permission.VIEW),
    ("access-requests", gettext_lazy("Access requests"), Permission.VIEW),
    ("providers", gettext_lazy("Sign-in"), Permission.MANAGE_ORGANIZATION),
    ("directory", gettext_lazy("Directory"), Permission.MANAGE_ORGANIZATION),
    ("destinations", gettext_lazy("Notifications"), Permission.MANAGE_ORGANIZATION),
    ("organization-audit", gettext_lazy("Audit history"), Permission.MANAGE_ORGANIZATION),
    ("organization-settings", gettext_lazy("Settings"), Permission.VIEW),
)


def tabs_of(access: Access) -> list[Tab]:
    """The sections this person may open."""
    return [
        Tab(key, name, url)
        for key, name, permission in SECTIONS
        if access.may(permission) and (url := _address(key, access.organization.key))
    ]


def _address(key: str, organization: str) -> str:
    try:
        return reverse(f"accounts:{key}", args=[organization])
    except NoReverseMatch:
        # An installation without that page shows no tab for it.
        return ""
