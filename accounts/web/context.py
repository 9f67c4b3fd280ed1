"""What every page's template knows without being told."""

from functools import cache, partial
from typing import Any

from django.http import HttpRequest

from accounts import inbox, people, queries
from accounts.access import Access
from accounts.permissions import Permission
from accounts.web import doors
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
        # Pages that bring the addresses along name their own.
        "environments": cache(partial(queries.environments_here, access))
        if access.at_project
        else [],
        "may": {permission.name.lower(): access.may(permission) for permission in Permission},
        # Asked for by the switcher alone.
        "elsewhere": partial(doors.doors_elsewhere, request, user, access.organization)
        if is_person(user)
        else [],
        # Asked for by the switcher and by the organization's area; elsewhere it costs nothing.
        "projects": cache(partial(people.projects_seen, access.organization, user))
        if is_person(user)
        else [],
        # Counted when a link to the inbox is drawn: once, for a page has two.
        "unread": cache(partial(inbox.unread, access)),
        "section_tabs": tabs_of(access) if access.at_environment is None else [],
    }
