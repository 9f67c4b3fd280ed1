"""Writes that were refused to somebody known: one line of the ledger a minute for each of a kind."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse

from accounts import access as tickets
from accounts import audit
from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import AccessToken
from accounts.web.origin import origin_of
from accounts.web.place import is_person

log = logging.getLogger(__name__)

READING: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# A person and an address are noted so often at most: nobody fills the ledger by knocking.
NOTED_EVERY_SECONDS: Final = 60
# And whatever they knock at, so many lines in that time.
MOST_LINES: Final = 20
ACTS: Final = {403: "refusal.forbidden", 404: "refusal.not_found"}
LONGEST_PATH: Final = 200


class RefusedWritesMiddleware:
    """Looks at answers, so that no page and no resource can forget to tell."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in READING and response.status_code in ACTS:
            try:
                _note(request, response.status_code)
            except DatabaseError:
                # The refusal stands; it is in the server's log all the same.
                log.exception("a refused write could not be recorded")
        return response


def _note(request: HttpRequest, status: int) -> None:
    """In the organization the address names, if whoever asked is one of its own.

    Strangers write nothing into an organization's ledger, and it is not told who they are.
    """
    access = _ticket(request)
    if access is None or request.resolver_match is None:
        return
    route = request.resolver_match.view_name or request.resolver_match.route
    if not _is_news(access, f"{status}:{request.method}:{route}"):
        return
    after = {"method": request.method, "path": request.path[:LONGEST_PATH], "status": status}
    with transaction.atomic():
        audit.record(access, ACTS[status], route, after=after)


def _is_news(access: Access, what: str) -> bool:
    who = f"{access.organization.pk}:{access.actor.label}"
    if not cache.add(_named(f"{who}:{what}"), 1, NOTED_EVERY_SECONDS):
        return False
    lines = _named(who)
    cache.add(lines, 0, NOTED_EVERY_SECONDS)
    try:
        return int(cache.incr(lines)) <= MOST_LINES
    except ValueError:
        # It ran out in between.
        return True


def _named(what: str) -> str:
    """Labels are people's words: not every cache takes them for keys."""
    return f"wayfork:refused:{hashlib.sha256(what.encode()).hexdigest()}"


def _ticket(request: HttpRequest) -> Access | None:
    """The ticket the address was entered with; before that, of the organization it names."""
    entered = getattr(request, "access", None)
    if isinstance(entered, Access):
        return replace(entered, origin=origin_of(request))
    match, user = request.resolver_match, getattr(request, "user", None)
    key = match.kwargs.get("organization") if match else None
    token = getattr(request, "auth", None)
    try:
        if key is None:
            return None
        if isinstance(token, AccessToken) and token.membership is None:
            is_own = token.organization.key == key
            return tickets.of_service(token, origin=origin_of(request)) if is_own else None
        return tickets.of_member(user, key, origin=origin_of(request)) if is_person(user) else None
    except NotFound:
        return None
