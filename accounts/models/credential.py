"""Keys of SDKs and tokens of people, kept only as digests."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models.membership import Membership
from accounts.models.organization import Environment
from accounts.models.user import User
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
    """What a person's script shows to the REST API; never more than the person may do."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="tokens")
    label = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(max_length=4)
    read_only = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    tenant_paths: ClassVar = {"organization": "membership__organization"}

    class Meta(TenantModel.Meta):
        ordering: ClassVar = ["revoked_at", "-created_at"]

    def __str__(self) -> str:
        return f"{self.label} (…{self.last_four})"
