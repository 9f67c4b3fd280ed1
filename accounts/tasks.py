"""Celery's doorbells for accounts: every task is safe to ring twice."""

from celery import shared_task
from django.conf import settings

from accounts import deliveries, mailing, proofs, tail


@shared_task
def prove_new_lines() -> None:
    """Prove the chains of the audit history from where they were last proved."""
    proofs.keep_proofs(settings.AUDIT_ANCHORS, whole=False)


@shared_task
def prove_all_lines() -> None:
    """Prove the chains of the audit history from their beginning: what is old may be changed too."""
    proofs.keep_proofs(settings.AUDIT_ANCHORS, whole=True)


@shared_task
def anchor_heads() -> None:
    """Write down outside the database how far the chains have grown."""
    proofs.anchor(settings.AUDIT_ANCHORS, only_moved=True)


@shared_task
def follow_ledger() -> None:
    """Turn new lines of the ledger into notices and messages, and send what is due."""
    tail.read_all()
    deliveries.start(deliveries.waiting_destinations())


@shared_task
def mail_notices() -> None:
    """Mail what members wish to hear at once."""
    mailing.send_due()


@shared_task
def mail_digests() -> None:
    """Mail what gathered for members who wish one letter a day."""
    mailing.send_digests()
