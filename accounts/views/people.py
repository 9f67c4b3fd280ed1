"""The people of an organization: who they are, what they may do, and what can be done about it."""

from typing import Any, TypedDict
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts import people as directory
from accounts import queries, rights
from accounts.access import Access
from accounts.actions import credentials, members
from accounts.models import AccessToken, Destination, Team, User
from accounts.permissions import Permission
from accounts.web import fresh_proof
from accounts.web.place import organization_access


class TeamsForm(forms.Form):
    """Which teams somebody is in."""

    teams = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Teams"
    )

    def __init__(self, data: Any, access: Access, **options: Any) -> None:
        super().__init__(data, **options)
        rows = Team.objects.within(access.organization)
        field = self.fields["teams"]
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = list(rows.values_list("key", "name"))


class ReasonForm(forms.Form):
    """Why somebody is let out."""

    reason = forms.CharField(
        required=False, max_length=500, label="Reason", help_text="It is kept in the audit history."
    )
    scripts = forms.BooleanField(
        required=False,
        label=gettext_lazy("Revoke the service tokens they made too"),
        help_text=gettext_lazy("Whatever uses them is refused at once. Else they go on."),
    )


@require_GET
@login_required
def people(request: HttpRequest, organization: str) -> HttpResponse:
    """Everybody in the organization, with their roles in the projects the reader sees."""
    access = organization_access(request, organization)
    search = request.GET.get("q", "").strip()[:100]
    context = {
        "tab": "people",
        "people": directory.members(access, search),
        "matrix": directory.projects_of(access),
        "search": search,
    }
    template = "accounts/_people.html" if request.htmx else "accounts/people.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@require_GET
@login_required
def person(request: HttpRequest, organization: str, member_id: UUID) -> HttpResponse:
    """One member: roles, teams, what brings which right, and ways out."""
    access = organization_access(request, organization)
    found = directory.member(access, member_id)
    administered = {project.key for project in directory.administered(access)}
    wanted = request.GET.get("project", "")
    chosen = wanted or (found.standings[0].project.key if found.standings else "")
    context = {
        "tab": "people",
        "person": found,
        "administered": administered,
        "chosen": chosen,
        "rights": rights.explain(found, chosen) if chosen else [],
        "roles": list(directory.RANK),
        "teams_form": TeamsForm(None, access, initial={"teams": [one.key for one in found.teams]}),
        "reason_form": ReasonForm(),
        "is_self": found.user == request.user,
        **_left_by(access, found.user),
    }
    return render(request, "accounts/person.html", context)


@require_POST
@login_required
def set_teams(request: HttpRequest, organization: str, member_id: UUID) -> HttpResponse:
    """Put somebody into exactly these teams."""
    access = organization_access(request, organization)
    found = members.set_teams(access, member_id, request.POST.getlist("teams"))
    messages.success(request, f"The teams of {found.user} are set.")
    return redirect("accounts:person", organization, member_id)


@require_POST
@login_required
def set_owner(request: HttpRequest, organization: str, member_id: UUID) -> HttpResponse:
    """Make somebody an owner, or no longer one."""
    access = organization_access(request, organization)
    access.require(Permission.MANAGE_ORGANIZATION)
    is_owner = request.POST.get("owner") == "true"
    directory.member(access, member_id)
    if is_owner:
        # Who owns it can do everything, and cannot be shut out by whoever made them one.
        fresh_proof.require(request)
    found = members.set_owner(access, member_id, is_owner=is_owner)
    messages.success(request, f"{found.user} is {'an owner' if is_owner else 'a member'} now.")
    return redirect("accounts:person", organization, member_id)


@require_POST
@login_required
def deactivate(request: HttpRequest, organization: str, member_id: UUID) -> HttpResponse:
    """Let somebody out at once."""
    access = organization_access(request, organization)
    found = members.deactivate(
        access, member_id, _reason(request), with_scripts="scripts" in request.POST
    )
    messages.success(request, f"{found.user} is deactivated: sessions and tokens have ended.")
    left = _left_by(access, found.user)
    scripts, destinations = left["scripts"], left["destinations"]
    if scripts:
        told = ngettext(
            "%(n)d service token they made goes on: look below whether it should.",
            "%(n)d service tokens they made go on: look below whether they should.",
            len(scripts),
        )
        messages.warning(request, told % {"n": len(scripts)})
    if destinations:
        told = ngettext(
            "%(n)d destination they connected is still told what happens: look below whether it should.",
            "%(n)d destinations they connected are still told what happens: look below whether they should.",
            len(destinations),
        )
        messages.warning(request, told % {"n": len(destinations)})
    if scripts or destinations:
        return redirect("accounts:person", organization, member_id)
    return redirect("accounts:people", organization)


@require_POST
@login_required
def reactivate(request: HttpRequest, organization: str, member_id: UUID) -> HttpResponse:
    """Let somebody in again."""
    access = organization_access(request, organization)
    found = members.reactivate(access, member_id, _reason(request))
    messages.success(request, f"{found.user} is in again, with the roles from before.")
    return redirect("accounts:person", organization, member_id)


@require_POST
@login_required
def remove(request: HttpRequest, organization: str, member_id: UUID) -> HttpResponse:
    """Take somebody's membership away."""
    access = organization_access(request, organization)
    email = members.remove(
        access, member_id, _reason(request), with_scripts="scripts" in request.POST
    )
    messages.success(request, f"{email} is no member any more.")
    return redirect("accounts:people", organization)


@require_POST
@login_required
def revoke_service_token(
    request: HttpRequest, organization: str, member_id: UUID, service_id: UUID
) -> HttpResponse:
    """Make a token worthless that somebody made for a script."""
    access = organization_access(request, organization)
    token = credentials.revoke_service_token(access, service_id)
    messages.success(request, _("%(label)s is revoked.") % {"label": token.label})
    return redirect("accounts:person", organization, member_id)


class _Left(TypedDict):
    """What goes on without whoever made it."""

    scripts: list[AccessToken]
    destinations: list[Destination]


def _left_by(access: Access, maker: User) -> _Left:
    """The service tokens and destinations somebody made, for whoever may end them."""
    if not access.may(Permission.MANAGE_ORGANIZATION):
        return _Left(scripts=[], destinations=[])
    return _Left(
        scripts=queries.service_tokens_made_by(access, maker),
        destinations=queries.destinations_made_by(access, maker),
    )


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:500]
