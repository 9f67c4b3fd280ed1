"""What happens when somebody comes back from a provider, by the reason they went."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import access as tickets
from accounts.errors import DomainError
from accounts.models import IdentityProvider, User
from accounts.oidc.refusals import Cause, SignInRefused
from accounts.permissions import Permission
from accounts.sso import record, sessions
from accounts.sso.backend import Vouched
from accounts.sso.claims import Person
from accounts.sso.people import Known, Match, Prepared, Taken, come_in, enter, match
from accounts.sso.round_trips import Purpose, Trip
from accounts.web.origin import origin_of

# A subject that was vouched for and waits for its person to sign in here too.
PENDING: Final = "wayfork.sso_pending"
PENDING_LASTS: Final = timedelta(minutes=15)
Outcome = Callable[[HttpRequest, IdentityProvider, Trip, Vouched], HttpResponse]


def sign_in(
    request: HttpRequest, provider: IdentityProvider, trip: Trip, vouched: Vouched
) -> HttpResponse:
    """Let the person in, or lead them to connecting the account they have."""
    person = Person.from_claims(provider, vouched.claims)
    found = come_in(provider, person, origin_of(request))
    if isinstance(found, Taken):
        keep_pending(request, provider, person, owner=found.user)
        context = {"provider": provider, "person": person}
        return render(request, "accounts/sso_taken.html", context, status=409)
    sessions.open_for(request, found.identity, person.sid, vouched.id_token)
    how = {"subject": person.subject, "is_new": found.is_new}
    record.signed_in(request, provider, found.identity.user, how)
    return redirect(trip.next)


def renew(
    request: HttpRequest, provider: IdentityProvider, trip: Trip, vouched: Vouched
) -> HttpResponse:
    """The session goes on if the provider still knows the same person."""
    session = sessions.held(request)
    person = Person.from_claims(provider, vouched.claims)
    if session is None or session.identity.provider_id != provider.pk:
        # A subject says who it is at its own provider alone.
        raise SignInRefused(Cause.OTHER_PERSON)
    if session.identity.subject != person.subject:
        raise SignInRefused(Cause.OTHER_PERSON)
    found = match(provider, person)
    if not isinstance(found, Known):
        raise SignInRefused(Cause.OTHER_PERSON)
    enter(provider, person, found, origin_of(request))
    sessions.renew(session, person.sid, vouched.id_token)
    return redirect(trip.next)


def link(
    request: HttpRequest, provider: IdentityProvider, trip: Trip, vouched: Vouched
) -> HttpResponse:
    """Remember the subject; the next page asks whether to connect it."""
    if not trip.person or trip.person != str(request.user.pk):
        raise SignInRefused(Cause.OTHER_PERSON)
    person = Person.from_claims(provider, vouched.claims)
    keep_pending(request, provider, person)
    return redirect("accounts:sso-link", provider.key)


def test(
    request: HttpRequest, provider: IdentityProvider, trip: Trip, vouched: Vouched
) -> HttpResponse:
    """Show an owner what was received and whom it would sign in; sign nobody in."""
    require_owner(request, provider)
    problem: DomainError | None = None
    found: Match | None = None
    person: Person | None = None
    try:
        person = Person.from_claims(provider, vouched.claims)
        found = match(provider, person)
    except SignInRefused as error:
        problem = error
    context = {
        "provider": provider,
        "claims": [
            (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for name, value in sorted(vouched.claims.items())
        ],
        "person": person,
        "found": type(found).__name__.lower() if found else "",
        "account": _account(found),
        "problem": problem,
        "next": trip.next,
    }
    record.note(request, provider, "provider.tested", require_person(request), _tested(problem))
    response = render(request, "accounts/sso_tested.html", context)
    response["Cache-Control"] = "no-store"
    return response


def require_owner(request: HttpRequest, provider: IdentityProvider) -> None:
    """Only owners are told what a provider says."""
    access = tickets.of_member(require_person(request), provider.organization.key)
    access.require(Permission.MANAGE_ORGANIZATION)


def require_person(request: HttpRequest) -> User:
    """Whoever is signed in."""
    if not isinstance(request.user, User):
        raise SignInRefused(Cause.OTHER_PERSON)
    return request.user


def _account(found: Match | None) -> User | None:
    match found:
        case Known(identity):
            return identity.user
        case Prepared(user) | Taken(user):
            return user
    return None


def _tested(problem: DomainError | None) -> dict[str, str]:
    return {"cause": str(problem.cause) if isinstance(problem, SignInRefused) else "none"}


OUTCOMES: Final[Mapping[Purpose, Outcome]] = {
    Purpose.SIGN_IN: sign_in,
    Purpose.RENEW: renew,
    Purpose.LINK: link,
    Purpose.TEST: test,
}


# --- waiting to be connected


def keep_pending(
    request: HttpRequest, provider: IdentityProvider, person: Person, *, owner: User | None = None
) -> None:
    """Remember who the provider vouched for in this browser; `owner` has the address's account."""
    request.session[PENDING] = {
        "provider": provider.key,
        "person": person.to_session(),
        "owner": str(owner.pk) if owner else "",
        "at": timezone.now().timestamp(),
    }


def pending(request: HttpRequest, provider: IdentityProvider) -> tuple[Person, str]:
    """Whom this browser was vouched for lately, and whose account that address has."""
    kept: Any = request.session.get(PENDING)
    if not isinstance(kept, dict) or kept["provider"] != provider.key:
        raise SignInRefused(Cause.STATE_UNKNOWN)
    if timezone.now().timestamp() - kept["at"] > PENDING_LASTS.total_seconds():
        raise SignInRefused(Cause.STATE_OLD)
    return Person.from_session(kept["person"]), kept["owner"]


def pending_of(request: HttpRequest, provider: IdentityProvider, user: User) -> Person:
    """Whom this browser was vouched for, if this person may connect to it."""
    person, owner = pending(request, provider)
    if owner and owner != str(user.pk):
        raise SignInRefused(Cause.OTHER_PERSON)
    return person


def is_about_to_connect(request: HttpRequest, user: User, provider: IdentityProvider) -> bool:
    """Whether the provider has just vouched for this very account's address in this browser."""
    try:
        _person, owner = pending(request, provider)
    except SignInRefused:
        return False
    return owner == str(user.pk)
