"""What flags, segments, changes and evaluations look like in REST."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.frame import Input, Output, PageQuery
from flags.api import schema
from flags.edits import EditKind
from flags.edits.documents import STAGES, TYPES
from flags.models import Change

KEY: Final = 100
TEXT: Final = 2_000
COMMENT_HELP: Final = "Why; kept in the history."


@extend_schema_field(schema.edits_of(EditKind.STATE))
class StateEdits(serializers.JSONField):
    """Edits of a flag's state."""


@extend_schema_field(schema.edits_of(EditKind.DEFINITION))
class DefinitionEdits(serializers.JSONField):
    """Edits of a flag's definition."""


@extend_schema_field(schema.edits_of(EditKind.SEGMENT))
class SegmentEdits(serializers.JSONField):
    """Edits of a segment."""


@extend_schema_field(schema.SERVE)
class Serve(serializers.JSONField):
    """A variation or a split."""


@extend_schema_field({"type": "array", "items": schema.RULE})
class Rules(serializers.JSONField):
    """The rules of a flag."""


@extend_schema_field({"type": "array", "items": schema.PREREQUISITE})
class Prerequisites(serializers.JSONField):
    """Flags asked first."""


@extend_schema_field(schema.ASSIGNMENTS)
class Assignments(serializers.JSONField):
    """Units with a variation of their own."""


@extend_schema_field(schema.GROUPS)
class Groups(serializers.JSONField):
    """Groups of clauses."""


@extend_schema_field(schema.TEXTS)
class Texts(serializers.JSONField):
    """A list of texts."""


@extend_schema_field(schema.OBJECT)
class Document(serializers.JSONField):
    """An object of any shape."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be an object.")
        return super().to_internal_value(data)


class CommentIn(Input):
    """A word about a change."""

    comment = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=TEXT, help_text=COMMENT_HELP
    )


class FlagEditsIn(CommentIn):
    """Edits of a flag's definition, applied in order, all or none."""

    edits = DefinitionEdits()


class StateEditsIn(CommentIn):
    """Edits of a flag in one environment, applied in order, all or none."""

    edits = StateEdits()


class SegmentEditsIn(CommentIn):
    """Edits of a segment, applied in order, all or none."""

    edits = SegmentEdits()


class FlagIn(CommentIn):
    """A new flag; it is off in every environment."""

    key = serializers.CharField(
        max_length=KEY, help_text="Letters, digits, '.', '_', '-'. It can never change."
    )
    name = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    type = serializers.ChoiceField(choices=TYPES)
    variations = Document(help_text="The value behind each variation's name.")
    off = serializers.CharField(max_length=KEY, help_text="The variation served while off.")
    fallthrough = serializers.CharField(
        max_length=KEY, help_text="The variation served when no rule matches."
    )
    description = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=TEXT
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, default=list, max_length=50
    )
    stage = serializers.ChoiceField(choices=STAGES, required=False, default="release")
    client_side = serializers.BooleanField(
        default=False, help_text="Whether client keys may read its value."
    )


class FlagQuery(PageQuery):
    """Which flags are wanted."""

    search = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=200,
        help_text="Words, each in the key, the name or the description.",
    )
    tag = serializers.CharField(required=False, default="", allow_blank=True, max_length=60)
    archived = serializers.BooleanField(required=False, default=False)


class FlagOut(Output):
    """A flag as its project defines it."""

    key = serializers.CharField(source="definition.key")
    name = serializers.CharField(source="definition.name")
    description = serializers.CharField(source="definition.description")
    type = serializers.ChoiceField(source="definition.type", choices=TYPES)
    variations = Document(source="definition.variations")
    off = serializers.CharField(source="definition.off")
    fallthrough = serializers.CharField(source="definition.fallthrough")
    tags = Texts(source="definition.tags")
    stage = serializers.ChoiceField(source="definition.stage", choices=STAGES)
    client_side = serializers.BooleanField(source="definition.client_side")
    archived = serializers.BooleanField(source="definition.archived")
    version = serializers.IntegerField(source="definition_version")


class FlagLineStateOut(Output):
    """Whether a flag is on in an environment, and at which version."""

    enabled = serializers.BooleanField(source="state.enabled")
    version = serializers.IntegerField()
    changed_at = serializers.DateTimeField(allow_null=True)
    changed_by = serializers.CharField()


class FlagLineOut(FlagOut):
    """A line of the flags list: the definition, and how it stands in each environment."""

    environments = serializers.DictField(child=FlagLineStateOut(), source="states")


class FlagStateOut(Output):
    """A flag as it stands in one environment."""

    key = serializers.CharField(source="definition.key")
    enabled = serializers.BooleanField(source="state.enabled")
    off = serializers.CharField(source="state.off")
    fallthrough = Serve(source="own.fallthrough")
    assignments = Assignments(source="own.assignments")
    prerequisites = Prerequisites(source="own.prerequisites")
    holdout = serializers.CharField(source="state.holdout", allow_null=True)
    rules = Rules(source="own.rules")
    version = serializers.IntegerField()
    changed_at = serializers.DateTimeField(allow_null=True)
    changed_by = serializers.CharField()


class SegmentIn(CommentIn):
    """A new segment: excluded beats included beats rules."""

    key = serializers.CharField(max_length=KEY)
    name = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    unit = serializers.CharField(required=False, default="user", max_length=KEY)
    included = serializers.ListField(
        child=serializers.CharField(max_length=500), required=False, default=list
    )
    excluded = serializers.ListField(
        child=serializers.CharField(max_length=500), required=False, default=list
    )
    rules = Groups(required=False, default=list)  # type: ignore[arg-type]  # the stubs know objects only
    description = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=TEXT
    )


