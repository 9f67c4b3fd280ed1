"""What a browser takes along to a provider and must bring back: state, nonce, PKCE, and why it went."""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest
from django.utils.crypto import get_random_string
from django.utils.http import url_has_allowed_host_and_scheme
from mozilla_django_oidc.utils import (
    add_state_and_verifier_and_nonce_to_session,
    generate_code_challenge,
)

from accounts.models import IdentityProvider
from accounts.oidc.refusals import Cause, SignInRefused
from accounts.sso.options import callback_address

# Upstream's name for the part of a session that holds what is under way.
STATES: Final = "oidc_states"
LONGEST_SECONDS: Final = 600
NAME_LENGTH: Final = 43
VERIFIER_LENGTH: Final = 64


class Purpose(StrEnum):
    """Why somebody was sent to a provider."""

    SIGN_IN = "sign in"
    RENEW = "renew"
    LINK = "link"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Trip:
    """A journey to a provider and back."""

    purpose: Purpose
    nonce: str
    verifier: str
    next: str
    # Who was signed in when it began; empty for nobody.
    person: str


def begin(
    request: HttpRequest, provider: IdentityProvider, purpose: Purpose, going_to: str, **extra: str
) -> dict[str, str]:
    """The parameters of an authorization request, noted in the session until it comes back."""
    state, nonce = get_random_string(NAME_LENGTH), get_random_string(NAME_LENGTH)
    verifier = get_random_string(VERIFIER_LENGTH)
    asked = {
        "response_type": "code",
        "scope": provider.scopes,
        "client_id": provider.client_id,
        "redirect_uri": callback_address(provider),
        "state": state,
        "nonce": nonce,
        "code_challenge": generate_code_challenge(verifier, "S256"),
        "code_challenge_method": "S256",
        **({"acr_values": provider.required_acr} if provider.required_acr else {}),
        **extra,
    }
    add_state_and_verifier_and_nonce_to_session(request, state, asked, verifier)
    request.session[STATES][state] |= {
        "provider": str(provider.id),
        "purpose": str(purpose),
        "next": going_to,
        "person": str(request.user.pk or ""),
    }
    request.session.modified = True
    return asked


def take(request: HttpRequest, provider: IdentityProvider) -> Trip:
    """What the answer's state stands for; a state works once, and only at the provider asked."""
    states = request.session.get(STATES)
    state = request.GET.get("state", "")
    noted: Any = states.pop(state, None) if isinstance(states, dict) else None
    if noted is None:
        raise SignInRefused(Cause.STATE_UNKNOWN)
    _use_up(request)
    if noted.get("provider") != str(provider.id):
        raise SignInRefused(Cause.OTHER_PROVIDER)
    if time.time() - noted["added_on"] > LONGEST_SECONDS:
        raise SignInRefused(Cause.STATE_OLD)
    return Trip(
        purpose=Purpose(noted["purpose"]),
        nonce=noted["nonce"],
        verifier=noted["code_verifier"],
        next=noted["next"],
        person=noted["person"],
    )


def _use_up(request: HttpRequest) -> None:
    """Save at once: whatever goes wrong from here on, the state is used up."""
    try:
        request.session.save()
    except UpdateError as error:
        # The same answer came twice at once, and the other one has signed the person in already.
        raise SignInRefused(Cause.STATE_UNKNOWN) from error
    finally:
        # Nothing is left to be saved: where the other one has moved the session on, that would fail.
        request.session.modified = False


def check_sender(request: HttpRequest, provider: IdentityProvider) -> None:
    """RFC 9207: the answer names who gave it, always where the provider promises to."""
    given = request.GET.get("iss")
    promised = provider.metadata.get("authorization_response_iss_parameter_supported") is True
    if given != provider.issuer and (given is not None or promised):
        raise SignInRefused(Cause.MIXED_UP, f"iss is {given!r}")


def address(endpoint: str, asked: dict[str, str]) -> str:
    """Where to send the browser."""
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def safe_next(request: HttpRequest, given: str | None) -> str:
    """A place of ours to go on to, or the start page."""
    safe = url_has_allowed_host_and_scheme(
        given, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return given if given and safe else "/"
