"""Tokens that were refused although somebody once made them: told to their organization."""

from typing import Final

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.access import Access, Actor, Origin
from accounts.actions.credentials import digest
from accounts.models import AccessToken, DirectoryToken

NOTED_EVERY_SECONDS: Final = 60
# Whoever shows it has not proved to be anybody.
STRANGER: Final = Actor("somebody")


def note_token(kind: type[AccessToken] | type[DirectoryToken], secret: str, origin: Origin) -> None:
    """One line a minute for each token that is dead. Of one nobody made there is nobody to tell."""
    rows = kind.across_tenants.select_related("organization")
    found: AccessToken | DirectoryToken | None = rows.filter(digest=digest(secret)).first()
    if found is None or not cache.add(f"wayfork:refused-token:{found.pk}", 1, NOTED_EVERY_SECONDS):
        return
    access = Access(STRANGER, found.organization, frozenset(), origin=origin)
    after = {"last_four": found.last_four, "why": _why(found)}
    with transaction.atomic():
        audit.record(access, "refusal.token", found.label, after=after)


def _why(found: AccessToken | DirectoryToken) -> str:
    if found.revoked_at is not None:
        return "revoked"
    if getattr(found, "suspended_at", None) is not None:
        return "suspended"
    ends = getattr(found, "expires_at", None)
    return "expired" if ends and ends < timezone.now() else "its person is gone"
