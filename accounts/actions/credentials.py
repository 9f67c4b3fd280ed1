"""Making, finding and revoking SDK keys and access tokens; only digests are kept."""

import hashlib
import hmac
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts import access as tickets
from accounts import audit
from accounts.access import Access, Origin
from accounts.actions import lineage, standing, suspensions
from accounts.errors import DomainError, InvalidInput, NotFound, NotPermitted
from accounts.models import (
    AccessToken,
    AuditEntry,
    DirectoryToken,
    IdentityProvider,
    Membership,
    SdkKey,
    User,
)
from accounts.people import projects_seen
from accounts.permissions import Permission, Role
from accounts.verbs import Recorded, verb
from wayfork import keys

log = logging.getLogger(__name__)

PREFIX = {SdkKey.Kind.SERVER: "srv", SdkKey.Kind.CLIENT: "cli"}
# "Last used" is written at most this often: a hot key must not be a hot row.
USE_NOTED_EVERY = timedelta(minutes=1)
EXPOSED = "sdk_key.exposed"
EXPOSED_TOLD_EVERY = timedelta(days=1)


class BadKey(DomainError):
    """The key or token is unknown, revoked or expired."""

    code = "bad_key"
    status = 401
    hint = "Make a new one: SDK keys under 'SDK keys', access tokens under your name."


class TokenSuspended(DomainError):
    """The company's provider no longer vouches for the token's person."""

    code = "token_suspended"
    status = 401
    hint = "Sign in again through your company, and it works again; if you sign in otherwise, make a new token."


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
def create_sdk_key(
    access: Access, kind: str, label: str, expires_at: datetime | None = None
) -> Recorded[NewKey]:
    """Make a key for the access's environment, for ever or until a moment."""
    if kind not in SdkKey.Kind.values:
        raise InvalidInput(f"{kind!r} is no kind of key.", hint="Use 'server' or 'client'.")
    if not label.strip():
        raise InvalidInput("A key needs a label.", hint="Name the application that will use it.")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput("The key would end in the past.", where="expires_at")
    environment = access.environment
    secret = keys.make(PREFIX[SdkKey.Kind(kind)], environment.key)
    key = SdkKey.objects.create(
        environment=environment,
        kind=kind,
        label=label.strip()[:80],
        digest=digest(secret),
        last_four=secret[-4:],
        created_by=access.actor.user,
        expires_at=expires_at,
    )
    after = {"kind": kind, "label": key.label, "last_four": key.last_four}
    if expires_at is not None:
        after["expires_at"] = expires_at.isoformat()
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


@dataclass(frozen=True, slots=True)
class Reach:
    """For how much a token is made. Empty sets: for all its person or role may."""

    read_only: bool = False
    project_keys: tuple[str, ...] = ()
    # Keys of permissions, as edit_flags.
    permissions: tuple[str, ...] = ()
    expires_at: datetime | None = None

    def told(self) -> dict[str, object]:
        """What the ledger keeps."""
        told: dict[str, object] = {"read_only": self.read_only}
        narrower = {"projects": self.project_keys, "permissions": self.permissions}
        told |= {name: list(keys) for name, keys in narrower.items() if keys}
        return told | ({"expires_at": self.expires_at.isoformat()} if self.expires_at else {})


@verb(Permission.VIEW)
def create_token(
    access: Access, label: str, reach: Reach = Reach(), *, by: AccessToken | None = None
) -> Recorded[NewToken]:
    """Make a personal access token: it may never do more than its person.

    Made with another token (`by`), it is revoked with that one.
    """
    if access.actor.user is None:
        raise InvalidInput("Only a person can make an access token.")
    membership = Membership.objects.within(access.organization).get(user=access.actor.user)
    return _make_token(access, access.actor.user, label, reach, by=by, membership=membership)


@verb(Permission.MANAGE_PROJECT)
def create_service_token(
    access: Access,
    label: str,
    role: str,
    reach: Reach = Reach(),
    *,
    by: AccessToken | None = None,
) -> Recorded[NewToken]:
    """Make a token that belongs to the organization and outlives whoever made it.

    Owners make them for any projects; an admin only for the project the access stands in.
    Made with another token (`by`), it is revoked with that one.
    """
    if access.actor.user is None:
        raise InvalidInput("Only a person can make a service token.")
    if role not in {*Role}:
        raise InvalidInput(f"{role!r} is no role.", where="role")
    if not access.may(Permission.MANAGE_ORGANIZATION):
        reach = replace(reach, project_keys=(access.project.key,))
    if not standing.holds_all_of(access, Role(role)):
        raise NotPermitted(f"You may not make a token that is {role}: you hold less yourself.")
    return _make_token(access, access.actor.user, label, reach, by=by, role=role)


def _make_token(  # noqa: PLR0913 - two kinds of token share it
    access: Access,
    maker: User,
    label: str,
    reach: Reach,
    *,
    by: AccessToken | None,
    membership: Membership | None = None,
    role: str = "",
) -> Recorded[NewToken]:
    _check_reach(access, maker, label, reach)
    if by is not None and not lineage.hold(access, [by.pk]):
        raise BadKey("The token that would make it has just been revoked.")
    secret = keys.make("mgt", None)
    token = AccessToken.objects.create(
        organization=access.organization,
        membership=membership,
        role=role,
        created_by=maker,
        made_by_token=by,
        label=label.strip()[:80],
        digest=digest(secret),
        last_four=secret[-4:],
        read_only=reach.read_only,
        project_keys=list(reach.project_keys),
        permissions=list(reach.permissions),
        expires_at=reach.expires_at,
    )
    after = {"label": token.label, "last_four": token.last_four, **reach.told()}
    action = "token.created"
    if role:
        action, after = "service_token.created", {**after, "role": role}
    return Recorded(NewToken(token, secret), action, token.label, after=after)