class SegmentQuery(PageQuery):
    """Which segments are wanted."""

    archived = serializers.BooleanField(required=False, default=False)


class SegmentOut(Output):
    """A reusable set of contexts."""

    key = serializers.CharField(source="definition.key")
    name = serializers.CharField(source="definition.name")
    description = serializers.CharField(source="definition.description")
    unit = serializers.CharField(source="definition.segment.unit")
    included = Texts(source="definition.segment.included")
    excluded = Texts(source="definition.segment.excluded")
    rules = serializers.SerializerMethodField()
    archived = serializers.BooleanField(source="definition.archived")
    version = serializers.IntegerField()
    changed_at = serializers.DateTimeField()

    @extend_schema_field(schema.GROUPS)
    def get_rules(self, segment: Any) -> Any:
        return segment.definition.segment.to_json()["rules"]


class SegmentDetailOut(SegmentOut):
    """A segment and who asks for it."""

    used_by = Texts()


class UnitOut(Output):
    """A unit type: what it is called, and which attributes hold its id, first one present."""

    name = serializers.CharField()
    attributes = Texts()


class UnitsOut(Output):
    """What the project randomizes."""

    units = UnitOut(many=True)
    version = serializers.IntegerField()


class UnitIn(Input):
    """A unit type."""

    name = serializers.CharField(max_length=KEY)
    attributes = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=20
    )


class UnitsIn(CommentIn):
    """The whole list of unit types."""

    units = UnitIn(many=True)


class PublishedOut(Output):
    """A version SDKs may have now."""

    environment = serializers.CharField(source="environment.key")
    epoch = serializers.IntegerField()
    version = serializers.IntegerField()


class AppliedOut(Output):
    """The change is in force."""

    status = serializers.ChoiceField(choices=["applied"])
    change = serializers.UUIDField(source="outcome.change.id")
    version = serializers.IntegerField(source="outcome.version")
    published = PublishedOut(many=True, source="outcome.published")


class PendingOut(Output):
    """The change waits for other eyes; nothing is in force yet."""

    status = serializers.ChoiceField(choices=["open", "approved", "changes_requested"])
    change = serializers.UUIDField(source="outcome.change.id")
    number = serializers.IntegerField(
        source="outcome.change.number", help_text="Of the change request this made."
    )
    approvals_needed = serializers.IntegerField(source="outcome.change.approvals_needed")


class UnchangedOut(Output):
    """The edits lead to what is there already; nothing was written."""

    status = serializers.ChoiceField(choices=["unchanged"])
    version = serializers.IntegerField(source="outcome.version")


class ChangeTargetOut(Output):
    """What a change is for."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in EditKind])
    key = serializers.CharField()


class ChangePartOut(Output):
    """The edits of one target, with the documents before and after."""

    target = ChangeTargetOut()
    edits = serializers.ListField(child=Document())
    sentences = Texts()
    base_version = serializers.IntegerField()
    applied_version = serializers.IntegerField(allow_null=True)
    before = Document(allow_null=True)
    after = Document(allow_null=True)


class ChangeLineOut(Output):
    """A change in short."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Change.Status.choices)
    author = serializers.CharField(source="author_label")
    sentences = serializers.SerializerMethodField()
    comment = serializers.CharField()
    created_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)

    def get_sentences(self, change: Change) -> list[str]:
        return [sentence for part in change.parts for sentence in part["sentences"]]


class ChangeOut(ChangeLineOut):
    """A change with all it did."""

    approvals_needed = serializers.IntegerField()
    environment = serializers.CharField(source="environment.key", default=None, allow_null=True)
    parts = ChangePartOut(many=True)


class RollBackIn(Input):
    """To which earlier change, and why."""

    change = serializers.UUIDField(help_text="The change whose result is to come back.")
    reason = serializers.CharField(max_length=TEXT)


class ContextIn(Input):
    """What an application would know about a user."""

    context = Document(help_text='For example {"userId": "u-20417", "country": "DE"}.')  # type: ignore[assignment]  # a field, not the attribute


class StepOut(Output):
    """One step of an evaluation."""

    kind = serializers.CharField()
    name = serializers.CharField()
    passed = serializers.BooleanField(allow_null=True)
    detail = serializers.CharField()
    data = Document()  # type: ignore[assignment]  # a field, not the attribute


class EvaluationOut(Output):
    """What this context gets, why, and every step that decided about it."""

    value = serializers.JSONField()
    variation = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    rule = serializers.CharField(allow_null=True)
    bucket = serializers.IntegerField(allow_null=True)
    experiment = serializers.CharField(allow_null=True)
    unit_type = serializers.CharField(allow_null=True)
    unit_id = serializers.CharField(allow_null=True)
    error_code = serializers.CharField(allow_null=True)
    error_message = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(help_text="The newest version SDKs may have.")
    steps = StepOut(many=True)


class ConnectionOut(Output):
    """A connected SDK and how far it has come."""

    id = serializers.UUIDField()
    app = serializers.CharField()
    sdk = serializers.CharField()
    instance = serializers.CharField()
    address = serializers.CharField()
    key_last_four = serializers.CharField()
    epoch = serializers.IntegerField()
    version = serializers.IntegerField()
    last_error = serializers.CharField()
    connected_at = serializers.DateTimeField()
    acked_at = serializers.DateTimeField(allow_null=True)
    seen_at = serializers.DateTimeField()
