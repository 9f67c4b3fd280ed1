"""Reads of the people of an organization: who is in it, in which teams, with which roles."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Exists, Q, QuerySet

from accounts import access as tickets
from accounts import factors
from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import (
    FederatedIdentity,
    Membership,
    Organization,
    Project,
    ProjectRole,
    Team,
    TeamMember,
    TeamRole,
    User,
)
from accounts.permissions import GRANTS, Permission, Role

RANK: Final = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a role in a project comes from: the person's own, or a team's."""

    role: Role
    team: Team | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is in one project."""

    project: Project
    sources: tuple[Source, ...]
    is_owner: bool

    @property
    def role(self) -> Role | None:
        """The highest of the roles held; an owner may do everything without one."""
        held = [source.role for source in self.sources]
        if not held and self.project.is_open:
            return Role.VIEWER
        return max(held, key=RANK.__getitem__, default=None)

    @property
    def own(self) -> Role | None:
        """The person's own role, apart from teams."""
        return next((source.role for source in self.sources if source.team is None), None)

    @property
    def teams(self) -> list[str]:
        """The teams that bring the highest role, when the person's own does not."""
        if self.own == self.role:
            return []
        return [str(one.team) for one in self.sources if one.team and one.role == self.role]


@dataclass(frozen=True, slots=True)
class Person:
    """A member with what the page People shows of them."""

    membership: Membership
    standings: tuple[Standing, ...]
    teams: tuple[Team, ...]
    has_sso: bool
    has_factor: bool

    @property
    def user(self) -> User:
        """The account."""
        return self.membership.user

    def at(self, project: Project) -> Standing:
        """What the person is in a project the reader sees."""
        return next(one for one in self.standings if one.project == project)


# --- places


def projects_seen(organization: Organization, user: User) -> list[Project]:
    """The organization's projects this person may look at, in one query."""
    places = Membership.objects.within(organization).filter(user=user, is_active=True)
    rows = Project.objects.within(organization)
    if not places.filter(is_owner=True).exists():
        held = ProjectRole.objects.within(organization).filter(membership__in=places)
        of_teams = TeamRole.objects.within(organization).filter(team__places__membership__in=places)
        rows = rows.filter(
            Q(is_open=True) & Exists(places)
            | Q(id__in=held.values("project"))
            | Q(id__in=of_teams.values("project"))
        )
    return list(rows)


def projects_of(access: Access) -> list[Project]:
    """The projects whose roles this access may be told: those it sees."""
    if access.may(Permission.MANAGE_ORGANIZATION):
        return list(Project.objects.within(access.organization))
    if access.actor.user is None:
        return [access.at_project] if access.at_project else []
    return projects_seen(access.organization, access.actor.user)


def administered(access: Access) -> list[Project]:
    """The projects whose people this person looks after."""
    found = projects_of(access)
    if access.may(Permission.MANAGE_ORGANIZATION):
        return found
    own = _own(access)
    return [
        project
        for project in found
        if own and Permission.MANAGE_PROJECT in tickets.grants_of(own, project)
    ]


def _own(access: Access) -> Membership | None:
    rows = Membership.objects.within(access.organization).select_related("organization")
    found: Membership | None = rows.filter(user=access.actor.user, is_active=True).first()
    return found


# --- people


def members(access: Access, search: str = "") -> list[Person]:
    """Everybody in the organization, by name; roles only of projects the reader sees."""
    rows = _memberships(access)
    for word in search.split()[:5]:
        rows = rows.filter(Q(user__email__icontains=word) | Q(user__name__icontains=word))
    return _people(access, rows)


def member(access: Access, membership_id: UUID) -> Person:
    """One member."""
    found = _people(access, _memberships(access).filter(id=membership_id))
    if not found:
        raise NotFound("There is no such member.")
    return found[0]


def in_project(access: Access) -> list[Person]:
    """Who may enter the access's project, by name."""
    return [
        person
        for person in _people(access, _memberships(access).filter(is_active=True))
        if person.membership.is_owner
        or any(one.sources for one in person.standings if one.project == access.project)
    ]


def outside_project(access: Access) -> list[Membership]:
    """Active members without a role of their own in the access's project."""
    held = ProjectRole.objects.within(access.project)
    rows = _memberships(access).filter(is_active=True, is_owner=False)
    return list(rows.exclude(id__in=held.values("membership")))


def _memberships(access: Access) -> QuerySet[Membership]:
    rows = Membership.objects.within(access.organization).select_related("user", "organization")
    return rows.order_by("-is_active", "user__name", "user__email")


