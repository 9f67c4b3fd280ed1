"""Reads of ways in: open invitations, and members who ask to be let into a project."""

from uuid import UUID

from django.utils import timezone

from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import AccessRequest, Invitation, Project
from accounts.permissions import Permission


def invitations(access: Access) -> list[Invitation]:
    """Open invitations: in a project those into it, else all of the organization.

    An admin of a project is told of those that lead nowhere else.
    """
    rows = Invitation.objects.within(access.organization).filter(
        revoked_at=None, uses_left__gt=0, expires_at__gt=timezone.now()
    )
    found = list(rows.select_related("invited_by"))
    if not access.may(Permission.MANAGE_ORGANIZATION):
        return [one for one in found if is_into(one, access.project)]
    if access.at_project is None:
        return found
    here = access.at_project.key
    return [one for one in found if here in {grant["project"] for grant in one.grants}]


def invitation(access: Access, invitation_id: UUID) -> Invitation:
    """One invitation this access may look after."""
    rows = Invitation.objects.within(access.organization).filter(id=invitation_id)
    found: Invitation | None = rows.select_related("invited_by").first()
    mine = access.may(Permission.MANAGE_ORGANIZATION)
    if found is None or not (mine or is_into(found, access.project)):
        raise NotFound("There is no such invitation.")
    return found


def is_into(invitation: Invitation, project: Project) -> bool:
    """Whether it leads into this project and nowhere else."""
    if invitation.is_owner or invitation.team_keys:
        return False
    return [grant["project"] for grant in invitation.grants] == [project.key]


def is_open(invitation_id: str) -> bool:
    """Whether an invitation can still be accepted, for a visitor who brought one."""
    return bool(
        Invitation.across_tenants.filter(
            id=invitation_id, revoked_at=None, uses_left__gt=0, expires_at__gt=timezone.now()
        ).exists()
    )


def requests_to_decide(access: Access, projects: list[Project]) -> list[AccessRequest]:
    """Waiting requests into any of these projects."""
    rows = AccessRequest.objects.within(access.organization).filter(project__in=projects)
    waiting = rows.filter(status=AccessRequest.Status.PENDING, membership__is_active=True)
    return list(waiting.select_related("project", "membership__user").order_by("created_at"))


def own_requests(access: Access, seen: list[Project]) -> list[AccessRequest]:
    """What the person asked for, newest first.

    A request into a project they cannot see is told only once it is decided: that it waits would
    say that the project exists.
    """
    rows = AccessRequest.objects.within(access.organization)
    mine = rows.filter(membership__user=access.actor.user).select_related("project", "decided_by")
    return [
        one
        for one in mine.order_by("-created_at")[:50]
        if one.status != AccessRequest.Status.PENDING or one.project in seen
    ]


def request_of(access: Access, request_id: UUID) -> AccessRequest:
    """A request into the access's project."""
    rows = AccessRequest.objects.within(access.project).select_related("membership__user")
    found: AccessRequest | None = rows.filter(id=request_id).first()
    if found is None:
        raise NotFound("There is no such request.")
    return found
