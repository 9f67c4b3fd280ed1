"""What event sources, queries, facts, metrics and event names look like in REST."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api import frame
from accounts.api.frame import Input, Output, PageQuery
from metrics import queries
from metrics.definitions import Comparison, MetricKind
from metrics.models import EventSource, Metric
from metrics.warehouses.contracts import Contract

KEY: Final = 100
NAME: Final = 120
SQL: Final = 50_000
MOST_SECONDS: Final = 10 * 365 * 86_400

SSL_MODES: Final = ("disable", "prefer", "require", "verify-ca", "verify-full")
KEY_HELP: Final = "Letters, digits, '.', '_', '-'. It can never change."


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "array",
            "description": "[property, comparison, value]",
            "prefixItems": [
                {"type": "string"},
                {"type": "string", "enum": [str(one) for one in Comparison]},
                {"type": ["string", "number", "boolean", "null"]},
            ],
            "minItems": 3,
            "maxItems": 3,
        },
    }
)
class Filters(serializers.JSONField):
    """Conditions on an event's properties; all must hold."""


def text(most: int, **options: Any) -> serializers.CharField:
    """A text that may be left out."""
    return serializers.CharField(
        required=False, default="", allow_blank=True, max_length=most, **options
    )


# --- event sources


class SourceSettings(Input):
    """How a database is reached. PostgreSQL: host and the rest; DuckDB and SQLite: path."""

    host = serializers.CharField(required=False, max_length=253)
    port = serializers.IntegerField(required=False, min_value=1, max_value=65_535)
    database = serializers.CharField(required=False, max_length=200)
    user = serializers.CharField(required=False, max_length=200)
    sslmode = serializers.ChoiceField(required=False, choices=SSL_MODES)
    path = serializers.CharField(required=False, max_length=1_000)


class SourceIn(Input):
    """An event source. It is tried before anything is stored."""

    name = text(NAME)
    kind = serializers.ChoiceField(choices=EventSource.Kind.choices)
    settings = SourceSettings()
    password = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        default=None,
        max_length=1_000,
        trim_whitespace=False,
        write_only=True,
        help_text="Kept encrypted and never shown; left out or null: the stored one stays.",
    )
    timeout_seconds = serializers.IntegerField(default=30, min_value=1, max_value=600)


class NewSourceIn(SourceIn):
    """A new event source."""

    key = serializers.CharField(max_length=KEY, help_text=KEY_HELP)


class SourceSettingsOut(Output):
    """How a database is reached; what does not apply is left out."""

    host = serializers.CharField(required=False)
    port = serializers.IntegerField(required=False)
    database = serializers.CharField(required=False)
    user = serializers.CharField(required=False)
    sslmode = serializers.CharField(required=False)
    path = serializers.CharField(required=False)


class SourceOut(Output):
    """An event source. Its password is never shown."""

    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=EventSource.Kind.choices)
    settings = SourceSettingsOut()
    has_password = serializers.SerializerMethodField()
    timeout_seconds = serializers.IntegerField()
    checked_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField(
        help_text="What went wrong at the last check; empty if nothing."
    )
    version = serializers.SerializerMethodField()

    def get_has_password(self, row: EventSource) -> bool:
        return bool(row.secret)

    def get_version(self, row: EventSource) -> str:
        return source_version(row)


def source_version(row: EventSource) -> str:
    """A source counts no versions: a digest of what it says stands in."""
    return frame.fingerprint([row.key, queries.source_json(row), bytes(row.secret).hex()])


class CheckOut(Output):
    """What came of trying a connection."""

    works = serializers.BooleanField()
    problem = serializers.CharField(help_text="Empty when it works.")


class QueryIn(Input):
    """A query to try."""

    sql = serializers.CharField(max_length=SQL)
    contract = serializers.ChoiceField(
        choices=[str(one) for one in Contract],
        help_text="assignment: experiment_id, user_id, timestamp, treatment;"
        " fact: user_id, timestamp, optionally value.",
    )


class ColumnOut(Output):
    """A column of a query."""

    name = serializers.CharField()
    type = serializers.CharField(source="type_name")


class ValidationOut(Output):
    """What a query returns."""

    columns = ColumnOut(many=True)
    dimensions = serializers.ListField(child=serializers.CharField())
    sample = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True))
    )
    problems = serializers.ListField(child=serializers.CharField())
    seconds = serializers.FloatField()


