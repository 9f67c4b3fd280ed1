"""A project's settings and people: who may enter it, in which part, and who is invited."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts import admissions
from accounts import people as directory
from accounts.access import Access
from accounts.actions import members, organizations, teams
from accounts.errors import InvalidInput
from accounts.permissions import Permission, Role
from accounts.views import rights
from accounts.views.invitations import ProjectInvitationForm
from accounts.web.place import project_access


class ProjectForm(forms.Form):
    """What a project is called, and who may look at it."""

    name = forms.CharField(max_length=120, label="Name")
    is_open = forms.BooleanField(
        required=False,
        label="Every member of the organization may look at it",
        help_text="A closed project is not even named to those without a role in it.",
    )


@require_http_methods(["GET", "POST"])
@login_required
def project(request: HttpRequest, organization: str, project: str) -> HttpResponse:
    """Who may enter a project; its admins also rename, open and close it here."""
    access = project_access(request, organization, project)
    found = access.project
    form = ProjectForm(request.POST or None, initial={"name": found.name, "is_open": found.is_open})
    if request.method == "POST" and form.is_valid():
        changed = organizations.change_project(access, **form.cleaned_data)
        messages.success(request, f"{changed.name} is saved.")
        return redirect("accounts:project-people", organization, project)
    context = {**page(access), "form": form}
    status = 422 if form.errors else 200
    return render(request, "accounts/project_people.html", context, status=status)


def page(access: Access) -> dict[str, Any]:
    """What the page shows beside its forms."""
    manages = access.may(Permission.MANAGE_PROJECT)
    return {
        "nav": "project-people",
        "people": [
            {"person": person, "standing": person.at(access.project)}
            for person in directory.in_project(access)
        ],
        "team_roles": directory.team_roles(access),
        "rights_apart": rights.section(access),
        "roles": list(Role),
        "outsiders": directory.outside_project(access) if manages else [],
        "teams": [one.team for one in directory.teams(access)] if manages else [],
        "invitations": admissions.invitations(access) if manages else [],
        "requests": admissions.requests_to_decide(access, [access.project]) if manages else [],
        "invitation_form": ProjectInvitationForm(),
    }


@require_POST
@login_required
def set_role(request: HttpRequest, organization: str, project: str) -> HttpResponse:
    """Give somebody a role in the project, or take it away."""
    access = project_access(request, organization, project)
    # What a member's own page sends leads back there.
    access.require(Permission.MANAGE_PROJECT)
    person = directory.member(access, _id(request.POST.get("member", "")))
    role = role_of(request.POST.get("role", ""))
    members.set_role(access, person.user, role)
    messages.success(request, f"{person.user}: {role or 'no role of their own'}.")
    if "from_person" in request.POST:
        return redirect("accounts:person", organization, person.membership.pk)
    return redirect("accounts:project-people", organization, project)


@require_POST
@login_required
def set_team_role(request: HttpRequest, organization: str, project: str) -> HttpResponse:
    """Give a team a role in the project, or take it away."""
    access = project_access(request, organization, project)
    role = role_of(request.POST.get("role", ""))
    team = teams.set_role(access, request.POST.get("team", ""), role)
    messages.success(request, f"{team}: {role or 'no role'}.")
    return redirect("accounts:project-people", organization, project)


def role_of(given: str) -> Role | None:
    """A role from a form; empty for none."""
    if not given:
        return None
    try:
        return Role(given)
    except ValueError as error:
        raise InvalidInput("There is no such role.", hint="Choose one of the list.") from error


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError as error:
        raise InvalidInput("That is no member.", hint="Choose one of the list.") from error
