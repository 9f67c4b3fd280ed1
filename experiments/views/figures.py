"""A stored result as a page shows it: every number formatted, every coordinate computed, here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from experiments.design import MetricRole
from experiments.stats.outcomes import (
    Effect,
    Interval,
    Srm,
    Undetermined,
    effect_from_json,
    srm_from_json,
)
from experiments.views import numbers
from experiments.views.axis import Axis, ForestRow, Tick, axis_for

SERIES: Final = ("a", "b", "c", "d", "e")
ROLES: Final[Mapping[str, tuple[str, str]]] = {
    MetricRole.PRIMARY: ("Primary metric", "The one that decides."),
    MetricRole.SECONDARY: ("Secondary metrics", "They explain; they do not decide."),
    MetricRole.GUARDRAIL: ("Guardrails", "They must not get worse."),
}
# The mark of verdict.html for each verdict of the analysis.
MARKS: Final[Mapping[str, str]] = {"better": "better", "worse": "worse"}
WORDS: Final[Mapping[str, str]] = {
    "better": "better",
    "worse": "worse",
    "inconclusive": "inconclusive",
    "undetermined": "not known yet",
}
METHODS: Final[Mapping[str, str]] = {
    "welch": "Welch's t-test",
    "score": "score test of two proportions",
    "always_valid": "always-valid sequence",
}


@dataclass(frozen=True, slots=True)
class ArmName:
    """An arm with the color it has on every picture of the page."""

    name: str
    series: str
    is_control: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One arm of one metric; texts are ready to be shown, `forest` is drawn where there is one."""

    arm: ArmName
    units: str
    mean: str
    difference: str = ""
    difference_range: str = ""
    lift: str = ""
    lift_range: str = ""
    p: str = ""
    method: str = ""
    mark: str = ""
    word: str = ""
    sentence: str = ""
    forest: ForestRow | None = None


