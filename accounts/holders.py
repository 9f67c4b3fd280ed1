"""Which members hold a right in a project: the question notices ask the other way round."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.access import grants_of
from accounts.models import (
    Membership,
    Notice,
    Organization,
    Project,
    ProjectRight,
    ProjectRole,
    TeamRole,
)
from accounts.permissions import APART, Permission, Role, granted


def active(organization: Organization) -> QuerySet[Membership]:
    """The organization's people who may sign in."""
    rows: QuerySet[Membership] = Membership.objects.within(organization)
    return rows.filter(is_active=True, user__is_active=True).select_related("user")


def owners(organization: Organization) -> list[Membership]:
    """Who owns the organization."""
    return list(active(organization).filter(is_owner=True))


def of_right(project: Project, permission: Permission) -> list[Membership]:
    """Who holds a right in a project: by ownership, by a role, or by name; alone or by a team."""
    roles = [role for role in Role if permission in granted(role, project.apart)]
    own = Q(roles__project=project, roles__role__in=roles)
    of_team = Q(team_places__team__roles__project=project, team_places__team__roles__role__in=roles)
    rows = active(project.organization)
    by_role = Q(is_owner=True) | own | of_team
    if permission not in APART:
        return list(rows.filter(by_role).distinct())
    named = _named(project, permission)
    return viewers(project, rows.filter(Q(pk__in=named) | by_role).distinct())


def _named(project: Project, permission: Permission) -> set[UUID]:
    """Ids of whoever is named for a right that stands apart from roles, in person or by a team."""
    rows = ProjectRight.objects.within(project).filter(right=permission.key)
    found = rows.values_list("membership", "team__places__membership")
    return {one for pair in found for one in pair if one}


def of_teams(project: Project, keys: Iterable[str]) -> list[Membership]:
    """Who is in one of these teams and may look at the project."""
    rows = active(project.organization).filter(team_places__team__key__in=list(keys)).distinct()
    return viewers(project, rows)


def viewers(project: Project, members: Iterable[Membership]) -> list[Membership]:
    """Those of some members who may look at the project now."""
    return [one for one in members if Permission.VIEW in grants_of(one, project)]


def readable(notices: QuerySet[Notice]) -> QuerySet[Notice]:
    """Those of some notices whose members may look where they lead now, not when they were
    written: the question of `viewers`, asked of the database."""
    here = {"project": OuterRef("project")}
    own = ProjectRole.across_tenants.filter(membership=OuterRef("membership"), **here)
    of_team = TeamRole.across_tenants.filter(
        team__places__membership=OuterRef("membership"), **here
    )
    of_all = Q(project=None) | Q(project__is_open=True) | Q(membership__is_owner=True)
    return notices.filter(of_all | Exists(own) | Exists(of_team))
