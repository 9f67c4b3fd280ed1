"""Whatever a provider signs, it is refused for a cause of ours or believed: nothing breaks."""

import time
from contextlib import suppress
from typing import Any

import jwt
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import IdentityProvider
from accounts.oidc import tokens
from accounts.oidc.refusals import Cause, SignInRefused
from accounts.sso.claims import Person
from tests.identity_provider.hostile import Hostile, published
from tests.world.cast import World

EXPECTED = tokens.Expected("https://id.example", "wayfork", "RS256")
KEY = jwt.PyJWK(published("first"), "RS256")
HOSTILE = Hostile(EXPECTED.issuer)
NAMES = [
    "iss",
    "aud",
    "azp",
    "exp",
    "iat",
    "nbf",
    "sub",
    "nonce",
    "acr",
    "amr",
    "sid",
    "email",
    "name",
]
MORE = ["email_verified", "groups", "_claim_names", "jti", "events"]
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 2**63, 1e308, -0.0])
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(), st.just("\ud800"), st.just("a\0b")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=4,
)
LIES = st.dictionaries(st.sampled_from([*NAMES, *MORE]), VALUES, min_size=1, max_size=4)


def signed_in(token: str) -> Person | None:
    """Who comes in by a token; None when it is refused for a cause of ours."""
    provider = IdentityProvider(groups_claim="groups", name="Okta")
    try:
        claims = tokens.signed_claims(token, KEY, EXPECTED)
        tokens.check_identity(claims, EXPECTED, "nonce-1")
        tokens.check_assurance(claims, "", "")
        with suppress(SignInRefused):
            tokens.check_assurance(claims, "gold", "mfa otp")
        assert time.time() - 61 < float(claims["exp"]) <= tokens.LAST_SECOND
        return Person.from_claims(provider, claims)
    except SignInRefused:
        return None


@settings(max_examples=150, deadline=None)
@given(lies=LIES)
def test_no_claim_breaks_a_sign_in(lies: dict[str, Any]) -> None:
    person = signed_in(HOSTILE.sign(HOSTILE.claims("nonce-1", **lies)))
    if person is not None:
        kept = [person.subject, person.email, person.name, person.sid, *(person.groups or ())]
        # What a database keeps.
        assert "\0" not in "".join(kept)
        assert "".join(kept).encode().decode() == "".join(kept)


@settings(max_examples=100, deadline=None)
@given(lies=LIES)
def test_no_claim_breaks_a_sign_out(lies: dict[str, Any]) -> None:
    token = HOSTILE.sign(HOSTILE.logout_claims(**lies), typ="logout+jwt")
    with suppress(SignInRefused):
        claims = tokens.signed_claims(token, KEY, EXPECTED)
        tokens.check_logout(tokens.header_of(token), claims, EXPECTED)
        assert time.time() - 61 < float(claims["exp"]) <= tokens.LAST_SECOND


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "moment",
    [float("inf"), float("-inf"), float("nan"), 10**400, -1, 1e300, True, "now", [], {}, None],
    ids=str,
)
def test_what_is_no_time_is_refused_before_it_is_compared(claim: str, moment: Any) -> None:
    """Also where the claims came by another way than from a signed text."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": EXPECTED.issuer,
        "aud": "wayfork",
        "sub": "n",
        "nonce": "nonce-1",
    }
    claims |= {"exp": now + 60, "iat": now, "nbf": now, claim: moment}
    with pytest.raises(SignInRefused) as refused:
        tokens.check_identity(claims, EXPECTED, "nonce-1")
    assert refused.value.cause == Cause.CLAIM_MISSING


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(lies=LIES)
def test_a_lying_logout_token_is_answered_and_never_breaks(
    world: World, okta: IdentityProvider, hostile: Hostile, lies: dict[str, Any]
) -> None:
    token = hostile.sign(hostile.logout_claims(**lies), typ="logout+jwt")
    answer = Client().post(f"/sso/{okta.key}/back-channel", {"logout_token": token})
    assert answer.status_code in {200, 400}
