"""A person's own pages: name, sessions, and the second factor an organization asks for."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import qrcode
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.account.views import EmailView
from allauth.mfa.adapter import get_adapter as get_factor_adapter
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from qrcode.image.svg import SvgPathFillImage

from accounts import factors, identities
from accounts.actions import profile as profiles
from accounts.actions import sessions
from accounts.errors import NotFound
from accounts.models import User
from accounts.web import second_factor as second_factors
from accounts.web.devices import browser_of, system_of
from accounts.web.origin import origin_of
from accounts.web.place import SignInNeeded, is_person

# Where somebody was going when a second factor was asked for.
NEXT_MARK = "wayfork.after_second_factor"


class NameForm(forms.Form):
    """What colleagues see."""

    name = forms.CharField(
        max_length=120,
        required=False,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Colleagues see it beside what you do."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


def person(request: HttpRequest) -> User:
    """Who looks at their own pages."""
    if not is_person(request.user):
        raise SignInNeeded("Nobody is signed in.")
    return request.user


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """The person's name."""
    user = person(request)
    form = NameForm(request.POST or None, initial={"name": user.name})
    if request.method == "POST" and form.is_valid():
        profiles.rename(user, form.cleaned_data["name"].strip(), origin_of(request))
        messages.success(request, _("Your name is saved."))
        return redirect("accounts:profile")
    status = 422 if form.errors else 200
    return render(request, "account/profile.html", {"form": form}, status=status)


class AddressesView(EmailView):  # type: ignore[misc]
    """allauth's page of e-mail addresses, stricter in one thing."""

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Nobody signs in by an address that is not proved: it may be somebody else's."""
        address = request.POST.get("email", "")
        proved = EmailAddress.objects.filter(
            user=request.user, email__iexact=address, verified=True
        )
        if "action_primary" in request.POST and not proved.exists():
            messages.error(request, _("Follow the link we sent to that address first."))
            return redirect("account_email")
        if _leaves_company(request, address):
            messages.error(
                request,
                _("Your company wants you to sign in by this address: ask an owner to change it."),
            )
            return redirect("account_email")
        answer: HttpResponse = super().post(request, *args, **options)
        return answer


def _leaves_company(request: HttpRequest, address: str) -> bool:
    """Whether the change would free somebody of a sign-in their organization requires."""
    user = person(request)
    own = user.email.casefold()
    leaves = (
        "action_primary" in request.POST
        and identities.domain_of(address) != identities.domain_of(own)
    ) or ("action_remove" in request.POST and address.strip().casefold() == own)
    return leaves and bool(identities.bound_by_address(user))


addresses = AddressesView.as_view()


# --- sessions


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One browser somebody is signed in with."""

    session: UserSession
    is_current: bool

    @property
    def device(self) -> str:
        """As `Firefox on Windows`."""
        browser = browser_of(self.session.user_agent) or _("A browser")
        system = system_of(self.session.user_agent)
        if not system:
            return browser
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}


@require_GET
@login_required
def own_sessions(request: HttpRequest) -> HttpResponse:
    """Where the person is signed in, this browser first."""
    current = request.session.session_key
    found = UserSession.objects.purge_and_list(person(request))
    lines = [SessionLine(one, one.session_key == current) for one in found]
    lines.sort(key=lambda line: (not line.is_current, -line.session.last_seen_at.timestamp()))
    return render(request, "account/sessions.html", {"lines": lines})


@require_POST
@login_required
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign one browser out."""
    sessions.end(person(request), session_id, origin_of(request))
    messages.success(request, _("That browser is signed out."))
    return redirect("accounts:sessions")


@require_POST
@login_required
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere else."""
    current = request.session.session_key or ""
    ended = sessions.end_others(person(request), current, origin_of(request))
    told = ngettext("%(n)s browser is signed out.", "%(n)s browsers are signed out.", ended)
    messages.success(request, told % {"n": ended})
    return redirect("accounts:sessions")


# --- the second factor


@never_cache
@require_GET
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """An organization asks for one: how to show it, or how to set it up."""
    user = person(request)
    target = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        request.session[NEXT_MARK] = target
    target = request.session.get(NEXT_MARK, reverse("accounts:home"))
    if second_factors.factor_used(request, user):
        request.session.pop(NEXT_MARK, None)
        return redirect(target)
    context: dict[str, Any] = {
        "has_factor": factors.has_factor(user),
        "methods": [
            method
            for method in get_adapter().get_reauthentication_methods(user)
            if method["id"].startswith("mfa_reauthenticate")
        ],
        "here": reverse("accounts:second-factor"),
    }
    return render(request, "account/second_factor.html", context)


@never_cache
@require_GET
@login_required
def qr_code(request: HttpRequest) -> HttpResponse:
    """The secret that is being set up, for an authenticator app to read.

    A picture of its own, because the content policy lets no page carry one inside itself.
    """
    secret = request.session.get(SECRET_SESSION_KEY)
    if not secret:
        raise NotFound("No authenticator app is being set up.")
    address = get_factor_adapter().build_totp_url(person(request), secret)
    picture = BytesIO()
    qrcode.make(address, image_factory=SvgPathFillImage, border=2).save(picture)
    return HttpResponse(picture.getvalue(), content_type="image/svg+xml")
