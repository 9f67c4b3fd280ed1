"""Cohort growth: how many new units each arm gained on each day."""

from typing import ClassVar

from django.db import models

from accounts.tenancy import TenantModel
from experiments.models.experiment import Experiment


class ExposureCount(TenantModel):
    """New and cumulative units of one arm on one UTC day; re-running a day replaces it."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="exposure_counts")
    day = models.DateField()
    arm = models.CharField(max_length=100)
    new_units = models.PositiveIntegerField()
    total_units = models.PositiveIntegerField()
    counted_at = models.DateTimeField(auto_now=True)

    tenant_paths: ClassVar = {
        "environment": "experiment__environment",
        "project": "experiment__environment__project",
        "organization": "experiment__environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "day", "arm"], name="one_count_per_day")
        ]
        ordering: ClassVar = ["day", "arm"]

    def __str__(self) -> str:
        return f"{self.day} {self.arm}: {self.total_units}"
