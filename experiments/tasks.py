"""Celery's doorbells for experiments: arguments are ids, every task is safe to ring twice."""

from uuid import UUID

from celery import shared_task

from experiments import jobs


@shared_task
def work_off(job_id: str) -> None:
    """Do one job that was asked for."""
    jobs.work_off(UUID(job_id))


@shared_task
def count_exposures_nightly() -> None:
    """Count every running experiment whose counts are older than today; rung hourly."""
    jobs.count_all()


@shared_task
def sweep_jobs() -> None:
    """Ring again for jobs that were queued when a process died."""
    for job_id in jobs.forgotten():
        work_off.delay(str(job_id))
