"""The tenant, its products, and the stages they run in."""

import uuid
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

from accounts.permissions import APART, LEAST_ROLES, Permission, Role
from accounts.tenancy import TenantModel

LEAST_ROLE_CHOICES = [(role.value, role.value) for role in LEAST_ROLES]
KEY_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$"
key_validator = RegexValidator(
    KEY_PATTERN, "Use lowercase letters, digits and hyphens, at most 50, starting with a letter."
)


class Organization(models.Model):
    """The tenant: nothing of one organization is ever shown to another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=50, unique=True, validators=[key_validator])
    name = models.CharField(max_length=120)
    only_owners_create_projects = models.BooleanField(default=False)
    require_mfa = models.BooleanField(
        default=False, help_text="People who sign in here without SSO need a second factor."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Project(TenantModel):
    """A product: owns flags, segments, unit types, metrics."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="projects")
    key = models.CharField(max_length=50, validators=[key_validator])
    name = models.CharField(max_length=120)
    is_open = models.BooleanField(
        default=True, help_text="Every member of the organization may view an open project."
    )
    # From which role upwards the rights come that stand apart from roles; empty: by name alone.
    roll_back_from = models.CharField(
        max_length=10,
        choices=LEAST_ROLE_CHOICES,
        blank=True,
        default=Role.EDITOR.value,
        help_text="The least role that may roll back and use the kill switch.",
    )
    bypass_review_from = models.CharField(
        max_length=10,
        choices=LEAST_ROLE_CHOICES,
        blank=True,
        default=Role.ADMIN.value,
        help_text="The least role that may go past review in an emergency.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "key"], name="one_project_per_key")
        ]
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def apart(self) -> dict[Permission, Role | None]:
        """From which role upwards each right comes here that stands apart from roles."""
        held = {right: getattr(self, f"{right.key}_from") for right in APART}
        return {right: Role(least) if least else None for right, least in held.items()}


class Environment(TenantModel):
    """A stage of a product with its own flag state and SDK keys."""

    class Color(models.TextChoices):
        """How an environment is marked on pages; plum is kept for production."""

        GRAY = "gray"
        BLUE = "blue"
        GREEN = "green"
        AMBER = "amber"
        PLUM = "plum"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="environments")
    key = models.CharField(max_length=50, validators=[key_validator])
    name = models.CharField(max_length=120)
    color = models.CharField(max_length=10, choices=Color.choices, default=Color.GRAY)
    is_production = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)
    archived_at = models.DateTimeField(
        null=True, help_text="An archived environment takes no changes and serves no SDK."
    )
    keeps_contexts = models.BooleanField(
        default=True, help_text="Keep sampled contexts, on which a change is tried beforehand."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "key"], name="one_environment_per_key")
        ]
        ordering: ClassVar = ["position", "key"]

    def __str__(self) -> str:
        return self.name
