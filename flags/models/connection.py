"""Which SDKs are connected, and how far they have come."""

from typing import ClassVar

from django.db import models

from accounts.models import Environment
from accounts.tenancy import TenantModel


class SdkConnection(TenantModel):
    """One live socket, written by the delivery process that holds it; a hint, not a truth."""

    id = models.UUIDField(primary_key=True)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    process = models.CharField(max_length=64)
    key_last_four = models.CharField(max_length=4)
    instance = models.CharField(max_length=64, blank=True)
    app = models.CharField(max_length=80, blank=True)
    sdk = models.CharField(max_length=40, blank=True)
    address = models.CharField(max_length=45, blank=True)
    epoch = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    connected_at = models.DateTimeField()
    acked_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    tenant_paths: ClassVar = {
        "project": "environment__project",
        "organization": "environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["environment", "-seen_at"], name="connections_in_use")
        ]

    def __str__(self) -> str:
        return f"{self.app or self.sdk} in {self.environment}"
