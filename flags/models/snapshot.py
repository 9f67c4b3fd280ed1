"""The immutable published documents of each environment, and the row that orders them."""

from typing import ClassVar

from django.db import models

from accounts.models import Environment
from accounts.tenancy import TenantModel
from flags.models.change import Change


class SnapshotHead(TenantModel):
    """The newest version of an environment, and the one lock on its flag state.

    A row of its own, not the environment's: inserting exposures takes a key-share lock there.
    """

    environment = models.OneToOneField(
        Environment, models.CASCADE, primary_key=True, related_name="+"
    )
    epoch = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField(default=0)
    checksum = models.CharField(max_length=64, default="")
    content_hash = models.CharField(max_length=64, default="")

    tenant_paths: ClassVar = {
        "project": "environment__project",
        "organization": "environment__project__organization",
    }

    def __str__(self) -> str:
        return f"{self.environment} at {self.epoch}.{self.version}"


class Snapshot(TenantModel):
    """One published document, as the exact bytes SDKs receive."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="snapshots")
    epoch = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    checksum = models.CharField(max_length=64)
    document = models.BinaryField()
    size = models.PositiveIntegerField()
    changed_keys = models.JSONField(default=list)
    change = models.ForeignKey(Change, models.SET_NULL, null=True, related_name="snapshots")
    published_at = models.DateTimeField()

    tenant_paths: ClassVar = {
        "project": "environment__project",
        "organization": "environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["environment", "epoch", "version"], name="one_snapshot_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.epoch}.{self.version}"
