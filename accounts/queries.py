"""Reads of people, places and keys, always within an access."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from accounts import access as tickets
from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import (
    AccessToken,
    Destination,
    DirectoryToken,
    Environment,
    Membership,
    Organization,
    Project,
    SdkKey,
    Team,
    User,
)
from accounts.permissions import Permission


@dataclass(frozen=True, slots=True)
class OrganizationPlace:
    """An organization somebody belongs to, with the projects they may see."""

    organization: Organization
    is_owner: bool
    projects: tuple[Project, ...]

    @property
    def may_create(self) -> bool:
        """Whether the person may make projects there."""
        return self.is_owner or not self.organization.only_owners_create_projects


def places_of(user: User) -> list[OrganizationPlace]:
    """Where a person belongs, by name."""
    memberships = (
        Membership.across_tenants.filter(user=user, is_active=True)
        .select_related("organization")
        .order_by("organization__name")
    )
    return [
        OrganizationPlace(
            membership.organization,
            membership.is_owner,
            tuple(
                project
                for project in Project.objects.within(membership.organization)
                if Permission.VIEW in tickets.grants_of(membership, project)
            ),
        )
        for membership in memberships
    ]


def place_of_token(token: AccessToken) -> OrganizationPlace:
    """The one organization a token was made in, with the projects it reaches."""
    if token.membership is None:
        seen = tuple(Project.objects.within(token.organization))
        is_owner = False
    else:
        places = places_of(token.membership.user)
        place = next(one for one in places if one.organization == token.organization)
        seen, is_owner = place.projects, place.is_owner
    reached = [one for one in seen if not token.project_keys or one.key in token.project_keys]
    return OrganizationPlace(token.organization, is_owner, tuple(reached))


def environments(access: Access, *, archived: bool = False) -> list[Environment]:
    """The project's environments in order: those in use, or those in the archive."""
    rows = Environment.objects.within(access.project)
    return list(rows.filter(archived_at__isnull=not archived))


def environments_here(access: Access) -> list[Environment]:
    """Those in use, and the one the access stands in even when it is archived: what pages show."""
    current = access.at_environment.pk if access.at_environment else None
    rows = Environment.objects.within(access.project)
    return list(rows.filter(Q(archived_at=None) | Q(pk=current)))


def environment(access: Access, key: str) -> Environment:
    """One environment of the project."""
    rows = Environment.objects.within(access.project).select_related("project__organization")
    found: Environment | None = rows.filter(key=key).first()
    if found is None:
        raise NotFound(f"There is no environment {key} in {access.project.name}.")
    return found


def sdk_keys(access: Access) -> list[SdkKey]:
    """The environment's keys, live ones first."""
    rows = SdkKey.objects.within(access.environment).select_related("created_by")
    return sorted(rows, key=lambda key: (key.revoked_at is not None, -key.created_at.timestamp()))


def tokens(access: Access) -> list[AccessToken]:
    """The person's own tokens in this organization; a script has none. A token for some projects
    is shown no wider ones."""
    if access.actor.user is None:
        return []
    rows = AccessToken.objects.within(access.organization)
    own = rows.filter(membership__user=access.actor.user, revoked_at=None)
    return _counted(token for token in own if access.reaches(token.project_keys))


def service_tokens(access: Access) -> list[AccessToken]:
    """The organization's live tokens of scripts; at a project, those that reach it."""
    rows = AccessToken.objects.within(access.organization).select_related("created_by")
    live = rows.filter(membership=None, revoked_at=None)
    here = access.at_project
    return _counted(
        token
        for token in live
        if here is None or not token.project_keys or here.key in token.project_keys
    )


def service_tokens_made_by(access: Access, maker: User) -> list[AccessToken]:
    """The live tokens of scripts that one person made: they outlive them."""
    return [token for token in service_tokens(access) if token.created_by_id == maker.pk]


def destinations_made_by(access: Access, maker: User) -> list[Destination]:
    """The outside services one person connected: they go on being told without them."""
    rows = Destination.objects.within(access.organization).select_related("project")
    return list(rows.filter(created_by=maker).order_by("name"))


def directory_tokens(access: Access) -> list[DirectoryToken]:
    """The organization's tokens of directories, live ones first."""
    rows = DirectoryToken.objects.within(access.organization).select_related("created_by")
    return sorted(rows, key=lambda one: (one.revoked_at is not None, -one.created_at.timestamp()))


@dataclass(frozen=True, slots=True)
class Kept:
    """How many people and teams a directory looks after."""

    people: int
    teams: int


def kept_by_directory(access: Access) -> Kept:
    """Those a directory has given a name of its own."""
    people = Membership.objects.within(access.organization).filter(is_active=True)
    teams = Team.objects.within(access.organization)
    return Kept(people.exclude(directory_id="").count(), teams.exclude(directory_id="").count())


def tokens_of(user: User) -> list[AccessToken]:
    """The person's own tokens in all organizations they are still in."""
    rows = AccessToken.across_tenants.select_related("organization")
    return _counted(rows.filter(membership__user=user, membership__is_active=True, revoked_at=None))


def _counted(tokens: Iterable[AccessToken]) -> list[AccessToken]:
    """Each with the number of live tokens it made, and they in turn: they are revoked with it."""
    found = list(tokens)
    rows = AccessToken.across_tenants.filter(
        organization__in={token.organization_id for token in found},
        made_by_token__isnull=False,
        revoked_at=None,
    )
    made: dict[UUID, list[UUID]] = {}
    for one, maker in rows.values_list("pk", "made_by_token"):
        made.setdefault(maker, []).append(one)
    for token in found:
        token.offspring = _offspring(made, token.pk)
    return found


def _offspring(made: Mapping[UUID, list[UUID]], maker: UUID) -> int:
    found, last = 0, [maker]
    while last:
        last = [one for token in last for one in made.get(token, ())]
        found += len(last)
    return found
