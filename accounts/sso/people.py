"""Whom a provider's subject stands for here, and how somebody new comes in: just in time."""

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit, identities
from accounts.access import Access, Actor, Origin
from accounts.actions import access_requests, groups, members, suspensions
from accounts.errors import DomainError
from accounts.models import (
    AccessRequest,
    FederatedIdentity,
    IdentityProvider,
    Membership,
    Project,
    ProjectRole,
    TeamRole,
    User,
)
from accounts.oidc.refusals import Cause, SignInRefused
from accounts.permissions import Role
from accounts.sso.claims import Person


class OnlyWayIn(DomainError):
    """Without this connection its person could not sign in any more."""

    code = "only_way_in"
    status = 409
    hint = "Set a password first: 'Forgot your password?' on the sign-in page sends you a link."


@dataclass(frozen=True, slots=True)
class Known:
    """The subject is connected to an account."""

    identity: FederatedIdentity


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Nobody here has this subject or this address: an account will be made."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The organization's own directory made the account, and nobody has ever used it."""

    user: User


@dataclass(frozen=True, slots=True)
class Taken:
    """The address has an account: its owner signs in there first, then connects the two."""

    user: User


Match = Known | Newcomer | Prepared | Taken


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody is in."""

    identity: FederatedIdentity
    is_new: bool


def come_in(provider: IdentityProvider, person: Person, origin: Origin) -> Entered | Taken:
    """Find out whom the subject stands for, and let them in; SignInRefused says why not."""
    try:
        return _come_in(provider, person, origin)
    except IntegrityError:
        # Another door, a form or the directory, made an account of this address meanwhile.
        return _come_in(provider, person, origin)


def _come_in(provider: IdentityProvider, person: Person, origin: Origin) -> Entered | Taken:
    with transaction.atomic():
        _take_turns(provider)
        found = match(provider, person)
        if isinstance(found, Taken):
            return found
        return Entered(enter(provider, person, found, origin), isinstance(found, Newcomer))


def _take_turns(provider: IdentityProvider) -> None:
    """Whoever comes in twice at once finds, the second time, what was made the first time."""
    rows = IdentityProvider.across_tenants.select_for_update(no_key=True)
    if not list(rows.filter(pk=provider.pk, is_enabled=True)):
        # In the moment since the question was put to it.
        raise SignInRefused(Cause.DISABLED)


def match(provider: IdentityProvider, person: Person) -> Match:
    """Whom the subject stands for; SignInRefused says why for nobody. Reads only."""
    identity = _identity(provider, person.subject)
    if identity is not None:
        _check_active(provider, identity.user)
        return Known(identity)
    check_vouched(provider, person)
    user = User.objects.filter(email__iexact=person.email).first()
    if user is None:
        return Newcomer()
    _check_active(provider, user)
    _refuse_second_subject(provider, person, user)
    return Prepared(user) if _is_prepared(provider, user) else Taken(user)


def enter(
    provider: IdentityProvider, person: Person, found: Known | Newcomer | Prepared, origin: Origin
) -> FederatedIdentity:
    """Let somebody in: account, membership, default role, groups; each with its ledger line."""
    with transaction.atomic():
        match found:
            case Known(identity):
                pass
            case Prepared(user):
                identity = _connect(provider, person, user)
            case Newcomer():
                identity = _connect(provider, person, _new_user(person))
        is_fresh = _admit(provider, person, identity, origin)
    groups.keep(identity, person.groups, origin)
    # Once: a project that is closed later is nobody's news at a sign-in or a renewal.
    if is_fresh or not isinstance(found, Known):
        _ask_for_closed_projects(provider, identity.user, origin)
    return identity


def connect(
    provider: IdentityProvider, person: Person, user: User, origin: Origin
) -> FederatedIdentity:
    """Connect a subject to the account of somebody who has just signed in to both."""
    with transaction.atomic():
        _take_turns(provider)
        known = _identity(provider, person.subject)
        if known is not None and known.user != user:
            raise SignInRefused(Cause.ACCOUNT_TAKEN)
        _check_active(provider, user)
        if known is None:
            _refuse_second_subject(provider, person, user)
        identity = known or _connect(provider, person, user)
        _admit(provider, person, identity, origin)
        after = {"provider": provider.key, "subject": person.subject}
        _record(provider, user, "sso.linked", origin, after)
    groups.keep(identity, person.groups, origin)
    return identity


def disconnect(identity: FederatedIdentity, origin: Origin) -> None:
    """Take a connection apart, by the person's own wish; what its groups brought goes with it."""
    with transaction.atomic():
        groups.release(identity, origin)
        before = {"provider": identity.provider.key, "subject": identity.subject}
        _record(identity.provider, identity.user, "sso.unlinked", origin, before=before)
        identity.delete()


