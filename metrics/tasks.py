"""Celery's doorbells for events."""

from celery import shared_task

from metrics.ingest import buffer


@shared_task
def drain_events() -> None:
    """Copy waiting event batches into the tables."""
    buffer.drain()
