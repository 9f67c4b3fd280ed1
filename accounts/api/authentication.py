"""Access tokens: `Authorization: Bearer mgt_…` stands for its person, or for a script."""

from dataclasses import dataclass

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts.actions import credentials, refusals
from accounts.errors import DomainError
from accounts.models import AccessToken, User
from accounts.web.origin import origin_of


@dataclass(frozen=True, slots=True)
class Script:
    """Who asks by a service token: nobody in person."""

    label: str
    is_authenticated: bool = True


class TokenAuthentication(authentication.BaseAuthentication):
    """Reads the token; a bad one is told apart from none."""

    def authenticate(self, request: Request) -> tuple[User | Script, AccessToken] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            found = credentials.token(token.strip(), origin_of(request))
        except credentials.TokenSuspended:
            refusals.note_token(AccessToken, token.strip(), origin_of(request))
            raise
        except DomainError as error:
            refusals.note_token(AccessToken, token.strip(), origin_of(request))
            raise exceptions.AuthenticationFailed(f"{error} {error.hint}") from error
        if found.membership is None:
            return Script(found.label), found
        return found.membership.user, found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
