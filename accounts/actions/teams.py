"""Verbs on teams: people who hold roles, review and guard things together."""

from collections.abc import Sequence
from uuid import UUID

from accounts.access import Access
from accounts.actions import organizations, standing
from accounts.errors import AlreadyExists, InvalidInput, NotFound
from accounts.models import Membership, Team, TeamMember, TeamRole
from accounts.permissions import Permission, Role
from accounts.verbs import Recorded, verb


@verb(Permission.MANAGE_ORGANIZATION)
def create(access: Access, key: str, name: str) -> Recorded[Team]:
    """Make a team without people and roles."""
    organizations.check_key(key)
    if Team.objects.within(access.organization).filter(key=key).exists():
        raise AlreadyExists(f"There is a team {key} already.")
    team = Team.objects.create(
        organization=access.organization, key=key, name=organizations.checked_name(name)
    )
    return Recorded(team, "team.created", key, after={"name": team.name})


@verb(Permission.MANAGE_ORGANIZATION)
def rename(access: Access, key: str, name: str) -> Recorded[Team]:
    """Give a team another name; its key, which reviews and guards go by, stays."""
    team = find(access, key)
    before = team.name
    team.name = organizations.checked_name(name)
    team.save(update_fields=["name"])
    return Recorded(team, "team.renamed", key, before, team.name)


@verb(Permission.MANAGE_ORGANIZATION)
def delete(access: Access, key: str) -> Recorded[str]:
    """Dissolve a team: its people lose the roles and rights it brought.

    Where a review or a guard names it, it then stands for nobody, which lets nothing through.
    """
    team = find(access, key)
    before = {
        "name": team.name,
        "members": _emails(team),
        "roles": _roles(team),
        **standing.named_for(team),
    }
    team.delete()
    return Recorded(key, "team.deleted", key, before)


@verb(Permission.MANAGE_ORGANIZATION)
def set_members(access: Access, key: str, membership_ids: Sequence[UUID]) -> Recorded[Team]:
    """Let a team have exactly these people."""
    team = find(access, key)
    people = Membership.objects.within(access.organization).filter(id__in=membership_ids)
    if people.count() != len({*membership_ids}):
        raise InvalidInput("One of these people is no member.", where="members")
    before = _emails(team)
    TeamMember.objects.within(team).exclude(membership__in=people).delete()
    for membership in people:
        TeamMember.across_tenants.get_or_create(team=team, membership=membership)
    return Recorded(team, "team.members_set", key, before, _emails(team))


@verb(Permission.MANAGE_PROJECT)
def set_role(access: Access, key: str, role: Role | None) -> Recorded[Team]:
    """Give a team a role in the access's project, or take it away."""
    standing.require_grantable(access, role)
    team = find(access, key)
    held = TeamRole.objects.within(access.project).filter(team=team)
    before = held.values_list("role", flat=True).first()
    if role is None:
        held.delete()
    elif not held.update(role=role):
        TeamRole.objects.create(project=access.project, team=team, role=role)
    return Recorded(team, "team.role_set", key, before, str(role) if role else None)


def find(access: Access, key: str) -> Team:
    """A team of the access's organization."""
    found: Team | None = Team.objects.within(access.organization).filter(key=key).first()
    if found is None:
        raise NotFound(f"There is no team {key}.")
    return found


def _emails(team: Team) -> list[str]:
    rows = TeamMember.objects.within(team).order_by("membership__user__email")
    return list(rows.values_list("membership__user__email", flat=True))


def _roles(team: Team) -> dict[str, str]:
    rows = TeamRole.objects.within(team.organization).filter(team=team)
    return dict(rows.values_list("project__key", "role"))
