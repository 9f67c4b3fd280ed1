"""Keeps sessions a provider vouches for honest: renewed in time, ended when they must."""

from collections.abc import Callable
from typing import Final

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.models import SsoSession, User
from accounts.sso import pages, sessions
from accounts.sso.round_trips import safe_next
from accounts.web import company_sign_in, problems
from accounts.web.company_sign_in import OwnSignInNeeded, RenewalNeeded, SessionEnded

# Where a browser, or a script that reads headers, finds out how to renew.
RENEW_HEADER: Final = "Wayfork-Renew"
# The way to a provider and back, and the way out, stay open to sessions that must be renewed.
OPEN_STEPS: Final = frozenset({"login", "callback", "renew", "signed-out", "back-channel"})
# Where an account is looked after, and what stays open there: ways in, ways out, and what only
# somebody who reads the account's mail can do.
ACCOUNT_ROOMS: Final = ("/accounts/", "/account/")
ACCOUNT_DOORS: Final = (
    "/accounts/login/",
    "/accounts/logout/",
    "/accounts/signup/",
    "/accounts/inactive/",
    "/accounts/confirm-email/",
    "/accounts/password/reset/",
    "/accounts/second-factor/authenticate/",
    "/accounts/second-factor/webauthn/login/",
)
CONNECTING_STEPS: Final = frozenset({"connect", "link", "disconnect"})


class CompanySessionMiddleware:
    """On every request of a session that a provider vouches for; of no other."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not sessions.is_marked(request) or _is_open(request.path):
            return self.get_response(request)
        refused = _looked_at(request)
        return refused if refused is not None else self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """The account itself belongs to its person, not to whichever company let them in."""
        if not _is_about_account(request.path) or not sessions.is_marked(request):
            return None
        user = request.user
        if not isinstance(user, User) or company_sign_in.opens_account(request, user):
            return None
        said = "You signed in through a company that does not speak for your account itself."
        return problems.answer(request, OwnSignInNeeded(said))


def _is_about_account(path: str) -> bool:
    if path.startswith(ACCOUNT_ROOMS):
        return not path.startswith(ACCOUNT_DOORS)
    return path.startswith("/sso/") and path.rpartition("/")[2] in CONNECTING_STEPS


def _is_open(path: str) -> bool:
    _root, room, *_rest, step = path.split("/") if path.count("/") > 1 else ("", "", "")
    return path == "/accounts/logout/" or (room == "sso" and step in OPEN_STEPS)


def _looked_at(request: HttpRequest) -> HttpResponse | None:
    """What stands in the way of this request, if anything does."""
    session = sessions.held(request) if request.user.is_authenticated else None
    if session is None or sessions.is_over(session):
        return _end(request, session)
    if session.renew_at > timezone.now():
        return None
    provider = session.identity.provider
    if _is_page(request):
        return redirect(pages.address_of("accounts:sso-renew", provider, request.get_full_path()))
    here = safe_next(request, request.headers.get("HX-Current-URL"))
    address = pages.address_of("accounts:sso-renew", provider, here)
    response = problems.answer(request, RenewalNeeded("Your company sign-in has to be renewed."))
    response[RENEW_HEADER] = address
    return response


def _end(request: HttpRequest, session: SsoSession | None) -> HttpResponse | None:
    provider = session.identity.provider if session else None
    auth.logout(request)
    if session is not None:
        session.delete()
    if _is_page(request):
        still_open = provider if provider and provider.is_enabled else None
        return pages.ended(request, still_open, request.get_full_path())
    return problems.answer(request, SessionEnded("Your company sign-in has ended."))


def _is_page(request: HttpRequest) -> bool:
    """Whether a browser loads a whole page, so that it can be sent elsewhere and come back."""
    is_part = bool(getattr(request, "htmx", False)) or problems.is_api(request)
    loads = request.headers.get("Sec-Fetch-Dest", "document") == "document"
    return request.method in {"GET", "HEAD"} and not is_part and loads
