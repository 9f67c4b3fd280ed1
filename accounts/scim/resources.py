"""People and teams as SCIM shows them, and what a directory's document means for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from scim2_models import (
    Email,
    Group,
    GroupMember,
    GroupMembership,
    InvalidValueException,
    Meta,
    Name,
    Reference,
    ScimPolicy,
    User,
)

from accounts.actions.directory import GONE, PersonPlan, TeamPlan
from accounts.models import Membership, Team
from accounts.web.origin import scim_base

# The class takes its extensions in brackets for the type checker alone; we keep none.
if TYPE_CHECKING:
    Person = User[Any]
else:
    Person = User
# What the two large directories send beyond the specification, and what we do not keep.
TOLERANT: Final = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


def is_active(membership: Membership) -> bool:
    """Whether the person may come in."""
    return membership.is_active and membership.user.is_active


def person(membership: Membership) -> Person:
    """A member. `userName` is the e-mail address people sign in with."""
    user = membership.user
    given, _space, family = user.name.partition(" ")
    # Not checked again: an address an operator entered may be stricter checks' nightmare.
    email = Email.model_construct(value=user.email, type=Email.Type.work, primary=True)
    base = scim_base(membership.organization.key)
    return Person(
        id=str(membership.id),
        external_id=_name_at_directory(membership),
        user_name=user.email,
        name=Name(formatted=user.name, given_name=given, family_name=family or None)
        if user.name
        else None,
        display_name=user.name or None,
        active=is_active(membership),
        emails=[email],
        groups=[
            GroupMembership(
                value=str(team.id),
                ref=Reference(f"{base}/Groups/{team.id}"),
                display=team.name,
                type="direct",
            )
            for team in membership.teams.all()
        ]
        or None,
        meta=Meta(
            resource_type="User",
            created=membership.created_at,
            location=f"{base}/Users/{membership.id}",
        ),
    )


def _name_at_directory(membership: Membership) -> str | None:
    held: str = membership.directory_id
    return None if not held or held.startswith(GONE) else held


def group(team: Team, *, with_members: bool = True) -> Group:
    """A team."""
    base = scim_base(team.organization.key)
    members = (
        [
            GroupMember(
                value=str(place.membership_id),
                ref=Reference(f"{base}/Users/{place.membership_id}"),
                type="User",
                display=place.membership.user.email,
            )
            for place in team.places.all()
        ]
        if with_members
        else []
    )
    return Group(
        id=str(team.id),
        external_id=team.directory_id or None,
        display_name=team.name,
        members=members or None,
        meta=Meta(
            resource_type="Group",
            created=team.created_at,
            location=f"{base}/Groups/{team.id}",
        ),
    )


# --- what a document means


@dataclass(frozen=True, slots=True)
class _Names:
    display: str
    formatted: str
    whole: str

    @classmethod
    def of(cls, shown: Person | None) -> "_Names":
        name = shown.name if shown is not None else None
        parts = [name.given_name, name.family_name] if name is not None else []
        return cls(
            display=(shown.display_name if shown is not None else None) or "",
            formatted=(name.formatted if name is not None else None) or "",
            whole=" ".join(part.strip() for part in parts if part and part.strip()),
        )


def person_plan(wanted: Person, before: Person | None = None) -> PersonPlan:
    """What the directory wants the member to be."""
    return PersonPlan(
        email=_email(wanted),
        name=_name(wanted, before)[:120],
        is_active=wanted.active is not False,
        directory_id=_directory_id(wanted.external_id),
    )


def _email(wanted: Person) -> str:
    given = (wanted.user_name or "").strip()
    try:
        validate_email(given)
    except ValidationError as error:
        raise InvalidValueException(
            detail="userName must be the e-mail address the person signs in with."
        ) from error
    if len(given) > 254:
        raise InvalidValueException(detail="userName is too long.")
    return given


def _name(wanted: Person, before: Person | None) -> str:
    """Directories send a name in up to three forms; the one that was changed counts."""
    new, old = _Names.of(wanted), _Names.of(before)
    for value, was in (
        (new.display, old.display),
        (new.formatted, old.formatted),
        (new.whole, old.whole),
    ):
        if value and value != was:
            return value
    return new.display or new.formatted or new.whole


def team_plan(wanted: Group) -> TeamPlan:
    """What the directory wants the team to be."""
    name = (wanted.display_name or "").strip()
    if not name or len(name) > 120:
        raise InvalidValueException(detail="displayName must have 1 to 120 characters.")
    return TeamPlan(
        name=name,
        directory_id=_directory_id(wanted.external_id),
        member_ids=tuple(_member_ids(wanted.members or ())),
    )


def _member_ids(members: Iterable[Any]) -> Iterable[UUID]:
    for member in members:
        try:
            yield UUID(str(member.value))
        except ValueError as error:
            raise InvalidValueException(
                detail=f"members: there is no user {str(member.value)[:60]!r} here."
            ) from error


def _directory_id(given: str | None) -> str:
    found = (given or "").strip()
    if len(found) > 200 or found.startswith(GONE):
        raise InvalidValueException(detail="externalId is too long, or a word kept for ourselves.")
    return found
