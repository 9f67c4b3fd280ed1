"""An organization's settings, handing it over, leaving it, and making a new one."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts import identities
from accounts import people as directory
from accounts.access import Access
from accounts.actions import members, organizations
from accounts.errors import AlreadyExists, DomainError, InvalidInput, NotPermitted
from accounts.permissions import Permission
from accounts.views.naming import NamedForm
from accounts.web import fresh_proof
from accounts.web.place import is_person, organization_access


class OrganizationForm(forms.Form):
    """What holds for the whole organization."""

    name = forms.CharField(max_length=120, label="Name")
    only_owners_create_projects = forms.BooleanField(
        required=False,
        label="Only owners create projects",
        help_text="Otherwise every member may; whoever makes a project administers it.",
    )
    require_mfa = forms.BooleanField(
        required=False,
        label="People need a second factor",
        help_text="Whoever signs in with a password is led to set one up first. "
        "Company sign-in is exempt: there the company's provider decides.",
    )


@require_http_methods(["GET", "POST"])
@login_required
def organization_settings(request: HttpRequest, organization: str) -> HttpResponse:
    """Settings for owners; the way out for everybody."""
    access = organization_access(request, organization)
    form = OrganizationForm(request.POST or None, initial=_initial(access))
    if request.method == "POST" and form.is_valid() and _save(access, form):
        messages.success(request, "The settings are saved.")
        return redirect("accounts:organization-settings", organization)
    may_see = access.may(Permission.MANAGE_ORGANIZATION)
    context = {
        "tab": "organization-settings",
        "form": form,
        "heirs": _heirs(access),
        "unasked": identities.without_factors(access.organization) if may_see else [],
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/organization_settings.html", context, status=status)


def _initial(access: Access) -> dict[str, Any]:
    names = ("name", "only_owners_create_projects", "require_mfa")
    return {name: getattr(access.organization, name) for name in names}


def _save(access: Access, form: OrganizationForm) -> bool:
    try:
        organizations.change_organization(access, **form.cleaned_data)
    except NotPermitted:
        raise
    except DomainError as error:
        where = str(error.data.get("where", ""))
        form.add_error(where if where in form.fields else None, f"{error} {error.hint}")
        return False
    return True


def _heirs(access: Access) -> list[directory.Person]:
    if not access.may(Permission.MANAGE_ORGANIZATION):
        return []
    return [
        person
        for person in directory.members(access)
        if person.membership.is_active and person.user != access.actor.user
    ]


@require_POST
@login_required
def transfer(request: HttpRequest, organization: str) -> HttpResponse:
    """Hand the organization over."""
    access = organization_access(request, organization)
    access.require(Permission.MANAGE_ORGANIZATION)
    try:
        heir = UUID(request.POST.get("heir", ""))
    except ValueError as error:
        raise InvalidInput(
            "Nobody was chosen.", hint="Choose who is to own it.", where="heir"
        ) from error
    fresh_proof.require(request)
    found = members.transfer_ownership(access, heir)
    messages.success(request, f"{found.user} is an owner now; you are a member.")
    return redirect("accounts:organization-settings", organization)


@require_POST
@login_required
def leave(request: HttpRequest, organization: str) -> HttpResponse:
    """Give up one's own membership."""
    access = organization_access(request, organization)
    members.leave(access)
    messages.success(request, f"You have left {access.organization.name}.")
    return redirect("accounts:home")


@require_http_methods(["GET", "POST"])
@login_required
def new_organization(request: HttpRequest) -> HttpResponse:
    """Make an organization and own it, where the operator lets people do that."""
    user = request.user
    if not is_person(user) or not organizations.may_create(user):
        raise NotPermitted(
            "You may not make an organization here.", hint="Ask the operator of this installation."
        )
    form = NamedForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = organizations.found_organization(given["key"], given["name"], user)
        except (AlreadyExists, InvalidInput) as error:
            form.add_error("key", f"{error} {error.hint}")
        else:
            messages.success(request, f"{made.name} is ready. Make its first project.")
            return redirect("accounts:project-new", made.key)
    status = 422 if form.errors else 200
    return render(request, "accounts/organization_new.html", {"form": form}, status=status)
