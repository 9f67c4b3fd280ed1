"""What a membership is made of, for the verbs that let people in and out: roles, locks, owners."""

from typing import Final
from uuid import UUID

from django.db.models import Q

from accounts import identities
from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.models import (
    IdentityProvider,
    Membership,
    Organization,
    Project,
    ProjectRight,
    ProjectRole,
    Team,
)
from accounts.permissions import APART, Role, granted

RANK: Final = {role: rank for rank, role in enumerate(Role)}
# A role in a project, by the project's key.
Grant = tuple[str, Role]


class LastOwner(DomainError):
    """Without an owner nobody could let anybody in or out any more."""

    code = "last_owner"
    status = 409
    hint = "Make somebody else an owner first."


class LastGlassBreaker(DomainError):
    """Nobody could get in any more on the day the company's sign-in is down."""

    code = "last_break_glass_owner"
    status = 409
    hint = "Let another owner sign in with a password for emergencies first."


def require_grantable(access: Access, role: Role | None) -> None:
    """Refuse to hand on a role that holds more than this access does."""
    if role is not None and not holds_all_of(access, role):
        raise NotPermitted(f"You may not make anybody {role}: you hold less yourself.")


def holds_all_of(access: Access, role: Role) -> bool:
    """Whether this access holds whatever the role brings where it stands."""
    apart = access.at_project.apart if access.at_project else APART
    return granted(role, apart) <= access.grants


def raise_role(access: Access, membership: Membership, role: Role) -> str | None:
    """Give at least this role in the access's project, in the caller's verb; tells the former."""
    held = ProjectRole.objects.within(access.project).filter(membership=membership).first()
    if held is None or RANK[Role(held.role)] < RANK[role]:
        put_role(access.project, membership, role)
    return held.role if held else None


def put_role(project: Project, membership: Membership, role: Role | None) -> None:
    """Let a member have exactly this role of their own."""
    held = ProjectRole.objects.within(project).filter(membership=membership)
    if role is None:
        held.delete()
    elif not held.update(role=role):
        ProjectRole.objects.create(project=project, membership=membership, role=role)


# --- finding and locking


def member(access: Access, membership_id: UUID) -> Membership:
    """A member of the access's organization, which stays locked until the transaction ends.

    The lock keeps two owners from leaving at once, each trusting in the other.
    """
    lock(access.organization)
    found: Membership | None = (
        Membership.objects.within(access.organization)
        .select_related("user", "organization")
        .filter(id=membership_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no such member.")
    return found


def lock(organization: Organization) -> None:
    """Nobody else is let in or out until the transaction ends.

    Not against foreign keys (`no_key`): the ledger's line names the organization as well.
    """
    list(Organization.objects.select_for_update(no_key=True).filter(pk=organization.pk))


def keep_an_owner(membership: Membership) -> None:
    """Refuse what would leave the organization without an active owner."""
    others = Membership.objects.within(membership.organization).filter(
        ~Q(pk=membership.pk), is_owner=True, is_active=True, user__is_active=True
    )
    if membership.is_owner and not others.exists():
        raise LastOwner(f"{membership.user.email} is the last owner.")


def keep_a_glass_breaker(membership: Membership) -> None:
    """Refuse what would lock everybody out on the day a required provider is down."""
    organization = membership.organization
    breakers = identities.break_glass_owners(organization)
    required = IdentityProvider.objects.within(organization).filter(is_required=True)
    is_one = membership.is_owner and membership.may_break_glass
    if is_one and required.exists() and not breakers.exclude(pk=membership.pk).exists():
        raise LastGlassBreaker(
            f"{membership.user.email} is the last owner who may sign in with a password."
        )


def stop_owning(membership: Membership) -> None:
    """No owner any more, nor free of the company's sign-in; the caller saves."""
    membership.is_owner = False
    membership.may_break_glass = False


def standing_of(membership: Membership) -> str:
    """As the ledger calls it."""
    return "owner" if membership.is_owner else "member"


def named_for(who: Membership | Team) -> dict[str, dict[str, list[str]]]:
    """For which rights apart from roles somebody, or a team, is named; empty for most."""
    found: dict[str, list[str]] = {}
    rows = ProjectRight.objects.within(who.organization)
    mine = rows.filter(team=who) if isinstance(who, Team) else rows.filter(membership=who)
    for project, right in mine.order_by("right").values_list("project__key", "right"):
        found.setdefault(project, []).append(right)
    return {"rights": found} if found else {}


def roles_of(membership: Membership) -> dict[str, str]:
    """The member's own roles by the keys of projects."""
    rows = ProjectRole.objects.within(membership.organization).filter(membership=membership)
    return dict(rows.values_list("project__key", "role"))
