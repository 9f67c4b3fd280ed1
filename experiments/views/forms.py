"""Forms of experiments: strings from a page become a Plan, and its refusals find their field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.http import QueryDict

from accounts.errors import DomainError
from experiments.design import Choice, MetricRole
from experiments.lifecycle import STEPS, ArmPlan, Plan
from experiments.models import Experiment
from experiments.views import audience
from metrics.models import Metric

CLAUSE_ROWS: Final = 3
MOST_CLAUSES: Final = 50
# With an assignment query arms are written by hand; this many rows are offered.
ARM_ROWS: Final = 6
ROLE_CHOICES: Final = (("", "not used"), *((role.value, role.value) for role in MetricRole))
STEPS_PER_PERCENT: Final = STEPS // 100
# The place a refusal names -> the field it is shown at.
PLACES: Final[Mapping[str, str]] = {
    "key": "key",
    "planned_days": "planned_days",
    "share": "share",
    "unit_type": "unit_type",
    "external_id": "external_id",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page offers to choose from: one way of assignment, units, arms, metrics."""

    metrics: Sequence[Metric]
    unit_types: Sequence[str] = ("user",)
    flag_key: str = ""
    assignment_query: str = ""
    variations: tuple[str, ...] = ()


class PlanForm(forms.Form):
    """The plain fields of a plan."""

    name = forms.CharField(max_length=120, label="Name")
    key = forms.CharField(
        max_length=100,
        label="Key",
        help_text="Letters, digits, dots, hyphens; it names the experiment in events and cannot"
        " change.",
    )
    hypothesis = forms.CharField(
        required=False,
        label="Hypothesis",
        widget=forms.Textarea(
            attrs={"rows": 3, "placeholder": "If we …, then …, because …", "class": "serif"}
        ),
        help_text="If we change what, then what happens to whom, because why.",
    )
    external_id = forms.CharField(
        max_length=200,
        required=False,
        label="Its experiment_id",
        help_text="The value of experiment_id in the assignment query that means this experiment.",
    )
    unit_type = forms.ChoiceField(
        label="Unit", help_text="Who is split: one of these sees one arm."
    )
    share = forms.DecimalField(
        label="Share of users (%)",
        max_digits=6,
        decimal_places=3,
        initial=100,
        help_text="The rest sees what the flag serves without the experiment.",
    )
    planned_days = forms.IntegerField(
        label="Planned days",
        initial=14,
        help_text="A reminder to decide, never an automatic stop. Whole weeks are best.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, offer: Offer, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer = offer
        units = [(name, name) for name in offer.unit_types]
        self._field("unit_type").choices = units
        if not is_new:
            del self.fields["key"]
        unused = ("unit_type", "share") if offer.assignment_query else ("external_id",)
        for name in unused:
            del self.fields[name]
        self._dress()

    def _field(self, name: str) -> Any:
        return self.fields[name]

    def _dress(self) -> None:
        for name, field in self.fields.items():
            kind = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"
            field.widget.attrs["class"] = f"{kind} {field.widget.attrs.get('class', '')}".strip()
            if name in {"share", "planned_days"}:
                field.widget.attrs["inputmode"] = "decimal"


@dataclass(slots=True)
class ArmRow:
    """One row of the arms' table, as typed."""

    variation: str = ""
    weight: str = ""
    treatment: str = ""
    is_control: bool = False
    is_used: bool = True


@dataclass(slots=True)
class MetricRow:
    """A metric with the role chosen for it."""

    key: str
    name: str
    kind: str
    role: str = ""


class Draft:
    """The whole page: plain fields, arms, audience, metrics; valid when `plan()` answers."""

    role_choices = ROLE_CHOICES

    def __init__(
        self,
        offer: Offer,
        *,
        data: QueryDict | None = None,
        experiment: Experiment | None = None,
    ) -> None:
        self.offer = offer
        self.is_new = experiment is None
        initial = _initial(experiment) if experiment else {}
        self.form = PlanForm(data, offer=offer, is_new=self.is_new, initial=initial)
        self.arms = _arms_given(data) if data is not None else _arms_stored(offer, experiment)
        self.clauses = _clauses(data, experiment)
        self.metrics = _metrics(offer, data, experiment)
        self.arm_problems: list[str] = []
        self.metric_problems: list[str] = []
        self.audience_problems: list[str] = []

    @property
    def key(self) -> str:
        """The key typed for a new experiment."""
        return str(self.form.cleaned_data["key"]).strip()

    @property
    def version(self) -> int:
        """The version the form was made from."""
        return int(self.form.cleaned_data.get("version") or 0)

    def plan(self) -> Plan | None:
        """The plan, or None when something cannot be read; the fields then say what."""
        arms = self._arms()
        conditions = self._audience()
        if not self.form.is_valid() or self.arm_problems or self.audience_problems:
            return None
        given = self.form.cleaned_data
        chosen = [(row.key, MetricRole(row.role)) for row in self.metrics if row.role]
        # The one that decides stands first on every page.
        roles = tuple(sorted(chosen, key=lambda one: list(MetricRole).index(one[1])))
        return Plan(
            name=given["name"],
            hypothesis=given["hypothesis"],
            arms=arms,
            metrics=roles,
            flag_key=self.offer.flag_key,
            assignment_query=self.offer.assignment_query,
            external_id=given.get("external_id") or "",
            unit_type=given.get("unit_type") or "user",
            audience=conditions,
            share_steps=round(given.get("share", 100) * STEPS_PER_PERCENT),
            planned_days=given["planned_days"],
        )

    def _arms(self) -> tuple[ArmPlan, ...]:
        used = [row for row in self.arms if row.is_used and row.variation]
        try:
            return tuple(
                ArmPlan(row.variation, _steps(row.weight), row.is_control, row.treatment.strip())
                for row in used
            )
        except (ValueError, OverflowError):
            self.arm_problems.append("A weight is a number of percent, such as 50 or 33.333.")
            return ()

    def _audience(self) -> tuple[Mapping[str, object], ...]:
        found = []
        for row in self.clauses:
            if not row.is_bound:
                continue
            if not row.is_valid():
                self.audience_problems.append("A condition is not complete.")
            elif not row.is_blank(row.cleaned_data):
                found.append(audience.clause_of(row.cleaned_data))
        return tuple(found)

    def refuse(self, error: DomainError) -> None:
        """Put what a verb refused where the person can mend it."""
        where = str(error.data.get("where", ""))
        sentence = f"{error} {error.hint}".strip()
        root = where.partition("[")[0].partition(".")[0]
        if root == "arms":
            self.arm_problems.append(sentence)
        elif root == "metrics":
            self.metric_problems.append(sentence)
        elif root == "audience":
            self.audience_problems.append(sentence)
        else:
            field = PLACES.get(root, "key" if error.code == "already_exists" else "")
            self.form.add_error(field if field in self.form.fields else None, sentence)


def _steps(text: str) -> int:
    """Percent as typed, in steps of 100,000: 33.333 is 33,333 steps."""
    return round(float(text.replace("%", "").replace(",", ".").strip()) * STEPS_PER_PERCENT)


def percent_text(steps: int) -> str:
    """Steps of 100,000 as people write percent."""
    return f"{steps / STEPS_PER_PERCENT:g}"


def _initial(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "hypothesis": experiment.hypothesis,
        "external_id": experiment.external_id,
        "unit_type": experiment.unit_type,
        "share": percent_text(experiment.share_steps),
        "planned_days": experiment.planned_days,
        "version": experiment.version,
    }


def _arms_given(data: QueryDict) -> list[ArmRow]:
    # Only where arms are variations of a flag there are boxes to tick; a hidden field says so.
    all_used = "arm_choice" not in data
    return [
        ArmRow(
            variation=variation.strip(),
            weight=_at(data, "arm_weight", index),
            treatment=_at(data, "arm_treatment", index),
            is_control=data.get("arm_control") == str(index),
            is_used=all_used or str(index) in data.getlist("arm_used"),
        )
        for index, variation in enumerate(data.getlist("arm_variation"))
    ]


def _at(data: QueryDict, name: str, index: int) -> str:
    found = data.getlist(name)
    return str(found[index]) if index < len(found) else ""


def _arms_stored(offer: Offer, experiment: Experiment | None) -> list[ArmRow]:
    rows = [
        ArmRow(arm.variation, percent_text(arm.weight), arm.treatment, arm.is_control)
        for arm in (experiment.arms.all() if experiment else ())
    ]
    if offer.assignment_query:
        first = rows or [ArmRow("control", "50", "", is_control=True), ArmRow("treatment", "50")]
        return [*first, *(ArmRow() for _ in range(ARM_ROWS - len(first)))]
    named = {row.variation for row in rows}
    others = [name for name in offer.variations if name not in named]
    if rows:
        return [*rows, *(ArmRow(name, is_used=False) for name in others)]
    return _even(others)


def _even(names: Sequence[str]) -> list[ArmRow]:
    """The same weight for every variation, what is left of the steps to the first."""
    each = STEPS // max(len(names), 1)
    rest = STEPS - each * len(names)
    return [
        ArmRow(name, percent_text(each + (rest if index == 0 else 0)), is_control=index == 0)
        for index, name in enumerate(names)
    ]


def _clauses(data: QueryDict | None, experiment: Experiment | None) -> list[audience.ClauseForm]:
    if data is not None:
        given = str(data.get("clause_rows", ""))
        rows = min(int(given) if given.isdecimal() else CLAUSE_ROWS, MOST_CLAUSES)
        return [audience.ClauseForm(data, prefix=f"clause-{row}") for row in range(rows)]
    stored = [audience.row_of(clause) for clause in (experiment.audience if experiment else ())]
    blank = max(CLAUSE_ROWS - len(stored), 1)
    return [
        audience.ClauseForm(initial=row, prefix=f"clause-{index}")
        for index, row in enumerate([*stored, *({} for _ in range(blank))])
    ]


def _metrics(
    offer: Offer, data: QueryDict | None, experiment: Experiment | None
) -> list[MetricRow]:
    chosen = {
        one.metric.key: one.role for one in (experiment.chosen_metrics.all() if experiment else ())
    }
    return [
        MetricRow(
            metric.key,
            metric.name,
            metric.kind,
            _role(data.get(f"role-{metric.key}", ""))
            if data is not None
            else chosen.get(metric.key, ""),
        )
        for metric in offer.metrics
    ]


def _role(text: str) -> str:
    return text if text in set(MetricRole) else ""


class CommentForm(forms.Form):
    """A sentence that goes into the history; not asked for."""

    comment = forms.CharField(required=False, max_length=1_000)


class ReasonForm(forms.Form):
    """A sentence that is asked for."""

    reason = forms.CharField(
        max_length=1_000,
        label="Reason",
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control"}),
        error_messages={"required": "Say in a sentence why; it is kept in the audit history."},
    )


class DecisionForm(ReasonForm):
    """Ship an arm, roll back, or iterate: one choice, one reason."""

    choice = forms.ChoiceField(
        label="Decision", error_messages={"required": "Choose what is to happen."}
    )
    alarm_read = forms.BooleanField(required=False, label="I have read the alarm")

    def __init__(self, *args: Any, arms: Sequence[str], control: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options = decision_options(arms, control)
        choice: Any = self.fields["choice"]
        choice.choices = [(value, label) for value, label, _ in self.options]

    @property
    def chosen(self) -> tuple[Choice, str]:
        """The choice and the arm it ships."""
        choice, _, arm = self.cleaned_data["choice"].partition(":")
        return Choice(choice), arm


def decision_options(arms: Sequence[str], control: str) -> list[tuple[str, str, str]]:
    """(value, what it says, what follows) of every decision that can be taken."""
    ships = [
        (f"{Choice.SHIP}:{arm}", f"Ship {arm}", "Everybody the experiment was for gets it.")
        for arm in arms
        if arm != control
    ]
    return [
        *ships,
        (f"{Choice.ROLL_BACK}:", f"Roll back to {control}", "Everybody gets the control."),
        (f"{Choice.ITERATE}:", "Iterate", "The split ends and nothing is shipped: back to work."),
    ]
