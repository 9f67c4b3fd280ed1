"""Verbs on the people of an organization: how they come in, what they hold, how they go."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import access as tickets
from accounts import audit, sessions
from accounts.access import Access, Actor, Origin
from accounts.actions import lineage
from accounts.actions.standing import (
    RANK,
    Grant,
    keep_a_glass_breaker,
    keep_an_owner,
    lock,
    member,
    named_for,
    put_role,
    raise_role,
    require_grantable,
    roles_of,
    standing_of,
    stop_owning,
)
from accounts.errors import AlreadyExists, DomainError, InvalidInput, NotFound, NotPermitted
from accounts.models import (
    AccessToken,
    Invitation,
    Membership,
    Organization,
    Project,
    ProjectRole,
    Team,
    TeamMember,
    User,
)
from accounts.permissions import Permission, Role
from accounts.verbs import Recorded, verb


class Deactivated(DomainError):
    """The person was let out on purpose; a door that knows nothing of it stays shut."""

    code = "deactivated_member"
    status = 403
    hint = "Ask an owner of the organization to let you in again."


# --- coming in


def join(  # noqa: PLR0913 - one keyword per thing that may come with a membership
    organization: Organization,
    user: User,
    *,
    via: str,
    origin: Origin,
    is_owner: bool = False,
    grants: Sequence[Grant] = (),
    team_keys: Sequence[str] = (),
    directory_id: str = "",
    reactivates: bool = False,
    actor: Actor | None = None,
) -> Membership:
    """Bring a person in by an invitation, a provider or a directory (`via` names which).

    Somebody who is in already keeps what they hold and gets the rest; nothing is ever lowered.
    Projects and teams that are gone by now are passed over. Somebody who was deactivated stays
    out (`Deactivated`) unless the door may undo that. The line is written in the person's name
    unless `actor` says otherwise.
    """
    access = Access(actor or Actor(user.email, user), organization, frozenset(), origin=origin)
    with transaction.atomic():
        lock(organization)
        membership, how = _enter(organization, user, reactivates=reactivates)
        membership.is_owner = membership.is_owner or is_owner
        membership.directory_id = directory_id or membership.directory_id
        membership.save(update_fields=["is_owner", "is_active", "directory_id"])
        teams = _enter_teams(membership, team_keys)
        after = {"via": via, "role": standing_of(membership), "teams": teams}
        audit.record(access, f"member.{how}", user.email, after=after)
        for key, role in grants:
            _grant(access, membership, key, role)
    return membership


def _enter(organization: Organization, user: User, *, reactivates: bool) -> tuple[Membership, str]:
    """The membership, and the word for what happened."""
    found = Membership.objects.within(organization).filter(user=user).first()
    if found is None:
        return Membership.objects.create(organization=organization, user=user), "joined"
    if found.is_active:
        return found, "rejoined"
    if not reactivates:
        raise Deactivated(f"You were deactivated in {organization.name}.")
    found.is_active = True
    return found, "reactivated"


def _enter_teams(membership: Membership, keys: Sequence[str]) -> list[str]:
    teams = Team.objects.within(membership.organization).filter(key__in=keys)
    for team in teams:
        TeamMember.across_tenants.get_or_create(team=team, membership=membership)
    return [team.key for team in teams]


def _grant(access: Access, membership: Membership, key: str, role: Role) -> None:
    project = Project.objects.within(access.organization).filter(key=key).first()
    if project is None:
        return
    at_project = replace(access, at_project=project)
    before = raise_role(at_project, membership, role)
    if before is None or RANK[Role(before)] < RANK[role]:
        target = membership.user.email
        audit.record(at_project, "role.set", target, before=before, after=str(role))


@verb(Permission.MANAGE_ORGANIZATION)
def add_member(access: Access, user: User, *, is_owner: bool = False) -> Recorded[Membership]:
    """Bring a person into the organization."""
    if Membership.objects.within(access.organization).filter(user=user).exists():
        raise AlreadyExists(f"{user.email} is a member already.")
    membership = Membership.objects.create(
        organization=access.organization, user=user, is_owner=is_owner
    )
    after = {"role": standing_of(membership)}
    return Recorded(membership, "member.added", user.email, after=after)


# --- what somebody holds


@verb(Permission.MANAGE_PROJECT)
def set_role(access: Access, user: User, role: Role | None) -> Recorded[Membership]:
    """Give a member a role in the access's project, or take it away.

    Nobody gives more than they hold, and nobody raises themself.
    """
    membership = Membership.objects.within(access.organization).filter(user=user).first()
    if membership is None:
        raise NotFound(f"{user.email} is no member of {access.organization.name}.")
    held = ProjectRole.objects.within(access.project).filter(membership=membership).first()
    before = held.role if held else None
    require_grantable(access, role)
    _refuse_raising_oneself(access, user, before, role)
    put_role(access.project, membership, role)
    after = str(role) if role else None
    return Recorded(membership, "role.set", user.email, before=before, after=after)


def _refuse_raising_oneself(
    access: Access, user: User, before: str | None, role: Role | None
) -> None:
    if access.actor.user != user or access.may(Permission.MANAGE_ORGANIZATION) or role is None:
        return
    if before is None or RANK[role] > RANK[Role(before)]:
        raise NotPermitted(
            "Nobody raises their own role.", hint="Ask another admin or an owner to do it."
        )


@verb(Permission.MANAGE_ORGANIZATION)
def set_teams(
    access: Access, membership_id: UUID, team_keys: Sequence[str]
) -> Recorded[Membership]:
    """Put a member into exactly these teams."""
    membership = member(access, membership_id)
    teams = list(Team.objects.within(access.organization).filter(key__in=team_keys))
    unknown = sorted({*team_keys} - {team.key for team in teams})
    if unknown:
        raise InvalidInput(f"There is no team {unknown[0]}.", where="teams")
    places = TeamMember.objects.within(access.organization).filter(membership=membership)
    before = sorted(places.values_list("team__key", flat=True))
    places.exclude(team__in=teams).delete()
    after = sorted(_enter_teams(membership, team_keys))
    return Recorded(membership, "member.teams_set", membership.user.email, before, after)


@verb(Permission.MANAGE_ORGANIZATION)
def set_owner(access: Access, membership_id: UUID, *, is_owner: bool) -> Recorded[Membership]:
    """Make a member an owner, or an owner a member."""
    membership = member(access, membership_id)
    before = standing_of(membership)
    if is_owner and not membership.is_active:
        raise InvalidInput(
            f"{membership.user.email} is deactivated.", hint="Reactivate the person first."
        )
    if is_owner:
        membership.is_owner = True
    else:
        keep_an_owner(membership)
        keep_a_glass_breaker(membership)
        stop_owning(membership)
    membership.save(update_fields=["is_owner", "may_break_glass"])
    after = standing_of(membership)
    return Recorded(membership, "member.owner_set", membership.user.email, before, after)


@verb(Permission.MANAGE_ORGANIZATION)
def transfer_ownership(access: Access, membership_id: UUID) -> Recorded[Membership]:
    """Make a member an owner and stop being one, in one step."""
    heir = member(access, membership_id)
    owners = Membership.objects.within(access.organization).filter(is_owner=True)
    own = owners.filter(user=access.actor.user).first()
    if own is None or heir.pk == own.pk or not heir.is_active or not heir.user.is_active:
        raise InvalidInput(
            "Ownership goes to another active member.", hint="Choose one of them.", where="heir"
        )
    keep_a_glass_breaker(own)
    heir.is_owner = True
    stop_owning(own)
    for membership in (heir, own):
        membership.save(update_fields=["is_owner", "may_break_glass"])
    target = heir.user.email
    return Recorded(heir, "organization.transferred", target, own.user.email, target)


# --- going


@verb(Permission.MANAGE_ORGANIZATION)
def deactivate(
    access: Access, membership_id: UUID, reason: str, *, with_scripts: bool = False
) -> Recorded[Membership]:
    """Let somebody out at once: sessions, tokens and sockets. Roles stay for their return.

    Service tokens they made go on, unless they are to end as well (`with_scripts`).
    """
    membership = member(access, membership_id)
    _switch_off(membership)
    if with_scripts:
        lineage.end_scripts_of(access, membership.user)
    target = membership.user.email
    return Recorded(membership, "member.deactivated", target, "active", "deactivated", reason)


@verb(Permission.MANAGE_ORGANIZATION)
def reactivate(access: Access, membership_id: UUID, reason: str = "") -> Recorded[Membership]:
    """Let somebody in again, with the roles they had; their tokens stay revoked."""
    membership = member(access, membership_id)
    membership.is_active = True
    membership.save(update_fields=["is_active"])
    target = membership.user.email
    return Recorded(membership, "member.reactivated", target, "deactivated", "active", reason)


@verb(Permission.MANAGE_ORGANIZATION)
def remove(
    access: Access, membership_id: UUID, reason: str, *, with_scripts: bool = False
) -> Recorded[str]:
    """Take somebody's membership, roles and tokens away. What they did stays in the history.

    Service tokens they made go on, unless they are to end as well (`with_scripts`).
    """
    membership = member(access, membership_id)
    if with_scripts:
        lineage.end_scripts_of(access, membership.user)
    return _remove(membership, "member.removed", reason)


@verb(Permission.VIEW)
def leave(access: Access) -> Recorded[str]:
    """Give up one's own membership. The account stays, and stays signed in."""
    lock(access.organization)
    own = Membership.objects.within(access.organization).filter(user=access.actor.user).first()
    if own is None:
        raise NotFound("Only a person can leave.")
    return _remove(own, "member.left", "", signs_out=False)


