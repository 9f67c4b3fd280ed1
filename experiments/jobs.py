"""Work asked for: a row first, the doorbell after, and a sweep for what a dead queue lost."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.access import Access
from accounts.errors import DomainError
from accounts.permissions import Permission
from experiments import analysis, exposures, queries
from experiments.design import State
from experiments.lifecycle import WrongState
from experiments.models import Experiment, ExposureCount, Job

log = logging.getLogger(__name__)

LONGEST: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(seconds=30)
# A job that killed its worker time and again is not tried for ever.
GIVEN_UP_AFTER: Final = timedelta(hours=1)
# How long after its end the exposures of an experiment may still come in.
LATE: Final = timedelta(days=2)


def ask(access: Access, key: str, kind: Job.Kind) -> Job:
    """Write down that an experiment's exposures or analysis are wanted; the caller rings.

    Asking again while one is waiting or running gives that one.
    """
    access.require(Permission.VIEW)
    experiment = queries.experiment(access, key)
    if experiment.state == State.DRAFT:
        raise WrongState(f"{key} has not started: there is nothing to read yet.")
    with transaction.atomic():
        Experiment.across_tenants.select_for_update().filter(pk=experiment.pk).first()
        open_jobs = Job.objects.within(access.environment).filter(
            experiment=experiment,
            kind=kind,
            status__in=[Job.Status.QUEUED, Job.Status.RUNNING],
            asked_at__gte=timezone.now() - LONGEST,
        )
        waiting: Job | None = open_jobs.first()
        if waiting is not None:
            return waiting
        job: Job = Job.objects.create(experiment=experiment, kind=kind, asked_by=access.actor.user)
    return job


def work_off(job_id: UUID) -> None:
    """Do a job once, however often the bell is rung."""
    now = timezone.now()
    taken = Job.across_tenants.filter(id=job_id, status=Job.Status.QUEUED).update(
        status=Job.Status.RUNNING, started_at=now
    )
    if not taken:
        return
    job: Job = Job.across_tenants.select_related("asked_by").get(id=job_id)
    experiment: Experiment = (
        Experiment.across_tenants.with_state()
        .select_related("environment__project", "assignment_query__source", "decision")
        .prefetch_related("arms", "chosen_metrics__metric__fact__source")
        .get(pk=job.experiment_id)
    )
    try:
        if job.kind == Job.Kind.ANALYSIS:
            analysis.run(experiment, asked_by=job.asked_by)
        else:
            exposures.count(experiment)
    except DomainError as error:
        _finish(job, Job.Status.FAILED, f"{error} {error.hint}".strip())
    except Exception:
        log.exception("job %s failed", job.id)
        _finish(job, Job.Status.FAILED, "Something broke on our side. It was logged.")
    else:
        _finish(job, Job.Status.DONE, "")


def _finish(job: Job, status: Job.Status, problem: str) -> None:
    job.status, job.problem, job.finished_at = status, problem, timezone.now()
    job.save(update_fields=["status", "problem", "finished_at"])


def count_all() -> int:
    """Count the exposures of every running experiment not yet counted today; returns how many.

    One that ended lately is counted too: its last day was not over when it was last counted.
    """
    now = timezone.now()
    today = now.date()
    done = 0
    asked = Q(stop_asked_at__gte=now - LATE) | Q(stop_change__applied_at__gte=now - LATE)
    decided = Q(decision__change__applied_at__gte=now - LATE)
    lately = (asked | decided) & ~Q(state=State.DRAFT.value)
    rows = (
        Experiment.across_tenants.with_state()
        .filter(Q(state=State.RUNNING.value) | lately)
        .select_related(
            "environment__project",
            "assignment_query__source",
            "start_change",
            "stop_change",
            "decision__change",
        )
        .prefetch_related("arms")
    )
    for experiment in rows:
        newest = (
            ExposureCount.across_tenants.filter(experiment=experiment)
            .order_by("-counted_at")
            .values_list("counted_at", flat=True)
            .first()
        )
        if newest is not None and newest.date() >= today:
            continue
        try:
            exposures.count(experiment)
        except DomainError as error:
            # One team's unreachable database must not keep the others from being counted.
            log.warning("exposures of %s were not counted: %s", experiment.key, error)
        except Exception:
            log.exception("exposures of %s were not counted", experiment.key)
        else:
            done += 1
    return done


def forgotten() -> list[UUID]:
    """Jobs whose bell was lost, or whose worker died over them: they are queued again."""
    now = timezone.now()
    dead = Job.across_tenants.filter(status=Job.Status.RUNNING, started_at__lt=now - LONGEST)
    dead.filter(asked_at__lt=now - GIVEN_UP_AFTER).update(
        status=Job.Status.FAILED,
        finished_at=now,
        problem="This was begun several times and never came to an end.",
    )
    dead.update(status=Job.Status.QUEUED)
    waiting = Job.across_tenants.filter(
        status=Job.Status.QUEUED, asked_at__lt=now - FORGOTTEN_AFTER
    )
    return list(waiting.values_list("id", flat=True))
