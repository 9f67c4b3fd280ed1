"""REST resources of the ways in: invitations and access requests."""

from typing import Any
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import admissions
from accounts import people as directory
from accounts.access import Access
from accounts.actions import access_requests, invitations
from accounts.actions.invitations import Entrance, NewInvitation
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.people_serializers import (
    AccessRequestIn,
    AccessRequestOut,
    ApproveIn,
    DeclineIn,
    InvitationIn,
    InvitationOut,
    MadeInvitationsOut,
    ProjectInvitationIn,
)
from accounts.api.schema import listing, operation
from accounts.permissions import Permission, Role
from accounts.web import fresh_proof
from accounts.web.place import organization_access, project_access

NEVER_KEPT = {"Cache-Control": "no-store"}


class InvitationsView(Resource):
    """Open invitations of an organization."""

    tag = "Invitations and access requests"

    @listing("list_invitations", InvitationOut)
    def get(self, request: Request, organization: str) -> Response:
        """List the open invitations. Owners may."""
        access = organization_access(request, organization)
        access.require(Permission.MANAGE_ORGANIZATION)
        return _page(request, access)

    @operation("invite", body=InvitationIn, answers={201: MadeInvitationsOut})
    def post(self, request: Request, organization: str) -> Response:
        """Invite by e-mail, or make a link when no address is given. Owners may."""
        access = organization_access(request, organization)
        access.require(Permission.MANAGE_ORGANIZATION)
        given = frame.body(request, InvitationIn)
        if given["is_owner"]:
            fresh_proof.require_over_rest(request)
        entrance = Entrance(
            tuple((grant["project"], Role(grant["role"])) for grant in given["roles"]),
            tuple(given["teams"]),
            given["is_owner"],
            given["days"],
        )
        return _invite(access, given, entrance)


class InvitationView(Resource):
    """One open invitation."""

    tag = "Invitations and access requests"

    @operation("revoke_invitation", answers={204: None})
    def delete(self, request: Request, organization: str, invitation_id: UUID) -> Response:
        """Make an invitation worthless."""
        invitations.revoke(organization_access(request, organization), invitation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationLetterView(Resource):
    """The letter of an invitation."""

    tag = "Invitations and access requests"

    @operation("resend_invitation", answers={200: MadeInvitationsOut}, is_write=True)
    def post(self, request: Request, organization: str, invitation_id: UUID) -> Response:
        """Send the letter again, with as many days as before. The earlier letter is void then."""
        access = organization_access(request, organization)
        return _told([invitations.resend(access, invitation_id)], status.HTTP_200_OK)


class ProjectInvitationsView(Resource):
    """Open invitations into one project."""

    tag = "Invitations and access requests"

    @listing("list_project_invitations", InvitationOut)
    def get(self, request: Request, **place: str) -> Response:
        """List the open invitations into the project. Its admins may."""
        access = project_access(request, **place)
        access.require(Permission.MANAGE_PROJECT)
        return _page(request, access)

    @operation(
        "invite_to_project",
        body=ProjectInvitationIn,
        answers={201: MadeInvitationsOut},
    )
    def post(self, request: Request, **place: str) -> Response:
        """Invite by e-mail, or make a link when no address is given. Admins of the project may."""
        access = project_access(request, **place)
        access.require(Permission.MANAGE_PROJECT)
        given = frame.body(request, ProjectInvitationIn)
        entrance = Entrance(((access.project.key, Role(given["role"])),), days=given["days"])
        return _invite(access, given, entrance)


class ProjectInvitationView(Resource):
    """One open invitation into a project."""

    tag = "Invitations and access requests"

    @operation("revoke_project_invitation", answers={204: None})
    def delete(self, request: Request, invitation_id: UUID, **place: str) -> Response:
        """Make an invitation worthless."""
        invitations.revoke(project_access(request, **place), invitation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _page(request: Request, access: Access) -> Response:
    found = admissions.invitations(access)
    return frame.page_of_list(request, found, InvitationOut, lambda one: one.pk)


def _invite(access: Access, given: dict[str, Any], entrance: Entrance) -> Response:
    if given["emails"]:
        made = invitations.invite(access, given["emails"], entrance)
        return _told(made, status.HTTP_201_CREATED)
    link = invitations.make_link(access, entrance, uses=given["uses"])
    shown = {"items": [link.invitation], "link": link.url, "unsent": []}
    return Response(MadeInvitationsOut(shown).data, status.HTTP_201_CREATED, headers=NEVER_KEPT)


def _told(made: list[NewInvitation], code: int) -> Response:
    unsent = [one.invitation.email for one in made if not invitations.mail(one)]
    shown = {"items": [one.invitation for one in made], "link": None, "unsent": unsent}
    return Response(MadeInvitationsOut(shown).data, code)


class AccessRequestsView(Resource):
    """Members who ask to be let into projects."""

    tag = "Invitations and access requests"

    @listing("list_access_requests", AccessRequestOut)
    def get(self, request: Request, organization: str) -> Response:
        """List the requests that wait for you: those into projects you administer."""
        access = organization_access(request, organization)
        found = admissions.requests_to_decide(access, directory.administered(access))
        return frame.page_of_list(request, found, AccessRequestOut, lambda one: one.pk)

    @operation("ask_for_access", body=AccessRequestIn, answers={204: None})
    def post(self, request: Request, organization: str) -> Response:
        """Ask for a role in a project. The answer is the same whether there is such a project."""
        access = organization_access(request, organization)
        given = frame.body(request, AccessRequestIn)
        access_requests.ask(access, given["project"], Role(given["role"]), given["reason"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class ApproveView(Resource):
    """Letting somebody in."""

    tag = "Invitations and access requests"

    @operation("approve_access", body=ApproveIn, answers={200: AccessRequestOut})
    def post(self, request: Request, request_id: UUID, **place: str) -> Response:
        """Give the role asked for, or another one. Admins of the project may."""
        access = project_access(request, **place)
        given = frame.body(request, ApproveIn)
        found = access_requests.approve(access, request_id, Role(given["role"]), given["answer"])
        return Response(AccessRequestOut(found).data)


class DeclineView(Resource):
    """Saying no."""

    tag = "Invitations and access requests"

    @operation("decline_access", body=DeclineIn, answers={200: AccessRequestOut})
    def post(self, request: Request, request_id: UUID, **place: str) -> Response:
        """Say why not; the person is told. Admins of the project may."""
        access = project_access(request, **place)
        answer = frame.body(request, DeclineIn)["answer"]
        return Response(AccessRequestOut(access_requests.decline(access, request_id, answer)).data)
