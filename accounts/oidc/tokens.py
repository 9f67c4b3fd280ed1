"""What a token must say before a word of it is believed: OpenID Connect Core 3.1.3.7, Back-Channel 2.6."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import documents
from accounts.oidc.refusals import Cause, SignInRefused

Claims = Mapping[str, Any]
LEEWAY_SECONDS: Final = 60
# An identity token is fetched by ourselves right after it is made; a logout token is sent at once.
FRESH_SECONDS: Final = 600
LONGEST_NAME: Final = 255
# The last second of the year 9999: what comes later is no time a clock shows, nor is infinity.
LAST_SECOND: Final = 253_402_300_799
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TYPES: Final = frozenset({"logout+jwt", "application/logout+jwt", "JWT", "jwt"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What our own row says a token must match, to the letter."""

    issuer: str
    client_id: str
    algorithm: str


def header_of(token: object) -> Mapping[str, Any]:
    """The unverified header; only for choosing the key."""
    if not isinstance(token, str):
        raise SignInRefused(Cause.TOKEN_MALFORMED, "there is no token")
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise SignInRefused(Cause.TOKEN_MALFORMED, str(error)) from error
    if "crit" in header:
        raise SignInRefused(Cause.TOKEN_MALFORMED, "the token has critical extensions")
    return header


def check_algorithm(header: Mapping[str, Any], expected: Expected) -> None:
    """The row's algorithm and no other: not `none`, not an HMAC keyed with something public."""
    if header.get("alg") != expected.algorithm:
        said = f"signed by {header.get('alg')!r}, agreed is {expected.algorithm}"
        raise SignInRefused(Cause.ALGORITHM, said)


def signed_claims(token: str, key: jwt.PyJWK, expected: Expected) -> Claims:
    """The claims under a good signature; what they say is checked by the two functions below."""
    check_algorithm(header_of(token), expected)
    try:
        signed = jwt.PyJWS().decode_complete(token, key, algorithms=[expected.algorithm])
    except jwt.InvalidSignatureError as error:
        raise SignInRefused(Cause.SIGNATURE) from error
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise SignInRefused(Cause.TOKEN_MALFORMED, str(error)) from error
    return _claims_in(signed["payload"])


def _claims_in(payload: bytes) -> Claims:
    """Read like everything strangers send: a signature says who wrote it, not that it can be kept."""
    try:
        claims = documents.read(payload)
    except documents.MalformedBody as error:
        raise SignInRefused(Cause.TOKEN_MALFORMED, str(error)) from error
    if not isinstance(claims, dict):
        raise SignInRefused(Cause.TOKEN_MALFORMED, "the claims are no object")
    return claims


def check_identity(claims: Claims, expected: Expected, nonce: str) -> None:
    """Raise unless the claims are an identity token for us, from this issuer, for this sign-in."""
    _check_names(claims, expected, needed=("iss", "aud", "exp", "iat", "sub"))
    name_of(claims, "sub")
    _check_times(claims)
    given = claims.get("nonce")
    if not nonce or not isinstance(given, str) or not constant_time_compare(given, nonce):
        raise SignInRefused(Cause.NONCE)


def check_logout(header: Mapping[str, Any], claims: Claims, expected: Expected) -> None:
    """Raise unless the claims are a logout token for us from this issuer."""
    _check_names(claims, expected, needed=("iss", "aud", "exp", "iat", "jti", "events"))
    _check_times(claims)
    events = claims["events"]
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping):
        raise SignInRefused(Cause.NOT_A_LOGOUT, "events lacks the logout event")
    if "nonce" in claims:
        raise SignInRefused(Cause.NOT_A_LOGOUT, "a logout token has no nonce")
    if header.get("typ", "JWT") not in LOGOUT_TYPES:
        raise SignInRefused(Cause.NOT_A_LOGOUT, f"typ is {header.get('typ')!r}")
    if "sub" not in claims and "sid" not in claims:
        raise SignInRefused(Cause.CLAIM_MISSING, "neither sub nor sid")
    for name in ("jti", "sub", "sid"):
        if name in claims:
            name_of(claims, name)


def check_assurance(claims: Claims, required_acr: str, required_amr: str) -> None:
    """Raise unless the way of signing in, and one of its means, are what the organization asks for."""
    if required_acr and claims.get("acr") not in required_acr.split():
        said = f"acr is {claims.get('acr')!r}, required is {required_acr!r}"
        raise SignInRefused(Cause.ASSURANCE, said)
    used = claims.get("amr")
    # A list, or nothing: of a single text it could be read letter by letter.
    means = [one for one in used if isinstance(one, str)] if isinstance(used, list) else []
    if required_amr and not {*means} & {*required_amr.split()}:
        raise SignInRefused(Cause.ASSURANCE, f"amr is {used!r}, required is {required_amr!r}")


def name_of(claims: Claims, claim: str) -> str:
    """A claim that must be a text of bearable length."""
    value = claims.get(claim)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or "\0" in value:
        raise SignInRefused(Cause.CLAIM_MISSING, f"{claim} is no name")
    return value


def _check_names(claims: Claims, expected: Expected, *, needed: tuple[str, ...]) -> None:
    for claim in needed:
        if claims.get(claim) in (None, ""):
            raise SignInRefused(Cause.CLAIM_MISSING, f"{claim} is missing")
    if claims["iss"] != expected.issuer:
        raise SignInRefused(Cause.ISSUER, f"iss is {claims['iss']!r}")
    audience = claims["aud"]
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise SignInRefused(Cause.AUDIENCE, f"aud is {audience!r}")
    party = claims.get("azp")
    if party != expected.client_id and (party is not None or len(audiences) > 1):
        raise SignInRefused(Cause.AUDIENCE, f"azp is {party!r}")


def _check_times(claims: Claims) -> None:
    now = timezone.now().timestamp()
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    if expires + LEEWAY_SECONDS <= now:
        raise SignInRefused(Cause.EXPIRED, f"exp was {int(now - expires)} s ago")
    if not now - FRESH_SECONDS <= issued <= now + LEEWAY_SECONDS:
        raise SignInRefused(Cause.NOT_FRESH, f"iat was {int(now - issued)} s ago")
    if "nbf" in claims and _moment(claims, "nbf") > now + LEEWAY_SECONDS:
        raise SignInRefused(Cause.NOT_FRESH, "nbf lies in the future")


def _moment(claims: Claims, claim: str) -> float:
    """Seconds since 1970. `True` is a number to Python, and infinity would never expire."""
    value = claims[claim]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignInRefused(Cause.CLAIM_MISSING, f"{claim} is no time")
    if not 0 <= value <= LAST_SECOND:
        raise SignInRefused(Cause.CLAIM_MISSING, f"{claim} is a time on no calendar")
    return float(value)
