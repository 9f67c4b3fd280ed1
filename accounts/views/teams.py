"""Teams: people who hold roles, review and guard things together."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts import people as directory
from accounts.access import Access
from accounts.actions import teams as actions
from accounts.errors import AlreadyExists, InvalidInput
from accounts.views.naming import NamedForm
from accounts.web.place import organization_access


class NewTeamForm(NamedForm):
    """A team to be; its key stands where something names the team."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["key"].help_text = (
            "Lowercase letters, digits and hyphens; review policies, stewards and the REST API name "
            "the team by it, and it cannot be changed. Left empty, it is made from the name."
        )


class NameForm(forms.Form):
    """Another name for a team."""

    name = forms.CharField(max_length=120, label="Name")


class PeopleForm(forms.Form):
    """Who is in a team."""

    members = forms.TypedMultipleChoiceField(
        required=False, coerce=UUID, widget=forms.CheckboxSelectMultiple, label="Members"
    )

    def __init__(self, access: Access, summary: directory.TeamSummary) -> None:
        inside = [str(one.pk) for one in summary.people]
        super().__init__(initial={"members": inside})
        field = self.fields["members"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [
                (str(one.membership.pk), str(one.user))
                for one in directory.members(access)
                if one.membership.is_active or str(one.membership.pk) in inside
            ]


@require_http_methods(["GET", "POST"])
@login_required
def teams(request: HttpRequest, organization: str) -> HttpResponse:
    """Every team; owners make new ones."""
    access = organization_access(request, organization)
    form = NewTeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = actions.create(access, given["key"], given["name"])
        except (AlreadyExists, InvalidInput) as error:
            form.add_error("key", f"{error} {error.hint}")
        else:
            messages.success(request, f"{made.name} is ready; choose who is in it.")
            return redirect("accounts:team", organization, made.key)
    context = {"tab": "teams", "teams": directory.teams(access), "form": form}
    return render(request, "accounts/teams.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def team(request: HttpRequest, organization: str, team: str) -> HttpResponse:
    """One team: its people, its roles; a POST gives it another name."""
    access = organization_access(request, organization)
    found = directory.team(access, team)
    form = NameForm(request.POST or None, initial={"name": found.team.name})
    if request.method == "POST" and form.is_valid():
        actions.rename(access, team, form.cleaned_data["name"])
        messages.success(request, "The team has its new name.")
        return redirect("accounts:team", organization, team)
    context = {
        "tab": "teams",
        "summary": found,
        "form": form,
        "people_form": PeopleForm(access, found),
        "roles": list(directory.RANK),
    }
    return render(request, "accounts/team.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def set_members(request: HttpRequest, organization: str, team: str) -> HttpResponse:
    """Let a team have exactly these people."""
    access = organization_access(request, organization)
    actions.set_members(access, team, _ids(request.POST.getlist("members")))
    messages.success(request, "The team's members are set.")
    return redirect("accounts:team", organization, team)


def _ids(given: list[str]) -> list[UUID]:
    try:
        return [UUID(one) for one in given]
    except ValueError as error:
        raise InvalidInput("One of these is no member.", hint="Reload the page.") from error


@require_POST
@login_required
def delete(request: HttpRequest, organization: str, team: str) -> HttpResponse:
    """Dissolve a team."""
    access = organization_access(request, organization)
    actions.delete(access, team)
    messages.success(request, "The team is dissolved.")
    return redirect("accounts:teams", organization)
