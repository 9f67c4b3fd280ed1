"""REST resources of members and teams, and of their roles in a project."""

from uuid import UUID

from django.db import transaction
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import people as directory
from accounts.access import Access
from accounts.actions import members, standing, teams
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.people_serializers import (
    MemberIn,
    MemberOut,
    ProjectMemberOut,
    RoleIn,
    TeamChangeIn,
    TeamIn,
    TeamOut,
)
from accounts.api.schema import listing, operation
from accounts.permissions import Permission, Role
from accounts.web import fresh_proof
from accounts.web.place import organization_access, project_access


def member_version(person: directory.Person) -> str:
    """The state of a member, apart from when they last signed in."""
    document = {**MemberOut(person).data, "last_sign_in": None}
    return frame.fingerprint(document)


def team_version(summary: directory.TeamSummary) -> str:
    """The state of a team."""
    return frame.fingerprint(TeamOut(summary).data)


def _same_member(request: Request, access: Access, member_id: UUID) -> directory.Person:
    """The member as they stay until the transaction ends, if they are as they were read."""
    standing.lock(access.organization)
    found = directory.member(access, member_id)
    frame.same_version(request, member_version(found))
    return found


def _same_team(request: Request, access: Access, key: str) -> None:
    """A team is made of rows of several tables: whoever changes one waits for whoever does."""
    standing.lock(access.organization)
    frame.same_version(request, team_version(directory.team(access, key)))


class MembersView(Resource):
    """The people of an organization."""

    tag = "Members and teams"

    @listing("list_members", MemberOut)
    def get(self, request: Request, organization: str) -> Response:
        """List the members, by name, active ones first."""
        found = directory.members(organization_access(request, organization))
        return frame.page_of_list(request, found, MemberOut, lambda one: one.membership.pk)


class MemberView(Resource):
    """One member."""

    tag = "Members and teams"

    @operation("read_member", answers={200: MemberOut}, has_version=True)
    def get(self, request: Request, organization: str, member_id: UUID) -> Response:
        """Read a member."""
        return _member(organization_access(request, organization), member_id)

    @operation("change_member", body=MemberIn, answers={200: MemberOut}, needs_version=True)
    def patch(self, request: Request, organization: str, member_id: UUID) -> Response:
        """Make a member an owner, deactivate or reactivate, or set the teams. Owners may."""
        access = _owner_access(request, organization)
        given = frame.body(request, MemberIn)
        with transaction.atomic():
            person = _same_member(request, access, member_id)
            if "teams" in given:
                members.set_teams(access, member_id, given["teams"])
            if given.get("is_active") is True and not person.membership.is_active:
                members.reactivate(access, member_id, given["reason"])
            if "is_owner" in given and given["is_owner"] != person.membership.is_owner:
                if given["is_owner"]:
                    fresh_proof.require_over_rest(request)
                members.set_owner(access, member_id, is_owner=given["is_owner"])
            if given.get("is_active") is False and person.membership.is_active:
                members.deactivate(
                    access,
                    member_id,
                    given["reason"],
                    with_scripts=given["revoke_service_tokens"],
                )
        return _member(access, member_id)

    @operation("remove_member", answers={204: None}, needs_version=True)
    def delete(self, request: Request, organization: str, member_id: UUID) -> Response:
        """Take a membership away, with its roles and tokens. The history stays."""
        access = _owner_access(request, organization)
        with transaction.atomic():
            _same_member(request, access, member_id)
            members.remove(access, member_id, "")
        return Response(status=status.HTTP_204_NO_CONTENT)


def _owner_access(request: Request, organization: str) -> Access:
    """The right comes before the version: who sees less of a member holds another one."""
    access = organization_access(request, organization)
    access.require(Permission.MANAGE_ORGANIZATION)
    return access


def _member(access: Access, member_id: UUID) -> Response:
    person = directory.member(access, member_id)
    return frame.versioned(MemberOut(person), member_version(person))


