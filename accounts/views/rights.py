"""The rights of a project that stand apart from roles: with which role they come, who is named."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import people as directory
from accounts import rights
from accounts.access import Access
from accounts.actions import rights as actions
from accounts.errors import InvalidInput
from accounts.permissions import Permission, Role
from accounts.web.place import project_access

# What each is for, where it is given.
PURPOSES = {
    Permission.ROLL_BACK: gettext_lazy(
        "Turn a flag off at once, or bring back an earlier version: with a reason, never a review."
    ),
    Permission.BYPASS_REVIEW: gettext_lazy(
        "Apply a change in an emergency, past missing approvals and freezes. It still takes the"
        " right to make that change, and somebody else looks at it afterwards."
    ),
}
LEAST_ROLES = (
    (Role.EDITOR.value, gettext_lazy("editors and above")),
    (Role.REVIEWER.value, gettext_lazy("reviewers and above")),
    (Role.ADMIN.value, gettext_lazy("admins")),
    ("", gettext_lazy("no role: only who is named")),
)


def section(access: Access) -> list[dict[str, Any]]:
    """What the page shows of each right."""
    manages = access.may(Permission.MANAGE_PROJECT)
    seers = rights.viewers(access) if manages else []
    teams = [one.team for one in directory.teams(access)] if manages else []
    return [
        {
            "found": found,
            "purpose": PURPOSES[found.right],
            "by_role": dict(LEAST_ROLES)[found.least_role or ""],
            "choices": LEAST_ROLES,
            "least_role": found.least_role or "",
            "people": [one for one in seers if not one.is_owner and one.pk not in found.member_ids],
            "teams": [one for one in teams if one.key not in found.team_keys],
        }
        for found in rights.apart(access)
    ]


@require_POST
@login_required
def set_least_role(request: HttpRequest, organization: str, project: str) -> HttpResponse:
    """Say from which role upwards a right comes."""
    access = project_access(request, organization, project)
    right = rights.of_key(request.POST.get("right", ""))
    actions.set_least_role(access, right, _least_role(request.POST.get("least_role", "none")))
    messages.success(request, _("Saved who may %(right)s.") % {"right": right})
    return redirect("accounts:project-people", organization, project)


@require_POST
@login_required
def name(request: HttpRequest, organization: str, project: str) -> HttpResponse:
    """Name a person or a team for a right, or no longer."""
    access = project_access(request, organization, project)
    right = rights.of_key(request.POST.get("right", ""))
    is_named = request.POST.get("named", "true") == "true"
    kind, _colon, key = request.POST.get("who", "").partition(":")
    if kind == "team":
        told = str(actions.set_team(access, right, key, is_named=is_named))
    else:
        told = str(actions.set_person(access, right, _id(key), is_named=is_named).user)
    words = (
        _("%(who)s may %(right)s.") if is_named else _("%(who)s is not named any more: %(right)s.")
    )
    messages.success(request, words % {"who": told, "right": right})
    return redirect("accounts:project-people", organization, project)


def _least_role(given: str) -> Role | None:
    """A role from a form; empty for none."""
    known = {key: Role(key) if key else None for key, _words in LEAST_ROLES}
    if given not in known:
        raise InvalidInput(_("There is no such choice."), hint=_("Choose one of the list."))
    return known[given]


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError as error:
        raise InvalidInput(
            _("That is neither a member nor a team."), hint=_("Choose one of the list.")
        ) from error
