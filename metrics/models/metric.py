"""Assignment queries, facts and metrics: definitions that turn events into numbers per unit."""

import uuid
from typing import ClassVar

from django.db import models

from accounts.models import Project, User
from accounts.tenancy import TenantModel
from metrics.models.source import EventSource


class AssignmentQuery(TenantModel):
    """A team's own record of who got which treatment, as a query of four columns."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(EventSource, models.CASCADE, related_name="assignment_queries")
    key = models.CharField(max_length=100)
    name = models.CharField(max_length=120)
    unit_type = models.CharField(max_length=100, default="user")
    sql = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {
        "eventsource": "source",
        "project": "source__project",
        "organization": "source__project__organization",
    }

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "key"], name="one_assignment_query_per_key")
        ]
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return self.name


class Fact(TenantModel):
    """Rows of (unit, time, value) many metrics share: built-in events, or a query of a source."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    name = models.CharField(max_length=120)
    # Built in: an event by name, filters [[property, op, value], ...] and where the value is read.
    event_name = models.CharField(max_length=100, blank=True)
    filters = models.JSONField(default=list)
    value_property = models.CharField(max_length=100, blank=True)
    # A team's own: a query of a source.
    source = models.ForeignKey(EventSource, models.PROTECT, null=True, related_name="facts")
    sql = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "key"], name="one_fact_per_key"),
            models.CheckConstraint(
                condition=models.Q(source=None, sql="") & ~models.Q(event_name="")
                | models.Q(source__isnull=False, event_name="") & ~models.Q(sql=""),
                name="fact_is_built_in_or_a_query",
            ),
        ]
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return self.name


class Metric(TenantModel):
    """A definition turning a fact's events into one number per unit."""

    class Direction(models.TextChoices):
        """Which way is better."""

        UP = "up", "more is better"
        DOWN = "down", "less is better"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=20)
    fact = models.ForeignKey(Fact, models.PROTECT, related_name="metrics")
    direction = models.CharField(max_length=4, choices=Direction.choices, default=Direction.UP)
    # How the number is shown: currency code for sums, unit of the fact's value for durations.
    unit = models.CharField(max_length=12, blank=True)
    delay_seconds = models.PositiveIntegerField(default=0)
    window_seconds = models.PositiveIntegerField(null=True)
    owner = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    version = models.PositiveIntegerField(default=1)
    is_archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "key"], name="one_metric_per_key")
        ]
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return self.name
