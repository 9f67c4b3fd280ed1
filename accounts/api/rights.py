"""REST resources of the rights that stand apart from roles."""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import rights
from accounts.access import Access
from accounts.actions import rights as actions
from accounts.actions import standing
from accounts.api import frame
from accounts.api.frame import Input, Output, Resource
from accounts.api.schema import listing, operation
from accounts.permissions import APART, LEAST_ROLES, Permission, Role
from accounts.web.place import project_access

KEYS = [right.key for right in APART]
ROLES = [role.value for role in LEAST_ROLES]


class ProjectRightOut(Output):
    """A right that stands apart from roles, as a project has it. Owners always hold it."""

    right = serializers.ChoiceField(source="right.key", choices=KEYS)
    least_role = serializers.ChoiceField(
        choices=ROLES, allow_null=True, help_text="From which role upwards it comes; null: no role."
    )
    members = serializers.SerializerMethodField(help_text="Ids of members named for it.")
    teams = serializers.SerializerMethodField(help_text="Keys of teams named for it.")

    def get_members(self, found: rights.RightApart) -> list[UUID]:
        return [one.membership.pk for one in found.people if one.membership]

    def get_teams(self, found: rights.RightApart) -> list[str]:
        return [one.team.key for one in found.teams if one.team]


class ProjectRightIn(Input):
    """What is to change; what is left out stays."""

    least_role = serializers.ChoiceField(
        choices=ROLES,
        required=False,
        allow_null=True,
        help_text="From which role upwards it comes; null: only who is named holds it.",
    )
    members = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=2000,
        help_text="Ids of exactly the members to be named; each may look at the project.",
    )
    teams = serializers.ListField(
        child=serializers.CharField(max_length=50),
        required=False,
        max_length=200,
        help_text="Keys of exactly the teams to be named.",
    )


def right_version(found: rights.RightApart) -> str:
    """The state of a right."""
    return frame.fingerprint(ProjectRightOut(found).data)


class ProjectRightsView(Resource):
    """The rights of a project that stand apart from roles."""

    tag = "Members and teams"

    @listing("list_project_rights", ProjectRightOut)
    def get(self, request: Request, **place: str) -> Response:
        """List the rights that stand apart from roles, and who holds them."""
        found = rights.apart(project_access(request, **place))
        return frame.page_of_list(request, found, ProjectRightOut, lambda one: one.right.key)


class ProjectRightView(Resource):
    """One of them."""

    tag = "Members and teams"

    @operation("read_project_right", answers={200: ProjectRightOut}, has_version=True)
    def get(self, request: Request, right: str, **place: str) -> Response:
        """Read who holds a right: `roll_back` or `bypass_review`."""
        return _right(project_access(request, **place), rights.of_key(right))

    @operation(
        "change_project_right",
        body=ProjectRightIn,
        answers={200: ProjectRightOut},
        needs_version=True,
    )
    def patch(self, request: Request, right: str, **place: str) -> Response:
        """Choose the role a right comes with, and name people and teams. Admins may.

        Nobody gives a right to themself.
        """
        access, which = project_access(request, **place), rights.of_key(right)
        access.require(Permission.MANAGE_PROJECT)
        given = frame.body(request, ProjectRightIn)
        with transaction.atomic():
            standing.lock(access.organization)
            found = rights.right_apart(access, which)
            frame.same_version(request, right_version(found))
            _change(access, found, given)
        return _right(project_access(request, **place), which)


def _change(access: Access, found: rights.RightApart, given: dict[str, Any]) -> None:
    """One line in the history for each of what differs."""
    if "least_role" in given and given["least_role"] != found.least_role:
        least = given["least_role"]
        actions.set_least_role(access, found.right, Role(least) if least else None)
    wanted = {*given.get("members", found.member_ids)}
    for member_id in sorted(wanted ^ found.member_ids):
        actions.set_person(access, found.right, member_id, is_named=member_id in wanted)
    teams = {*given.get("teams", found.team_keys)}
    for key in sorted(teams ^ found.team_keys):
        actions.set_team(access, found.right, key, is_named=key in teams)


def _right(access: Access, right: Permission) -> Response:
    found = rights.right_apart(access, right)
    return frame.versioned(ProjectRightOut(found), right_version(found))
