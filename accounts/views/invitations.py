"""Inviting people to an organization, and coming in by an invitation."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import admissions, limits
from accounts.access import Access
from accounts.actions import acceptance
from accounts.actions import invitations as actions
from accounts.actions.invitations import Entrance, NewInvitation
from accounts.errors import InvalidInput
from accounts.models import Project, Team
from accounts.permissions import Permission, Role
from accounts.web import fresh_proof, invited
from accounts.web.origin import address_of, origin_of
from accounts.web.place import is_person, organization_access, project_access

ROLES = [(role.value, role.value.capitalize()) for role in Role]
# Addresses of one visitor that may try secrets in an hour; nobody mistypes so often.
MOST_VISITS = 120


class ProjectInvitationForm(forms.Form):
    """Invite to one project: by e-mail, or by a link when no address is given."""

    emails = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        label="E-mail addresses",
        help_text="One a line, or separated by commas. Leave it empty to make a link.",
    )
    role = forms.ChoiceField(choices=ROLES, initial=Role.EDITOR.value, label="Role")
    uses = forms.IntegerField(
        min_value=1,
        max_value=actions.MOST_USES,
        initial=1,
        label="Uses of the link",
        help_text="How many people may come in by it; only for a link.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=actions.MOST_DAYS,
        initial=actions.DAYS,
        label="Days until it ends",
    )

    def addresses(self) -> list[str]:
        """The addresses, however they were separated."""
        return [one for one in re.split(r"[\s,;]+", self.cleaned_data["emails"]) if one]

    def entrance(self, project: str) -> Entrance:
        """What is promised."""
        given = self.cleaned_data
        return Entrance(((project, Role(given["role"])),), days=given["days"])


class InvitationForm(ProjectInvitationForm):
    """Invite to the organization, with any number of roles and teams."""

    field_order = ("emails",)
    role = None  # type: ignore[assignment]  # one for each project instead
    teams = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Teams"
    )
    is_owner = forms.BooleanField(
        required=False,
        label="As owners of the organization",
        help_text="Owners may do everything, also invite and remove other owners.",
    )

    def __init__(self, data: Any, access: Access) -> None:
        super().__init__(data)
        self.projects = list(Project.objects.within(access.organization))
        for project in self.projects:
            self.fields[f"role-{project.key}"] = forms.ChoiceField(
                choices=[("", "No role"), *ROLES], required=False, label=project.name
            )
        teams = self.fields["teams"]
        if isinstance(teams, forms.MultipleChoiceField):
            teams.choices = list(
                Team.objects.within(access.organization).values_list("key", "name")
            )

    @property
    def role_fields(self) -> list[forms.BoundField]:
        """One choice for each project."""
        return [self[f"role-{project.key}"] for project in self.projects]

    def whole_entrance(self) -> Entrance:
        """What is promised."""
        given = self.cleaned_data
        roles = {project.key: given[f"role-{project.key}"] for project in self.projects}
        return Entrance(
            tuple((key, Role(role)) for key, role in roles.items() if role),
            tuple(given["teams"]),
            given["is_owner"],
            given["days"],
        )


# --- inviting


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def invitations(request: HttpRequest, organization: str) -> HttpResponse:
    """Open invitations of the organization, and new ones."""
    access = organization_access(request, organization)
    access.require(Permission.MANAGE_ORGANIZATION)
    form = InvitationForm(request.POST or None, access)
    made = None
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["is_owner"]:
            fresh_proof.require(request)
        made = _invite(request, access, form, form.whole_entrance())
        if made is None and not form.errors:
            return redirect("accounts:invitations", organization)
    context = {
        "tab": "people",
        "form": form,
        "made": made,
        "invitations": admissions.invitations(access),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/invitations.html", context, status=status)


@never_cache
@require_POST
@login_required
def invite_to_project(request: HttpRequest, organization: str, project: str) -> HttpResponse:
    """An admin invites to one project."""
    access = project_access(request, organization, project)
    access.require(Permission.MANAGE_PROJECT)
    form = ProjectInvitationForm(request.POST)
    made = None
    if form.is_valid():
        made = _invite(request, access, form, form.entrance(project))
        if made is None and not form.errors:
            return redirect("accounts:project-people", organization, project)
    context = {"form": form, "made": made, "nav": "project-people"}
    status = 422 if form.errors else 200
    return render(request, "accounts/project_invitation.html", context, status=status)


def _invite(
    request: HttpRequest, access: Access, form: ProjectInvitationForm, entrance: Entrance
) -> NewInvitation | None:
    """Send letters, or make the link that is then shown once."""
    addresses = form.addresses()
    try:
        if not addresses:
            return actions.make_link(access, entrance, uses=form.cleaned_data["uses"])
        made = actions.invite(access, addresses, entrance)
    except InvalidInput as error:
        where = str(error.data.get("where", ""))
        form.add_error(where if where in form.fields else None, f"{error} {error.hint}")
        return None
    _tell_sent(request, [one for one in made if not actions.mail(one)], len(made))
    return None


def _tell_sent(request: HttpRequest, unsent: list[NewInvitation], count: int) -> None:
    if unsent:
        names = ", ".join(one.invitation.email for one in unsent)
        messages.error(request, f"The mail server did not take the letter to {names}. Try again.")
    if count > len(unsent):
        messages.success(request, f"Invited: {count - len(unsent)}.")


@require_POST
@login_required
def resend(
    request: HttpRequest, organization: str, invitation_id: UUID, project: str = ""
) -> HttpResponse:
    """Send an invitation again; the earlier letter is void then."""
    access = _access(request, organization, project)
    made = actions.resend(access, invitation_id)
    _tell_sent(request, [] if actions.mail(made) else [made], 1)
    return _back(organization, project)


@require_POST
@login_required
def revoke(
    request: HttpRequest, organization: str, invitation_id: UUID, project: str = ""
) -> HttpResponse:
    """Make an invitation worthless."""
    access = _access(request, organization, project)
    actions.revoke(access, invitation_id)
    messages.success(request, "The invitation is void.")
    return _back(organization, project)


def _access(request: HttpRequest, organization: str, project: str) -> Access:
    if project:
        return project_access(request, organization, project)
    return organization_access(request, organization)


def _back(organization: str, project: str) -> HttpResponse:
    if project:
        return redirect("accounts:project-people", organization, project)
    return redirect("accounts:invitations", organization)


# --- coming in


@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Who invites to what; a signed-in person comes in by pressing the button."""
    limits.count("invitation", address_of(request), most=MOST_VISITS, seconds=3600)
    found = acceptance.of_secret(secret)
    if not is_person(request.user):
        invited.remember(request, found, secret)
        return render(request, "accounts/invitation.html", {"invitation": found, "secret": secret})
    if request.method == "POST":
        acceptance.accept(request.user, secret, origin_of(request))
        invited.forget(request)
        messages.success(request, f"Welcome to {found.organization.name}.")
        return redirect("accounts:home")
    mismatch = bool(found.email) and found.email.lower() != request.user.email.lower()
    context = {"invitation": found, "mismatch": mismatch, "secret": secret}
    status = 403 if mismatch else 200
    return render(request, "accounts/invitation.html", context, status=status)
