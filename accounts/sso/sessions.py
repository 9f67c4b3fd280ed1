"""Browser sessions a provider vouches for: opened, renewed, ended."""

from collections.abc import Iterable
from datetime import timedelta
from importlib import import_module
from typing import Final
from uuid import UUID

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib import auth
from django.core.cache import cache
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import FederatedIdentity, IdentityProvider, SsoSession
from accounts.sealing import seal
from accounts.sso.backend import PATH
from accounts.web.company_sign_in import SESSION_MARK
from accounts.web.second_factor import PROVIDER_MARK

# Long enough for the provider's own question whether to sign out there too.
DEPARTURE_SECONDS: Final = 300


def open_for(request: HttpRequest, identity: FederatedIdentity, sid: str, id_token: str) -> None:
    """Sign the person in: under a new session key, unless they are signed in here already."""
    ended = request.session.session_key
    auth.login(request, identity.user, backend=PATH)
    # Long ago: a provider's word is no fresh proof for changing how its person signs in here.
    record_authentication(request, identity.user, "sso", provider=identity.provider.key, at=0)
    provider = identity.provider
    now = timezone.now()
    key = request.session.session_key
    SsoSession.across_tenants.filter(session_key=ended or "").exclude(session_key=key).delete()
    # A session that goes on has a row, perhaps of another company, or of the same press a moment ago.
    session, _is_new = SsoSession.across_tenants.update_or_create(
        session_key=key,
        defaults={
            "identity": identity,
            "sid": sid,
            "id_token": seal(id_token) if id_token else b"",
            "renew_at": now + timedelta(seconds=provider.refresh_seconds),
            "ends_at": now + timedelta(hours=provider.session_hours),
        },
    )
    request.session[SESSION_MARK] = str(session.id)
    request.session[PROVIDER_MARK] = provider.key


def renew(session: SsoSession, sid: str, id_token: str) -> None:
    """The provider still knows the person. When the session ends at the latest does not move."""
    session.renew_at = timezone.now() + timedelta(seconds=session.identity.provider.refresh_seconds)
    session.sid = sid
    session.id_token = seal(id_token)
    session.save(update_fields=["renew_at", "sid", "id_token"])


def is_marked(request: HttpRequest) -> bool:
    """Whether a provider vouches, or vouched, for this browser session."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES and SESSION_MARK in request.session


def held(request: HttpRequest) -> SsoSession | None:
    """The row that vouches for this browser session, unless it has been called back."""
    try:
        wanted = UUID(str(request.session.get(SESSION_MARK)))
    except ValueError:
        return None
    found: SsoSession | None = (
        SsoSession.across_tenants.select_related("identity__provider__organization")
        .filter(id=wanted, identity__user=request.user.pk)
        .first()
    )
    return found


def is_over(session: SsoSession) -> bool:
    """Whether its time is up, or its provider was switched off."""
    return session.ends_at <= timezone.now() or not session.identity.provider.is_enabled


def end_here(request: HttpRequest) -> None:
    """Sign this browser out."""
    session = held(request) if request.user.is_authenticated else None
    auth.logout(request)
    if session is not None:
        session.delete()


def end(sessions: Iterable[SsoSession]) -> int:
    """Sign browsers out from afar; says how many there were."""
    found = list(sessions)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for session in found:
        store(session.session_key).delete()
        # Where the key has changed since, the missing row ends the session at its next request.
        session.delete()
    return len(found)


def of_provider(provider: IdentityProvider) -> list[SsoSession]:
    """Every browser session a provider vouches for."""
    return list(SsoSession.across_tenants.filter(identity__provider=provider))


def named(provider: IdentityProvider, sid: str, subject: str) -> list[SsoSession]:
    """Those a logout token means: by the provider's name for the session, or else the person's."""
    found = SsoSession.across_tenants.filter(identity__provider=provider)
    if sid:
        found = found.filter(sid=sid)
    if subject:
        found = found.filter(identity__subject=subject)
    return list(found.select_related("identity__user"))


def left_without(
    provider: IdentityProvider, ended: Iterable[SsoSession], subject: str
) -> list[FederatedIdentity]:
    """Whom a logout token meant and the provider vouches for in no session any more."""
    known = FederatedIdentity.objects.within(provider.organization).filter(provider=provider)
    meant = Q(pk__in={session.identity_id for session in ended})
    if subject:
        meant |= Q(subject=subject)
    found = known.filter(meant, sessions=None).select_related("user")
    return [identity for identity in found if cache.get(_departure(identity)) is None]


def note_departure(identity: FederatedIdentity) -> None:
    """The person signs out here: what the provider tells of it soon is no news."""
    cache.set(_departure(identity), 1, DEPARTURE_SECONDS)


def _departure(identity: FederatedIdentity) -> str:
    return f"wayfork:sso-departure:{identity.pk}"
