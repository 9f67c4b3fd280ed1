"""The ticket every query and verb asks for: who acts, where, and with which rights."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Q

from accounts.errors import NotFound, NotPermitted
from accounts.models import (
    AccessToken,
    Environment,
    Membership,
    Organization,
    Project,
    ProjectRight,
    ProjectRole,
    Team,
    TeamRole,
    User,
)
from accounts.permissions import APART, OWNER_GRANTS, Permission, Role, granted


class Via(StrEnum):
    """The door somebody came in by."""

    PAGE = "page"
    REST = "REST"
    DIRECTORY = "directory"
    SYSTEM = "system"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, for the ledger."""

    via: Via = Via.SYSTEM
    address: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, a service token, or the system in somebody's name."""

    label: str
    user: User | None = None
    # Whoever made the service token that acts: where four eyes are asked for, it is their eyes.
    behind: User | None = None
    # The token that was shown, by its label and its end: nobody knows two of one label apart.
    token: str = ""

    @property
    def responsible(self) -> User | None:
        """The person who stands for what is done: whoever acts, or made the token that does."""
        return self.user or self.behind


SYSTEM: Final = Actor("Wayfork")
# Rights in the organization at large, which no token for some of its projects has.
_AT_LARGE: Final = frozenset({Permission.CREATE_PROJECTS, Permission.MANAGE_ORGANIZATION})


@dataclass(frozen=True, slots=True)
class Access:
    """Immutable proof of who may do what where. There is no current-tenant variable."""

    actor: Actor
    organization: Organization
    grants: frozenset[Permission]
    at_project: Project | None = None
    at_environment: Environment | None = None
    origin: Origin = field(default=Origin())
    # Keys of the teams the person is in: what guards an object names those.
    teams: frozenset[str] = frozenset()
    # Keys of the projects the token that acts was made for; empty: for all, or it is no token.
    confined: frozenset[str] = frozenset()

    @property
    def project(self) -> Project:
        """The project this access stands in."""
        if self.at_project is None:
            raise NotFound("this needs a project")
        return self.at_project

    @property
    def environment(self) -> Environment:
        """The environment this access stands in."""
        if self.at_environment is None:
            raise NotFound("this needs an environment")
        return self.at_environment

    def may(self, permission: Permission) -> bool:
        """Whether the right is there."""
        return permission in self.grants

    def reaches(self, project_keys: Iterable[str]) -> bool:
        """Whether what concerns these projects (none: all of them) concerns no others than the
        token that acts was made for."""
        keys = set(project_keys)
        return not self.confined or (bool(keys) and keys <= self.confined)

    def require(self, permission: Permission) -> None:
        """Pass, or raise `NotPermitted` with a sentence."""
        if permission not in self.grants:
            place = self.at_project.name if self.at_project else self.organization.name
            raise NotPermitted(
                f"You may not {permission} in {place}.",
                hint="" if self.at_project else "Ask an owner of the organization.",
                permission=str(permission),
            )

    def at(self, environment: Environment) -> "Access":
        """The same ticket in another environment of the same project."""
        if environment.project_id != self.project.id:
            raise NotFound("no such environment")
        return replace(self, at_environment=environment)


def of_member(
    user: User,
    organization: str,
    project: str | None = None,
    environment: str | None = None,
    *,
    origin: Origin = Origin(),
) -> Access:
    """The ticket of a person at a place named by its keys; `NotFound` for outsiders."""
    membership = _membership(user, organization)
    at_project = _project(membership.organization, project) if project else None
    grants = grants_of(membership, at_project)
    if at_project and Permission.VIEW not in grants:
        raise NotFound
    return Access(
        actor=Actor(label=user.email, user=user),
        organization=membership.organization,
        grants=grants,
        at_project=at_project,
        at_environment=_environment(at_project, environment)
        if at_project and environment
        else None,
        origin=origin,
        teams=teams_of(membership),
    )


def narrowed(access: Access, token: AccessToken) -> Access:
    """The same ticket in the hands of a token, which may be made for less than its person."""
    grants = access.grants
    if token.read_only:
        grants &= {Permission.VIEW}
    if token.permissions:
        grants &= {Permission.VIEW, *(one for one in Permission if one.key in token.permissions)}
    confined = frozenset(token.project_keys)
    if confined:
        # A token for some projects has no say in the organization at large, from nowhere.
        grants = grants - _AT_LARGE if access.at_project else grants & {Permission.VIEW}
        if access.at_project and access.at_project.key not in confined:
            raise NotFound
    actor = replace(access.actor, token=str(token))
    return replace(access, grants=grants, actor=actor, confined=confined)


