"""The sign-in page: the e-mail address first, where companies sign people in."""

from typing import Any

from allauth.account.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import identities
from accounts.sso import pages
from accounts.sso.round_trips import safe_next

LONGEST_EMAIL = 254


class PasswordStep(LoginView):  # type: ignore[misc]
    """The page for the password, with the address entered on the page before."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.get(request, *args, **kwargs)  # type: ignore[no-any-return]

    def get_form_kwargs(self) -> dict[str, Any]:
        given: dict[str, Any] = super().get_form_kwargs()
        return {key: value for key, value in given.items() if key not in {"data", "files"}}


@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for the address, and lead on by its domain alone: to the company, or to the password.

    Whether the address has an account makes no difference to what is shown. Where no company
    signs anybody in, address and password are asked for at once.
    """
    at_once = "password" in request.GET or "password" in request.POST
    if at_once or request.user.is_authenticated or not identities.any_enabled():
        return LoginView.as_view()(request)  # type: ignore[no-any-return]
    going_to = safe_next(request, request.POST.get("next") or request.GET.get("next"))
    if request.method == "GET":
        return render(request, "accounts/sso_sign_in.html", {"next": going_to})
    email = request.POST.get("login", "").strip()[:LONGEST_EMAIL]
    provider = identities.provider_for(email)
    if provider is None:
        return PasswordStep.as_view(initial={"login": email})(request)  # type: ignore[no-any-return]
    address = pages.address_of("accounts:sso-login", provider, going_to)
    return pages.onward(
        request, {"provider": provider, "address": address, "next": going_to, "leaving": False}
    )
