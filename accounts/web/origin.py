"""Where a request came from: its id, and the address behind the proxies we trust."""

import ipaddress
import re
import uuid
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.access import Origin, Via

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Gives every request an id, taken from the proxy if it sent a decent one, and returns it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.META["wayfork.request_id"] = (
            given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        )
        response = self.get_response(request)
        response["X-Request-Id"] = request.META["wayfork.request_id"]
        return response


def request_id(request: HttpRequest) -> str:
    """The id people quote when something went wrong."""
    return str(request.META.get("wayfork.request_id", ""))


def address_of(request: HttpRequest) -> str:
    """The client's address; `X-Forwarded-For` counts only as far as proxies are trusted."""
    return client_address(
        request.META.get("REMOTE_ADDR") or "", request.headers.get("X-Forwarded-For", "")
    )


def client_address(peer: str, forwarded: str) -> str:
    """The hop before the last `TRUSTED_PROXIES` ones, or the peer itself."""
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    trusted = settings.TRUSTED_PROXIES
    found = hops[-trusted] if trusted and len(hops) >= trusted else peer
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        return peer[:45]


def origin_of(request: HttpRequest) -> Origin:
    """What the ledger keeps of a request."""
    via = Via.REST if request.path.startswith("/api/") else Via.PAGE
    return Origin(via, address_of(request), request_id(request))


def scim_base(organization: str) -> str:
    """The base address an organization's directory is given."""
    return f"{settings.WAYFORK_URL.rstrip('/')}/scim/v2/{organization}"
