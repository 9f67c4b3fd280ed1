"""Forms of metrics, facts and event sources: strings from a page become plans."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django import forms

from accounts.errors import DomainError
from metrics.actions.definitions import FactPlan, MetricPlan
from metrics.actions.sources import SourcePlan
from metrics.definitions import SECONDS_IN, Comparison, MetricKind
from metrics.models import EventSource, Fact, Metric
from metrics.views import spans
from metrics.warehouses.connections import SSL_MODES

FILTER_ROWS: Final = 3
KINDS: Final = (
    (MetricKind.PROPORTION, "proportion: the share of units that did it"),
    (MetricKind.COUNT, "count: how often a unit did it"),
    (MetricKind.SUM, "sum: the total of a unit's values, such as revenue"),
    (MetricKind.MEAN, "mean: the average of a unit's values"),
    (MetricKind.DURATION, "duration: the time a unit spent"),
)
COMPARISONS: Final = (
    (Comparison.IS, "is"),
    (Comparison.IS_NOT, "is not"),
    (Comparison.GREATER, ">"),
    (Comparison.AT_LEAST, "\N{GREATER-THAN OR EQUAL TO}"),
    (Comparison.LESS, "<"),
    (Comparison.AT_MOST, "\N{LESS-THAN OR EQUAL TO}"),
    (Comparison.EXISTS, "is present"),
    (Comparison.MISSING, "is missing"),
)
_ALONE: Final = frozenset({Comparison.EXISTS, Comparison.MISSING})
_NUMERIC: Final = frozenset(
    {Comparison.GREATER, Comparison.AT_LEAST, Comparison.LESS, Comparison.AT_MOST}
)


class Dressed(forms.Form):
    """A form whose controls carry the classes of the style sheet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.RadioSelect | forms.CheckboxInput):
                continue
            kind = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
            own = field.widget.attrs.get("class", "")
            field.widget.attrs["class"] = f"{kind} {own}".strip()

    def refuse(self, error: DomainError) -> None:
        """Show what a verb refused beside the field it names."""
        where = str(error.data.get("where", "")).partition("[")[0]
        if error.code == "already_exists":
            where = "key"
        field = self.places.get(where, where)
        self.add_error(field if field in self.fields else None, f"{error} {error.hint}".strip())

    # The place a refusal names -> the field, where they differ.
    places: Mapping[str, str] = {}


def _key() -> forms.CharField:
    return forms.CharField(
        max_length=100,
        label="Key",
        help_text="Letters, digits, '.', '_' and '-'. It cannot change later.",
    )


