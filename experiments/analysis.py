"""The analysis pipeline, top to bottom: aggregates → samples → effects → health → result."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from accounts.models import User
from experiments import exposures, health, recommendation
from experiments.health import Cohort
from experiments.models import Arm, Experiment, ExperimentMetric, Result
from experiments.queries import plan_json
from experiments.reading import executor_of, request_of
from experiments.stats import frequentist, sequential, srm
from experiments.stats.outcomes import Effect, Undetermined
from experiments.stats.samples import Proportion, Sample
from metrics import aggregates
from metrics.definitions import (
    KINDS,
    Aggregates,
    MetricKind,
    TestFamily,
    VariationAggregate,
)

LIBRARY: Final = "wayfork.stats 1"
CONFIDENCE: Final = 0.95


def run(
    experiment: Experiment, *, asked_by: User | None = None, cut: datetime | None = None
) -> Result:
    """Read the data once, compare every arm with the control on every metric, store the picture.

    Raises WarehouseError with a sentence when the data cannot be read; then nothing is stored.
    """
    began = time.monotonic()
    cut = cut or timezone.now()
    request = request_of(experiment, end=cut, with_metrics=True)
    with executor_of(experiment) as executor:
        found = aggregates.per_variation(executor, request)
    exposures.store(experiment, found, cut)
    result: Result = Result.objects.create(
        experiment=experiment,
        computed_by=asked_by,
        cut=cut,
        document=picture(experiment, found),
        statements=[
            {"text": one.text, "seconds": one.seconds, "rows": one.rows} for one in found.sql
        ],
        library=LIBRARY,
        seconds=time.monotonic() - began,
    )
    return result


def picture(experiment: Experiment, found: Aggregates) -> dict[str, Any]:
    """Everything a page needs, as JSON: no number on a page is computed anywhere else."""
    arms = list(experiment.arms.all())
    units = {arm.variation: found.arms[arm.variation].units for arm in arms}
    ratio = srm.chi_square(
        [units[arm.variation] for arm in arms], [float(arm.weight) for arm in arms]
    )
    cohort = Cohort(
        units=units,
        crossovers=found.crossovers,
        unknown_arms=dict(found.unknown_arms),
        last_exposure=found.last_exposure,
        cut=found.cut,
        is_running=experiment.stopped_at is None and experiment.assignment_query is None,
        srm=ratio,
    )
    findings = health.findings(cohort)
    days_run = _days_run(experiment, found)
    planned = planned_units(sum(units.values()), days_run, experiment.planned_days)
    metrics = [
        _metric(chosen, arms, found.metrics, planned) for chosen in experiment.chosen_metrics.all()
    ]
    return {
        "plan": plan_json(experiment),
        "cut": found.cut.isoformat(),
        "control": _control(arms).variation,
        "units": units,
        "crossovers": found.crossovers,
        "unknown_arms": dict(found.unknown_arms),
        "first_exposure": found.first_exposure and found.first_exposure.isoformat(),
        "last_exposure": found.last_exposure and found.last_exposure.isoformat(),
        "srm": ratio.to_json(),
        "findings": [finding.to_json() for finding in findings],
        "confidence": CONFIDENCE,
        "early_look": planned is not None,
        "metrics": metrics,
        "recommendation": recommendation.recommend(
            metrics,
            findings,
            days_planned=experiment.planned_days,
            days_run=days_run,
        ).to_json(),
    }


def _control(arms: list[Arm]) -> Arm:
    return next(arm for arm in arms if arm.is_control)


def _days_run(experiment: Experiment, found: Aggregates) -> float:
    """How long units have been arriving: since the start, or since the team's first record."""
    if experiment.assignment_query is None and experiment.started_at is not None:
        end = min(experiment.stopped_at or found.cut, found.cut)
        return (end - experiment.started_at).total_seconds() / 86_400
    if found.first_exposure is None:
        return 0.0
    return (found.cut - found.first_exposure).total_seconds() / 86_400


def planned_units(units: int, days_run: float, days_planned: int) -> int | None:
    """How many units the plan will bring at the pace so far; None once the planned days are over.

    Before the end every look is an early one: the tests are then those that stay right however
    often one looks, narrowest at the planned size.
    """
    if days_run >= days_planned:
        return None
    # The pace of the first minutes says nothing: at least a day is taken to have passed.
    return max(round(units * days_planned / max(days_run, 1.0)), 1)


def _metric(
    chosen: ExperimentMetric,
    arms: list[Arm],
    found: Mapping[tuple[str, str], VariationAggregate],
    planned: int | None,
) -> dict[str, Any]:
    metric = chosen.metric
    kind = MetricKind(metric.kind)
    control = _control(arms)
    baseline = found[metric.key, control.variation]
    compared = {
        arm.variation: compare(kind, baseline, found[metric.key, arm.variation], planned=planned)
        for arm in arms
        if not arm.is_control
    }
    return {
        "metric": metric.key,
        "name": metric.name,
        "kind": str(kind),
        "role": chosen.role,
        "direction": metric.direction,
        "unit": metric.unit,
        "version": metric.version,
        "arms": {arm.variation: _arm(found[metric.key, arm.variation]) for arm in arms},
        "comparisons": [
            {
                "arm": arm,
                "outcome": outcome.to_json(),
                "verdict": verdict(outcome, metric.direction),
            }
            for arm, outcome in compared.items()
        ],
    }


def _arm(aggregate: VariationAggregate) -> dict[str, Any]:
    n = aggregate.units
    return {
        "units": n,
        "mean": aggregate.mean,
        "m2": aggregate.m2,
        "sd": (aggregate.m2 / (n - 1)) ** 0.5 if n > 1 else None,
        "minimum": aggregate.minimum,
        "maximum": aggregate.maximum,
        "nonzero": aggregate.nonzero,
    }


def compare(
    kind: MetricKind,
    control: VariationAggregate,
    treatment: VariationAggregate,
    *,
    planned: int | None = None,
) -> Effect | Undetermined:
    """The kind of metric chooses the test: score test for proportions, Welch for the rest; with
    `planned` units still to come, the always-valid one of the same family."""
    if KINDS[kind].family == TestFamily.PROPORTION:
        rates = (
            Proportion(control.units, control.nonzero),
            Proportion(treatment.units, treatment.nonzero),
        )
        if planned is None:
            return frequentist.score_test(*rates, confidence=CONFIDENCE)
        return sequential.always_valid_rates(*rates, planned=planned, confidence=CONFIDENCE)
    samples = (
        Sample(control.units, control.mean, control.m2),
        Sample(treatment.units, treatment.mean, treatment.m2),
    )
    if planned is None:
        return frequentist.welch(*samples, confidence=CONFIDENCE)
    return sequential.always_valid(*samples, planned=planned, confidence=CONFIDENCE)


def verdict(outcome: Effect | Undetermined, direction: str) -> str:
    """better, worse, inconclusive (the interval holds zero) or undetermined."""
    if isinstance(outcome, Undetermined):
        return "undetermined"
    if outcome.p_value >= 1 - CONFIDENCE:
        return "inconclusive"
    return "better" if (outcome.difference > 0) == (direction == "up") else "worse"
