"""Work that was asked for: written first, rung afterwards, so that a dead queue loses nothing."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models import User
from accounts.tenancy import TenantModel
from experiments.models.experiment import Experiment


class Job(TenantModel):
    """One request to count exposures or to run the analysis of an experiment."""

    class Kind(models.TextChoices):
        """What is to be done."""

        ANALYSIS = "analysis"
        EXPOSURES = "exposures"

    class Status(models.TextChoices):
        """How far it has come."""

        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    tenant_paths: ClassVar = {
        "environment": "experiment__environment",
        "project": "experiment__environment__project",
        "organization": "experiment__environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["experiment", "kind", "-asked_at"], name="jobs_newest_first")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.experiment} ({self.status})"
