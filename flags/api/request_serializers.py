"""What change requests look like in REST."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.frame import Input, Output, PageQuery
from flags.api import schema
from flags.api.impact import ImpactOut
from flags.api.serializers import KEY, TEXT, ChangePartOut, ChangeTargetOut, CommentIn, Texts
from flags.edits import EditKind
from flags.models import Change, Review
from flags.requests import Side


@extend_schema_field(schema.any_edits())
class AnyEdits(serializers.JSONField):
    """Edits of one target, of its kind."""


class TargetIn(Input):
    """What the edits are for."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in EditKind])
    key = serializers.CharField(max_length=KEY)


class PartIn(Input):
    """The edits of one target, made against one version of it (0: it does not exist yet)."""

    target = TargetIn()
    edits = AnyEdits()
    expected_version = serializers.IntegerField(min_value=0)


class PartsIn(CommentIn):
    """Edits of one or more targets: all or none."""

    parts = PartIn(many=True, allow_empty=False)


class SendIn(CommentIn):
    """How a request goes its way once others have looked at it."""

    apply_when_approved = serializers.BooleanField(default=False)
    scheduled_for = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=40, help_text="As `at` below."
    )
    time_zone = serializers.CharField(required=False, default="UTC", max_length=64)


class RequestIn(SendIn, PartsIn):
    """A change others are asked to look at."""

    environment = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=50,
        help_text="Where states and policies are meant; not needed for what all environments share.",
    )
    draft = serializers.BooleanField(default=False, help_text="Keep it for later, for you alone.")
    dry_run = serializers.BooleanField(
        default=False, help_text="Only tell what would become of it; nothing is written."
    )


class RequestQuery(PageQuery):
    """Which requests are wanted."""

    status = serializers.ChoiceField(
        choices=Change.Status.choices,
        required=False,
        default="",
        allow_blank=True,
        help_text="`draft`: your own drafts, which are in no other list.",
    )
    mine = serializers.BooleanField(required=False, default=False)
    waiting_for_me = serializers.BooleanField(required=False, default=False)


class WordIn(Input):
    """A word about exactly what was looked at."""

    content_hash = serializers.CharField(
        max_length=64, help_text="The `content_hash` of the request as it was looked at."
    )


class ReviewIn(CommentIn, WordIn):
    """An approval."""


class ChangesWantedIn(WordIn):
    """What should be otherwise."""

    comment = serializers.CharField(max_length=TEXT)


class MergeIn(Input):
    """Which side stands where both changed the same."""

    keep = serializers.DictField(
        child=serializers.ChoiceField(choices=[str(side) for side in Side]),
        required=False,
        default=dict,
        help_text="By the `id` of each conflict: `theirs`, what is there now (the edits that would"
        " change it are left out), or `mine`, what the request says.",
    )


class ReasonIn(Input):
    """Why."""

    reason = serializers.CharField(max_length=TEXT)


class RejectIn(ReasonIn, WordIn):
    """Why nothing of it is to be."""


class SeenIn(Input):
    """What was looked at before it is put in force."""

    content_hash = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=64,
        help_text="The `content_hash` of the request as it was looked at: nothing else is applied.",
    )


class BypassIn(ReasonIn, SeenIn):
    """Why this cannot wait for a review, and what was looked at."""


class ScheduleIn(Input):
    """When it is to apply by itself."""

    at = serializers.CharField(
        max_length=40,
        help_text="2026-12-24T12:00 as a wall clock in the time zone shows, or with its offset.",
    )
    time_zone = serializers.CharField(
        required=False, default="UTC", max_length=64, help_text="An IANA name: Europe/Berlin."
    )


class WordOut(Output):
    """What a reviewer says of the newest revision."""

    by = serializers.CharField(source="label")
    role = serializers.CharField(
        help_text="The role they held when they said it; empty where nobody kept it."
    )
    verdict = serializers.ChoiceField(choices=Review.Verdict.choices)
    comment = serializers.CharField()
    at = serializers.DateTimeField()
    counts = serializers.BooleanField(
        help_text="Whether this person may review still, and wrote no part of it."
    )


class ClashOut(Output):
    """A place both this request and others changed: as it was, as it is, as asked for."""

    id = serializers.CharField(help_text="Names the place with what both sides say there.")
    kind = serializers.CharField()
    key = serializers.CharField()
    path = Texts()
    base = serializers.SerializerMethodField()
    theirs = serializers.SerializerMethodField()
    mine = serializers.SerializerMethodField()

    @extend_schema_field({})
    def get_base(self, clash: Any) -> Any:
        return clash.to_json().get("base")

    @extend_schema_field({})
    def get_theirs(self, clash: Any) -> Any:
        return clash.to_json().get("theirs")

    @extend_schema_field({})
    def get_mine(self, clash: Any) -> Any:
        return clash.to_json().get("mine")


class StandingOut(Output):
    """What decides about a request, for whoever asks, at this moment."""

    approvals_needed = serializers.IntegerField()
    teams = Texts(source="verdict.groups")
    words = WordOut(many=True)
    missing = Texts()
    may_approve = serializers.BooleanField()
    why_not_approve = serializers.CharField()
    may_apply = serializers.BooleanField()
    why_not_apply = serializers.CharField()
    is_stale = serializers.BooleanField()
    conflicts = ClashOut(many=True)


class RequestLineOut(Output):
    """A change request in short."""

    number = serializers.IntegerField()
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Change.Status.choices)
    author = serializers.CharField(source="author_label")
    environment = serializers.CharField(source="environment.key", default=None, allow_null=True)
    revision = serializers.IntegerField()
    content_hash = serializers.CharField()
    sentences = serializers.SerializerMethodField()
    comment = serializers.CharField()
    approvals_needed = serializers.IntegerField()
    apply_when_approved = serializers.BooleanField()
    scheduled_for = serializers.DateTimeField(allow_null=True)
    time_zone = serializers.CharField()
    schedule_problem = serializers.CharField()
    bypassed = serializers.BooleanField()
    bypass_reason = serializers.CharField()
    looked_at_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)
    applied_by = serializers.CharField(source="applied_by_label")
    closed_by = serializers.CharField(
        source="closed_by_label", help_text="Who ended it, where it was not applied."
    )

    def get_sentences(self, change: Change) -> list[str]:
        return [sentence for part in change.parts for sentence in part["sentences"]]


class SaidOut(Output):
    """A comment."""

    by = serializers.CharField(source="author_label")
    text = serializers.CharField()
    at = serializers.DateTimeField(source="created_at")


class RequestOut(RequestLineOut):
    """A change request: what it would do, and where it stands."""

    parts = ChangePartOut(many=True)
    standing = StandingOut()
    comments = SaidOut(many=True)


class ForeseenPartOut(Output):
    """Where the edits of one target would lead."""

    target = ChangeTargetOut()
    sentences = Texts()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ForeseenOut(Output):
    """What would become of a change; nothing was written."""

    status = serializers.ChoiceField(choices=["would_apply", "would_wait", "frozen", "unchanged"])
    approvals_needed = serializers.IntegerField(source="verdict.approvals")
    teams = Texts(source="verdict.groups")
    reasons = Texts()
    parts = ForeseenPartOut(many=True)
    impact = ImpactOut(help_text="What it would do to recent contexts.")
