"""Celery's doorbells for flags."""

from celery import shared_task
from django.utils import timezone

from flags import contexts


@shared_task
def forget_contexts() -> None:
    """Remove sampled contexts that are older than a week."""
    contexts.forget_old(timezone.now())
