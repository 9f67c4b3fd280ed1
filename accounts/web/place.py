"""From a request and the keys in its address to the one immutable Access."""

from dataclasses import dataclass
from typing import TypeGuard

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from accounts import access as tickets
from accounts.access import Access
from accounts.errors import DomainError, NotFound
from accounts.models import AccessToken, User
from accounts.web import company_sign_in, second_factor
from accounts.web.origin import origin_of


class SignInNeeded(DomainError):
    """Nobody is signed in."""

    code = "sign_in_needed"
    status = 401
    hint = "Sign in, or send an access token as 'Authorization: Bearer mgt_…'."


def is_person(user: User | AnonymousUser | None) -> TypeGuard[User]:
    """Whether somebody real is signed in."""
    return isinstance(user, User) and user.is_authenticated


def environment_access(
    request: HttpRequest, organization: str, project: str, environment: str
) -> Access:
    """The ticket at an environment; NotFound for outsiders."""
    return _access(request, organization, project, environment)


def project_access(request: HttpRequest, organization: str, project: str) -> Access:
    """The ticket at a project."""
    return _access(request, organization, project, None)


def organization_access(request: HttpRequest, organization: str) -> Access:
    """The ticket at an organization."""
    return _access(request, organization, None, None)


def _access(
    request: HttpRequest, organization: str, project: str | None, environment: str | None
) -> Access:
    token = getattr(request, "auth", None)
    if isinstance(token, AccessToken):
        access = _access_of_token(request, token, organization, project, environment)
    else:
        access = _access_of_person(request, organization, project, environment)
    # Read by accounts.web.context.
    request.access = access  # type: ignore[attr-defined]
    return access


def _access_of_person(
    request: HttpRequest, organization: str, project: str | None, environment: str | None
) -> Access:
    user = getattr(request, "user", None)
    if not is_person(user):
        raise SignInNeeded("Nobody is signed in.")
    origin = origin_of(request)
    access = tickets.of_member(user, organization, project, environment, origin=origin)
    company_sign_in.require(request, user, access.organization)
    second_factor.require(request, user, access.organization)
    return access


def _access_of_token(
    request: HttpRequest,
    token: AccessToken,
    organization: str,
    project: str | None,
    environment: str | None,
) -> Access:
    if token.organization.key != organization:
        raise NotFound
    origin = origin_of(request)
    if token.membership is None:
        return tickets.of_service(token, project, environment, origin=origin)
    user = token.membership.user
    access = tickets.of_member(user, organization, project, environment, origin=origin)
    second_factor.require(request, user, access.organization)
    return tickets.narrowed(access, token)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands, for templates."""

    access: Access

    @property
    def organization(self) -> object:
        return self.access.organization

    @property
    def project(self) -> object:
        return self.access.at_project

    @property
    def environment(self) -> object:
        return self.access.at_environment
