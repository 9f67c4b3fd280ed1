"""Tokens that were made with tokens: whoever revokes one revokes what came of it."""

from collections.abc import Iterable
from uuid import UUID

from django.utils import timezone

from accounts import audit
from accounts.access import Access
from accounts.models import AccessToken, User


def end(access: Access, token: AccessToken) -> None:
    """Revoke a token with every one it made, and they in turn; each of those has its own line."""
    makers = _end(hold(access, [token.pk]))
    while makers:
        made = AccessToken.objects.within(access.organization).filter(made_by_token__in=makers)
        makers = _end(hold(access, made.values_list("pk", flat=True)))
        for one in makers:
            why = f"It was made with {one.made_by_token}."
            audit.record(
                access, revoked(one), one.label, before="active", after="revoked", reason=why
            )
    token.revoked_at = token.revoked_at or timezone.now()


def end_scripts_of(access: Access, maker: User) -> None:
    """Revoke the service tokens somebody made, each with a line of its own."""
    scripts = AccessToken.objects.within(access.organization).filter(
        membership=None, created_by=maker, revoked_at=None
    )
    for script in scripts.values_list("pk", flat=True):
        # One may have ended with another by now.
        for token in hold(access, [script]):
            end(access, token)
            audit.record(access, revoked(token), token.label, before="active", after="revoked")


def revoked(token: AccessToken) -> str:
    """The ledger's word for it."""
    return "service_token.revoked" if token.role else "token.revoked"


def hold(access: Access, ids: Iterable[UUID]) -> list[AccessToken]:
    """Those still live, until the transaction ends: none makes another while it is revoked."""
    rows = AccessToken.objects.within(access.organization).select_for_update(of=("self",))
    found = rows.select_related("made_by_token").filter(pk__in=list(ids), revoked_at=None)
    return list(found.order_by("pk"))


def _end(tokens: list[AccessToken]) -> list[AccessToken]:
    for token in tokens:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return tokens
