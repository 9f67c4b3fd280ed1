"""What experiments, jobs, results and cohort counts look like in REST."""

from typing import Any, Final

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from accounts.api.frame import Input, Output, PageQuery
from experiments.design import Choice, MetricRole, State
from experiments.lifecycle import STEPS
from experiments.models import Experiment, Job
from flags.api.outcomes import outcome_json
from flags.api.schema import CLAUSE
from flags.api.serializers import AppliedOut, Document, PendingOut, UnchangedOut

KEY: Final = 100
NAME: Final = 120
TEXT: Final = 5_000
MOST_ARMS: Final = 50
MOST_METRICS: Final = 200
MOST_CLAUSES: Final = 100


@extend_schema_field({"type": "array", "items": CLAUSE})
class Clauses(serializers.JSONField):
    """Conditions all units must meet."""


@extend_schema_field(CLAUSE)
class Clause(serializers.DictField):
    """One condition."""


class ArmIn(Input):
    """A variation in its part."""

    variation = serializers.CharField(max_length=KEY)
    weight = serializers.IntegerField(
        min_value=1, max_value=STEPS, help_text="Of 100,000; all arms together make 100,000."
    )
    is_control = serializers.BooleanField(default=False)
    treatment = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=KEY,
        help_text="With an assignment query: the text of `treatment` that means this arm.",
    )


class MetricChoiceIn(Input):
    """A metric in its role."""

    metric = serializers.CharField(max_length=KEY)
    role = serializers.ChoiceField(choices=[str(role) for role in MetricRole])


class PlanIn(Input):
    """Everything said about an experiment before it starts."""

    name = serializers.CharField(required=False, default="", allow_blank=True, max_length=NAME)
    hypothesis = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=TEXT
    )
    flag = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=KEY,
        help_text="The flag that assigns; leave out with an assignment query.",
    )
    assignment_query = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=KEY
    )
    external_id = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=200,
        help_text="With an assignment query: the experiment_id that is meant.",
    )
    unit_type = serializers.CharField(required=False, default="user", max_length=KEY)
    audience = serializers.ListField(
        child=Clause(), required=False, default=list, max_length=MOST_CLAUSES
    )
    share_steps = serializers.IntegerField(
        required=False, default=STEPS, min_value=1, max_value=STEPS, help_text="Of 100,000."
    )
    planned_days = serializers.IntegerField(
        required=False,
        default=14,
        min_value=1,
        max_value=365,
        help_text="A reminder to decide, never an automatic stop.",
    )
    arms: Any = serializers.ListSerializer(child=ArmIn(), max_length=MOST_ARMS)
    metrics: Any = serializers.ListSerializer(child=MetricChoiceIn(), max_length=MOST_METRICS)


class NewExperimentIn(PlanIn):
    """A new experiment, as a draft."""

    key = serializers.CharField(
        max_length=KEY, help_text="Letters, digits, '.', '_', '-'. It names it in events."
    )


class ArmOut(Output):
    """A variation in its part."""

    variation = serializers.CharField()
    weight = serializers.IntegerField()
    is_control = serializers.BooleanField()
    treatment = serializers.CharField()


class MetricChoiceOut(Output):
    """A metric in its role."""

    metric = serializers.CharField(source="metric.key")
    role = serializers.ChoiceField(choices=[str(role) for role in MetricRole])


class DecisionOut(Output):
    """What was decided at the end, and why."""

    choice = serializers.ChoiceField(choices=[str(choice) for choice in Choice])
    arm = serializers.CharField(help_text="What is served since; empty when none was chosen.")
    reason = serializers.CharField()
    decided_by = serializers.CharField(source="decided_by.email", default=None, allow_null=True)
    decided_at = serializers.DateTimeField()
    change = serializers.UUIDField(source="change_id", allow_null=True)


class ExperimentOut(Output):
    """An experiment: its state, its plan, and what was decided."""

    key = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=[str(state) for state in State])
    hypothesis = serializers.CharField()
    flag = serializers.CharField(source="flag_key")
    assignment_query = serializers.CharField(
        source="assignment_query.key", default=None, allow_null=True
    )
    external_id = serializers.CharField()
    unit_type = serializers.CharField()
    audience = Clauses()
    share_steps = serializers.IntegerField()
    planned_days = serializers.IntegerField()
    arms = ArmOut(many=True, source="arms.all")
    metrics = MetricChoiceOut(many=True, source="chosen_metrics.all")
    author = serializers.CharField(source="author.email", default=None, allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    stopped_at = serializers.DateTimeField(allow_null=True)
    decision = serializers.SerializerMethodField()

    @extend_schema_field(DecisionOut(allow_null=True))
    def get_decision(self, experiment: Experiment) -> Any:
        found = getattr(experiment, "decision", None)
        return DecisionOut(found).data if found is not None else None


class MoveOut(Output):
    """The experiment after a move, and what came of the flag's change."""

    experiment = ExperimentOut()
    outcome = serializers.SerializerMethodField()

    @extend_schema_field(
        PolymorphicProxySerializer(
            component_name="MoveOutcome",
            serializers=[AppliedOut, PendingOut, UnchangedOut],
            resource_type_field_name=None,
            allow_null=True,
        )
    )
    def get_outcome(self, move: Any) -> Any:
        outcome = move["outcome"]
        return outcome_json(outcome) if outcome is not None else None


class StartIn(Input):
    """A word about the start."""

    comment = serializers.CharField(required=False, default="", allow_blank=True, max_length=2_000)


class StopIn(Input):
    """Why the split ends."""

    reason = serializers.CharField(max_length=2_000)


class DecideIn(Input):
    """What is decided, and why."""

    choice = serializers.ChoiceField(choices=[str(choice) for choice in Choice])
    arm = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=KEY,
        help_text="With `ship`: the variation to serve.",
    )
    reason = serializers.CharField(max_length=TEXT)
    alarm_read = serializers.BooleanField(
        default=False, help_text="Needed while the newest result carries an alarm."
    )


class JobIn(Input):
    """Which work is wanted."""

    kind = serializers.ChoiceField(choices=Job.Kind.choices)


class JobOut(Output):
    """Work that was asked for, and how far it has come."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Job.Kind.choices)
    status = serializers.ChoiceField(choices=Job.Status.choices)
    asked_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField(help_text="Why it failed, as a sentence; else empty.")


class ResultLineOut(Output):
    """A stored result in short."""

    id = serializers.UUIDField()
    computed_at = serializers.DateTimeField()
    computed_by = serializers.CharField(source="computed_by.email", default=None, allow_null=True)
    cut = serializers.DateTimeField(help_text="Events after this moment were not read.")
    seconds = serializers.FloatField()
    library = serializers.CharField()


class StatementOut(Output):
    """A query that was run, and what it took."""

    text = serializers.CharField()
    seconds = serializers.FloatField()
    rows = serializers.IntegerField()


class ResultOut(ResultLineOut):
    """A stored result: units, effects with intervals, findings, recommendation, query texts."""

    document = Document(help_text="docs/reference/rest.md describes it.")
    statements = StatementOut(many=True)


class ExposureCountOut(Output):
    """Units one arm gained on one UTC day, and its units in all."""

    day = serializers.DateField()
    arm = serializers.CharField()
    new_units = serializers.IntegerField()
    total_units = serializers.IntegerField()


class ExperimentQuery(PageQuery):
    """Which experiments are wanted."""

    flag = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=KEY,
        help_text="Only those on this flag.",
    )