class MetricForm(Dressed):
    """How a fact becomes one number per unit."""

    name = forms.CharField(max_length=120, label="Name")
    key = _key()
    fact = forms.ChoiceField(label="Fact", help_text="The rows that are counted or added up.")
    kind = forms.ChoiceField(choices=KINDS, label="Kind")
    direction = forms.ChoiceField(choices=Metric.Direction.choices, label="Direction")
    unit = forms.CharField(
        max_length=12,
        required=False,
        label="Unit",
        help_text="For a sum its currency (EUR) or unit; for a duration what its values come in: "
        + ", ".join(SECONDS_IN)
        + ".",
    )
    delay = forms.CharField(
        required=False,
        label="Counting begins",
        help_text="After the first exposure, such as 1 d. Empty: at once.",
    )
    window = forms.CharField(
        required=False,
        label="and goes on for",
        help_text="Such as 7 d or 24 h, the same for every unit. Empty: to the end of the data.",
    )
    description = forms.CharField(
        required=False, label="Description", widget=forms.Textarea(attrs={"rows": 2})
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    places: Mapping[str, str] = {"window_seconds": "window", "delay_seconds": "delay"}

    def __init__(self, *args: Any, facts: Iterable[Fact], is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fact: Any = self.fields["fact"]
        fact.choices = [(one.key, f"{one.name} ({_origin(one)})") for one in facts]
        if not is_new:
            del self.fields["key"]

    def clean_delay(self) -> int:
        """Seconds; nothing means at once."""
        return _span(self.cleaned_data["delay"]) or 0

    def clean_window(self) -> int | None:
        """Seconds; nothing means to the end."""
        return _span(self.cleaned_data["window"])

    def plan(self) -> MetricPlan:
        """What the verb is given."""
        given = self.cleaned_data
        return MetricPlan(
            name=given["name"],
            kind=given["kind"],
            fact=given["fact"],
            direction=given["direction"],
            description=given["description"],
            unit=given["unit"],
            delay_seconds=given["delay"],
            window_seconds=given["window"],
        )

    @staticmethod
    def initial_of(metric: Metric) -> dict[str, Any]:
        """A stored metric as the form shows it."""
        return {
            "name": metric.name,
            "fact": metric.fact.key,
            "kind": metric.kind,
            "direction": metric.direction,
            "unit": metric.unit,
            "delay": spans.show(metric.delay_seconds),
            "window": spans.show(metric.window_seconds),
            "description": metric.description,
            "version": metric.version,
        }


def _origin(fact: Fact) -> str:
    return fact.source.name if fact.source else "SDK events"


def _span(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return spans.parse(text)
    except spans.NotASpan as error:
        raise forms.ValidationError(str(error)) from error


class FilterForm(Dressed):
    """One condition on a property of an event; an empty row is none."""

    property = forms.CharField(required=False, max_length=100, label="Property")
    comparison = forms.ChoiceField(choices=COMPARISONS, required=False, label="Comparison")
    value = forms.CharField(required=False, label="Value")

    def clean(self) -> dict[str, Any]:
        """Numbers are compared with numbers."""
        given = super().clean() or {}
        comparison = given.get("comparison") or Comparison.IS
        if not given.get("property"):
            if given.get("value"):
                self.add_error("property", "Say which property.")
            return given
        if comparison not in _ALONE and not given.get("value"):
            self.add_error("value", "Say which value.")
        elif comparison in _NUMERIC and not _is_number(given.get("value", "")):
            self.add_error("value", "This comparison needs a number.")
        return given

    def filter(self) -> list[Any] | None:
        """[property, comparison, value], or None for an empty row."""
        given = self.cleaned_data
        if not given.get("property"):
            return None
        comparison = given["comparison"] or Comparison.IS
        return [given["property"], comparison, _value(comparison, given["value"])]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _value(comparison: str, text: str) -> str | float | bool | None:
    if comparison in _ALONE:
        return None
    if comparison in _NUMERIC:
        return float(text)
    return {"true": True, "false": False}.get(text.lower(), text)


class FactForm(Dressed):
    """An SDK event by name, or a query of an event source: whichever the page was opened for."""

    name = forms.CharField(max_length=120, label="Name")
    key = _key()
    event_name = forms.CharField(
        max_length=100,
        label="Event",
        widget=forms.TextInput(attrs={"list": "event-names", "autocomplete": "off"}),
        help_text="As your code sends it; those of the last 30 days are offered.",
    )
    value_property = forms.CharField(
        max_length=100,
        required=False,
        label="Value",
        help_text="The property that holds the number. Empty: the event's own value.",
    )
    sql = forms.CharField(
        label="Query",
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        help_text="One SELECT that returns user_id, timestamp and, where there is one, value.",
    )
    places: Mapping[str, str] = {"filters": "event_name", "source": "sql"}

    def __init__(self, *args: Any, source: str, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source = source
        for name in ("event_name", "value_property") if source else ("sql",):
            del self.fields[name]
        if not is_new:
            del self.fields["key"]

    def plan(self, filters: Sequence[Sequence[Any]]) -> FactPlan:
        """What the verb is given."""
        given = self.cleaned_data
        return FactPlan(
            name=given["name"],
            event_name=given.get("event_name", ""),
            filters=filters,
            value_property=given.get("value_property", ""),
            source=self.source,
            sql=given.get("sql", ""),
        )


def filter_rows(data: Any, stored: Sequence[Sequence[Any]]) -> list[FilterForm]:
    """The rows of conditions, as typed or as stored, with room for more."""
    if data is not None:
        given = str(data.get("filter_rows", ""))
        count = min(int(given), 50) if given.isdecimal() else FILTER_ROWS
        return [FilterForm(data, prefix=f"filter-{row}") for row in range(count)]
    initial = [
        {"property": name, "comparison": comparison, "value": _shown(value)}
        for name, comparison, value in stored
    ]
    blank = max(FILTER_ROWS - len(initial), 1)
    return [
        FilterForm(initial=row, prefix=f"filter-{index}")
        for index, row in enumerate([*initial, *({} for _ in range(blank))])
    ]


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


class AssignmentQueryForm(Dressed):
    """Who was assigned what, from a team's own record."""

    name = forms.CharField(max_length=120, label="Name")
    key = _key()
    unit_type = forms.CharField(max_length=100, label="Unit", initial="user")
    sql = forms.CharField(
        label="Query",
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        help_text="One SELECT that returns experiment_id, user_id, timestamp and treatment.",
    )

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            for name in ("name", "key", "unit_type"):
                del self.fields[name]


class SourceForm(Dressed):
    """How to reach a database. The password is taken and never shown again."""

    name = forms.CharField(max_length=120, label="Name")
    key = _key()
    host = forms.CharField(max_length=255, label="Host")
    port = forms.IntegerField(min_value=1, max_value=65_535, initial=5432, label="Port")
    database = forms.CharField(max_length=100, label="Database")
    user = forms.CharField(max_length=100, label="User", help_text="Best one that may only read.")
    password = forms.CharField(
        required=False,
        max_length=500,
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    sslmode = forms.ChoiceField(
        choices=[(mode, mode) for mode in SSL_MODES], initial="prefer", label="TLS"
    )
    path = forms.CharField(
        max_length=500,
        label="File",
        help_text="As this server sees it, below a folder its operator has opened.",
    )
    timeout_seconds = forms.IntegerField(
        initial=30,
        label="Time limit (seconds)",
        help_text="A statement that takes longer is canceled.",
    )
    kind: str

    def __init__(
        self, *args: Any, kind: str, stored: EventSource | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.stored = kind, stored
        postgres = ("host", "port", "database", "user", "password", "sslmode")
        for name in ("path",) if kind == EventSource.Kind.POSTGRES else postgres:
            del self.fields[name]
        if stored is not None:
            del self.fields["key"]
            if "password" in self.fields and stored.secret:
                self.fields["password"].help_text = "Leave it empty to keep the one stored."

    def clean(self) -> dict[str, Any]:
        """A stored password is not sent to another server than it was given for."""
        given = super().clean() or {}
        if self.stored and self.stored.secret and "password" in self.fields:
            moved = any(
                str(given.get(name)) != str(self.stored.settings.get(name))
                for name in ("host", "port", "user")
            )
            if moved and not given.get("password"):
                self.add_error(
                    "password", "Enter the password again: the server or the user has changed."
                )
        return given

    def plan(self) -> SourcePlan:
        """What the verb is given; no password typed keeps the stored one."""
        given = self.cleaned_data
        reach = ("host", "port", "database", "user", "sslmode", "path")
        password = given.get("password") or None
        if self.stored is None and password is None:
            password = ""
        return SourcePlan(
            name=given["name"],
            kind=self.kind,
            settings={name: given[name] for name in reach if name in given},
            password=password,
            timeout_seconds=given["timeout_seconds"],
        )

    @staticmethod
    def initial_of(source: EventSource) -> dict[str, Any]:
        """A stored source as the form shows it, without its password."""
        return {
            "name": source.name,
            "timeout_seconds": source.timeout_seconds,
            **source.settings,
        }
