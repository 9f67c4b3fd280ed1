"""What people are shown when a company sign-in went wrong or went elsewhere."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.models import IdentityProvider
from accounts.oidc.refusals import NOTHING_DONE, SignInRefused
from accounts.web.origin import request_id

SIGNED_OUT: Final = "You were signed out here. Nothing else was changed."


def refusal(
    request: HttpRequest,
    provider: IdentityProvider,
    error: SignInRefused,
    *,
    going_to: str = "/",
    changed: str = NOTHING_DONE,
    said: str = "",
) -> HttpResponse:
    """What happened, whether anything was changed, what to do, and the reference."""
    context = {
        "provider": provider,
        "title": str(error),
        "detail": said,
        "changed": changed,
        "hint": error.hint,
        "reference": request_id(request),
        "again": address_of("accounts:sso-login", provider, going_to),
        "next": going_to,
    }
    return render(request, "accounts/sso_refused.html", context, status=error.status)


def ended(request: HttpRequest, provider: IdentityProvider | None, going_to: str) -> HttpResponse:
    """The session is over."""
    context = {
        "provider": provider,
        "again": address_of("accounts:sso-login", provider, going_to)
        if provider
        else reverse("account_login"),
    }
    return render(request, "accounts/sso_ended.html", context, status=401)


def onward(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
    """A page that goes on to another site by itself, with a link for those it does not move.

    A form's answer may not redirect there: `form-action 'self'` covers where redirects lead.
    """
    response = render(request, "accounts/sso_onward.html", dict(context))
    response["Cache-Control"] = "no-store"
    return response


def address_of(route: str, provider: IdentityProvider, going_to: str = "/") -> str:
    """One of a provider's pages, with where to go on to."""
    place = reverse(route, args=[provider.key])
    return f"{place}?{urlencode({'next': going_to})}" if going_to != "/" else place
