"""Access tokens: `Authorization: Bearer mgt_…` stands for the person who made it."""

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts.actions import credentials
from accounts.errors import DomainError
from accounts.models import AccessToken, User


class TokenAuthentication(authentication.BaseAuthentication):
    """Reads the token; a bad one is told apart from none."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            found = credentials.token(token.strip())
        except DomainError as error:
            raise exceptions.AuthenticationFailed(f"{error} {error.hint}") from error
        return found.membership.user, found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