def require_another_way_in(identity: FederatedIdentity) -> None:
    """Raise unless the person could still sign in without this connection."""
    if identity.provider in identities.required_of(identity.user):
        raise OnlyWayIn(
            f"{identity.provider.organization.name} wants you to come in by this.",
            hint="Ask an owner of the organization.",
        )
    others = FederatedIdentity.across_tenants.filter(user=identity.user).exclude(pk=identity.pk)
    if not identity.user.has_usable_password() and not others.exists():
        raise OnlyWayIn(f"{identity.provider.name} is your only way in.")


def check_vouched(provider: IdentityProvider, person: Person) -> None:
    """Raise unless the address is verified and its domain this organization's own.

    Asked before anybody looks whether the address has an account: a provider that makes up
    addresses learns nothing about them.
    """
    if not person.email:
        raise SignInRefused(Cause.EMAIL_MISSING)
    if not person.email_verified:
        raise SignInRefused(Cause.EMAIL_UNVERIFIED)
    if not identities.has_proved(provider, person.email):
        said = f"{identities.domain_of(person.email)} is not proved for {provider.name}"
        raise SignInRefused(Cause.DOMAIN_UNPROVED, said)


# --- writing


def _identity(provider: IdentityProvider, subject: str) -> FederatedIdentity | None:
    found: FederatedIdentity | None = (
        FederatedIdentity.across_tenants.select_related("user", "provider__organization")
        .filter(provider=provider, subject=subject)
        .first()
    )
    return found


def _check_active(provider: IdentityProvider, user: User) -> None:
    places = Membership.objects.within(provider.organization).filter(user=user, is_active=False)
    if not user.is_active or places.exists():
        raise SignInRefused(Cause.DEACTIVATED)


def _refuse_second_subject(provider: IdentityProvider, person: Person, user: User) -> None:
    """A provider knows nobody under two names: it, or the person, has changed."""
    if FederatedIdentity.across_tenants.filter(provider=provider, user=user).exists():
        raise SignInRefused(Cause.SUBJECT_CHANGED, f"subject is {person.subject!r}")


def _is_prepared(provider: IdentityProvider, user: User) -> bool:
    """Made by this organization's directory, never signed in to, and nobody else's as well."""
    places = list(Membership.across_tenants.filter(user=user))
    return (
        not user.has_usable_password()
        and user.last_login is None
        and len(places) == 1
        and places[0].organization_id == provider.organization_id
        and places[0].directory_id != ""
        and not FederatedIdentity.across_tenants.filter(user=user).exists()
    )


def _new_user(person: Person) -> User:
    user = User.objects.create_user(person.email, None, name=person.name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def _connect(provider: IdentityProvider, person: Person, user: User) -> FederatedIdentity:
    identity: FederatedIdentity = FederatedIdentity.objects.create(
        provider=provider, subject=person.subject, user=user
    )
    return identity


def _admit(
    provider: IdentityProvider, person: Person, identity: FederatedIdentity, origin: Origin
) -> bool:
    """A member from here on; whoever is none yet must be vouched for. Says whether they were none."""
    identity.email, identity.last_used_at = person.email, timezone.now()
    identity.save(update_fields=["email", "last_used_at"])
    suspensions.resume(provider, identity.user, origin)
    places = Membership.objects.within(provider.organization).filter(user=identity.user)
    if places.exists():
        return False
    check_vouched(provider, person)
    is_open = Project.objects.within(provider.organization).filter(is_open=True)
    role = Role(provider.default_role) if provider.default_role else None
    grants = [(project.key, role) for project in is_open] if role else []
    try:
        members.join(
            provider.organization, identity.user, via=provider.key, origin=origin, grants=grants
        )
    except members.Deactivated as error:
        # In the moment between the look and the step.
        raise SignInRefused(Cause.DEACTIVATED) from error
    return True


def _ask_for_closed_projects(provider: IdentityProvider, user: User, origin: Origin) -> None:
    """Closed projects are asked on a newcomer's behalf; their admins decide."""
    membership = Membership.objects.within(provider.organization).get(user=user)
    if not provider.default_role or membership.is_owner:
        return
    closed = Project.objects.within(provider.organization).filter(is_open=False)
    asked = AccessRequest.objects.within(provider.organization).filter(membership=membership)
    own = ProjectRole.objects.within(provider.organization).filter(membership=membership)
    of_teams = TeamRole.objects.within(provider.organization).filter(
        team__places__membership=membership
    )
    # Whoever was declined once, and left, and came back is not asked for again.
    for rows in (asked, own, of_teams):
        closed = closed.exclude(id__in=rows.values("project"))
    for project in closed:
        access_requests.file(
            membership,
            project,
            Role(provider.default_role),
            f"First sign-in through {provider.name}.",
            origin=origin,
            via=provider.key,
        )


def _record(
    provider: IdentityProvider,
    user: User,
    action: str,
    origin: Origin,
    after: object = None,
    *,
    before: object = None,
) -> None:
    access = Access(Actor(user.email, user), provider.organization, frozenset(), origin=origin)
    audit.record(access, action, user.email, before=before, after=after)
