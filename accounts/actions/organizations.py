"""Verbs on organizations, projects, environments and the people in them."""

from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import access as tickets
from accounts import audit
from accounts.access import Access
from accounts.errors import AlreadyExists, InvalidInput, NotFound
from accounts.models import Environment, Membership, Organization, Project, ProjectRole, User
from accounts.models.organization import key_validator
from accounts.permissions import Permission, Role
from accounts.verbs import Recorded, verb

STANDARD_ENVIRONMENTS: Final = (
    ("development", "Development", Environment.Color.GREEN, False),
    ("staging", "Staging", Environment.Color.AMBER, False),
    ("production", "Production", Environment.Color.PLUM, True),
)


def create_organization(key: str, name: str, owner: User) -> Organization:
    """Make an organization with its first owner; written to its own ledger as line one."""
    _check_key(key)
    if Organization.objects.filter(key=key).exists():
        raise AlreadyExists(f"The key {key} is taken.")
    with transaction.atomic():
        organization = Organization.objects.create(key=key, name=name)
        Membership.objects.create(organization=organization, user=owner, is_owner=True)
        access = tickets.of_member(owner, key)
        audit.record(access, "organization.created", key, after={"name": name})
    return organization


@verb(Permission.MANAGE_ORGANIZATION)
def create_project(access: Access, key: str, name: str) -> Recorded[Project]:
    """Make a project with development, staging and production."""
    _check_key(key)
    if Project.objects.within(access.organization).filter(key=key).exists():
        raise AlreadyExists(f"There is a project {key} already.")
    project = Project.objects.create(organization=access.organization, key=key, name=name)
    Environment.objects.bulk_create(
        Environment(
            project=project, key=key, name=name, color=color, is_production=live, position=position
        )
        for position, (key, name, color, live) in enumerate(STANDARD_ENVIRONMENTS)
    )
    return Recorded(project, "project.created", key, after={"name": name})


@verb(Permission.MANAGE_ORGANIZATION)
def add_member(access: Access, user: User, *, is_owner: bool = False) -> Recorded[Membership]:
    """Bring a person into the organization."""
    if Membership.objects.within(access.organization).filter(user=user).exists():
        raise AlreadyExists(f"{user.email} is a member already.")
    membership = Membership.objects.create(
        organization=access.organization, user=user, is_owner=is_owner
    )
    after = {"role": "owner" if is_owner else "member"}
    return Recorded(membership, "member.added", user.email, after=after)


@verb(Permission.MANAGE_PROJECT)
def set_role(access: Access, user: User, role: Role | None) -> Recorded[Membership]:
    """Give a member a role in the access's project, or take it away."""
    membership = Membership.objects.within(access.organization).filter(user=user).first()
    if membership is None:
        raise NotFound(f"{user.email} is no member of {access.organization.name}.")
    held = ProjectRole.objects.within(access.project).filter(membership=membership)
    before = held.values_list("role", flat=True).first()
    held.delete()
    if role is not None:
        ProjectRole.objects.create(project=access.project, membership=membership, role=role)
    after = str(role) if role else None
    return Recorded(membership, "role.set", user.email, before=before, after=after)


def _check_key(key: str) -> None:
    if key != key.strip():
        # The pattern's end lets one line break pass.
        raise InvalidInput(f"{key!r} cannot be a key.", hint="Leave out the spaces around it.")
    try:
        key_validator(key)
    except ValidationError as error:
        raise InvalidInput(f"{key!r} cannot be a key.", hint=error.messages[0]) from error
