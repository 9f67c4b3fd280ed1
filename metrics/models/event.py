"""What SDKs reported: exposures, events, and how often each flag was asked."""

from typing import ClassVar

from django.db import models

from accounts.models import Environment
from accounts.tenancy import TenantModel

PATHS = {
    "project": "environment__project",
    "organization": "environment__project__organization",
}


class Exposure(TenantModel):
    """The moment a unit could have felt its arm. Never changed; `event_id` makes intake idempotent."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    event_id = models.UUIDField()
    experiment = models.CharField(max_length=100)
    variation = models.CharField(max_length=100)
    unit_type = models.CharField(max_length=100)
    unit_id = models.CharField(max_length=255)
    at = models.DateTimeField()
    flag = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    attributes = models.JSONField(default=dict)
    received_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = PATHS

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "event_id"], name="one_exposure_per_id")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["environment", "experiment", "unit_type", "at"],
                name="exposures_of_experiment",
            )
        ]

    def __str__(self) -> str:
        return f"{self.unit_type} {self.unit_id} in {self.experiment}"


class Event(TenantModel):
    """Something a unit did. An event of a context with two units is two rows of one `event_id`."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    event_id = models.UUIDField()
    name = models.CharField(max_length=100)
    unit_type = models.CharField(max_length=100)
    unit_id = models.CharField(max_length=255)
    at = models.DateTimeField()
    value = models.FloatField(null=True)
    properties = models.JSONField(default=dict)
    received_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = PATHS

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["environment", "event_id", "unit_type"], name="one_event_per_id"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["environment", "unit_type", "name", "at"], name="events_by_name")
        ]

    def __str__(self) -> str:
        return f"{self.name} by {self.unit_type} {self.unit_id}"


class EvaluationCount(TenantModel):
    """How often a flag answered with a variation in one minute, as one SDK reported it."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    event_id = models.UUIDField()
    flag = models.CharField(max_length=100)
    variation = models.CharField(max_length=100, blank=True)
    version = models.PositiveIntegerField()
    minute = models.DateTimeField()
    count = models.PositiveIntegerField()

    tenant_paths: ClassVar = PATHS

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "event_id"], name="one_count_per_id")
        ]
        indexes: ClassVar = [
            models.Index(fields=["environment", "flag", "-minute"], name="evaluations_of_flag")
        ]

    def __str__(self) -> str:
        return f"{self.flag} {self.minute}: {self.count}"