# --- assignment queries


class AssignmentQueryTextIn(Input):
    """The text of an assignment query."""

    sql = serializers.CharField(max_length=SQL)


class AssignmentQueryIn(AssignmentQueryTextIn):
    """A new assignment query; it is run and its columns are checked first."""

    key = serializers.CharField(max_length=KEY, help_text=KEY_HELP)
    name = text(NAME)
    source = serializers.CharField(max_length=KEY)  # type: ignore[assignment]  # a field, not the attribute
    unit_type = serializers.CharField(required=False, default="user", max_length=KEY)


class AssignmentQueryOut(Output):
    """Who was assigned what, by a team's own record."""

    key = serializers.CharField()
    name = serializers.CharField()
    source = serializers.CharField(source="source.key")  # type: ignore[assignment]  # a field, not the attribute
    unit_type = serializers.CharField()
    sql = serializers.CharField()
    version = serializers.SerializerMethodField()

    def get_version(self, row: Any) -> str:
        return frame.fingerprint([row.key, row.sql])


# --- facts


class FactIn(Input):
    """A built-in event with filters, or a query of an event source."""

    name = text(NAME)
    event_name = text(KEY, help_text="An event SDKs send; leave out for a query.")
    filters = Filters(required=False, default=list)  # type: ignore[arg-type]  # the stubs know objects only
    value_property = text(KEY, help_text="Which property holds the value, if not the event's own.")
    source = text(KEY, help_text="An event source; leave out for SDK events.")  # type: ignore[assignment]  # a field, not the attribute
    sql = text(SQL)


class NewFactIn(FactIn):
    """A new fact."""

    key = serializers.CharField(max_length=KEY, help_text=KEY_HELP)


class FactOut(Output):
    """Rows of (unit, time, value) many metrics share."""

    key = serializers.CharField()
    name = serializers.CharField()
    event_name = serializers.CharField()
    filters = Filters()
    value_property = serializers.CharField()
    source = serializers.CharField(source="source.key", default=None, allow_null=True)  # type: ignore[assignment]  # a field, not the attribute
    sql = serializers.CharField()
    version = serializers.SerializerMethodField()

    def get_version(self, row: Any) -> str:
        return fact_version(row)


def fact_version(row: Any) -> str:
    """A fact counts no versions: a digest of what it says stands in."""
    return frame.fingerprint([row.key, queries.fact_json(row)])


# --- metrics


class MetricIn(Input):
    """How a fact becomes one number per unit."""

    name = text(NAME)
    kind = serializers.ChoiceField(choices=[str(one) for one in MetricKind])
    fact = serializers.CharField(max_length=KEY)
    direction = serializers.ChoiceField(choices=Metric.Direction.choices, default="up")
    description = text(2_000)
    unit = text(12, help_text="A currency code for sums; for durations the unit of the values.")
    delay_seconds = serializers.IntegerField(default=0, min_value=0, max_value=MOST_SECONDS)
    window_seconds = serializers.IntegerField(
        required=False,
        default=None,
        allow_null=True,
        min_value=1,
        max_value=MOST_SECONDS,
        help_text="Events count for this long after the first exposure; null: to the end.",
    )


class NewMetricIn(MetricIn):
    """A new metric."""

    key = serializers.CharField(max_length=KEY, help_text=KEY_HELP)


class MetricQuery(PageQuery):
    """Which metrics are wanted."""

    archived = serializers.BooleanField(required=False, default=False)


class MetricOut(Output):
    """A metric."""

    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=[str(one) for one in MetricKind])
    fact = serializers.CharField(source="fact.key")
    direction = serializers.ChoiceField(choices=Metric.Direction.choices)
    description = serializers.CharField()
    unit = serializers.CharField()
    delay_seconds = serializers.IntegerField()
    window_seconds = serializers.IntegerField(allow_null=True)
    owner = serializers.CharField(source="owner.email", default=None, allow_null=True)
    archived = serializers.BooleanField(source="is_archived")
    version = serializers.IntegerField()


class EventNameOut(Output):
    """An event that arrived."""

    name = serializers.CharField()
    count = serializers.IntegerField()
    last_at = serializers.DateTimeField()
