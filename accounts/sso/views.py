"""The pages of company sign-in: the way there, the way back, renewal, connecting an account."""

from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from accounts import identities
from accounts.actions import suspensions
from accounts.models import IdentityProvider, User
from accounts.oidc.refusals import NOTHING_DONE, Cause, ProviderUnreachable, SignInRefused
from accounts.sealing import CannotUnseal
from accounts.sso import outcomes, pages, people, published, record, round_trips, sessions
from accounts.sso.backend import ProviderBackend
from accounts.sso.claims import Person
from accounts.sso.options import FromRow
from accounts.sso.round_trips import Purpose, Trip
from accounts.web import company_sign_in
from accounts.web.origin import origin_of
from accounts.web.place import is_person

# Error codes of RFC 6749 and OpenID Connect in words; what else a provider says is not repeated.
SAID: Final = {
    "access_denied": "It did not let you in: perhaps you were not given this application there.",
    "login_required": "You are no longer signed in there.",
    "interaction_required": "It wants to ask you something first.",
    "consent_required": "It wants your consent first.",
    "account_selection_required": "It wants you to choose an account first.",
    "invalid_scope": "It does not know a scope that was asked for.",
    "unauthorized_client": "It does not let Wayfork sign people in.",
    "invalid_request": "It did not understand the request.",
    "server_error": "Something broke there.",
    "temporarily_unavailable": "It is busy just now.",
}
# What a provider says of a person, and not of a session that is merely over there, or of itself.
PERSON_REFUSED: Final = frozenset({"access_denied"})


class BeginView(FromRow, OIDCAuthenticationRequestView):  # type: ignore[misc]
    """Sends a browser to one provider: PKCE and nonce always, one callback address per provider."""

    provider: Any = None
    purpose: Purpose = Purpose.SIGN_IN
    going_to: str = "/"

    def get(self, request: HttpRequest) -> HttpResponse:
        extra = self.get_extra_params(request)
        asked = round_trips.begin(request, self.provider, self.purpose, self.going_to, **extra)
        return redirect(round_trips.address(self.OIDC_OP_AUTH_ENDPOINT, asked))

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        """A renewal asks no questions."""
        if self.purpose == Purpose.RENEW:
            return {"prompt": "none"}
        return {}


class CallbackView(FromRow, OIDCAuthenticationCallbackView):  # type: ignore[misc]
    """Takes a provider's answer; the purpose of the journey says what becomes of it."""

    provider: Any = None

    def get(self, request: HttpRequest) -> HttpResponse:
        trip = round_trips.take(request, self.provider)
        # Kept for whoever has to tell what went wrong.
        request.META["wayfork.trip"] = trip
        round_trips.check_sender(request, self.provider)
        if "error" in request.GET:
            raise SignInRefused(Cause.PROVIDER_REFUSED, request.GET["error"][:60])
        if not self.provider.is_enabled and trip.purpose != Purpose.TEST:
            raise SignInRefused(Cause.DISABLED)
        vouched = ProviderBackend(self.provider).vouched_for(request.GET.get("code", ""), trip)
        return outcomes.OUTCOMES[trip.purpose](request, self.provider, trip, vouched)


@never_cache
@require_GET
def login(request: HttpRequest, key: str) -> HttpResponse:
    """Send somebody to their company's sign-in."""
    return _begin(request, key, Purpose.SIGN_IN)


@never_cache
@require_GET
@login_required
def connect(request: HttpRequest, key: str) -> HttpResponse:
    """Send somebody who is signed in there, so that both accounts can be connected."""
    return _begin(request, key, Purpose.LINK)


@never_cache
@require_GET
def renew(request: HttpRequest, key: str) -> HttpResponse:
    """Ask the provider, without any question to the person, whether it still knows them."""
    session = sessions.held(request) if sessions.is_marked(request) else None
    if session is None or session.identity.provider.key != key:
        going_to = round_trips.safe_next(request, request.GET.get("next"))
        return redirect(
            pages.address_of("accounts:sso-login", identities.provider_by_key(key), going_to)
        )
    return _begin(request, key, Purpose.RENEW)


def begin_test(request: HttpRequest, provider: IdentityProvider, going_to: str) -> HttpResponse:
    """Send an owner there and back to see what the provider says."""
    published.keep_fresh(provider)
    return _sent(request, provider, Purpose.TEST, going_to)


def _begin(request: HttpRequest, key: str, purpose: Purpose) -> HttpResponse:
    provider = identities.provider_by_key(key)
    going_to = round_trips.safe_next(request, request.GET.get("next"))
    if not provider.is_enabled:
        return pages.refusal(request, provider, SignInRefused(Cause.DISABLED))
    published.keep_fresh(provider)
    return _sent(request, provider, purpose, going_to)


