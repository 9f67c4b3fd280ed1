"""A team's own database, read for assignments and facts."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models import Project
from accounts.tenancy import TenantModel


class EventSource(TenantModel):
    """How to reach a warehouse. `secret` is the encrypted password; it is never shown again."""

    class Kind(models.TextChoices):
        """The engines that can be read."""

        POSTGRES = "postgres", "PostgreSQL"
        DUCKDB = "duckdb", "DuckDB"
        SQLITE = "sqlite", "SQLite"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # PostgreSQL: host, port, database, user, sslmode. Files: path.
    settings = models.JSONField(default=dict)
    secret = models.BinaryField(default=b"")
    timeout_seconds = models.PositiveIntegerField(default=30)
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "key"], name="one_source_per_key")
        ]
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return self.name
