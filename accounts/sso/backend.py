"""mozilla-django-oidc's backend, tightened: nobody is matched by e-mail, nothing is taken on trust."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import jwt
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from accounts.models import IdentityProvider, User
from accounts.oidc import exchange, tokens
from accounts.oidc.refusals import Cause, SignInRefused
from accounts.sso import published
from accounts.sso.options import FromRow, callback_address, client_of, endpoint, expected_of
from accounts.sso.round_trips import Trip

PATH: Final = "accounts.sso.backend.ProviderBackend"
# What the signed token alone may say; userinfo adds the rest.
PROTOCOL: Final = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "acr", "amr", "auth_time", "sid"}
)


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a provider says of whoever came back, checked."""

    claims: Mapping[str, Any]
    id_token: str


class ProviderBackend(FromRow, OIDCAuthenticationBackend):  # type: ignore[misc]
    """One provider's backend; without a provider it only brings back who is signed in."""

    def __init__(self, provider: IdentityProvider | None = None) -> None:
        self.UserModel = get_user_model()
        if provider is not None:
            self.provider = provider
            super().__init__()

    def authenticate(self, request: HttpRequest | None, **_credentials: Any) -> None:
        """Nobody comes in by `django.contrib.auth.authenticate`: only by `vouched_for`."""
        return

    def get_user(self, user_id: UUID) -> User | None:
        """Who is signed in, unless deactivated since."""
        user: User | None = User.objects.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def vouched_for(self, code: str, trip: Trip) -> Vouched:
        """Hand in the code and check every word that comes back."""
        answer = self.get_token(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": callback_address(self.provider),
                "code_verifier": trip.verifier,
            }
        )
        id_token = answer.get("id_token")
        claims = self.verify_token(id_token, nonce=trip.nonce)
        told = self.get_userinfo(answer.get("access_token"), id_token, claims)
        more = {name: value for name, value in told.items() if name not in PROTOCOL}
        return Vouched({**claims, **more}, str(id_token))

    def get_token(self, payload: dict[str, str]) -> Mapping[str, Any]:
        """Through our one outbound client: time limits, size limits, no private address."""
        address = endpoint(self.provider, "token_endpoint")
        return exchange.trade_code(address, client_of(self.provider), payload)

    def verify_token(self, token: Any, **kwargs: Any) -> tokens.Claims:
        """Signature, issuer, audience, party, times, subject, nonce, assurance: all required."""
        claims = self.get_payload_data(token, self.retrieve_matching_jwk(token))
        tokens.check_identity(claims, expected_of(self.provider), kwargs.get("nonce") or "")
        required = self.provider.required_acr, self.provider.required_amr
        tokens.check_assurance(claims, *required)
        return claims

    def retrieve_matching_jwk(self, token: Any) -> jwt.PyJWK:
        """From the kept keys; asked for anew when the token names one we do not know."""
        return published.signing_key(self.provider, token)

    def get_payload_data(self, token: str, key: jwt.PyJWK) -> tokens.Claims:
        """Upstream can be set to accept unsigned tokens; here no setting can."""
        return self._verify_jws(token, key)

    def _verify_jws(self, payload: str, key: jwt.PyJWK) -> tokens.Claims:
        return tokens.signed_claims(payload, key, expected_of(self.provider))

    def get_userinfo(self, access_token: Any, id_token: Any, payload: Any) -> tokens.Claims:
        """What userinfo adds, only if it speaks of the same person."""
        address = endpoint(self.provider, "userinfo_endpoint")
        if not address:
            return {}
        reply = exchange.read_userinfo(address, access_token)
        if "jwt" in reply.headers.get("content-type", "").lower():
            token = reply.body.decode("ascii", "replace").strip()
            told = self.get_payload_data(token, self.retrieve_matching_jwk(token))
        else:
            told = exchange.claims_in(reply)
        if told.get("sub") != payload["sub"]:
            raise SignInRefused(Cause.SUBJECT, f"userinfo speaks of {told.get('sub')!r}")
        return told
