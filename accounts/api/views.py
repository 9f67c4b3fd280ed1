"""REST resources of people, places and history."""

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.actions import organizations
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.schema import listing, operation
from accounts.api.serializers import (
    AuditEntryOut,
    AuditLineOut,
    AuditQuery,
    EnvironmentOut,
    MeOut,
    OrganizationOut,
    ProjectIn,
    ProjectOut,
)
from accounts.errors import NotFound
from accounts.models import AccessToken, Organization, Project, User
from accounts.web.place import organization_access, project_access


def person_of(request: Request) -> User:
    """The person who asks."""
    if not isinstance(request.user, User):
        raise NotFound
    return request.user


def places_of(request: Request) -> list[queries.OrganizationPlace]:
    """Where the person belongs; a token shows only the organization it was made in."""
    places = queries.places_of(person_of(request))
    if not isinstance(request.auth, AccessToken):
        return places
    own = request.auth.organization
    return [place for place in places if place.organization == own]


class MeView(Resource):
    """The person behind the request."""

    tag = "People and places"

    @operation("read_me", answers={200: MeOut})
    def get(self, request: Request) -> Response:
        """Tell who you are, and where you belong."""
        token = request.auth if isinstance(request.auth, AccessToken) else None
        found = {
            "person": person_of(request),
            "signed_in_by": "token" if token else "session",
            "read_only": bool(token and token.read_only),
            "organizations": places_of(request),
        }
        return Response(MeOut(found).data)


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
        """Make a project with development, staging and production.

        Only owners of the organization may.
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

    @operation("read_project", answers={200: ProjectOut})
    def get(self, request: Request, **place: str) -> Response:
        """Read a project."""
        return Response(ProjectOut(project_access(request, **place).project).data)


class EnvironmentsView(Resource):
    """The environments of a project."""

    tag = "People and places"

    @listing("list_environments", EnvironmentOut)
    def get(self, request: Request, **place: str) -> Response:
        """List the environments, in their order."""
        found = queries.environments(project_access(request, **place))
        return frame.page_of_list(request, found, EnvironmentOut, lambda row: row.key)


class AuditView(Resource):
    """The history of a project."""

    tag = "History"

    @listing("list_history", AuditLineOut, query=AuditQuery)
    def get(self, request: Request, **place: str) -> Response:
        """List who did what, newest first."""
        access = project_access(request, **place)
        asked = frame.query(request, AuditQuery)
        wanted = queries.Wanted(
            action=asked["action"],
            person=asked["person"],
            target=asked["target"],
            before=_sequence(asked["cursor"]),
        )
        limit = asked["limit"]
        found = queries.audit_page(access, wanted, size=limit + 1).lines
        return frame.page(found, AuditLineOut, lambda line: line.sequence, limit=limit)


def _sequence(cursor: str) -> int | None:
    place = frame.place_of(cursor)
    if not place:
        return None
    if not place.isascii() or not place.isdecimal() or len(place) > 15:
        raise frame.bad_cursor()
    return int(place)


class AuditEntryView(Resource):
    """One line of the history."""

    tag = "History"

    @operation("read_history_line", answers={200: AuditEntryOut})
    def get(self, request: Request, sequence: int, **place: str) -> Response:
        """Read one line with what was there before and after."""
        line = queries.audit_entry(project_access(request, **place), sequence)
        return Response(AuditEntryOut(line).data)
