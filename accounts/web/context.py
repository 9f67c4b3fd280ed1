"""What every page's template knows without being told."""

from functools import partial
from typing import Any

from django.http import HttpRequest

from accounts import inbox, people, queries
from accounts.access import Access
from accounts.models import Membership
from accounts.permissions import Permission
from accounts.web.place import Place, is_person
from accounts.web.sections import tabs_of


def place(request: HttpRequest) -> dict[str, Any]:
    """`place`, the environments to switch to, and the rights of the person."""
    access = getattr(request, "access", None)
    if not isinstance(access, Access):
        return {}
    user = request.user
    return {
        "place": Place(access),
        "environments": queries.environments_here(access) if access.at_project else [],
        "may": {permission.name.lower(): access.may(permission) for permission in Permission},
        "memberships": Membership.across_tenants.filter(user=user, is_active=True).select_related(
            "organization"
        )
        if is_person(user)
        else [],
        # Asked for by the switcher and by the organization's area; elsewhere it costs nothing.
        "projects": partial(people.projects_seen, access.organization, user)
        if is_person(user)
        else [],
        # Counted when the link to the inbox is drawn.
        "unread": partial(inbox.unread, access),
        "organization_tabs": tabs_of(access) if access.at_project is None else [],
    }
