"""What mozilla-django-oidc asks its settings for, answered from a provider's row alone."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse

from accounts.models import IdentityProvider
from accounts.oidc.exchange import Client
from accounts.oidc.tokens import Expected
from accounts.sealing import unseal


class FromRow:
    """`get_settings` for one provider; a setting of the installation can loosen nothing here.

    Upstream reads module settings by a static method of this name, once for all providers.
    """

    provider: IdentityProvider

    def get_settings(self, attr: str, *default: Any) -> Any:
        answers = {
            "OIDC_OP_AUTHORIZATION_ENDPOINT": endpoint(self.provider, "authorization_endpoint"),
            "OIDC_OP_TOKEN_ENDPOINT": endpoint(self.provider, "token_endpoint"),
            "OIDC_OP_USER_ENDPOINT": endpoint(self.provider, "userinfo_endpoint"),
            "OIDC_OP_JWKS_ENDPOINT": endpoint(self.provider, "jwks_uri"),
            "OIDC_RP_CLIENT_ID": self.provider.client_id,
            # Opened where it is sent and nowhere else.
            "OIDC_RP_CLIENT_SECRET": "",
            "OIDC_RP_SIGN_ALGO": self.provider.signing_algorithm,
            "OIDC_RP_SCOPES": self.provider.scopes,
            "OIDC_USE_NONCE": True,
            "OIDC_USE_PKCE": True,
        }
        if attr in answers:
            return answers[attr]
        if default:
            return default[0]
        raise ImproperlyConfigured(f"a provider's row has no {attr}")


def endpoint(provider: IdentityProvider, name: str) -> str:
    """An address out of the provider's own document, or nothing."""
    value = provider.metadata.get(name)
    return value if isinstance(value, str) else ""


def expected_of(provider: IdentityProvider) -> Expected:
    """What its tokens must say."""
    return Expected(provider.issuer, provider.client_id, provider.signing_algorithm)


def client_of(provider: IdentityProvider) -> Client:
    """Who we are there; opens the secret."""
    methods = provider.metadata.get("token_endpoint_auth_methods_supported")
    known = tuple(methods) if isinstance(methods, list) else ("client_secret_basic",)
    return Client(provider.client_id, unseal(bytes(provider.client_secret)), known)


def callback_address(provider: IdentityProvider) -> str:
    """Where answers come back: one address per provider, so that they cannot be mixed up."""
    return _absolute("accounts:sso-callback", provider.key)


def back_channel_address(provider: IdentityProvider) -> str:
    """Where the provider tells that somebody signed out there."""
    return _absolute("accounts:sso-back-channel", provider.key)


def signed_out_address(provider: IdentityProvider) -> str:
    """Where the provider sends people who signed out of it."""
    return _absolute("accounts:sso-signed-out", provider.key)


def _absolute(route: str, key: str) -> str:
    # From the setting, never from the request: a forged Host header must not steer an answer.
    return f"{settings.WAYFORK_URL.rstrip('/')}{reverse(route, args=[key])}"
