"""What the figures suggest, and the rule that says so: written down before anybody looks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from experiments.design import MetricRole
from experiments.health import Finding, Level
from experiments.stats.outcomes import Undetermined

RULE: Final = (
    "Ship when the planned days have passed, the primary metric got better at 95 % confidence and"
    " no guardrail got worse; roll back when the primary or a guardrail got worse; a broken"
    " assignment comes before everything."
)


class Advice(StrEnum):
    """What to do next."""

    FIX = "fix"
    KEEP_RUNNING = "keep running"
    SHIP = "ship"
    ROLL_BACK = "roll back"
    NO_EFFECT = "no effect shown"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The advice, for which arm, in a sentence, and the rule behind it."""

    advice: Advice
    sentence: str
    arm: str = ""

    def to_json(self) -> dict[str, str]:
        return {
            "advice": str(self.advice),
            "sentence": self.sentence,
            "arm": self.arm,
            "rule": RULE,
        }


def recommend(
    metrics: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
    *,
    days_planned: int,
    days_run: float,
) -> Recommendation:
    """Apply the rule. Before the planned end the verdicts are always-valid ones, so harm may be
    acted on whenever it shows; a gain waits for the end that was planned."""
    alarms = [finding for finding in findings if finding.level == Level.ALARM]
    if alarms:
        return Recommendation(Advice.FIX, alarms[0].sentence)
    primary = next((one for one in metrics if one["role"] == MetricRole.PRIMARY), None)
    if primary is None:
        return Recommendation(Advice.KEEP_RUNNING, "No primary metric was chosen.")
    guardrails = [one for one in metrics if one["role"] == MetricRole.GUARDRAIL]
    harmed = _with_verdict([primary, *guardrails], "worse")
    winner = _best(primary)
    is_over = days_run >= days_planned
    if harmed and winner is None:
        return _roll_back(harmed[0])
    if not is_over:
        return _wait(days_planned, days_run)
    if winner is None:
        return _no_effect(primary, days_planned)
    hurt = [one for one in harmed if one[1]["arm"] == winner["arm"]]
    return _roll_back(hurt[0]) if hurt else _ship(primary, winner)


def _wait(days_planned: int, days_run: float) -> Recommendation:
    left = max(1, math.ceil(days_planned - days_run))
    return Recommendation(
        Advice.KEEP_RUNNING,
        f"Keep running: day {int(days_run) + 1} of {days_planned},"
        f" {left} {'day' if left == 1 else 'days'} to go."
        " Until then the intervals are wide enough to look as often as you like.",
    )


def _no_effect(primary: Mapping[str, Any], days_planned: int) -> Recommendation:
    return Recommendation(
        Advice.NO_EFFECT,
        f"No effect on {primary['name']} was shown in {days_planned} planned days:"
        f" {_range(primary['comparisons'][0])}.",
    )


def _ship(primary: Mapping[str, Any], winner: Mapping[str, Any]) -> Recommendation:
    return Recommendation(
        Advice.SHIP,
        f"Ship {winner['arm']}: {primary['name']} {_range(winner)}, no guardrail got worse.",
        arm=winner["arm"],
    )


def _with_verdict(
    metrics: Sequence[Mapping[str, Any]], verdict: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return [
        (metric, comparison)
        for metric in metrics
        for comparison in metric["comparisons"]
        if comparison["verdict"] == verdict
    ]


def _best(primary: Mapping[str, Any]) -> Mapping[str, Any] | None:
    better = [one for one in primary["comparisons"] if one["verdict"] == "better"]
    return max(better, key=lambda one: abs(one["outcome"]["difference"]), default=None)


def _roll_back(harmed: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Recommendation:
    metric, comparison = harmed
    return Recommendation(
        Advice.ROLL_BACK,
        f"Roll back {comparison['arm']}: {metric['name']} got worse, {_range(comparison)}.",
        arm=comparison["arm"],
    )


def _range(comparison: Mapping[str, Any]) -> str:
    outcome = comparison["outcome"]
    if outcome["kind"] == "undetermined":
        return Undetermined.from_json(outcome).sentence.rstrip(".")
    lift, interval = outcome["lift"], outcome["lift_interval"]
    low, high = interval.get("low"), interval.get("high")
    if lift is None or low is None or high is None:
        return f"p = {outcome['p_value']:.2g}"
    return f"{_percent(lift)} (95 % interval {_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    """As pages write it: a real minus, and a space that does not break."""
    text = f"{share:+.1%}".replace("-", "\N{MINUS SIGN}")
    return text.replace("%", "\N{NO-BREAK SPACE}%")
