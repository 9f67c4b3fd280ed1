"""Celery's doorbells for flags: arguments are ids, every task is safe to ring twice."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from flags import contexts, schedules


@shared_task
def apply_due_changes() -> None:
    """Ring for each request whose time has come."""
    for change_id in schedules.due():
        apply_scheduled_change.delay(str(change_id))


@shared_task
def apply_scheduled_change(change_id: str) -> None:
    """Apply one request whose time has come, or keep why it could not."""
    schedules.apply_due(UUID(change_id))


@shared_task
def forget_contexts() -> None:
    """Remove sampled contexts that are older than a week."""
    contexts.forget_old(timezone.now())
