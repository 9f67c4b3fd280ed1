"""A visitor with an invitation: remembered until they have an account and come in."""

from typing import Final

from django.http import HttpRequest

from accounts import admissions
from accounts.models import Invitation

ID: Final = "invitation"
SECRET: Final = "invitation_secret"  # noqa: S105 - a name, not the thing
# allauth's own mark: an address that needs no further proof at sign-up.
VERIFIED: Final = "account_verified_email"


def remember(request: HttpRequest, invitation: Invitation, secret: str) -> None:
    """Let the visitor make an account, and find back afterwards.

    The secret reached them by a letter to the address, or not at all: nobody else is ever shown
    it. So whoever holds it has shown that the address is theirs. A link proves no address.
    """
    request.session[ID] = str(invitation.pk)
    request.session[SECRET] = secret
    if invitation.email:
        request.session[VERIFIED] = invitation.email


def is_invited(request: HttpRequest) -> bool:
    """Whether the visitor brought an invitation that can still be accepted."""
    known = request.session.get(ID, "")
    return bool(known) and admissions.is_open(str(known))


def waiting(request: HttpRequest) -> str:
    """The secret of the invitation the visitor brought; empty when there is none to accept."""
    return str(request.session.get(SECRET, "")) if is_invited(request) else ""


def forget(request: HttpRequest) -> None:
    """The invitation is accepted."""
    for name in (ID, SECRET):
        request.session.pop(name, None)
