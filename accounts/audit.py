"""The only writer of the ledger: one line per act, each carrying the hash of the one before."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.access import Access
from accounts.models import AuditEntry, AuditHead

# From here on Python writes a float as 1e+16, which jsonb takes for a whole number.
WRITTEN_WITH_EXPONENT: Final = 1e16


def record(
    access: Access,
    action: str,
    target: str,
    *,
    before: object = None,
    after: object = None,
    reason: str = "",
) -> AuditEntry:
    """Append a line to the organization's ledger, inside the caller's transaction.

    The organization's head is locked here, always after any snapshot head (changes.submit), so
    that the two locks are taken in one order everywhere.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("the ledger is written in the transaction of the act it records")
    AuditHead.objects.get_or_create(organization=access.organization)
    head = AuditHead.objects.select_for_update().get(organization=access.organization)
    entry = AuditEntry(
        organization=access.organization,
        project=access.at_project,
        environment=access.at_environment,
        sequence=head.sequence + 1,
        at=timezone.now(),
        actor=access.actor.user,
        actor_label=access.actor.label,
        via=str(access.origin.via),
        address=access.origin.address,
        request_id=access.origin.request_id,
        action=action,
        target=target[:200],
        before=_as_kept(before),
        after=_as_kept(after),
        reason=reason,
        previous_hash=head.hash,
    )
    entry.hash = digest(entry)
    entry.save()
    head.sequence, head.hash = entry.sequence, entry.hash
    head.save(update_fields=["sequence", "hash"])
    return entry


def _as_kept(value: object) -> object:
    """Numbers as PostgreSQL's jsonb gives them back, or the line's hash would not fit it there:
    1e+22 comes back as a whole number, -0.0 without its sign."""
    if isinstance(value, float):
        if value == 0:
            return 0.0
        return int(Decimal(repr(value))) if abs(value) >= WRITTEN_WITH_EXPONENT else value
    if isinstance(value, Mapping):
        return {key: _as_kept(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_kept(item) for item in value]
    return value


def digest(entry: AuditEntry) -> str:
    """SHA-256 over the previous hash and the line's canonical JSON (hex)."""
    return hashlib.sha256(entry.previous_hash.encode() + _canonical(entry)).hexdigest()


def _canonical(entry: AuditEntry) -> bytes:
    content: dict[str, Any] = {
        "organization": str(entry.organization_id),
        "project": entry.project_id and str(entry.project_id),
        "environment": entry.environment_id and str(entry.environment_id),
        "sequence": entry.sequence,
        "at": entry.at.isoformat(),
        "actor": entry.actor_id and str(entry.actor_id),
        "actor_label": entry.actor_label,
        "via": entry.via,
        "address": entry.address,
        "request_id": entry.request_id,
        "action": entry.action,
        "target": entry.target,
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
