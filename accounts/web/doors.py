"""A person's organizations as one session may see them: open, locked for a reason, or not named."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import factors, identities
from accounts.errors import DomainError
from accounts.models import AccessToken, Membership, Organization, User
from accounts.web import company_sign_in, second_factor
from accounts.web.company_sign_in import CompanySignInNeeded
from accounts.web.second_factor import SecondFactorNeeded


@dataclass(frozen=True, slots=True)
class Door:
    """An organization somebody belongs to, and what keeps this session out of it."""

    organization: Organization
    lock: DomainError | None = None
    # What opens it: a link's text and where it leads.
    action: str = ""
    url: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the session may enter."""
        return self.lock is None


def doors_of(request: HttpRequest, user: User) -> list[Door]:
    """The person's organizations by name, but for those this session may not even be told of."""
    return list(_doors(request, user, (place.organization for place in _places(user))))


def doors_elsewhere(request: HttpRequest, user: User, here: Organization) -> list[Door]:
    """The same without the organization the person stands in."""
    others = _places(user).exclude(organization=here)
    return list(_doors(request, user, (place.organization for place in others)))


def opens(request: HttpRequest, user: User, organization: Organization) -> bool:
    """Whether a session, or a person's token, may enter."""
    return _lock(request, user, organization) is None


def _places(user: User) -> QuerySet[Membership]:
    rows: QuerySet[Membership] = Membership.across_tenants.filter(user=user, is_active=True)
    return rows.select_related("organization").order_by("organization__name")


def _doors(
    request: HttpRequest, user: User, organizations: Iterable[Organization]
) -> Iterable[Door]:
    for organization in organizations:
        if company_sign_in.may_be_told_of(request, user, organization):
            lock = _lock(request, user, organization)
            yield Door(organization, lock, *_way_in(user, organization, lock))


def _lock(request: HttpRequest, user: User, organization: Organization) -> DomainError | None:
    """The refusal a ticket would meet (accounts.web.place)."""
    try:
        if not isinstance(getattr(request, "auth", None), AccessToken):
            company_sign_in.require(request, user, organization)
        second_factor.require(request, user, organization)
    except DomainError as error:
        return error
    return None


def _way_in(user: User, organization: Organization, lock: DomainError | None) -> tuple[str, str]:
    home = urlencode({"next": reverse("accounts:home")})
    if isinstance(lock, SecondFactorNeeded):
        has_one = factors.has_factor(user)
        name = _("Use your second factor") if has_one else _("Set up a second factor")
        return name, f"{reverse('accounts:second-factor')}?{home}"
    if isinstance(lock, CompanySignInNeeded):
        provider = identities.required_of(user, organization)[0]
        name = _("Sign in with %(name)s") % {"name": provider.name}
        return name, f"{reverse('accounts:sso-login', args=[provider.key])}?{home}"
    return "", ""
