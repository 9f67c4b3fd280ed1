"""Reads of rights: why somebody may do what they may, and who holds those apart from roles."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Q

from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import Membership, ProjectRight, Team
from accounts.people import Named, Person, Source, Standing
from accounts.permissions import APART, GRANTS, Permission, Role, granted

# --- why may somebody do that, or why not?


@dataclass(frozen=True, slots=True)
class Right:
    """One permission of one person in one project: who brings it, or which roles would."""

    permission: Permission
    brought_by: tuple[Source, ...]
    named_by: tuple[Named, ...]
    by_owning: bool
    by_openness: bool
    roles: tuple[Role, ...]

    @property
    def is_held(self) -> bool:
        """Whether the person may."""
        return bool(self.brought_by or self.named_by or self.by_owning or self.by_openness)

    @property
    def is_apart(self) -> bool:
        """Whether people and teams can be named for it."""
        return self.permission in APART


# Rights of the organization at large are none of a project's roles.
OF_A_PROJECT: Final = tuple(
    permission for permission in Permission if permission in granted(Role.ADMIN)
)


def explain(person: Person, project_key: str) -> list[Right]:
    """Every right in a project, with what brings it."""
    standing = next((one for one in person.standings if one.project.key == project_key), None)
    if standing is None:
        raise NotFound(f"There is no project {project_key}.")
    return [_right(standing, permission) for permission in OF_A_PROJECT]


def _right(standing: Standing, permission: Permission) -> Right:
    brings = {role: permission in granted(role, standing.project.apart) for role in Role}
    by_openness = (
        not standing.sources and standing.project.is_open and permission in GRANTS[Role.VIEWER]
    )
    return Right(
        permission,
        tuple(one for one in standing.sources if brings[one.role]),
        tuple(one for one in standing.named if one.right == permission),
        standing.is_owner,
        by_openness,
        tuple(role for role in Role if brings[role]),
    )


# --- who holds what stands apart from roles


@dataclass(frozen=True, slots=True)
class NamedOne:
    """A person or a team named for a right, and whether that counts just now."""

    membership: Membership | None
    team: Team | None
    counts: bool


@dataclass(frozen=True, slots=True)
class RightApart:
    """A right that stands apart from roles, as a project has it."""

    right: Permission
    least_role: Role | None
    people: tuple[NamedOne, ...]
    teams: tuple[NamedOne, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles it comes with."""
        if self.least_role is None:
            return ()
        return tuple(role for role in Role if GRANTS[self.least_role] <= GRANTS[role])

    @property
    def member_ids(self) -> frozenset[UUID]:
        """Who is named in person."""
        return frozenset(one.membership.pk for one in self.people if one.membership)

    @property
    def team_keys(self) -> frozenset[str]:
        """Which teams are named."""
        return frozenset(one.team.key for one in self.teams if one.team)


def apart(access: Access) -> list[RightApart]:
    """The rights of the access's project that stand apart from roles."""
    rows = list(
        ProjectRight.objects.within(access.project)
        .select_related("membership__user", "team")
        .order_by("membership__user__name", "membership__user__email", "team__name")
    )
    seers = {one.pk for one in viewers(access)}
    return [
        RightApart(
            right,
            least,
            tuple(_people(rows, right, seers)),
            tuple(
                NamedOne(None, row.team, counts=True)
                for row in rows
                if row.right == right.key and row.team
            ),
        )
        for right, least in access.project.apart.items()
    ]


def right_apart(access: Access, right: Permission) -> RightApart:
    """One of them."""
    return next(one for one in apart(access) if one.right == right)


def of_key(key: str) -> Permission:
    """A right that stands apart from roles, by the name machines give it."""
    found = next((right for right in APART if right.key == key), None)
    if found is None:
        raise NotFound(
            f"No right {key[:40]} stands apart from roles.",
            hint=f"There are {' and '.join(right.key for right in APART)}.",
        )
    return found


def viewers(access: Access) -> list[Membership]:
    """Active members who may look at the access's project, by name; owners too."""
    project = access.project
    rows = Membership.objects.within(access.organization).filter(is_active=True)
    if not project.is_open:
        by_team = Q(team_places__team__roles__project=project)
        rows = rows.filter(Q(is_owner=True) | Q(roles__project=project) | by_team).distinct()
    return list(rows.select_related("user").order_by("user__name", "user__email"))


def _people(rows: list[ProjectRight], right: Permission, seers: set[UUID]) -> Iterator[NamedOne]:
    for row in rows:
        if row.right == right.key and row.membership is not None:
            yield NamedOne(row.membership, None, counts=row.membership_id in seers)
