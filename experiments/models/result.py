"""A computed picture of an experiment at one cut of the data, kept with all that made it."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models import User
from accounts.tenancy import TenantModel
from experiments.models.experiment import Experiment


class Result(TenantModel):
    """Plan, aggregates, effects, health and query text: an old decision can be re-read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="results")
    computed_at = models.DateTimeField(auto_now_add=True)
    computed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    cut = models.DateTimeField(help_text="Events after this moment were not read.")
    document = models.JSONField()
    statements = models.JSONField(default=list)
    library = models.CharField(max_length=40)
    seconds = models.FloatField()

    tenant_paths: ClassVar = {
        "environment": "experiment__environment",
        "project": "experiment__environment__project",
        "organization": "experiment__environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["experiment", "-computed_at"], name="results_newest_first")
        ]
        ordering: ClassVar = ["-computed_at"]

    def __str__(self) -> str:
        return f"{self.experiment} at {self.cut:%Y-%m-%d %H:%M}"
