"""Which organizations a browser session opens, when a company vouches for it or should."""

from typing import Final

from django.http import HttpRequest

from accounts import identities
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.models import IdentityProvider, Organization, User
from accounts.web.second_factor import PROVIDER_MARK

# Which row vouches for a browser session. Not the session's key: that changes while it lives.
SESSION_MARK: Final = "wayfork.sso_session"


class RenewalNeeded(DomainError):
    """The provider has to be asked again, which only a page load can do."""

    code = "renewal_needed"
    status = 403
    hint = "Load any page, which asks your company's sign-in by itself; then do this again."


class SessionEnded(DomainError):
    """The session a provider vouched for is over."""

    code = "session_ended"
    status = 401
    hint = "Sign in again through your company."


class CompanySignInNeeded(NotPermitted):
    """The organization wants this person to come in through the company, and they did not."""

    code = "company_sign_in_needed"
    hint = "Go to the start page: it leads from there to your company's sign-in."


class OtherSignInNeeded(NotPermitted):
    """Another organization's provider vouches for this session; it speaks for itself alone."""

    code = "other_sign_in_needed"
    hint = "Sign out, then sign in with your password, or through this organization's company."


class OwnSignInNeeded(NotPermitted):
    """A company speaks for its own organization, not for accounts that also lead elsewhere."""

    code = "own_sign_in_needed"
    hint = "Sign out, then sign in with your password, and do this again."


def require(request: HttpRequest, user: User, organization: Organization) -> None:
    """Pass, or raise. Access tokens are each organization's own and never get here.

    What a provider says opens the organization that trusts it. It opens others only for addresses
    in a domain that organization has proved: whoever owns the domain could read the mail anyway.
    """
    key = str(request.session.get(PROVIDER_MARK, ""))
    # Pages hear of this from the middleware; what is open besides them, a socket, only here.
    if key and not identities.session_stands(request.session.get(SESSION_MARK), user):
        raise SessionEnded("Your company sign-in has ended.")
    required = identities.required_of(user, organization)
    if required and key not in {provider.key for provider in required}:
        raise CompanySignInNeeded(f"{organization.name} is opened by {required[0].name}.")
    if key and not _speaks_for(key, user, organization):
        raise OtherSignInNeeded(f"You signed in through a company that is not {organization.name}.")


def require_renewed(request: HttpRequest, user: User) -> None:
    """Pass, or raise: for what stays open without loading pages, by which the provider is asked."""
    is_vouched_for = bool(request.session.get(PROVIDER_MARK))
    if is_vouched_for and not identities.is_renewed(request.session.get(SESSION_MARK), user):
        raise RenewalNeeded("Your company sign-in has to be renewed.")


def may_be_told_of(request: HttpRequest, user: User, organization: Organization) -> bool:
    """Whether this session may learn that its person belongs there, open to it or not.

    Whoever runs a company's provider can sign in as its people: where else those belong is not
    the company's business.
    """
    key = str(request.session.get(PROVIDER_MARK, ""))
    return not key or _speaks_for(key, user, organization)


def is_by(request: HttpRequest, provider: IdentityProvider) -> bool:
    """Whether this provider vouches for the session."""
    return request.session.get(PROVIDER_MARK) == provider.key


def opens_account(request: HttpRequest, user: User) -> bool:
    """Whether this session may touch the account itself: how its person signs in, everywhere.

    A company vouches for that only where it has proved the domain of the account's address.
    """
    key = str(request.session.get(PROVIDER_MARK, ""))
    if not key:
        return True
    try:
        return identities.has_proved(identities.provider_by_key(key), user.email)
    except NotFound:
        return False


def _speaks_for(key: str, user: User, organization: Organization) -> bool:
    try:
        provider = identities.provider_by_key(key)
    except NotFound:
        return False
    return provider.organization_id == organization.pk or identities.has_proved(
        provider, user.email
    )
