"""Roles and places in teams that a provider's groups bring, and take back when a group is left."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.access import SYSTEM, Access, Origin
from accounts.actions.standing import RANK
from accounts.models import (
    FederatedIdentity,
    GroupRole,
    Membership,
    Project,
    ProjectRole,
    Team,
    TeamMember,
)
from accounts.permissions import Role

Brought = dict[str, Any]


def keep(identity: FederatedIdentity, groups: Sequence[str] | None, origin: Origin) -> None:
    """Bring what these groups bring, and take back what earlier ones brought.

    Only what was brought is ever taken back: a role given by hand is raised for as long as a
    group stands higher, and comes back afterwards. None: the provider said nothing of groups.
    """
    organization = identity.provider.organization
    membership = Membership.objects.within(organization).filter(user=identity.user).first()
    if groups is None or membership is None or not membership.is_active:
        return
    rows = GroupRole.objects.within(organization).filter(provider=identity.provider)
    rows = rows.filter(group__in=groups).select_related("project", "team")
    _keep(identity, membership, list(rows), origin)


def release(identity: FederatedIdentity, origin: Origin) -> None:
    """Take back all that groups brought: the connection is about to go, and its memory with it.

    From somebody deactivated as well: who returns would hold for ever what nobody remembers.
    """
    organization = identity.provider.organization
    membership = Membership.objects.within(organization).filter(user=identity.user).first()
    if membership is not None:
        _keep(identity, membership, [], origin)


def _keep(
    identity: FederatedIdentity, membership: Membership, rows: list[GroupRole], origin: Origin
) -> None:
    access = Access(SYSTEM, identity.provider.organization, frozenset(), origin=origin)
    with transaction.atomic():
        locked = FederatedIdentity.across_tenants.select_for_update().filter(pk=identity.pk).first()
        if locked is None:
            # Taken apart in this moment: it brings nothing any more.
            return
        brought = {
            "roles": _keep_roles(access, membership, rows, locked.brought.get("roles", {})),
            "teams": _keep_teams(access, membership, rows, locked.brought.get("teams", [])),
        }
        if brought != locked.brought:
            locked.brought = brought
            locked.save(update_fields=["brought"])


def _keep_roles(
    access: Access, membership: Membership, rows: list[GroupRole], before: Mapping[str, Any]
) -> Brought:
    wanted: dict[str, Role] = {}
    for row in rows:
        if row.project is not None and row.role:
            wanted[row.project.key] = _higher(wanted.get(row.project.key), Role(row.role))
    projects = Project.objects.within(access.organization).filter(key__in={*wanted, *before})
    kept: Brought = {}
    for project in projects:
        mark = _keep_role(access, membership, project, wanted.get(project.key), before)
        if mark is not None:
            kept[project.key] = mark
    return kept


def _keep_role(
    access: Access,
    membership: Membership,
    project: Project,
    wanted: Role | None,
    before: Mapping[str, Any],
) -> Brought | None:
    """Set the role in one project; what to remember of it, if it is ours."""
    row = ProjectRole.objects.within(project).filter(membership=membership).first()
    held = Role(row.role) if row else None
    mark = before.get(project.key)
    is_ours = mark is not None and held == mark["role"]
    own = (Role(mark["before"]) if mark["before"] else None) if is_ours and mark else held
    role = own if wanted is None else _higher(own, wanted)
    if role != held:
        _put(access, membership, project, held, role)
    return None if role == own else {"role": str(role), "before": str(own) if own else None}


def _put(
    access: Access, membership: Membership, project: Project, held: Role | None, role: Role | None
) -> None:
    rows = ProjectRole.objects.within(project).filter(membership=membership)
    if role is None:
        rows.delete()
    elif not rows.update(role=role):
        ProjectRole.objects.create(project=project, membership=membership, role=role)
    at_project = Access(SYSTEM, access.organization, frozenset(), project, origin=access.origin)
    audit.record(
        at_project,
        "role.set",
        membership.user.email,
        before=str(held) if held else None,
        after=str(role) if role else None,
        reason="group of the company's sign-in",
    )


def _keep_teams(
    access: Access, membership: Membership, rows: list[GroupRole], before: Sequence[str]
) -> list[str]:
    """Put the person into the teams of their groups; the keys of those that are our doing."""
    wanted = {row.team.key for row in rows if row.team is not None}
    places = TeamMember.objects.within(access.organization).filter(membership=membership)
    held = set(places.values_list("team__key", flat=True))
    lost, won = (set(before) - wanted) & held, wanted - held
    if lost or won:
        places.filter(team__key__in=lost).delete()
        for team in Team.objects.within(access.organization).filter(key__in=won):
            TeamMember.objects.create(team=team, membership=membership)
        audit.record(
            access,
            "member.teams_set",
            membership.user.email,
            before=sorted(held),
            after=sorted((held - lost) | won),
            reason="group of the company's sign-in",
        )
    return sorted((set(before) & wanted) | won)


def _higher(one: Role | None, other: Role) -> Role:
    return other if one is None or RANK[other] > RANK[one] else one
