"""Keys of SDKs and tokens of people, kept only as digests."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models.membership import Membership
from accounts.models.organization import Environment, Organization
from accounts.models.user import User
from accounts.permissions import Role
from accounts.tenancy import TenantModel


class SdkKey(TenantModel):
    """What an application shows to read its environment's flags; several live at once."""

    class Kind(models.TextChoices):
        """Server keys read the whole snapshot; client keys only evaluated values."""

        SERVER = "server"
        CLIENT = "client"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="sdk_keys")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    label = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(max_length=4)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    # Null: it lives until it is revoked.
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    tenant_paths: ClassVar = {
        "project": "environment__project",
        "organization": "environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        ordering: ClassVar = ["revoked_at", "-created_at"]

    def __str__(self) -> str:
        return f"{self.label} (…{self.last_four})"


class AccessToken(TenantModel):
    """What a script shows to the REST API.

    A personal token may never do more than its person. A service token belongs to the
    organization, outlives whoever made it, holds a role of its own, and never reviews.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="tokens")
    # Null for a service token.
    membership = models.ForeignKey(Membership, models.CASCADE, null=True, related_name="tokens")
    # A service token's role in its projects; empty for a personal one.
    role = models.CharField(
        max_length=10, choices=[(role.value, role.value) for role in Role], blank=True
    )
    # Keys of the projects it is for, and names of the permissions it may use; empty: no narrower
    # than its person or role.
    project_keys = models.JSONField(default=list)
    permissions = models.JSONField(default=list)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    # The token it was made with, and with which it is revoked; null: a person made it signed in.
    made_by_token = models.ForeignKey("self", models.SET_NULL, null=True, related_name="made")
    label = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(max_length=4)
    read_only = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    # Since when the company's provider vouches for its person no longer; null again once it does.
    suspended_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    # How many live tokens would be revoked with it; queries that list tokens count them.
    offspring = 0

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(membership__isnull=False) ^ ~models.Q(role=""),
                name="a_person_or_a_role",
            )
        ]
        ordering: ClassVar = ["revoked_at", "-created_at"]

    def __str__(self) -> str:
        return f"{self.label} (…{self.last_four})"
