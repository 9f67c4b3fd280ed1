"""Verbs on the rights that stand apart from roles: with which role each comes, and who is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from accounts import access as tickets
from accounts.access import Access
from accounts.actions import standing, teams
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.models import Membership, Project, ProjectRight, Team
from accounts.permissions import APART, LEAST_ROLES, Permission, Role
from accounts.verbs import Recorded, verb


@verb(Permission.MANAGE_PROJECT)
def set_least_role(access: Access, right: Permission, least: Role | None) -> Recorded[Project]:
    """Say from which role upwards a right comes; None: only who is named for it has it."""
    _require_apart(right)
    if least is not None and least not in LEAST_ROLES:
        raise InvalidInput(
            f"The role {least} alone never brings the right to {right}.",
            hint="Choose a higher role, or name the people and teams.",
            where="least_role",
        )
    with _gaining_nothing(access):
        project = Project.objects.within(access.organization).get(pk=access.project.pk)
        before = project.apart[right]
        setattr(project, f"{right.key}_from", least or "")
        project.save(update_fields=[f"{right.key}_from"])
    told = {right.key: _told(before)}, {right.key: _told(least)}
    return Recorded(project, "project.right_set", project.key, *told)


@verb(Permission.MANAGE_PROJECT)
def set_person(
    access: Access, right: Permission, membership_id: UUID, *, is_named: bool
) -> Recorded[Membership]:
    """Name a member for a right, whatever their role, or no longer.

    Only somebody who may look at the project: the right lets nobody in.
    """
    _require_apart(right)
    membership = standing.member(access, membership_id)
    if is_named:
        _require_viewer(access, membership)
    with _gaining_nothing(access):
        before = _put(access, right, is_named=is_named, membership=membership)
    target = membership.user.email
    return Recorded(membership, "right.set", target, {right.key: before}, {right.key: is_named})


@verb(Permission.MANAGE_PROJECT)
def set_team(access: Access, right: Permission, key: str, *, is_named: bool) -> Recorded[Team]:
    """Name a team for a right, or no longer: those of its people hold it who see the project."""
    _require_apart(right)
    team = teams.find(access, key)
    with _gaining_nothing(access):
        before = _put(access, right, is_named=is_named, team=team)
    return Recorded(team, "team.right_set", key, {right.key: before}, {right.key: is_named})


def _put(access: Access, right: Permission, *, is_named: bool, **who: Any) -> bool:
    """Write or delete the row; tells whether there was one."""
    rows = ProjectRight.objects.within(access.project).filter(right=right.key, **who)
    before = bool(rows.exists())
    if before and not is_named:
        rows.delete()
    elif is_named and not before:
        ProjectRight.objects.create(project=access.project, right=right.key, **who)
    return before


def _told(least: Role | None) -> str:
    return str(least) if least else "only who is named"


# --- what is refused


def _require_apart(right: Permission) -> None:
    if right not in APART:
        raise NotFound(f"The right to {right} comes with roles alone.")


def _require_viewer(access: Access, membership: Membership) -> None:
    who, place = membership.user.email, access.project.name
    if not membership.is_active:
        raise InvalidInput(f"{who} is deactivated.", hint="Reactivate the person first.")
    if Permission.VIEW not in tickets.grants_of(membership, access.project):
        raise InvalidInput(
            f"{who} may not look at {place}.",
            hint="Give the person a role there first; viewer is enough.",
            where="members",
        )


@contextmanager
def _gaining_nothing(access: Access) -> Iterator[None]:
    """Nobody gives a right to themself: neither by name, nor by a team, nor by a wider setting."""
    before = _own_grants(access)
    yield
    gained = _own_grants(access) - before
    if gained:
        raise NotPermitted(
            f"Nobody gives themself the right to {' or to '.join(sorted(gained))}.",
            hint="Ask another admin or an owner to do it.",
        )


def _own_grants(access: Access) -> frozenset[Permission]:
    """What whoever stands for this act may do in the project, as it is written now."""
    rows = Membership.objects.within(access.organization).select_related("organization")
    own = rows.filter(user=access.actor.responsible, is_active=True).first()
    if access.actor.responsible is None or own is None:
        return frozenset()
    return tickets.grants_of(
        own, Project.objects.within(access.organization).get(pk=access.project.pk)
    )
