"""Organizations that ask for a second factor: checked with every ticket, before any page of theirs."""

from typing import Final

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest

from accounts import factors
from accounts.errors import NotPermitted
from accounts.models import AccessToken, FederatedIdentity, IdentityProvider, Organization, User

# Which identity provider vouches for the session: its key (accounts.sso writes it).
PROVIDER_MARK: Final = "wayfork.sso_provider"


class SecondFactorNeeded(NotPermitted):
    """The organization asks for a second factor, and none was used in this session."""

    code = "second_factor_needed"
    hint = (
        "Set up an authenticator app or a passkey under 'Account & security', and sign in with it."
    )


def require(request: HttpRequest, user: User, organization: Organization) -> None:
    """Pass, or raise SecondFactorNeeded.

    A session counts when a factor was used in it, or when this organization's own provider
    vouches for it: whether that provider has to show its own factors is for owners to decide, who
    are told while it does not (`identities.without_factors`). A personal token counts when its
    person could sign in like that; scripts have no second factor to show.
    """
    if not organization.require_mfa:
        return
    token = getattr(request, "auth", None)
    if isinstance(token, AccessToken):
        passes = factors.has_factor(user) or _is_known_to_provider(user, organization)
    else:
        passes = factor_used(request, user) or _is_vouched_for(request, organization)
    if not passes:
        raise SecondFactorNeeded(f"{organization.name} asks for a second factor.")


def factor_used(request: HttpRequest, user: User) -> bool:
    """Whether a second factor was shown in this very session."""
    records = get_authentication_records(request, user)
    return any(record.get("method") == "mfa" for record in records)


def _is_vouched_for(request: HttpRequest, organization: Organization) -> bool:
    key = request.session.get(PROVIDER_MARK, "")
    providers = IdentityProvider.objects.within(organization)
    return bool(key) and providers.filter(key=key, is_enabled=True).exists()


def _is_known_to_provider(user: User, organization: Organization) -> bool:
    identities = FederatedIdentity.objects.within(organization)
    return bool(identities.filter(user=user, provider__is_enabled=True).exists())
