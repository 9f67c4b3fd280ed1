"""Making, finding and revoking SDK keys and access tokens; only digests are kept."""

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.access import Access
from accounts.errors import DomainError, InvalidInput, NotFound
from accounts.models import AccessToken, Membership, SdkKey
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb
from wayfork import keys

log = logging.getLogger(__name__)

PREFIX = {SdkKey.Kind.SERVER: "srv", SdkKey.Kind.CLIENT: "cli"}
# "Last used" is written at most this often: a hot key must not be a hot row.
USE_NOTED_EVERY = timedelta(minutes=1)


class BadKey(DomainError):
    """The key or token is unknown, revoked or expired."""

    code = "bad_key"
    status = 401
    hint = "Make a new one: SDK keys under 'SDK keys', access tokens under your name."


@dataclass(frozen=True, slots=True)
class NewKey:
    """An SDK key and the one moment its secret can be read."""

    key: SdkKey
    secret: str


@dataclass(frozen=True, slots=True)
class NewToken:
    """An access token and the one moment its secret can be read."""

    token: AccessToken
    secret: str


def digest(secret: str) -> str:
    """HMAC-SHA256 with the installation's secret: a stolen table cannot be tried offline."""
    pepper = settings.SECRET_KEY.encode()
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


@verb(Permission.MANAGE_KEYS)
def create_sdk_key(access: Access, kind: str, label: str) -> Recorded[NewKey]:
    """Make a key for the access's environment."""
    if kind not in SdkKey.Kind.values:
        raise InvalidInput(f"{kind!r} is no kind of key.", hint="Use 'server' or 'client'.")
    if not label.strip():
        raise InvalidInput("A key needs a label.", hint="Name the application that will use it.")
    environment = access.environment
    secret = keys.make(PREFIX[SdkKey.Kind(kind)], environment.key)
    key = SdkKey.objects.create(
        environment=environment,
        kind=kind,
        label=label.strip()[:80],
        digest=digest(secret),
        last_four=secret[-4:],
        created_by=access.actor.user,
    )
    after = {"kind": kind, "label": key.label, "last_four": key.last_four}
    return Recorded(NewKey(key, secret), "sdk_key.created", key.label, after=after)


@verb(Permission.MANAGE_KEYS)
def revoke_sdk_key(access: Access, key_id: UUID) -> Recorded[SdkKey]:
    """Make a key worthless; each delivery process notices within seconds and closes its sockets."""
    key = SdkKey.objects.within(access.environment).filter(id=key_id).first()
    if key is None:
        raise NotFound("There is no such key.")
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
    return Recorded(key, "sdk_key.revoked", key.label, before="active", after="revoked")


@verb(Permission.VIEW)
def create_token(
    access: Access, label: str, *, read_only: bool = False, expires_at: datetime | None = None
) -> Recorded[NewToken]:
    """Make a personal access token: it may never do more than its person."""
    if access.actor.user is None:
        raise InvalidInput("Only a person can make an access token.")
    if not label.strip():
        raise InvalidInput("A token needs a label.", hint="Name the script that will use it.")
    membership = Membership.objects.within(access.organization).get(user=access.actor.user)
    secret = keys.make("mgt", None)
    token = AccessToken.objects.create(
        organization=access.organization,
        membership=membership,
        created_by=access.actor.user,
        label=label.strip()[:80],
        digest=digest(secret),
        last_four=secret[-4:],
        read_only=read_only,
        expires_at=expires_at,
    )
    after = {"label": token.label, "read_only": read_only, "last_four": token.last_four}
    return Recorded(NewToken(token, secret), "token.created", token.label, after=after)


@verb(Permission.VIEW)
def revoke_token(access: Access, token_id: UUID) -> Recorded[AccessToken]:
    """Make one of the person's own tokens worthless."""
    tokens = AccessToken.objects.within(access.organization)
    token = tokens.filter(id=token_id, membership__user=access.actor.user).first()
    if token is None:
        raise NotFound("There is no such token.")
    token.revoked_at = token.revoked_at or timezone.now()
    token.save(update_fields=["revoked_at"])
    return Recorded(token, "token.revoked", token.label, before="active", after="revoked")


def sdk_key(secret: str) -> SdkKey:
    """The live key behind a secret, with its environment; raises BadKey."""
    key: SdkKey | None = (
        SdkKey.across_tenants.select_related("environment__project__organization")
        .filter(digest=digest(secret), revoked_at=None)
        .first()
    )
    if key is None:
        raise BadKey("This SDK key is unknown or was revoked.")
    _note_use(key)
    return key


def token(secret: str) -> AccessToken:
    """The live token behind a secret, with its person; raises BadKey."""
    found: AccessToken | None = (
        AccessToken.across_tenants.select_related("membership__user", "organization")
        .filter(
            digest=digest(secret),
            revoked_at=None,
            membership__user__is_active=True,
            membership__is_active=True,
        )
        .first()
    )
    if found is None or (found.expires_at and found.expires_at < timezone.now()):
        raise BadKey("This access token is unknown, revoked or expired.")
    _note_use(found)
    return found


def _note_use(credential: SdkKey | AccessToken) -> None:
    now = timezone.now()
    if credential.last_used_at is not None and now - credential.last_used_at <= USE_NOTED_EVERY:
        return
    try:
        with transaction.atomic():
            type(credential).across_tenants.filter(pk=credential.pk).update(last_used_at=now)
    except DatabaseError as error:
        # Reading flags must not need a database that can be written.
        log.warning("the use of a key was not noted: %s", error)
