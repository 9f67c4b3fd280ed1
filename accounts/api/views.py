"""REST resources of people, places and history."""

from django.db import transaction
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.actions import organizations, standing
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.people_serializers import (
    OrganizationChangeIn,
    OrganizationSettingsOut,
    ProjectChangeIn,
)
from accounts.api.schema import listing, operation
from accounts.api.serializers import (
    MeOut,
    OrganizationOut,
    ProjectIn,
    ProjectOut,
)
from accounts.errors import NotFound
from accounts.models import AccessToken, Organization, Project, User
from accounts.web import doors
from accounts.web.place import organization_access, project_access


def places_of(request: Request) -> list[queries.OrganizationPlace]:
    """Where the person belongs and may enter; a token shows only the organization it was made in.

    What a missing second factor or another company's sign-in keeps shut is not told.
    """
    token = request.auth if isinstance(request.auth, AccessToken) else None
    if isinstance(token, AccessToken) and token.membership is None:
        return [queries.place_of_token(token)]
    if not isinstance(request.user, User):
        raise NotFound
    user = request.user
    found = [queries.place_of_token(token)] if token else queries.places_of(user)
    return [one for one in found if doors.opens(request, user, one.organization)]


class MeView(Resource):
    """The person behind the request."""

    tag = "People and places"

    @operation("read_me", answers={200: MeOut})
    def get(self, request: Request) -> Response:
        """Tell who you are, and where you belong."""
        token = request.auth if isinstance(request.auth, AccessToken) else None
        is_person = isinstance(request.user, User)
        found = {
            "person": request.user if is_person else None,
            "signed_in_by": _way_in(token),
            "read_only": bool(token and token.read_only),
            "organizations": places_of(request),
        }
        return Response(MeOut(found).data)


def _way_in(token: AccessToken | None) -> str:
    if token is None:
        return "session"
    return "service token" if token.membership is None else "token"


class OrganizationsView(Resource):
    """The organizations somebody belongs to."""

    tag = "People and places"

    @listing("list_organizations", OrganizationOut)
    def get(self, request: Request) -> Response:
        """List your organizations, by name."""
        return frame.page_of_list(request, places_of(request), OrganizationOut, _organization_key)


def _organization_key(place: queries.OrganizationPlace) -> str:
    organization: Organization = place.organization
    return organization.key


class OrganizationView(Resource):
    """One organization."""

    tag = "People and places"

    @operation("read_organization", answers={200: OrganizationOut})
    def get(self, request: Request, organization: str) -> Response:
        """Read one of your organizations."""
        return Response(OrganizationOut(_own(request, organization)).data)


def _own(request: Request, organization: str) -> queries.OrganizationPlace:
    organization_access(request, organization)
    found = (place for place in places_of(request) if _organization_key(place) == organization)
    return next(found)


class OrganizationSettingsView(Resource):
    """What holds for a whole organization."""

    tag = "People and places"

    @operation(
        "read_organization_settings", answers={200: OrganizationSettingsOut}, has_version=True
    )
    def get(self, request: Request, organization: str) -> Response:
        """Read the settings of an organization."""
        return _settings(organization_access(request, organization).organization)

    @operation(
        "change_organization_settings",
        body=OrganizationChangeIn,
        answers={200: OrganizationSettingsOut},
        needs_version=True,
    )
    def patch(self, request: Request, organization: str) -> Response:
        """Rename the organization, or change what its members may do. Owners may."""
        access = organization_access(request, organization)
        given = frame.body(request, OrganizationChangeIn)
        with transaction.atomic():
            standing.lock(access.organization)
            access.organization.refresh_from_db()
            before = OrganizationSettingsOut(access.organization).data
            frame.same_version(request, frame.fingerprint(before))
            return _settings(organizations.change_organization(access, **{**before, **given}))


def _settings(organization: Organization) -> Response:
    shown = OrganizationSettingsOut(organization)
    return frame.versioned(shown, frame.fingerprint(shown.data))


class ProjectsView(Resource):
    """The projects of an organization."""

    tag = "People and places"

    @listing("list_projects", ProjectOut)
    def get(self, request: Request, organization: str) -> Response:
        """List the projects you may see, by name."""
        projects = _own(request, organization).projects
        return frame.page_of_list(request, projects, ProjectOut, _key)

    @operation("create_project", body=ProjectIn, answers={201: ProjectOut})
    def post(self, request: Request, organization: str) -> Response:
        """Make a project with development, staging and production; you administer it.

        Every member may, unless the organization leaves that to its owners.
        """
        access = organization_access(request, organization)
        given = frame.body(request, ProjectIn)
        made = organizations.create_project(access, given["key"], given["name"])
        return Response(ProjectOut(made).data, status.HTTP_201_CREATED)


def _key(row: Project) -> str:
    return row.key


class ProjectView(Resource):
    """One project."""

    tag = "People and places"

    @operation("read_project", answers={200: ProjectOut}, has_version=True)
    def get(self, request: Request, **place: str) -> Response:
        """Read a project."""
        return _project(project_access(request, **place).project)

    @operation(
        "change_project", body=ProjectChangeIn, answers={200: ProjectOut}, needs_version=True
    )
    def patch(self, request: Request, **place: str) -> Response:
        """Rename a project, open or close it. Its admins may."""
        access = project_access(request, **place)
        given = frame.body(request, ProjectChangeIn)
        with transaction.atomic():
            standing.lock(access.organization)
            access.project.refresh_from_db()
            before = ProjectOut(access.project).data
            frame.same_version(request, frame.fingerprint(before))
            named = {"name": before["name"], "is_open": before["is_open"], **given}
            return _project(organizations.change_project(access, **named))


def _project(project: Project) -> Response:
    shown = ProjectOut(project)
    return frame.versioned(shown, frame.fingerprint(shown.data))
