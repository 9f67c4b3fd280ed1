"""Verbs on organizations, projects, environments and the people in them."""

from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import access as tickets
from accounts import audit, factors, limits
from accounts.access import Access
from accounts.errors import AlreadyExists, InvalidInput
from accounts.models import Environment, Membership, Organization, Project, ProjectRole, User
from accounts.models.organization import key_validator
from accounts.permissions import Permission, Role
from accounts.verbs import Recorded, verb

STANDARD_ENVIRONMENTS: Final = (
    ("development", "Development", Environment.Color.GREEN, False),
    ("staging", "Staging", Environment.Color.AMBER, False),
    ("production", "Production", Environment.Color.PLUM, True),
)

# Organizations a person makes in a day where everybody may; each brings limits of its own.
MOST_A_DAY: Final = 5


def create_organization(key: str, name: str, owner: User) -> Organization:
    """Make an organization with its first owner; written to its own ledger as line one."""
    check_key(key)
    if Organization.objects.filter(key=key).exists():
        raise AlreadyExists(f"The key {key} is taken.")
    with transaction.atomic():
        organization = Organization.objects.create(key=key, name=name)
        Membership.objects.create(organization=organization, user=owner, is_owner=True)
        access = tickets.of_member(owner, key)
        audit.record(access, "organization.created", key, after={"name": name})
    return organization


def found_organization(key: str, name: str, founder: User) -> Organization:
    """Make an organization for whoever asks for one, which only operators do many times a day."""
    with transaction.atomic():
        made = create_organization(key, name, founder)
        if not founder.is_staff:
            limits.count("organizations", str(founder.pk), most=MOST_A_DAY, seconds=limits.DAY)
        return made


def may_create(user: User) -> bool:
    """Whether this person may make organizations here: everybody, or operators alone."""
    return bool(settings.WAYFORK_OPEN_ORGANIZATIONS) or user.is_staff


@verb(Permission.CREATE_PROJECTS)
def create_project(access: Access, key: str, name: str) -> Recorded[Project]:
    """Make a project with development, staging and production; who makes it administers it."""
    check_key(key)
    if Project.objects.within(access.organization).filter(key=key).exists():
        raise AlreadyExists(f"There is a project {key} already.")
    project = Project.objects.create(organization=access.organization, key=key, name=name)
    Environment.objects.bulk_create(
        Environment(
            project=project, key=key, name=name, color=color, is_production=live, position=position
        )
        for position, (key, name, color, live) in enumerate(STANDARD_ENVIRONMENTS)
    )
    makers = Membership.objects.within(access.organization).filter(user=access.actor.user)
    for maker in makers.filter(is_owner=False):
        ProjectRole.objects.create(project=project, membership=maker, role=Role.ADMIN)
    return Recorded(project, "project.created", key, after={"name": name})


@verb(Permission.MANAGE_ORGANIZATION)
def change_organization(
    access: Access, *, name: str, only_owners_create_projects: bool, require_mfa: bool
) -> Recorded[Organization]:
    """Rename the organization, and say what its members may do."""
    organization = Organization.objects.select_for_update(no_key=True).get(
        pk=access.organization.pk
    )
    before = _settings_of(organization)
    if require_mfa and not organization.require_mfa:
        _require_own_factor(access)
    organization.name = checked_name(name)
    organization.only_owners_create_projects = only_owners_create_projects
    organization.require_mfa = require_mfa
    organization.save(update_fields=["name", "only_owners_create_projects", "require_mfa"])
    after = _settings_of(organization)
    return Recorded(organization, "organization.changed", organization.key, before, after)


def _require_own_factor(access: Access) -> None:
    """Whoever turned it on without one would be the first to stand before a locked door."""
    if access.actor.user is not None and not factors.has_factor(access.actor.user):
        raise InvalidInput(
            "You have no second factor yourself.",
            hint="Set one up under your name first.",
            where="require_mfa",
        )


def _settings_of(organization: Organization) -> dict[str, object]:
    return {
        "name": organization.name,
        "only_owners_create_projects": organization.only_owners_create_projects,
        "require_mfa": organization.require_mfa,
    }


@verb(Permission.MANAGE_PROJECT)
def change_project(access: Access, *, name: str, is_open: bool) -> Recorded[Project]:
    """Rename the access's project, and say whether every member may look at it."""
    project = Project.objects.within(access.organization).get(pk=access.project.pk)
    before = {"name": project.name, "is_open": project.is_open}
    project.name, project.is_open = checked_name(name), is_open
    project.save(update_fields=["name", "is_open"])
    after = {"name": project.name, "is_open": is_open}
    return Recorded(project, "project.changed", project.key, before, after)


def checked_name(name: str) -> str:
    """A name without the spaces around it; refused when nothing is left."""
    if not name.strip():
        raise InvalidInput("A name is needed.", hint="Write one.", where="name")
    return name.strip()[:120]


def check_key(key: str) -> None:
    """Refuse what cannot stand in an address."""
    if key != key.strip():
        # The pattern's end lets one line break pass.
        raise InvalidInput(f"{key!r} cannot be a key.", hint="Leave out the spaces around it.")
    try:
        key_validator(key)
    except ValidationError as error:
        raise InvalidInput(f"{key!r} cannot be a key.", hint=error.messages[0]) from error
