"""Asking to be let into a project, and answering those who ask."""

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
from accounts.actions import access_requests as actions
from accounts.errors import InvalidInput
from accounts.permissions import Role
from accounts.views.project_people import role_of
from accounts.web.place import organization_access, project_access


class AskForm(forms.Form):
    """A request to be let in."""

    project = forms.CharField(
        max_length=50,
        label="Project",
        help_text="Its key, as in the address a colleague sent you: /o/organization/project/…",
    )
    role = forms.ChoiceField(
        choices=[(role.value, role.value.capitalize()) for role in Role],
        initial=Role.VIEWER.value,
        label="Role",
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Why",
        help_text="The project's admins read this.",
    )


@require_http_methods(["GET", "POST"])
@login_required
def requests(request: HttpRequest, organization: str) -> HttpResponse:
    """Requests to answer, requests of one's own, and the form to ask."""
    access = organization_access(request, organization)
    initial = {"project": request.GET.get("project", "")[:50]}
    form = AskForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and _ask(access, form):
        key = form.cleaned_data["project"]
        # The same words whether there is such a project or not.
        messages.success(request, f"If there is a project {key}, its admins have your request.")
        return redirect("accounts:access-requests", organization)
    context = {
        "tab": "access-requests",
        "form": form,
        "waiting": admissions.requests_to_decide(access, directory.administered(access)),
        "own": admissions.own_requests(access, directory.projects_of(access)),
        "roles": list(Role),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/access_requests.html", context, status=status)


def _ask(access: Access, form: AskForm) -> bool:
    given = form.cleaned_data
    try:
        actions.ask(access, given["project"], Role(given["role"]), given["reason"])
    except InvalidInput as error:
        form.add_error("project", f"{error} {error.hint}")
        return False
    return True


@require_POST
@login_required
def approve(
    request: HttpRequest, organization: str, project: str, request_id: UUID
) -> HttpResponse:
    """Let somebody in with a role."""
    access = project_access(request, organization, project)
    role = role_of(request.POST.get("role", "")) or Role.VIEWER
    found = actions.approve(access, request_id, role, request.POST.get("answer", ""))
    messages.success(request, f"{found.membership.user} is {role} of {found.project} now.")
    return redirect("accounts:access-requests", organization)


@require_POST
@login_required
def decline(
    request: HttpRequest, organization: str, project: str, request_id: UUID
) -> HttpResponse:
    """Say no, with the reason the person is told."""
    access = project_access(request, organization, project)
    try:
        found = actions.decline(access, request_id, request.POST.get("answer", ""))
    except InvalidInput as error:
        messages.error(request, f"{error} {error.hint}")
    else:
        messages.success(request, f"{found.membership.user} is told why not.")
    return redirect("accounts:access-requests", organization)
