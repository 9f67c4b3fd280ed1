"""The way out: signing out there after signing out here, and here because of there."""

from datetime import timedelta
from typing import Final

from allauth.account import views as local
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import identities
from accounts.actions import suspensions
from accounts.errors import DomainError
from accounts.models import IdentityProvider, SeenToken, SsoSession
from accounts.oidc import tokens
from accounts.oidc.refusals import Cause, SignInRefused
from accounts.sealing import CannotUnseal, unseal
from accounts.sso import pages, published, record, round_trips, sessions
from accounts.sso.options import endpoint, expected_of, signed_out_address
from accounts.web.origin import origin_of

# A used token is remembered as long as it could be accepted again.
REMEMBERED_SECONDS: Final = tokens.FRESH_SECONDS + 2 * tokens.LEEWAY_SECONDS


@never_cache
@require_http_methods(["GET", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out here, and go on to sign out at the provider that vouched for the session."""
    session = sessions.held(request) if sessions.is_marked(request) else None
    if request.method == "POST" and session is not None:
        # Before the browser session goes, so that it cannot be left behind.
        record.note(request, session.identity.provider, "sso.logged_out", session.identity.user)
        sessions.note_departure(session.identity)
        session.delete()
    response: HttpResponse = local.logout(request)
    if request.method != "POST" or session is None:
        return response
    address = _farewell(session)
    if not address:
        return response
    provider = session.identity.provider
    return pages.onward(request, {"provider": provider, "address": address, "leaving": True})


def _farewell(session: SsoSession) -> str:
    """The provider's own sign-out page, told whom it is about and where to send people next."""
    provider = session.identity.provider
    there = endpoint(provider, "end_session_endpoint")
    if not there:
        return ""
    asked = {
        "client_id": provider.client_id,
        "post_logout_redirect_uri": signed_out_address(provider),
    }
    try:
        hint = unseal(bytes(session.id_token))
    except CannotUnseal:
        hint = ""
    return round_trips.address(there, {**asked, **({"id_token_hint": hint} if hint else {})})


@never_cache
@require_GET
def signed_out(request: HttpRequest, key: str) -> HttpResponse:
    """Where a provider sends people who signed out of it."""
    provider = identities.provider_by_key(key)
    return render(request, "accounts/sso_signed_out.html", {"provider": provider})


@never_cache
# The provider's server calls, without cookies: the signature says who it is.
@csrf_exempt
@require_POST
def back_channel(request: HttpRequest, key: str) -> HttpResponse:
    """Somebody signed out at the provider, or was let out there: end their sessions here."""
    provider = identities.provider_by_key(key)
    try:
        claims = _checked(provider, request.POST.get("logout_token", ""))
    except DomainError as error:
        if isinstance(error, SignInRefused):
            record.refused(request, provider, error, "back-channel logout")
        return _no(str(error))
    meant = sessions.named(provider, str(claims.get("sid", "")), str(claims.get("sub", "")))
    users = {session.identity.user for session in meant}
    sessions.end(meant)
    for user in users:
        after = {"by": "the provider"}
        record.note(request, provider, "sso.logged_out", user, after)
    if provider.sign_out_stops_tokens:
        for identity in sessions.left_without(provider, meant, str(claims.get("sub", ""))):
            reason = suspensions.CALLED_BACK
            suspensions.suspend(provider, identity.user, origin_of(request), reason=reason)
    return HttpResponse(status=200)


def _checked(provider: IdentityProvider, token: str) -> tokens.Claims:
    """The claims of a logout token that is genuine, ours, fresh and was never used before."""
    if not provider.is_enabled:
        raise SignInRefused(Cause.DISABLED)
    header = tokens.header_of(token)
    key = published.signing_key(provider, token)
    claims = tokens.signed_claims(token, key, expected_of(provider))
    tokens.check_logout(header, claims, expected_of(provider))
    _use_up(provider, claims["jti"])
    return claims


def _use_up(provider: IdentityProvider, jti: str) -> None:
    now = timezone.now()
    SeenToken.objects.within(provider.organization).filter(expires_at__lt=now).delete()
    until = now + timedelta(seconds=REMEMBERED_SECONDS)
    try:
        with transaction.atomic():
            SeenToken.objects.create(provider=provider, jti=jti, expires_at=until)
    except IntegrityError as error:
        raise SignInRefused(Cause.SEEN_BEFORE) from error


def _no(description: str) -> JsonResponse:
    body = {"error": "invalid_request", "error_description": description}
    return JsonResponse(body, status=400)