def _check_reach(access: Access, maker: User, label: str, reach: Reach) -> None:
    if not label.strip():
        raise InvalidInput("A token needs a label.", hint="Name the script that will use it.")
    known = {project.key for project in projects_seen(access.organization, maker)}
    unknown = sorted({*reach.project_keys} - known)
    if unknown:
        raise InvalidInput(f"There is no project {unknown[0]}.", where="projects")
    nameless = sorted({*reach.permissions} - {permission.key for permission in Permission})
    if nameless:
        raise InvalidInput(f"There is no permission {nameless[0]}.", where="permissions")
    if reach.expires_at is not None and reach.expires_at <= timezone.now():
        raise InvalidInput("The token would end in the past.", where="expires_at")


@verb(Permission.VIEW)
def revoke_token(access: Access, token_id: UUID) -> Recorded[AccessToken]:
    """Make one of the person's own tokens worthless."""
    tokens = AccessToken.objects.within(access.organization)
    token = None
    if access.actor.user is not None:
        token = tokens.filter(id=token_id, membership__user=access.actor.user).first()
    if token is None or not access.reaches(token.project_keys):
        raise NotFound("There is no such token.")
    return _revoke(access, token)


@verb(Permission.MANAGE_PROJECT)
def revoke_service_token(access: Access, token_id: UUID) -> Recorded[AccessToken]:
    """Make a service token worthless: an owner any, an admin those of their project alone."""
    tokens = AccessToken.objects.within(access.organization)
    token = tokens.filter(id=token_id, membership=None).first()
    in_reach = access.may(Permission.MANAGE_ORGANIZATION) or (
        token is not None and token.project_keys == [access.project.key]
    )
    if token is None or not in_reach:
        raise NotFound("There is no such token.")
    return _revoke(access, token)


def _revoke(access: Access, token: AccessToken) -> Recorded[AccessToken]:
    lineage.end(access, token)
    return Recorded(token, lineage.revoked(token), token.label, before="active", after="revoked")


def sdk_key(secret: str) -> SdkKey:
    """The live key behind a secret, with its environment; raises BadKey."""
    key: SdkKey | None = (
        SdkKey.across_tenants.select_related("environment__project__organization")
        .filter(digest=digest(secret), revoked_at=None)
        .first()
    )
    if key is None or (key.expires_at and key.expires_at <= timezone.now()):
        raise BadKey("This SDK key is unknown, revoked or expired.")
    if key.environment.archived_at is not None:
        raise BadKey(
            "The environment of this SDK key is archived.",
            hint="Use a key of another environment, or bring this one back.",
        )
    _note_use(key)
    return key


def tell_of_exposed(digest: str) -> None:
    """A server key was sent by a browser, where anybody can read it: a line in the history, at most
    one a day, of which those who look after the keys are told."""
    key = SdkKey.across_tenants.select_related("environment__project__organization").get(
        digest=digest
    )
    access = tickets.system(key.environment)
    told = AuditEntry.objects.within(key.environment).filter(
        action=EXPOSED, target=key.label, at__gt=timezone.now() - EXPOSED_TOLD_EVERY
    )
    with transaction.atomic():
        if not told.exists():
            audit.record(access, EXPOSED, key.label, after={"last_four": key.last_four})


def token(secret: str, origin: Origin | None = None) -> AccessToken:
    """The live token behind a secret, with its person if it has one; raises BadKey."""
    binding = IdentityProvider.across_tenants.filter(
        organization=OuterRef("organization"),
        is_enabled=True,
        is_required=True,
        tokens_wait_after_days__gt=0,
    )
    found: AccessToken | None = (
        AccessToken.across_tenants.select_related("membership__user", "organization", "created_by")
        .annotate(may_have_to_wait=Exists(binding))
        .filter(
            Q(membership=None) | Q(membership__is_active=True, membership__user__is_active=True),
            digest=digest(secret),
            revoked_at=None,
        )
        .first()
    )
    if found is None or (found.expires_at and found.expires_at < timezone.now()):
        raise BadKey("This access token is unknown, revoked or expired.")
    if found.suspended_at is not None or _is_unseen(found, origin or Origin()):
        raise TokenSuspended(f"{found.organization.name}'s sign-in no longer vouches for you.")
    _note_use(found)
    return found


def _is_unseen(found: AccessToken, origin: Origin) -> bool:
    """Only where a company requires its sign-in is anything else asked."""
    if found.membership is None or not found.may_have_to_wait:  # type: ignore[attr-defined]
        return False
    return suspensions.suspend_unseen(found.membership.user, found.organization, origin)


def directory_token(secret: str) -> DirectoryToken:
    """The live token of a directory, with its organization; raises BadKey."""
    found: DirectoryToken | None = (
        DirectoryToken.across_tenants.select_related("organization", "created_by")
        .filter(digest=digest(secret), revoked_at=None)
        .first()
    )
    if found is None or (found.expires_at and found.expires_at <= timezone.now()):
        raise BadKey(
            "This directory token is unknown, revoked or expired.",
            hint="An owner makes a new one under 'Directory' in the organization's area.",
        )
    _note_use(found)
    return found


def _note_use(credential: SdkKey | AccessToken | DirectoryToken) -> None:
    now = timezone.now()
    if credential.last_used_at is not None and now - credential.last_used_at <= USE_NOTED_EVERY:
        return
    try:
        with transaction.atomic():
            type(credential).across_tenants.filter(pk=credential.pk).update(last_used_at=now)
    except DatabaseError as error:
        # Reading flags must not need a database that can be written.
        log.warning("the use of a key was not noted: %s", error)
