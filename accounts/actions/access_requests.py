"""Members ask to be let into a project, or to do more there; its admins answer."""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import access as tickets
from accounts import admissions, audit, limits
from accounts.access import Access, Origin
from accounts.actions import standing
from accounts.errors import DomainError, InvalidInput, NotFound
from accounts.models import AccessRequest, Membership, Project
from accounts.permissions import GRANTS, Permission, Role
from accounts.verbs import Recorded, verb

# Requests a member may make in an hour; guessing projects' keys leads nowhere anyway.
MOST: Final = 20
HOUR: Final = 3600
LONGEST: Final = 2000


class AlreadyAnswered(DomainError):
    """Somebody else was quicker."""

    code = "already_answered"
    status = 409
    hint = "Reload the page to see the answer."


def ask(access: Access, project_key: str, role: Role, reason: str) -> None:
    """Ask for a role in a project named by its key.

    Says nothing about whether there is such a project: closed ones are nobody's business.
    """
    access.require(Permission.VIEW)
    membership = _own_membership(access)
    limits.count("access-requests", str(membership.pk), most=MOST, seconds=HOUR)
    key = project_key.strip()
    # A token for some projects knows no others.
    known = Project.objects.within(access.organization).filter(key=key)
    project = known.first() if access.reaches([key]) else None
    held = tickets.grants_of(membership, project) if project else frozenset()
    if project is not None and GRANTS[role] <= held:
        raise InvalidInput(
            f"You may do all of that in {project.name} already.", hint="Open the project."
        )
    if project is not None:
        file(membership, project, role, reason, origin=access.origin)


def file(
    membership: Membership,
    project: Project,
    role: Role,
    reason: str,
    *,
    origin: Origin,
    via: str = "page",
) -> None:
    """Put a request before the project's admins; a later one replaces what still waits."""
    actor = tickets.Actor(membership.user.email, membership.user)
    access = Access(actor, membership.organization, frozenset(), project, origin=origin)
    with transaction.atomic():
        AccessRequest.across_tenants.update_or_create(
            project=project,
            membership=membership,
            status=AccessRequest.Status.PENDING,
            defaults={"role": role, "reason": reason.strip()[:LONGEST]},
        )
        after = {"role": str(role), "via": via}
        target = membership.user.email
        audit.record(access, "access.requested", target, after=after, reason=reason[:LONGEST])


@verb(Permission.MANAGE_PROJECT)
def approve(
    access: Access, request_id: UUID, role: Role, answer: str = ""
) -> Recorded[AccessRequest]:
    """Let somebody in, with the role asked for or another one."""
    standing.require_grantable(access, role)
    found = _waiting(access, request_id)
    if found.membership.user == access.actor.user:
        raise InvalidInput("Nobody answers their own request.", hint="Ask another admin.")
    before = standing.raise_role(access, found.membership, role)
    return _answered(access, found, "approved", role, before, answer)


@verb(Permission.MANAGE_PROJECT)
def decline(access: Access, request_id: UUID, answer: str) -> Recorded[AccessRequest]:
    """Say no, and why."""
    if not answer.strip():
        raise InvalidInput(
            "Say why not.", hint="The person is told what you write.", where="answer"
        )
    return _answered(access, _waiting(access, request_id), "declined", None, None, answer)


def _answered(
    access: Access,
    found: AccessRequest,
    status: str,
    role: Role | None,
    before: str | None,
    answer: str,
) -> Recorded[AccessRequest]:
    found.status = status
    found.decided_by = access.actor.user
    found.decided_at = timezone.now()
    found.answer = answer.strip()[:LONGEST]
    found.save(update_fields=["status", "decided_by", "decided_at", "answer"])
    after = {"role": str(role) if role else None, "asked": found.role}
    target = found.membership.user.email
    return Recorded(found, f"access.{status}", target, before, after, found.answer)


def _waiting(access: Access, request_id: UUID) -> AccessRequest:
    standing.lock(access.organization)
    found = admissions.request_of(access, request_id)
    if found.status != AccessRequest.Status.PENDING:
        raise AlreadyAnswered(f"This request was {found.status} already.")
    if not found.membership.is_active:
        raise InvalidInput(f"{found.membership.user.email} is deactivated.")
    return found


def _own_membership(access: Access) -> Membership:
    rows = Membership.objects.within(access.organization).select_related("organization", "user")
    found: Membership | None = rows.filter(user=access.actor.user).first()
    if found is None:
        raise NotFound("Only a person can ask for access.")
    return found
