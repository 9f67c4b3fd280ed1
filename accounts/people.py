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
    ProjectRight,
    ProjectRole,
    Team,
    TeamMember,
    TeamRole,
    User,
)
from accounts.permissions import APART, Permission, Role, granted

RANK: Final = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a role in a project comes from: the person's own, or a team's."""

    role: Role
    team: Team | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """By whose name a right comes that stands apart from roles: the person's own, or a team's."""

    right: Permission
    team: Team | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is in one project."""

    project: Project
    sources: tuple[Source, ...]
    is_owner: bool
    # For which rights they are named; empty for whoever may not look at the project.
    named: tuple[Named, ...] = ()

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

    @property
    def besides(self) -> list[Permission]:
        """Rights that come by name and not with a role held."""
        names = {one.right for one in self.named}
        roles = [source.role for source in self.sources]
        brought = [granted(role, self.project.apart) for role in roles]
        return [
            right
            for right in APART
            if right in names and not self.is_owner and not any(right in one for one in brought)
        ]


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
    seen = projects_seen(access.organization, access.actor.user)
    return [project for project in seen if access.reaches([project.key])]


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
    held = _Held(
        _own_roles(access, projects), _team_roles(access, projects), _named(access, projects)
    )
    teams = _teams_of_members(access)
    linked = set(
        FederatedIdentity.objects.within(access.organization).values_list("user", flat=True)
    )
    return [
        Person(
            membership,
            tuple(
                _standing(project, membership, held, teams[membership.pk]) for project in projects
            ),
            tuple(teams[membership.pk]),
            membership.user_id in linked,
            membership.user_id in protected,
        )
        for membership in memberships
    ]


@dataclass(frozen=True, slots=True)
class _Held:
    """Everybody's roles and names, by project and then by member or team."""

    own: Mapping[tuple[UUID, UUID], Role]
    of_teams: Mapping[tuple[UUID, UUID], Role]
    names: Mapping[tuple[UUID, UUID], Sequence[Permission]]


def _standing(
    project: Project, membership: Membership, held: _Held, teams: Sequence[Team]
) -> Standing:
    mine = held.own.get((project.pk, membership.pk))
    sources = [Source(mine)] if mine else []
    brought = ((team, held.of_teams.get((project.pk, team.pk))) for team in teams)
    sources += [Source(role, team) for team, role in brought if role]
    named = [Named(right) for right in held.names.get((project.pk, membership.pk), ())]
    for team in teams:
        named += [Named(right, team) for right in held.names.get((project.pk, team.pk), ())]
    looks = bool(sources) or project.is_open or membership.is_owner
    return Standing(project, tuple(sources), membership.is_owner, tuple(named) if looks else ())


def _own_roles(access: Access, projects: Sequence[Project]) -> dict[tuple[UUID, UUID], Role]:
    rows = ProjectRole.objects.within(access.organization).filter(project__in=projects)
    found = rows.values_list("project", "membership", "role")
    return {(project, membership): Role(role) for project, membership, role in found}


def _team_roles(access: Access, projects: Sequence[Project]) -> dict[tuple[UUID, UUID], Role]:
    rows = TeamRole.objects.within(access.organization).filter(project__in=projects)
    found = rows.values_list("project", "team", "role")
    return {(project, team): Role(role) for project, team, role in found}


def _named(
    access: Access, projects: Sequence[Project]
) -> defaultdict[tuple[UUID, UUID], list[Permission]]:
    found: defaultdict[tuple[UUID, UUID], list[Permission]] = defaultdict(list)
    rows = ProjectRight.objects.within(access.organization).filter(project__in=projects)
    for row in rows:
        who = row.membership_id or row.team_id
        found[row.project_id, who] += [right for right in APART if right.key == row.right]
    return found


def _teams_of_members(access: Access) -> defaultdict[UUID, list[Team]]:
    found: defaultdict[UUID, list[Team]] = defaultdict(list)
    rows = TeamMember.objects.within(access.organization).select_related("team")
    for place in rows.order_by("team__name"):
        found[place.membership_id].append(place.team)
    return found


# --- teams


@dataclass(frozen=True, slots=True)
class TeamSummary:
    """A team with its people, and what it brings in the projects the reader sees."""

    team: Team
    people: tuple[Membership, ...]
    roles: tuple[TeamRole, ...]
    rights: tuple[ProjectRight, ...]


def teams(access: Access) -> list[TeamSummary]:
    """The organization's teams, by name."""
    places = TeamMember.objects.within(access.organization).select_related("membership__user")
    people: defaultdict[UUID, list[Membership]] = defaultdict(list)
    for place in places.order_by("membership__user__name", "membership__user__email"):
        people[place.team_id].append(place.membership)
    roles: defaultdict[UUID, list[TeamRole]] = defaultdict(list)
    projects = projects_of(access)
    rows = TeamRole.objects.within(access.organization).filter(project__in=projects)
    for role in rows.select_related("project").order_by("project__name"):
        roles[role.team_id].append(role)
    rights: defaultdict[UUID, list[ProjectRight]] = defaultdict(list)
    named = ProjectRight.objects.within(access.organization).filter(project__in=projects)
    for right in named.select_related("project").exclude(team=None).order_by("project__name"):
        rights[right.team_id].append(right)
    return [
        TeamSummary(team, tuple(people[team.pk]), tuple(roles[team.pk]), tuple(rights[team.pk]))
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
