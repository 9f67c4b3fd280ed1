"""The password, or a factor, asked for again before what a stolen session would do first.

Somebody who has neither, because a company signs them in, is not asked: their provider is.
"""

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows import reauthentication
from django.http import HttpRequest
from django.utils.http import urlencode

from accounts.errors import DomainError
from accounts.models import AccessToken


class FreshProofNeeded(DomainError):
    """A browser's session does this only on the page, which asks for the password first."""

    code = "fresh_proof_needed"
    status = 403
    hint = "Do it on its page, which asks for your password first; or send an access token."


def require(request: HttpRequest) -> None:
    """Go on if it was shown within minutes; else lead the person there, and on from there.

    What was posted waits in the session meanwhile: no secret may be in it.
    """
    reauthentication.raise_if_reauthentication_required(request, app="")


def require_over_rest(request: HttpRequest) -> None:
    """The same for a browser's session over REST; a token was made by somebody who showed it."""
    if isinstance(getattr(request, "auth", None), AccessToken):
        return
    if reauthentication.is_reauthentication_required(request, app=""):
        raise FreshProofNeeded("This asks for a fresh proof that it is you.")


def address_if_missing(request: HttpRequest) -> str:
    """Where to show it before this page is filled in; empty when that was done."""
    if not reauthentication.is_reauthentication_required(request, app=""):
        return ""
    methods = get_adapter().get_reauthentication_methods(request.user)
    return f"{methods[0]['url']}?{urlencode({'next': request.get_full_path()})}"