def of_service(
    token: AccessToken,
    project: str | None = None,
    environment: str | None = None,
    *,
    origin: Origin = Origin(),
) -> Access:
    """The ticket of a service token: its role in its projects, without the rights of a reviewer.

    A script has no eyes: it neither approves nor passes by those who do.
    """
    organization = token.organization
    at_project = _project(organization, project) if project else None
    eyes = {Permission.REVIEW, Permission.BYPASS_REVIEW}
    access = Access(
        actor=Actor(f"service: {token.label}", behind=token.created_by),
        organization=organization,
        grants=granted(Role(token.role), at_project.apart) - eyes
        if at_project
        else frozenset({Permission.VIEW}),
        at_project=at_project,
        at_environment=_environment(at_project, environment)
        if at_project and environment
        else None,
        origin=origin,
    )
    return narrowed(access, token)


def system(environment: Environment) -> Access:
    """The ticket of a task in one environment: every right of its project, no person's name."""
    project = environment.project
    return Access(SYSTEM, project.organization, OWNER_GRANTS, project, environment)


def command(organization: Organization, project: Project | None = None) -> Access:
    """The ticket of an operator's command at the terminal."""
    origin = Origin(via=Via.COMMAND)
    return Access(SYSTEM, organization, OWNER_GRANTS, project, origin=origin)


def grants_of(membership: Membership, project: Project | None) -> frozenset[Permission]:
    """What this member may do in this project (or in the organization at large)."""
    if membership.is_owner:
        return OWNER_GRANTS
    if project is None:
        # Every member may look at the organization itself, and make tokens of their own.
        if membership.organization.only_owners_create_projects:
            return frozenset({Permission.VIEW})
        return frozenset({Permission.VIEW, Permission.CREATE_PROJECTS})
    held = _held(membership, project)
    roles = [role for role in Role if role in held]
    if not roles and not project.is_open:
        # Being named for a right lets nobody in.
        return frozenset()
    named = {right for right in APART if right.key in held}
    by_role = (granted(role, project.apart) for role in roles or [Role.VIEWER])
    return frozenset().union(named, *by_role)


def _held(membership: Membership, project: Project) -> frozenset[str]:
    """Roles, and keys of rights apart from roles: a member's own and those of their teams."""
    own = ProjectRole.objects.within(project).filter(membership=membership)
    of_teams = TeamRole.objects.within(project).filter(team__places__membership=membership)
    named = ProjectRight.objects.within(project).filter(
        Q(membership=membership) | Q(team__places__membership=membership)
    )
    rows = own.values_list("role").union(of_teams.values_list("role"), named.values_list("right"))
    return frozenset(one for (one,) in rows)


def role_at(access: Access) -> str:
    """In which role a person acts at a project: `owner`, or the strongest of their own and their
    teams' roles; empty for whoever has none."""
    rows = Membership.objects.within(access.organization).filter(user=access.actor.user)
    member = rows.first() if access.actor.user else None
    if member is None:
        return ""
    held = _held(member, access.project)
    roles = [str(role) for role in Role if role in held]
    return "owner" if member.is_owner else next(reversed(roles), "")


def teams_of(membership: Membership) -> frozenset[str]:
    """Keys of the teams a member is in."""
    teams = Team.objects.within(membership.organization).filter(places__membership=membership)
    return frozenset(teams.values_list("key", flat=True))


def _membership(user: User, organization: str) -> Membership:
    memberships = Membership.across_tenants.select_related("organization")
    found: Membership | None = memberships.filter(
        user=user, user__is_active=True, is_active=True, organization__key=organization
    ).first()
    if found is None:
        raise NotFound
    return found


def _project(organization: Organization, key: str) -> Project:
    found: Project | None = (
        Project.objects.within(organization).select_related("organization").filter(key=key).first()
    )
    if found is None:
        raise NotFound
    return found


def _environment(project: Project, key: str) -> Environment:
    found: Environment | None = (
        Environment.objects.within(project)
        .select_related("project__organization")
        .filter(key=key)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def environment_by_id(environment_id: UUID) -> Environment:
    """An environment with its project and organization, for tasks that were given an id."""
    found: Environment | None = (
        Environment.across_tenants.select_related("project__organization")
        .filter(id=environment_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found
