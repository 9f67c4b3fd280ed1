"""From an experiment's plan to the question put to the data: one AnalysisRequest."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from experiments.models import Experiment
from metrics import definitions, queries
from metrics.warehouses.built_in import BuiltInExecutor
from metrics.warehouses.executor import Executor
from metrics.warehouses.opening import connect

# How a team's own pipeline may write a yes or a no; the control is the no.
TRUE_TEXTS = ("true", "t", "1")
FALSE_TEXTS = ("false", "f", "0")


def request_of(
    experiment: Experiment, *, end: datetime, with_metrics: bool
) -> definitions.AnalysisRequest:
    """Who takes part, since when, up to when, and which metrics are asked for."""
    chosen = [one.metric for one in experiment.chosen_metrics.all()] if with_metrics else []
    arms = tuple(arm.variation for arm in experiment.arms.all())
    return definitions.AnalysisRequest(
        assignment=_assignment(experiment),
        experiment_id=experiment.external_id or experiment.key,
        arms=arms,
        arm_of=_arm_of(experiment),
        start=None if experiment.assignment_query else experiment.started_at,
        end=end,
        facts=queries.facts_of(chosen),
        metrics=tuple(queries.plan_of(metric) for metric in chosen),
    )


def _assignment(experiment: Experiment) -> definitions.Assignment:
    if experiment.assignment_query is not None:
        return definitions.AssignmentQuery(experiment.assignment_query.sql)
    return definitions.BuiltInExposures(
        environment_id=experiment.environment_id,
        experiment_key=experiment.key,
        unit_type=experiment.unit_type,
    )


def _arm_of(experiment: Experiment) -> dict[str, str]:
    """Which text of `treatment` stands for which arm."""
    named = {arm.treatment: arm.variation for arm in experiment.arms.all() if arm.treatment}
    arms = list(experiment.arms.all())
    if named or len(arms) != 2 or experiment.assignment_query is None:
        return named
    control = next(arm.variation for arm in arms if arm.is_control)
    other = next(arm.variation for arm in arms if not arm.is_control)
    return {**dict.fromkeys(TRUE_TEXTS, other), **dict.fromkeys(FALSE_TEXTS, control)}


@contextmanager
def executor_of(experiment: Experiment) -> Iterator[Executor]:
    """An open line to where the experiment's data lies."""
    query = experiment.assignment_query
    if query is None:
        with BuiltInExecutor() as executor:
            yield executor
        return
    settings = queries.settings_of(query.source)
    with connect(settings, queries.policy(query.source.timeout_seconds)) as executor:
        yield executor