def _sent(
    request: HttpRequest, provider: IdentityProvider, purpose: Purpose, going_to: str
) -> HttpResponse:
    view = BeginView.as_view(provider=provider, purpose=purpose, going_to=going_to)
    response: HttpResponse = view(request)
    return response


@never_cache
@require_GET
def callback(request: HttpRequest, key: str) -> HttpResponse:
    """Take an answer; whatever is wrong with it ends on a page that says so."""
    provider = identities.provider_by_key(key)
    try:
        response: HttpResponse = CallbackView.as_view(provider=provider)(request)
    except SignInRefused as error:
        return _refused(request, provider, error)
    except CannotUnseal as error:
        return _refused(request, provider, SignInRefused(Cause.DISABLED, str(error)))
    return response


def _refused(
    request: HttpRequest, provider: IdentityProvider, error: SignInRefused
) -> HttpResponse:
    trip = request.META.get("wayfork.trip")
    said = ""
    if error.cause == Cause.PROVIDER_REFUSED:
        said = SAID.get(error.detail, "It gave no reason.")
    if not isinstance(trip, Trip):
        # Not ours, or not ours any more: nothing that anybody could flood a ledger with.
        return pages.refusal(request, provider, error)
    record.refused(request, provider, error, str(trip.purpose))
    if trip.purpose == Purpose.TEST and is_person(request.user):
        outcomes.require_owner(request, provider)
        said = f"{said} {error.detail}".strip()
    changed = NOTHING_DONE
    if trip.purpose == Purpose.RENEW and not isinstance(error, ProviderUnreachable):
        _note_who_may_not(request, provider, error)
        sessions.end_here(request)
        changed = pages.SIGNED_OUT
    return pages.refusal(request, provider, error, going_to=trip.next, changed=changed, said=said)


def _note_who_may_not(
    request: HttpRequest, provider: IdentityProvider, error: SignInRefused
) -> None:
    """Their scripts wait with them: asked without any question, a provider denies only people."""
    session = sessions.held(request)
    is_sure = error.cause == Cause.PROVIDER_REFUSED and error.detail in PERSON_REFUSED
    if is_sure and session is not None and session.identity.provider_id == provider.pk:
        user, origin = session.identity.user, origin_of(request)
        suspensions.suspend(provider, user, origin, reason=suspensions.REFUSED)


# --- connecting an account


@never_cache
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, key: str) -> HttpResponse:
    """Connect the subject just vouched for to the account signed in here."""
    provider = identities.provider_by_key(key)
    if not is_person(request.user):
        here = reverse("accounts:sso-link", args=[key])
        return redirect(f"{reverse('account_login')}?{urlencode({'next': here, 'password': '1'})}")
    try:
        person = outcomes.pending_of(request, provider, request.user)
        if request.method == "POST":
            return _linked(request, provider, person, request.user)
    except SignInRefused as error:
        record.refused(request, provider, error, str(Purpose.LINK))
        return pages.refusal(request, provider, error)
    context = {"provider": provider, "person": person}
    return render(request, "accounts/sso_link.html", context)


def _linked(
    request: HttpRequest, provider: IdentityProvider, person: Person, user: User
) -> HttpResponse:
    identity = people.connect(provider, person, user, origin_of(request))
    request.session.pop(outcomes.PENDING, None)
    sessions.open_for(request, identity, person.sid, "")
    record.signed_in(request, provider, user, {"subject": person.subject, "is_new": False})
    return redirect("accounts:sso-identities")


@never_cache
@require_GET
@login_required
def own_identities(request: HttpRequest) -> HttpResponse:
    """The company identities connected to one's account."""
    if not is_person(request.user):
        return redirect("account_login")
    known = identities.identities_of(request.user)
    connectable = identities.connectable_by(request.user)
    if not company_sign_in.opens_account(request, request.user):
        # A company hears of its own connection, and of no other its person has.
        known = [one for one in known if company_sign_in.is_by(request, one.provider)]
        connectable = []
    context = {
        "identities": known,
        "connectable": connectable,
        "may_disconnect": request.user.has_usable_password(),
    }
    return render(request, "accounts/sso_identities.html", context)


@require_http_methods(["POST"])
@login_required
def disconnect(request: HttpRequest, key: str) -> HttpResponse:
    """Take a connection apart; the sessions it opened end."""
    provider = identities.provider_by_key(key)
    for identity in identities.identities_of(outcomes.require_person(request)):
        if identity.provider == provider:
            people.require_another_way_in(identity)
            people.disconnect(identity, origin_of(request))
    return redirect("accounts:sso-identities")
