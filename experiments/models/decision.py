"""What was decided at an experiment's end, why, and the change that carried it out."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models import User
from accounts.tenancy import TenantModel
from experiments.design import Choice
from experiments.models.experiment import Experiment
from experiments.models.result import Result
from flags.models import Change


class Decision(TenantModel):
    """Ship an arm, keep the control, or go on thinking; with the reason."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    experiment = models.OneToOneField(Experiment, models.CASCADE, related_name="decision")
    choice = models.CharField(
        max_length=12, choices=[(choice.value, choice.value) for choice in Choice]
    )
    arm = models.CharField(max_length=100, blank=True)
    reason = models.TextField()
    result = models.ForeignKey(Result, models.SET_NULL, null=True, related_name="+")
    change = models.ForeignKey(Change, models.PROTECT, null=True, related_name="+")
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {
        "environment": "experiment__environment",
        "project": "experiment__environment__project",
        "organization": "experiment__environment__project__organization",
    }

    def __str__(self) -> str:
        return f"{self.experiment}: {self.choice} {self.arm}".strip()
