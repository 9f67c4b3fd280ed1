"""A provider's document and keys as last read, and when they are read again."""

import logging
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from django.core.cache import cache
from django.utils import timezone

from accounts.errors import DomainError
from accounts.models import IdentityProvider
from accounts.oidc import discovery, keys, tokens
from accounts.oidc.refusals import Cause, ProviderUnreachable, SignInRefused
from accounts.sso.options import endpoint, expected_of

log = logging.getLogger(__name__)

DOCUMENT_LASTS: Final = timedelta(days=1)
# A key the provider has withdrawn counts at most this long.
KEYS_LAST: Final = timedelta(hours=1)
# Anybody may begin a sign-in or send a token: neither invented key ids nor an outage of the provider
# may make us ask it again and again.
ASKED_AGAIN_SECONDS: Final = 10
DISCOVERED_AGAIN_SECONDS: Final = 60


def keep_fresh(provider: IdentityProvider) -> None:
    """Read the provider's document again once a day; an outage leaves the one we have."""
    now = timezone.now()
    if provider.discovered_at and now - provider.discovered_at < DOCUMENT_LASTS:
        return
    if not cache.add(f"wayfork:discovery:{provider.pk}", 1, DISCOVERED_AGAIN_SECONDS):
        return
    try:
        found = discovery.read(provider.issuer)
    except DomainError as error:
        log.warning("discovery of %s failed: %s", provider.key, error)
        return
    provider.metadata = dict(found.document)
    provider.discovered_at = now
    provider.save(update_fields=["metadata", "discovered_at"])
    _keep_keys(provider, list(found.keys))


def signing_key(provider: IdentityProvider, token: object) -> jwt.PyJWK:
    """The published key a token names; asked for once more when it is not among those we know."""
    header = tokens.header_of(token)
    tokens.check_algorithm(header, expected_of(provider))
    are_old = _are_old(provider)
    found = None if are_old else _known(provider, header)
    if found is None and _may_ask(provider, "old" if are_old else "unknown"):
        _keep_keys(provider, list(discovery.read_keys(endpoint(provider, "jwks_uri"))))
        found = _known(provider, header)
    elif are_old:
        raise ProviderUnreachable(Cause.UNREACHABLE, "its keys were asked for a moment ago")
    if found is None:
        raise SignInRefused(Cause.KEY_UNKNOWN, f"kid is {header.get('kid')!r}")
    return found


def kept(found: list[Any]) -> dict[str, Any]:
    """Keys as the row keeps them."""
    return {"keys": found, "at": timezone.now().isoformat()}


def _known(provider: IdentityProvider, header: Any) -> jwt.PyJWK | None:
    return keys.matching(provider.jwks.get("keys", []), header, provider.signing_algorithm)


def _are_old(provider: IdentityProvider) -> bool:
    at = provider.jwks.get("at")
    return at is None or timezone.now() - datetime.fromisoformat(at) > KEYS_LAST


def _may_ask(provider: IdentityProvider, why: str) -> bool:
    # Each reason has a brake of its own: invented key ids do not keep us from renewing old keys.
    return cache.add(f"wayfork:jwks:{why}:{provider.pk}", 1, ASKED_AGAIN_SECONDS)


def _keep_keys(provider: IdentityProvider, found: list[Any]) -> None:
    provider.jwks = kept(found)
    provider.save(update_fields=["jwks"])
