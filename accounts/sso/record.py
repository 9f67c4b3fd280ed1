"""What the ledger keeps of company sign-ins, good and refused."""

import logging
from typing import Final

from django.db import transaction
from django.http import HttpRequest

from accounts import audit
from accounts.access import Access, Actor
from accounts.limits import TooOften, count
from accounts.models import IdentityProvider, User
from accounts.oidc.refusals import SignInRefused
from accounts.web.origin import origin_of

log = logging.getLogger(__name__)

SOMEBODY: Final = Actor("somebody")
# Whoever can reach the sign-in page can be refused: that must not fill a ledger.
REFUSALS_A_MINUTE: Final = 20
LONGEST_DETAIL: Final = 300


def signed_in(
    request: HttpRequest, provider: IdentityProvider, user: User, after: object = None
) -> None:
    """Somebody came in through their company."""
    note(request, provider, "sso.signed_in", user, after)


def refused(
    request: HttpRequest, provider: IdentityProvider, error: SignInRefused, during: str
) -> None:
    """Somebody was not let in; the cause is for whoever looks after the provider."""
    # It may quote a token that anybody sent.
    detail = audit.keepable(error.detail)[:LONGEST_DETAIL]
    log.info("company sign-in at %s refused: %s (%s)", provider.key, error.cause, detail)
    try:
        count("sso-refused", str(provider.pk), most=REFUSALS_A_MINUTE, seconds=60)
    except TooOften:
        return
    user = request.user if isinstance(request.user, User) else None
    after = {"cause": str(error.cause), "detail": detail, "during": during}
    note(request, provider, "sso.refused", user, after)


def note(
    request: HttpRequest,
    provider: IdentityProvider,
    action: str,
    user: User | None,
    after: object = None,
) -> None:
    """One line in the ledger of the provider's organization."""
    actor = Actor(user.email, user) if user else SOMEBODY
    access = Access(actor, provider.organization, frozenset(), origin=origin_of(request))
    kept = {"provider": provider.key, **(after if isinstance(after, dict) else {})}
    with transaction.atomic():
        audit.record(access, action, user.email if user else provider.key, after=kept)