class TeamsView(Resource):
    """The teams of an organization."""

    tag = "Members and teams"

    @listing("list_teams", TeamOut)
    def get(self, request: Request, organization: str) -> Response:
        """List the teams, by name."""
        found = directory.teams(organization_access(request, organization))
        return frame.page_of_list(request, found, TeamOut, lambda one: one.team.key)

    @operation("create_team", body=TeamIn, answers={201: TeamOut})
    def post(self, request: Request, organization: str) -> Response:
        """Make a team. Owners may."""
        access = organization_access(request, organization)
        made = teams.create(access, **frame.body(request, TeamIn))
        return Response(TeamOut(directory.team(access, made.key)).data, status.HTTP_201_CREATED)


class TeamView(Resource):
    """One team."""

    tag = "Members and teams"

    @operation("read_team", answers={200: TeamOut}, has_version=True)
    def get(self, request: Request, organization: str, team: str) -> Response:
        """Read a team."""
        return _team(organization_access(request, organization), team)

    @operation("change_team", body=TeamChangeIn, answers={200: TeamOut}, needs_version=True)
    def patch(self, request: Request, organization: str, team: str) -> Response:
        """Rename a team, or set who is in it. Owners may."""
        access = organization_access(request, organization)
        given = frame.body(request, TeamChangeIn)
        with transaction.atomic():
            _same_team(request, access, team)
            if "name" in given:
                teams.rename(access, team, given["name"])
            if "members" in given:
                teams.set_members(access, team, given["members"])
        return _team(access, team)

    @operation("delete_team", answers={204: None}, needs_version=True)
    def delete(self, request: Request, organization: str, team: str) -> Response:
        """Dissolve a team: its people lose the roles it brought."""
        access = organization_access(request, organization)
        with transaction.atomic():
            _same_team(request, access, team)
            teams.delete(access, team)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _team(access: Access, key: str) -> Response:
    found = directory.team(access, key)
    return frame.versioned(TeamOut(found), team_version(found))


# --- roles in a project


class ProjectMembersView(Resource):
    """Who may enter a project."""

    tag = "Members and teams"

    @listing("list_project_members", ProjectMemberOut)
    def get(self, request: Request, **place: str) -> Response:
        """List who holds a role in the project, of their own or by a team, and the owners."""
        access = project_access(request, **place)
        found = directory.in_project(access)
        rows = [{"person": one, "standing": one.at(access.project)} for one in found]
        return frame.page_of_list(request, rows, ProjectMemberOut, _member_key)


def _member_key(row: dict[str, object]) -> object:
    person = row["person"]
    return person.membership.pk if isinstance(person, directory.Person) else None


class ProjectMemberView(Resource):
    """A member's own role in a project."""

    tag = "Members and teams"

    @operation("set_project_role", body=RoleIn, answers={204: None})
    def put(self, request: Request, member_id: UUID, **place: str) -> Response:
        """Give a member a role. Admins of the project may; nobody raises themself."""
        role = Role(frame.body(request, RoleIn)["role"])
        return _set_role(project_access(request, **place), member_id, role)

    @operation("clear_project_role", answers={204: None})
    def delete(self, request: Request, member_id: UUID, **place: str) -> Response:
        """Take a member's own role away. Roles by teams stay."""
        return _set_role(project_access(request, **place), member_id, None)


def _set_role(access: Access, member_id: UUID, role: Role | None) -> Response:
    members.set_role(access, directory.member(access, member_id).user, role)
    return Response(status=status.HTTP_204_NO_CONTENT)


class ProjectTeamView(Resource):
    """A team's role in a project."""

    tag = "Members and teams"

    @operation("set_team_role", body=RoleIn, answers={204: None})
    def put(self, request: Request, team: str, **place: str) -> Response:
        """Give everybody in a team a role. Admins of the project may."""
        role = Role(frame.body(request, RoleIn)["role"])
        teams.set_role(project_access(request, **place), team, role)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @operation("clear_team_role", answers={204: None})
    def delete(self, request: Request, team: str, **place: str) -> Response:
        """Take a team's role away."""
        teams.set_role(project_access(request, **place), team, None)
        return Response(status=status.HTTP_204_NO_CONTENT)
