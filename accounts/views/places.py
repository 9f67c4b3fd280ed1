"""Home: organizations and projects; making a new project."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts import queries
from accounts.actions import organizations
from accounts.errors import AlreadyExists, InvalidInput
from accounts.views.naming import NamedForm
from accounts.web import company_sign_in, doors, invited
from accounts.web.place import is_person, organization_access, project_access


@require_GET
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Where the person belongs. Somebody with one project goes straight to it."""
    if not is_person(request.user):
        return redirect("account_login")
    found = doors.doors_of(request, request.user)
    opened = {door.organization for door in found if door.is_open}
    places = [one for one in queries.places_of(request.user) if one.organization in opened]
    projects = [project for place in places for project in place.projects]
    invitation = invited.waiting(request)
    is_alone = len(projects) == 1 and not invitation and len(opened) == len(found)
    if is_alone and "all" not in request.GET:
        return redirect("accounts:project", projects[0].organization.key, projects[0].key)
    context = {
        "places": places,
        "locked": [door for door in found if not door.is_open],
        "is_narrow": not company_sign_in.opens_account(request, request.user),
        "invitation": invitation,
        "may_create_organization": organizations.may_create(request.user),
    }
    return render(request, "accounts/home.html", context)


@require_GET
@login_required
def project(request: HttpRequest, organization: str, project: str) -> HttpResponse:
    """A project's first page: the flags of the environment last looked at, or production."""
    access = project_access(request, organization, project)
    environments = queries.environments(access)
    last = request.session.get("environment")
    chosen = next((one for one in environments if one.key == last), environments[-1])
    return redirect("flags:list", organization, project, chosen.key)


@require_http_methods(["GET", "POST"])
@login_required
def new_project(request: HttpRequest, organization: str) -> HttpResponse:
    """Make a project with its three environments."""
    access = organization_access(request, organization)
    form = NamedForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        key, name = form.cleaned_data["key"], form.cleaned_data["name"]
        try:
            made = organizations.create_project(access, key, name)
        except (InvalidInput, AlreadyExists) as error:
            form.add_error("key", f"{error} {error.hint}")
        else:
            messages.success(request, f"{made.name} is ready, with three environments.")
            return redirect("accounts:project", organization, made.key)
    status = 422 if form.errors else 200
    return render(request, "accounts/project_new.html", {"form": form}, status=status)
