"""Reads of company sign-in: who vouches for which address, and who must come in that way."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from accounts.errors import NotFound
from accounts.models import (
    ClaimedDomain,
    FederatedIdentity,
    IdentityProvider,
    Membership,
    Organization,
    SsoSession,
    User,
)

NEVER: Final = datetime.min.replace(tzinfo=UTC)


def domain_of(email: str) -> str:
    """What stands behind the last @, in lower case."""
    return email.rpartition("@")[2].strip().lower()


def provider_by_key(key: str) -> IdentityProvider:
    """The provider an address names, whoever asks; NotFound."""
    found: IdentityProvider | None = (
        IdentityProvider.across_tenants.select_related("organization").filter(key=key).first()
    )
    if found is None:
        raise NotFound("There is no such company sign-in.")
    return found


def provider_for(email: str) -> IdentityProvider | None:
    """Where somebody with this address signs in; depends on the domain alone, never on a person."""
    found: ClaimedDomain | None = (
        ClaimedDomain.across_tenants.select_related("provider__organization")
        .filter(
            domain__iexact=domain_of(email),
            proved_at__isnull=False,
            provider__is_enabled=True,
        )
        .first()
    )
    return found.provider if found else None


def any_enabled() -> bool:
    """Whether anybody at all can sign in through a company."""
    routed = Q(is_enabled=True, domains__proved_at__isnull=False)
    return bool(IdentityProvider.across_tenants.filter(routed).exists())


def has_proved(provider: IdentityProvider, email: str) -> bool:
    """Whether the provider's organization has proved the address's domain, and routed it here."""
    domains = ClaimedDomain.objects.within(provider.organization)
    return bool(
        domains.filter(
            domain__iexact=domain_of(email), proved_at__isnull=False, provider=provider
        ).exists()
    )


def required_of(user: User, organization: Organization | None = None) -> list[IdentityProvider]:
    """Providers this person must come by: their organizations say so for their domain.

    Whoever is connected to the provider already stays bound to it, whatever their address is now.
    A break-glass owner is let in by password for the day on which the provider is down.
    """
    return list(_required_of(user, organization))


def unseen_by(user: User, organization: Organization) -> IdentityProvider | None:
    """The provider for whose word this person's tokens have to wait, if they have to.

    They must come in by it, and none by which they must has vouched for them as lately as it asks;
    the time counts from when it was required at the earliest.
    """
    own = FederatedIdentity.across_tenants.filter(user=user, provider=OuterRef("pk"))
    vouched_at = Subquery(own.values("last_used_at")[:1])
    required = list(_required_of(user, organization).annotate(vouched_at=vouched_at))
    waits = all(_is_late(provider, provider.vouched_at) for provider in required)
    return required[0] if required and waits else None


def _is_late(provider: IdentityProvider, vouched_at: datetime | None) -> bool:
    days = provider.tokens_wait_after_days
    known = [at for at in (vouched_at, provider.required_since) if at is not None]
    return days > 0 and max(known, default=NEVER) + timedelta(days=days) < timezone.now()


def bound_by_address(user: User) -> list[IdentityProvider]:
    """Those among them that have proved the domain of the person's address.

    They speak for the account itself (docs/adr/0018-the-word-of-a-company.md). To whoever has an
    address elsewhere a company that is required merely shuts its own organization: it cannot keep
    them from the others they belong to.
    """
    return [one for one in required_of(user) if has_proved(one, user.email)]


def glass_broken_by(user: User) -> list[IdentityProvider]:
    """Providers a break-glass owner passes by when they sign in with a password."""
    places = Membership.across_tenants.filter(
        user=user, is_active=True, is_owner=True, may_break_glass=True
    )
    return list(_requiring(user, places, None))


def _required_of(user: User, organization: Organization | None) -> QuerySet[IdentityProvider]:
    places = Membership.across_tenants.filter(user=user, is_active=True)
    places = places.exclude(is_owner=True, may_break_glass=True)
    return _requiring(user, places, organization)


def _requiring(
    user: User, places: QuerySet[Membership], organization: Organization | None
) -> QuerySet[IdentityProvider]:
    of_domain = ClaimedDomain.across_tenants.filter(
        domain__iexact=domain_of(user.email), proved_at__isnull=False
    )
    connected = FederatedIdentity.across_tenants.filter(user=user)
    found: QuerySet[IdentityProvider] = IdentityProvider.across_tenants.filter(
        Q(id__in=of_domain.values("provider")) | Q(id__in=connected.values("provider")),
        is_enabled=True,
        is_required=True,
        organization__in=places.values("organization"),
    )
    if organization is not None:
        found = found.filter(organization=organization)
    return found.select_related("organization")


def break_glass_owners(organization: Organization) -> QuerySet[Membership]:
    """Owners who may sign in with a password although the provider is required."""
    found: QuerySet[Membership] = Membership.objects.within(organization).filter(
        is_owner=True, is_active=True, may_break_glass=True, user__is_active=True
    )
    return found.select_related("user")


def session_stands(mark: object, user: User) -> bool:
    """Whether the row that vouches for a browser session is still there, in time and trusted."""
    return bool(_standing(mark, user).exists())


def is_renewed(mark: object, user: User) -> bool:
    """Whether the provider was asked about the person as lately as it should be."""
    return bool(_standing(mark, user).filter(renew_at__gt=timezone.now()).exists())


def _standing(mark: object, user: User) -> QuerySet[SsoSession]:
    try:
        wanted = UUID(str(mark))
    except ValueError:
        return SsoSession.across_tenants.none()
    found: QuerySet[SsoSession] = SsoSession.across_tenants.filter(
        id=wanted,
        identity__user=user,
        identity__provider__is_enabled=True,
        ends_at__gt=timezone.now(),
    )
    return found


def without_factors(organization: Organization) -> list[IdentityProvider]:
    """Providers whose sessions pass for a second factor that none of them has to tell of."""
    if not organization.require_mfa:
        return []
    rows = IdentityProvider.objects.within(organization).filter(is_enabled=True)
    return [provider for provider in rows if not provider.vouches_for_factors]


def identities_of(user: User) -> list[FederatedIdentity]:
    """The company identities connected to somebody's account."""
    found = FederatedIdentity.across_tenants.filter(user=user)
    return list(found.select_related("provider__organization").order_by("provider__name"))


def people_behind(accounts: Collection[UUID]) -> dict[UUID, UUID]:
    """For each of these accounts, the account that stands for its person among them.

    One issuer names a person by one subject: whoever has connected it to two accounts, through
    two organizations that trust the issuer, is one person still.
    """
    same = {account: account for account in accounts}
    first: dict[tuple[str, str], UUID] = {}
    known = FederatedIdentity.across_tenants.filter(user__in=accounts).order_by("user")
    for account, issuer, subject in known.values_list("user", "provider__issuer", "subject"):
        other, mine = same[first.setdefault((issuer, subject), account)], same[account]
        same = {one: other if by == mine else by for one, by in same.items()}
    return same


def connectable_by(user: User) -> list[IdentityProvider]:
    """Providers of the person's organizations they are not connected to yet."""
    found = IdentityProvider.across_tenants.filter(
        is_enabled=True,
        organization__memberships__user=user,
        organization__memberships__is_active=True,
    )
    known = FederatedIdentity.across_tenants.filter(user=user).values("provider")
    return list(found.exclude(id__in=known).select_related("organization").order_by("name"))