def _people(access: Access, memberships: Iterable[Membership]) -> list[Person]:
    memberships = list(memberships)
    projects = projects_of(access)
    protected = factors.people_with_factor(one.user_id for one in memberships)
    own = _own_roles(access, projects)
    teams = _teams_of_members(access)
    of_teams = _team_roles(access, projects)
    linked = set(
        FederatedIdentity.objects.within(access.organization).values_list("user", flat=True)
    )
    return [
        Person(
            membership,
            tuple(
                _standing(project, membership, own, of_teams, teams[membership.pk])
                for project in projects
            ),
            tuple(teams[membership.pk]),
            membership.user_id in linked,
            membership.user_id in protected,
        )
        for membership in memberships
    ]


def _standing(
    project: Project,
    membership: Membership,
    own: Mapping[tuple[UUID, UUID], Role],
    of_teams: Mapping[tuple[UUID, UUID], Role],
    teams: Sequence[Team],
) -> Standing:
    mine = own.get((project.pk, membership.pk))
    sources = [Source(mine)] if mine else []
    brought = ((team, of_teams.get((project.pk, team.pk))) for team in teams)
    sources += [Source(role, team) for team, role in brought if role]
    return Standing(project, tuple(sources), membership.is_owner)


def _own_roles(access: Access, projects: Sequence[Project]) -> dict[tuple[UUID, UUID], Role]:
    rows = ProjectRole.objects.within(access.organization).filter(project__in=projects)
    found = rows.values_list("project", "membership", "role")
    return {(project, membership): Role(role) for project, membership, role in found}


def _team_roles(access: Access, projects: Sequence[Project]) -> dict[tuple[UUID, UUID], Role]:
    rows = TeamRole.objects.within(access.organization).filter(project__in=projects)
    found = rows.values_list("project", "team", "role")
    return {(project, team): Role(role) for project, team, role in found}


def _teams_of_members(access: Access) -> defaultdict[UUID, list[Team]]:
    found: defaultdict[UUID, list[Team]] = defaultdict(list)
    rows = TeamMember.objects.within(access.organization).select_related("team")
    for place in rows.order_by("team__name"):
        found[place.membership_id].append(place.team)
    return found


# --- teams


@dataclass(frozen=True, slots=True)
class TeamSummary:
    """A team with its people, and its roles in the projects the reader sees."""

    team: Team
    people: tuple[Membership, ...]
    roles: tuple[TeamRole, ...]


def teams(access: Access) -> list[TeamSummary]:
    """The organization's teams, by name."""
    places = TeamMember.objects.within(access.organization).select_related("membership__user")
    people: defaultdict[UUID, list[Membership]] = defaultdict(list)
    for place in places.order_by("membership__user__name", "membership__user__email"):
        people[place.team_id].append(place.membership)
    roles: defaultdict[UUID, list[TeamRole]] = defaultdict(list)
    rows = TeamRole.objects.within(access.organization).filter(project__in=projects_of(access))
    for role in rows.select_related("project").order_by("project__name"):
        roles[role.team_id].append(role)
    return [
        TeamSummary(team, tuple(people[team.pk]), tuple(roles[team.pk]))
        for team in Team.objects.within(access.organization)
    ]


def team(access: Access, key: str) -> TeamSummary:
    """One team."""
    found = next((one for one in teams(access) if one.team.key == key), None)
    if found is None:
        raise NotFound(f"There is no team {key}.")
    return found


def team_roles(access: Access) -> list[TeamRole]:
    """The teams that hold a role in the access's project."""
    rows = TeamRole.objects.within(access.project).select_related("team")
    return list(rows.order_by("team__name"))


# --- why may somebody do that, or why not?


@dataclass(frozen=True, slots=True)
class Right:
    """One permission of one person in one project: who brings it, or which roles would."""

    permission: Permission
    brought_by: tuple[Source, ...]
    by_owning: bool
    by_openness: bool
    roles: tuple[Role, ...]

    @property
    def is_held(self) -> bool:
        """Whether the person may."""
        return bool(self.brought_by) or self.by_owning or self.by_openness


# Rights of the organization at large are none of a project's roles.
OF_A_PROJECT: Final = tuple(
    permission for permission in Permission if any(permission in held for held in GRANTS.values())
)


def explain(person: Person, project_key: str) -> list[Right]:
    """Every right in a project, with what brings it."""
    standing = next((one for one in person.standings if one.project.key == project_key), None)
    if standing is None:
        raise NotFound(f"There is no project {project_key}.")
    return [_right(standing, permission) for permission in OF_A_PROJECT]


def _right(standing: Standing, permission: Permission) -> Right:
    by_openness = (
        not standing.sources and standing.project.is_open and permission in GRANTS[Role.VIEWER]
    )
    return Right(
        permission,
        tuple(one for one in standing.sources if permission in GRANTS[one.role]),
        standing.is_owner,
        by_openness,
        tuple(role for role in Role if permission in GRANTS[role]),
    )