def _remove(
    membership: Membership, action: str, reason: str, *, signs_out: bool = True
) -> Recorded[str]:
    before = {
        "role": standing_of(membership),
        "roles": roles_of(membership),
        **named_for(membership),
    }
    _switch_off(membership, signs_out=signs_out)
    target = membership.user.email
    membership.delete()
    return Recorded(target, action, target, before, reason=reason)


def suspend(
    organization: Organization, membership: Membership, *, via: str, origin: Origin
) -> None:
    """`deactivate` as a provider or a directory does it: no person acts."""
    _by_system(organization, membership, via, origin, is_active=False)


def resume(organization: Organization, membership: Membership, *, via: str, origin: Origin) -> None:
    """`reactivate` as a provider or a directory does it."""
    _by_system(organization, membership, via, origin, is_active=True)


def _by_system(
    organization: Organization, membership: Membership, via: str, origin: Origin, *, is_active: bool
) -> None:
    access = Access(tickets.SYSTEM, organization, frozenset(), origin=origin)
    with transaction.atomic():
        found = member(access, membership.id)
        if found.is_active == is_active:
            return
        if is_active:
            Membership.objects.within(organization).filter(id=found.id).update(is_active=True)
        else:
            _switch_off(found)
        word = "reactivated" if is_active else "deactivated"
        audit.record(access, f"member.{word}", found.user.email, after={"via": via})
    membership.is_active = is_active


def _switch_off(membership: Membership, *, signs_out: bool = True) -> None:
    """Out, with everything that would let the person back in. The organization is locked."""
    keep_an_owner(membership)
    keep_a_glass_breaker(membership)
    membership.is_active = False
    membership.save(update_fields=["is_active"])
    now = timezone.now()
    tokens = AccessToken.objects.within(membership.organization)
    tokens.filter(membership=membership, revoked_at=None).update(revoked_at=now)
    open_doors = Invitation.objects.within(membership.organization).filter(revoked_at=None)
    open_doors.filter(email__iexact=membership.user.email).update(revoked_at=now)
    elsewhere = Membership.across_tenants.filter(user=membership.user, is_active=True)
    if signs_out and not elsewhere.exists():
        sessions.end_all(membership.user)
