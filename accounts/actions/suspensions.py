"""Personal tokens wait while a company's provider does not vouch for their person."""

from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit, identities
from accounts.access import SYSTEM, Access, Origin
from accounts.models import (
    AccessToken,
    FederatedIdentity,
    IdentityProvider,
    Organization,
    User,
)

REFUSED: Final = "the provider refused a renewal"
CALLED_BACK: Final = "the provider ended the sign-in"
UNSEEN: Final = "no sign-in or renewal by the provider for too long"


def suspend(provider: IdentityProvider, user: User, origin: Origin, *, reason: str) -> None:
    """Let none of the person's tokens of this organization work until the provider vouches again.

    Only of whom the company speaks for: who must come in by it, or has an address in a domain it
    has proved. Others are let in by their own password, and their tokens with them.
    """
    required = identities.required_of(user, provider.organization)
    if provider not in required and not identities.has_proved(provider, user.email):
        return
    with transaction.atomic():
        changed = _tokens(provider, user, is_suspended=False).update(suspended_at=timezone.now())
        if changed:
            _record(provider, user, origin, "member.tokens_suspended", changed, reason)


def suspend_unseen(user: User, organization: Organization, origin: Origin) -> bool:
    """Suspend the tokens of somebody a required provider has not vouched for in time; whether so."""
    if identities.unseen_by(user, organization) is None:
        return False
    with transaction.atomic():
        own = FederatedIdentity.objects.within(organization).filter(user=user)
        # Whoever signs in at this moment is seen: asked again once they are through.
        list(own.select_for_update(of=("self",)))
        provider = identities.unseen_by(user, organization)
        if provider is not None:
            suspend(provider, user, origin, reason=UNSEEN)
    return provider is not None


def resume(provider: IdentityProvider, user: User, origin: Origin) -> None:
    """The provider vouches for the person again: what waited works."""
    with transaction.atomic():
        changed = _tokens(provider, user, is_suspended=True).update(suspended_at=None)
        if changed:
            _record(provider, user, origin, "member.tokens_resumed", changed)


def _tokens(provider: IdentityProvider, user: User, *, is_suspended: bool) -> QuerySet[AccessToken]:
    rows: QuerySet[AccessToken] = AccessToken.objects.within(provider.organization).filter(
        membership__user=user, revoked_at=None, suspended_at__isnull=not is_suspended
    )
    return rows


def _record(
    provider: IdentityProvider,
    user: User,
    origin: Origin,
    action: str,
    tokens: int,
    reason: str = "",
) -> None:
    access = Access(SYSTEM, provider.organization, frozenset(), origin=origin)
    after = {"provider": provider.key, "tokens": tokens}
    audit.record(access, action, user.email, after=after, reason=reason)
