"""Recent contexts, sampled by SDKs: what a proposed change is tried on before it is applied."""

from typing import ClassVar

from django.db import models

from accounts.models import Environment
from accounts.tenancy import TenantModel


class ContextSample(TenantModel):
    """The attributes one evaluation had, as far as rules ask for them; unit ids only as hashes.

    A hashed id buckets elsewhere than the real one, so shares are right and persons are not.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    # One of a fixed number of places: a new sample takes the place of an old one.
    slot = models.PositiveIntegerField()
    attributes = models.JSONField()
    seen_at = models.DateTimeField()

    tenant_paths: ClassVar = {
        "project": "environment__project",
        "organization": "environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "slot"], name="one_context_per_slot")
        ]

    def __str__(self) -> str:
        return f"context {self.slot} of {self.environment_id}"
