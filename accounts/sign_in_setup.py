"""Reads for the page on which owners set company sign-in up."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q

from accounts.access import Access
from accounts.models import (
    ClaimedDomain,
    FederatedIdentity,
    GroupRole,
    IdentityProvider,
    Membership,
    Project,
    Team,
)

# More connections than this are looked for by the person, on the page of people.
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything about how an organization's people sign in."""

    providers: list[IdentityProvider]
    domains: list[ClaimedDomain]
    owners: list[Membership]


@dataclass(frozen=True, slots=True)
class Details:
    """What hangs on one provider."""

    groups: list[GroupRole]
    domains: list[ClaimedDomain]
    identities: list[FederatedIdentity]
    known: int
    # How many keys the provider publishes.
    published: int
    teams: list[Team]
    projects: list[Project]

    @property
    def leads_somebody(self) -> bool:
        """Whether a proved domain leads people here."""
        return any(domain.proved_at for domain in self.domains)


def overview(access: Access) -> Overview:
    """Providers with how many people each knows, domains, and owners who could break the glass."""
    people = Count("identities", distinct=True)
    proved = Count("domains", filter=Q(domains__proved_at__isnull=False), distinct=True)
    owners = Membership.objects.within(access.organization).filter(is_owner=True, is_active=True)
    return Overview(
        list(
            IdentityProvider.objects.within(access.organization).annotate(
                people=people, proved=proved
            )
        ),
        list(
            ClaimedDomain.objects.within(access.organization)
            .select_related("provider")
            .order_by("domain")
        ),
        list(owners.select_related("user").order_by("user__email")),
    )


def details(access: Access, provider: IdentityProvider) -> Details:
    """Groups, domains and connected people of one provider."""
    identities = FederatedIdentity.objects.within(access.organization).filter(provider=provider)
    groups = GroupRole.objects.within(access.organization).filter(provider=provider)
    domains = ClaimedDomain.objects.within(access.organization).filter(provider=provider)
    return Details(
        groups=list(groups.select_related("project", "team").order_by("group")),
        domains=list(domains.order_by("domain")),
        identities=list(identities.select_related("user").order_by("user__email")[:SHOWN]),
        known=identities.count(),
        published=len(provider.jwks.get("keys", ())),
        teams=list(Team.objects.within(access.organization)),
        projects=list(Project.objects.within(access.organization)),
    )