@dataclass(frozen=True, slots=True)
class MetricFigures:
    """A metric with a line per arm, the control first."""

    key: str
    name: str
    better: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The metrics of one role; their forest plots share one axis."""

    role: str
    title: str
    note: str
    ticks: tuple[Tick, ...]
    metrics: tuple[MetricFigures, ...]


@dataclass(frozen=True, slots=True)
class SplitLine:
    """How many units an arm got, and how many the plan would have given it."""

    arm: ArmName
    observed: str
    expected: str
    share: str


@dataclass(frozen=True, slots=True)
class Split:
    """The check of the split (sample ratio mismatch) in a sentence, with what was counted."""

    sentence: str
    level: str
    lines: tuple[SplitLine, ...]


def arm_names(arms: Sequence[tuple[str, bool]]) -> dict[str, ArmName]:
    """Colors for arms (name, is it the control): gray for the control, then a, b, c, ..."""
    found: dict[str, ArmName] = {}
    others = 0
    for name, is_control in arms:
        series = "control" if is_control else SERIES[others % len(SERIES)]
        others += not is_control
        found[name] = ArmName(name, series, is_control)
    return found


def arms_of(document: Mapping[str, Any]) -> dict[str, ArmName]:
    """The arms of a stored result, in the order of its plan."""
    control = document["control"]
    return arm_names([(arm["variation"], arm["variation"] == control) for arm in _plan(document)])


def _plan(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(document["plan"]["arms"])


def sections(document: Mapping[str, Any]) -> list[Section]:
    """The results table: one section per role that has metrics."""
    arms = arms_of(document)
    found = []
    for role, (title, note) in ROLES.items():
        metrics = [metric for metric in document["metrics"] if metric["role"] == role]
        if metrics:
            reaches = _reaches(metrics)
            axis = axis_for(reaches)
            figures = tuple(_metric(metric, arms, axis) for metric in metrics)
            # Nothing to draw: an axis would promise a picture.
            ticks = axis.ticks if reaches else ()
            found.append(Section(str(role), title, note, ticks, figures))
    return found


def _reaches(metrics: Sequence[Mapping[str, Any]]) -> list[float]:
    """How far from zero each interval goes, where it ends at all."""
    reaches = []
    for metric in metrics:
        for comparison in metric["comparisons"]:
            outcome = effect_from_json(comparison["outcome"])
            if isinstance(outcome, Effect) and isinstance(outcome.lift_interval, Interval):
                ends = (outcome.lift_interval.low, outcome.lift_interval.high, outcome.lift)
                reaches.append(max(abs(end) for end in ends if end is not None))
    return reaches


def _metric(metric: Mapping[str, Any], arms: Mapping[str, ArmName], axis: Axis) -> MetricFigures:
    compared = {comparison["arm"]: comparison for comparison in metric["comparisons"]}
    ordered = sorted(arms.values(), key=lambda arm: not arm.is_control)
    lines = tuple(
        _line(metric, arm, compared[arm.name], axis)
        if arm.name in compared
        else _baseline(metric, arm)
        for arm in ordered
    )
    better = "more is better" if metric["direction"] == "up" else "less is better"
    return MetricFigures(metric["metric"], metric["name"], better, lines)


def _baseline(metric: Mapping[str, Any], arm: ArmName) -> Line:
    return Line(arm, _units(metric, arm), _mean(metric, arm))


def _units(metric: Mapping[str, Any], arm: ArmName) -> str:
    return numbers.whole(metric["arms"][arm.name]["units"])


def _mean(metric: Mapping[str, Any], arm: ArmName) -> str:
    counted = metric["arms"][arm.name]
    if not counted["units"]:
        return "no units"
    return numbers.measure(metric["kind"], metric["unit"], counted["mean"])


def _line(
    metric: Mapping[str, Any], arm: ArmName, comparison: Mapping[str, Any], axis: Axis
) -> Line:
    outcome = effect_from_json(comparison["outcome"])
    if isinstance(outcome, Undetermined):
        return _undetermined(metric, arm, outcome)
    verdict = comparison["verdict"]

    def show(value: float | None) -> str | None:
        if value is None:
            return None
        return numbers.measure(metric["kind"], metric["unit"], value, signed=True)

    between = outcome.difference_interval
    return Line(
        arm=arm,
        units=_units(metric, arm),
        mean=_mean(metric, arm),
        difference=show(outcome.difference) or "",
        difference_range=numbers.bounds(show(between.low), show(between.high)),
        lift=numbers.DASH if outcome.lift is None else numbers.lift(outcome.lift),
        lift_range=lift_range(outcome),
        p=numbers.p_value(outcome.p_value),
        method=METHODS.get(str(outcome.method), str(outcome.method)),
        mark=MARKS.get(verdict, "open"),
        word=WORDS[verdict],
        forest=_forest(metric["name"], arm, outcome, axis, verdict),
    )


def _undetermined(metric: Mapping[str, Any], arm: ArmName, outcome: Undetermined) -> Line:
    known = outcome.difference
    difference = (
        numbers.measure(metric["kind"], metric["unit"], known, signed=True)
        if known is not None
        else ""
    )
    return Line(
        arm=arm,
        units=_units(metric, arm),
        mean=_mean(metric, arm),
        difference=difference,
        lift="" if outcome.lift is None else numbers.lift(outcome.lift),
        mark="open",
        word=WORDS["undetermined"],
        sentence=outcome.sentence,
    )


def lift_range(outcome: Effect) -> str:
    """The interval of the lift, or the sentence saying why there is none."""
    between = outcome.lift_interval
    if isinstance(between, Undetermined):
        return between.sentence
    low = None if between.low is None else numbers.lift(between.low)
    high = None if between.high is None else numbers.lift(between.high)
    return numbers.bounds(low, high)


def _forest(name: str, arm: ArmName, outcome: Effect, axis: Axis, verdict: str) -> ForestRow | None:
    between = outcome.lift_interval
    if outcome.lift is None or isinstance(between, Undetermined):
        return None
    low = -axis.limit if between.low is None else between.low
    high = axis.limit if between.high is None else between.high
    confidence = f"{outcome.confidence:.0%} interval"
    return ForestRow(
        x=axis.place(outcome.lift),
        low=axis.place(low),
        high=axis.place(high),
        zero=axis.place(0.0),
        clipped_low=axis.cuts(between.low),
        clipped_high=axis.cuts(between.high),
        verdict=MARKS.get(verdict, "open"),
        description=f"{name}, {arm.name}: {numbers.lift(outcome.lift)},"
        f" {confidence} {lift_range(outcome)}: {WORDS[verdict]}",
    )


def split(document: Mapping[str, Any]) -> Split:
    """Whether units arrived in the planned ratio: the sentence, and counted against planned."""
    arms = arms_of(document)
    units = [int(document["units"][name]) for name in arms]
    weights = [float(arm["weight"]) for arm in _plan(document)]
    outcome = srm_from_json(document["srm"])
    return Split(
        _split_sentence(outcome),
        "open" if isinstance(outcome, Undetermined) else str(outcome.level),
        tuple(_split_lines(list(arms.values()), units, weights)),
    )


def _split_sentence(outcome: Srm | Undetermined) -> str:
    if isinstance(outcome, Undetermined):
        return f"Whether the split is as planned cannot be said yet. {outcome.sentence}"
    p = f"p = {outcome.p_value:.2g}" if outcome.p_value >= 0.0001 else "p < 0.0001"
    if outcome.level == "ok":
        return f"The split is as planned ({p})."
    if outcome.level == "note":
        return f"The split differs a little from the plan ({p}); an alarm begins below 0.001."
    return f"The split differs from the plan beyond chance ({p})."


def _split_lines(
    arms: Sequence[ArmName], units: Sequence[int], weights: Sequence[float]
) -> list[SplitLine]:
    total, planned = sum(units), sum(weights)
    return [
        SplitLine(
            arm,
            numbers.whole(seen),
            numbers.whole(round(total * weight / planned)),
            numbers.percent(seen / total) if total else numbers.DASH,
        )
        for arm, seen, weight in zip(arms, units, weights, strict=True)
    ]


def headline(document: Mapping[str, Any]) -> str:
    """What the primary metric says, in one line for a list."""
    for metric in document["metrics"]:
        if metric["role"] == MetricRole.PRIMARY:
            said = [_said(one) for one in metric["comparisons"]]
            return f"{metric['name']}: {'; '.join(said)}"
    return "No primary metric was chosen."


def _said(comparison: Mapping[str, Any]) -> str:
    outcome = effect_from_json(comparison["outcome"])
    if isinstance(outcome, Undetermined):
        return f"{comparison['arm']} {WORDS['undetermined']}"
    lift = "" if outcome.lift is None else f" {numbers.lift(outcome.lift)}"
    return f"{comparison['arm']}{lift}, {WORDS[comparison['verdict']]}"


def headline_mark(document: Mapping[str, Any]) -> str:
    """The mark beside the headline: the best arm's, since one winner is enough to ship."""
    verdicts = [
        comparison["verdict"]
        for metric in document["metrics"]
        if metric["role"] == MetricRole.PRIMARY
        for comparison in metric["comparisons"]
    ]
    return next((mark for mark in MARKS if mark in verdicts), "open")


def weight_parts(arms: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """The planned split for components/split_bar.html: (name, series, weight in steps)."""
    parts: list[dict[str, Any]] = []
    start = 0.0
    for name, series, weight in arms:
        share = weight / 1_000
        parts.append({"name": name, "series": series, "start": start, "share": f"{share:g}"})
        start += share
    return parts
