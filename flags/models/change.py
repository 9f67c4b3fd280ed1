"""A submitted list of edits, with its life."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models import Environment, Project, User
from accounts.tenancy import TenantModel


class Change(TenantModel):
    """Edits of one or more targets, applied all or not at all.

    `parts` is a list of {target, edits, base_version, applied_version, before, after}: enough to
    show, replay and invert the change. A pending change is called a change request.
    """

    class Status(models.TextChoices):
        """Where a change stands."""

        PENDING = "pending"
        APPLIED = "applied"
        WITHDRAWN = "withdrawn"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, related_name="+")
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    author_label = models.CharField(max_length=254)
    status = models.CharField(max_length=10, choices=Status.choices)
    approvals_needed = models.PositiveSmallIntegerField(default=0)
    parts = models.JSONField()
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["project", "-created_at"], name="changes_of_project")
        ]

    def __str__(self) -> str:
        return f"change {self.id} ({self.status})"


class ChangedTarget(TenantModel):
    """Which change touched what: the index behind each object's history."""

    change = models.ForeignKey(Change, models.CASCADE, related_name="targets")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=12)
    key = models.CharField(max_length=100)
    version = models.PositiveIntegerField(null=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["project", "kind", "key", "-id"], name="history_of_target")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
