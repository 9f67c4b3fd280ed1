"""Organizations that want their people to come in through the company: local sign-in gives way."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import identities
from accounts.models import User
from accounts.sso import outcomes, record
from accounts.web.origin import request_id


def refuse_local(request: HttpRequest, user: User) -> HttpResponse | None:
    """A page that leads to the company's sign-in, for those who may not use a password here.

    Others, connected or not, come in, and find the organization locked (accounts.web.doors).
    Whoever the provider has just vouched for may: they are about to connect the two accounts.
    """
    for provider in identities.bound_by_address(user):
        if not outcomes.is_about_to_connect(request, user, provider):
            context = {"provider": provider, "reference": request_id(request)}
            return render(request, "accounts/sso_required.html", context, status=403)
    return None


def tell_of_broken_glass(request: HttpRequest, user: User) -> None:
    """A loud line for each organization whose required sign-in an owner passed by."""
    for provider in identities.glass_broken_by(user):
        record.note(request, provider, "sso.break_glass", user)
