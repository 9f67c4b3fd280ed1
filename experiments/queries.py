"""Reads of experiments, always within an access."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery, Sum

from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import AuditEntry, Environment, Project
from experiments.models import Experiment, ExperimentMetric, ExposureCount, Job, Result


def experiment(access: Access, key: str) -> Experiment:
    """One experiment with its state, arms and metrics."""
    found: Experiment | None = _full(access).filter(key=key).first()
    if found is None:
        raise NotFound(f"There is no experiment {key} in {access.environment.name}.")
    return found


def experiment_list(access: Access) -> list[Experiment]:
    """The environment's experiments, newest first."""
    return list(_full(access).order_by("-created_at"))


def _full(access: Access) -> Any:
    return (
        Experiment.objects.within(access.environment)
        .with_state()
        .select_related(
            "assignment_query__source",
            "author",
            "decision__change",
            "decision__decided_by",
            "start_change",
            "stop_change",
        )
        .prefetch_related("arms", "chosen_metrics__metric__fact")
    )


def on_flag(access: Access, flag_key: str) -> list[Experiment]:
    """The experiments of one flag, newest first."""
    return list(_full(access).filter(flag_key=flag_key).order_by("-created_at"))


def running(environment: Environment) -> list[Experiment]:
    """The environment's running experiments."""
    return list(Experiment.objects.within(environment).running())


def plan_json(experiment: Experiment) -> dict[str, Any]:
    """The plan as the ledger keeps it."""
    query = experiment.assignment_query
    return {
        "name": experiment.name,
        "hypothesis": experiment.hypothesis,
        "flag": experiment.flag_key,
        "assignment_query": query.key if query else "",
        "external_id": experiment.external_id,
        "unit_type": experiment.unit_type,
        "audience": experiment.audience,
        "share_steps": experiment.share_steps,
        "planned_days": experiment.planned_days,
        "arms": [
            {
                "variation": arm.variation,
                "weight": arm.weight,
                "is_control": arm.is_control,
                "treatment": arm.treatment,
            }
            for arm in experiment.arms.all()
        ],
        "metrics": [
            {"metric": chosen.metric.key, "role": chosen.role}
            for chosen in experiment.chosen_metrics.select_related("metric")
        ],
    }


def latest_result(experiment: Experiment) -> Result | None:
    """The newest result."""
    return experiment.results.order_by("-computed_at").first()


def latest_job(experiment: Experiment, kind: str) -> Job | None:
    """The newest job of a kind."""
    return experiment.jobs.filter(kind=kind).order_by("-asked_at").first()


def growth(experiment: Experiment) -> dict[date, dict[str, ExposureCount]]:
    """Cohort counts by day, then by arm, in order of days."""
    found: dict[date, dict[str, ExposureCount]] = {}
    for row in ExposureCount.objects.within(experiment.environment).filter(experiment=experiment):
        found.setdefault(row.day, {})[row.arm] = row
    return found


def latest_results(experiments: Iterable[Experiment]) -> dict[Any, Result]:
    """The newest result of each experiment, by its id, without the query texts."""
    newest = Result.across_tenants.filter(experiment=OuterRef("pk")).order_by("-computed_at")
    ids = (
        Experiment.across_tenants.filter(pk__in=[one.pk for one in experiments])
        .annotate(newest=Subquery(newest.values("pk")[:1]))
        .values_list("newest", flat=True)
    )
    rows = Result.across_tenants.filter(pk__in=list(ids)).defer("statements")
    return {row.experiment_id: row for row in rows}


def unit_totals(environment: Environment) -> dict[Any, int]:
    """How many units each experiment has counted so far, by its id."""
    rows = ExposureCount.objects.within(environment).order_by()
    found = rows.values("experiment").annotate(units=Sum("new_units"))
    return {row["experiment"]: row["units"] for row in found}


def result(access: Access, key: str, result_id: UUID) -> Result:
    """One stored result of an experiment."""
    rows = Result.objects.within(access.environment).select_related("computed_by")
    found: Result | None = rows.filter(experiment__key=key, pk=result_id).first()
    if found is None:
        raise NotFound(f"There is no such result of {key}.")
    return found


def result_list(experiment: Experiment) -> list[Result]:
    """Every stored result, newest first, without documents and query texts."""
    rows = experiment.results.select_related("computed_by").order_by("-computed_at")
    return list(rows.defer("document", "statements"))


def job(access: Access, key: str, job_id: UUID) -> Job:
    """One job of an experiment."""
    rows = Job.objects.within(access.environment)
    found: Job | None = rows.filter(experiment__key=key, pk=job_id).first()
    if found is None:
        raise NotFound(f"There is no such job of {key}.")
    return found


def history(access: Access, key: str) -> list[AuditEntry]:
    """What the ledger says of an experiment, newest first."""
    rows = AuditEntry.objects.within(access.environment)
    found = rows.filter(
        indexed__project=access.project, indexed__kind="experiment", indexed__key=key
    )
    return list(found.order_by("-sequence"))


def uses_of_metrics(project: Project) -> dict[Any, int]:
    """In how many experiments of the project each metric is chosen, by the metric's id."""
    chosen = ExperimentMetric.objects.filter(experiment__environment__project=project)
    rows = chosen.values("metric").annotate(n=Count("experiment", distinct=True))
    return {row["metric"]: row["n"] for row in rows}
