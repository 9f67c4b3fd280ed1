"""What SDKs are served, as documents with versions. Only `flags.changes` writes here."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower

from accounts.models import Environment, Project
from accounts.tenancy import TenantModel


class ProjectDocument(TenantModel):
    """A document a project owns: the common shape of flags, segments, holdouts, layers, units."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    document = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    tenant_paths: ClassVar = {"organization": "project__organization"}

    class Meta(TenantModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return self.key


class Flag(ProjectDocument):
    """A named decision point, as its project defines it (flags.edits.FlagDefinition)."""

    class Meta(TenantModel.Meta):
        # Keys that differ only in case would be told apart by machines and confused by people.
        constraints: ClassVar = [
            models.UniqueConstraint("project", Lower("key"), name="one_flag_per_key")
        ]


class Segment(ProjectDocument):
    """A reusable set of contexts (flags.edits.SegmentDefinition)."""

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint("project", Lower("key"), name="one_segment_per_key")
        ]


class Holdout(ProjectDocument):
    """Units kept out of everything (flags.edits.HoldoutDefinition)."""

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint("project", Lower("key"), name="one_holdout_per_key")
        ]


class Layer(ProjectDocument):
    """Rules that may not share units (flags.edits.LayerDefinition)."""

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint("project", Lower("key"), name="one_layer_per_key")
        ]


class UnitTypes(ProjectDocument):
    """What a project randomizes (flags.edits.UnitTypes); one row, keyed `units`."""

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project"], name="one_list_of_units")
        ]


class Stewards(ProjectDocument):
    """Which teams look after what (flags.edits.Stewards); one row, keyed `stewards`."""

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project"], name="one_list_of_stewards")
        ]


class FlagRow(TenantModel):
    """A flag as it stands in one environment: the environment's part of the engine's FlagState."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    flag = models.ForeignKey(Flag, models.CASCADE, related_name="rows")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    version = models.PositiveIntegerField()
    document = models.JSONField()
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.CharField(max_length=254, blank=True)

    tenant_paths: ClassVar = {
        "project": "environment__project",
        "organization": "environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "flag"], name="one_state_per_place")
        ]

    def __str__(self) -> str:
        return f"{self.flag} in {self.environment}"


class ReviewPolicy(TenantModel):
    """How many others must approve changes in an environment (flags.edits.ReviewRules)."""

    environment = models.OneToOneField(
        Environment, models.CASCADE, primary_key=True, related_name="+"
    )
    version = models.PositiveIntegerField()
    document = models.JSONField()

    tenant_paths: ClassVar = {
        "project": "environment__project",
        "organization": "environment__project__organization",
    }

    def __str__(self) -> str:
        return f"policy of {self.environment}"
