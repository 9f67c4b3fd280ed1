"""A question asked through a flag (or through a team's own assignment), with a plan."""

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Case, Q, Value, When

from accounts.models import Environment, User
from accounts.tenancy import TenantManager, TenantModel
from experiments.design import MetricRole, State
from flags.models import Change
from flags.models.change import REFUSED, WAITING
from metrics.models import AssignmentQuery, Metric

_APPLIED = Change.Status.APPLIED


class ExperimentQuerySet(models.QuerySet["Experiment"]):
    """Experiments with their state, which is derived: no change ever has to call back."""

    def with_state(self) -> "ExperimentQuerySet":
        """Add `state`: a started experiment whose change still waits for review is a draft."""
        started = Q(start_asked_at__isnull=False) & (
            Q(start_change=None) | Q(start_change__status=_APPLIED)
        )
        stopped = Q(stop_asked_at__isnull=False) & (
            Q(stop_change=None) | Q(stop_change__status=_APPLIED)
        )
        decided = Q(decision__isnull=False) & (
            Q(decision__change=None) | Q(decision__change__status=_APPLIED)
        )
        # The plugin takes the attribute declared on the model for a clash with this very column.
        found: ExperimentQuerySet = self.annotate(  # type: ignore[no-redef]
            state=Case(
                When(decided, then=Value(State.DECIDED.value)),
                When(started & stopped, then=Value(State.STOPPED.value)),
                When(started, then=Value(State.RUNNING.value)),
                default=Value(State.DRAFT.value),
                output_field=models.CharField(),
            )
        )
        return found

    def running(self) -> "ExperimentQuerySet":
        """Those whose split is being served (or whose team still assigns)."""
        return self.with_state().filter(state=State.RUNNING.value)  # type: ignore[misc]

    def under_way(self) -> "ExperimentQuerySet":
        """Those whose rule stands in a flag or is on its way in, out or through review.

        Adds `is_ending`: its stop or decision has been asked for and was not refused.
        """
        is_in = Q(start_asked_at__isnull=False) & (
            Q(start_change=None) | ~Q(start_change__status__in=REFUSED)
        )
        stops = Q(stop_asked_at__isnull=False) & (
            Q(stop_change=None) | ~Q(stop_change__status__in=REFUSED)
        )
        decides = Q(decision__isnull=False) & (
            Q(decision__change=None) | ~Q(decision__change__status__in=REFUSED)
        )
        found: ExperimentQuerySet = self.filter(is_in).annotate(  # type: ignore[no-redef]
            is_ending=Case(
                When(stops | decides, then=Value(value=True)),
                default=Value(value=False),
                output_field=models.BooleanField(),
            )
        )
        return found


class Experiment(TenantModel):
    """One experiment in one environment.

    With a `flag_key` the flag's rule assigns; with an `assignment_query` a team's own pipeline
    does, and no flag is touched.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    key = models.CharField(max_length=100)
    name = models.CharField(max_length=120)
    hypothesis = models.TextField(blank=True)
    flag_key = models.CharField(max_length=100, blank=True)
    assignment_query = models.ForeignKey(AssignmentQuery, models.PROTECT, null=True)
    external_id = models.CharField(max_length=200, blank=True)
    unit_type = models.CharField(max_length=100, default="user")
    audience = models.JSONField(default=list, help_text="Clauses all units must meet.")
    share_steps = models.PositiveIntegerField(default=100_000)
    planned_days = models.PositiveIntegerField(default=14)
    rule_id = models.CharField(max_length=40, blank=True)
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    # When somebody asked for it; when it came into force, the properties below say.
    start_asked_at = models.DateTimeField(null=True)
    start_change = models.ForeignKey(Change, models.PROTECT, null=True, related_name="+")
    stop_asked_at = models.DateTimeField(null=True)
    stop_change = models.ForeignKey(Change, models.PROTECT, null=True, related_name="+")

    # Only on rows that came through `with_state()`.
    state: str
    # Only on rows that came through `under_way()`.
    is_ending: bool

    tenant_paths: ClassVar = {
        "project": "environment__project",
        "organization": "environment__project__organization",
    }

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "key"], name="one_experiment_per_key")
        ]

    objects: ClassVar[Any] = TenantManager.from_queryset(ExperimentQuerySet)()
    across_tenants: ClassVar[Any] = models.Manager.from_queryset(ExperimentQuerySet)()

    def __str__(self) -> str:
        return self.name

    @property
    def started_at(self) -> datetime | None:
        """When the split came into force; None while nobody takes part."""
        return in_force(self.start_asked_at, self.start_change)

    @property
    def stopped_at(self) -> datetime | None:
        """When the split ended, by a stop or by the decision; None while it goes on."""
        stopped = in_force(self.stop_asked_at, self.stop_change)
        decision = getattr(self, "decision", None)
        decided = in_force(decision.decided_at, decision.change) if decision else None
        return min((at for at in (stopped, decided) if at), default=None)

    @property
    def start_waits(self) -> bool:
        """Whether the start waits for other eyes."""
        return self.start_asked_at is not None and is_waiting(self.start_change)

    @property
    def stop_waits(self) -> bool:
        """Whether a stop waits for other eyes."""
        return self.stop_asked_at is not None and is_waiting(self.stop_change)


def in_force(asked: datetime | None, change: Change | None) -> datetime | None:
    """When something asked for came true: at once, or when the request that asked was applied."""
    if change is None or change.number is None:
        return asked
    return change.applied_at if change.status == _APPLIED else None


def is_waiting(change: Change | None) -> bool:
    """Whether a move's change waits for review; one that was refused waits for nobody."""
    return change is not None and change.status in WAITING


def is_refused(change: Change | None) -> bool:
    """Whether a move came to nothing: nobody calls back then, so whoever looks finds it out."""
    return change is not None and change.status in REFUSED


class Arm(models.Model):
    """A variation in its part in an experiment."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="arms")
    variation = models.CharField(max_length=100)
    # With an assignment query: the text of `treatment` that stands for this arm.
    treatment = models.CharField(max_length=100, blank=True)
    weight = models.PositiveIntegerField(help_text="Steps of 100,000.")
    is_control = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "variation"], name="one_arm_each"),
            models.UniqueConstraint(
                fields=["experiment"], condition=Q(is_control=True), name="one_control"
            ),
        ]
        ordering: ClassVar = ["position", "id"]

    def __str__(self) -> str:
        return self.variation


class ExperimentMetric(models.Model):
    """A metric in its role: the one that decides, those that explain, those that must not fall."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="chosen_metrics")
    metric = models.ForeignKey(Metric, models.PROTECT, related_name="+")
    role = models.CharField(
        max_length=10, choices=[(role.value, role.value) for role in MetricRole]
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "metric"], name="one_role_per_metric")
        ]
        ordering: ClassVar = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.metric} ({self.role})"
