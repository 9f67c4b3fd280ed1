"""The socket of an open page: small hints that something changed, for as long as the person may look."""

import asyncio
import contextlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from http import cookies
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from weakref import WeakSet

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib import auth
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.urls import path

from accounts import hints, inbox
from accounts.access import Access
from accounts.errors import DomainError
from accounts.models import User
from accounts.web import company_sign_in
from accounts.web.company_sign_in import RenewalNeeded
from accounts.web.place import environment_access, organization_access, project_access

# How long a page may stay open behind somebody's leaving, at most.
CHECK_SECONDS: Final = 10.0
SIGNED_OUT: Final = 4401
# The provider is to be asked again whether it still knows the person: only a page load does that.
RENEWAL_DUE: Final = 4423
NOT_OURS: Final = 4403
TOO_LONG: Final = 1009
TRY_LATER: Final = 1013
FRAME_LIMIT: Final = 64_000
# What is hinted within this time of a hint is told together: a page looks again once for all of it.
HINT_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Seen:
    """Who looks at what, as the last check found it."""

    user_id: UUID
    project_id: UUID | None
    unread: int


class PageConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page. It says nothing we listen to; it is told topics, and looks again by itself."""

    seen: Seen | None = None
    checking: asyncio.Task[None] | None = None
    telling: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Refuse other sites, then find out who asks. Who may not enter is told by the close code."""
        if not is_own_origin(_headers(self.scope)):
            await self.close(NOT_OURS)
            return
        hints.listen_on(asyncio.get_running_loop())
        self.hinted: list[str] = []
        await self.accept()
        try:
            self.seen = await self._look()
        except DomainError as error:
            await self.close(_code_of(error))
            return
        if not _enter(self.seen.user_id, self):
            await self.close(TRY_LATER, "Too many pages are open.")
            return
        for group in self._groups():
            await self.channel_layer.group_add(group, self.channel_name)
        await self._say("hello", unread=self.seen.unread)
        self.checking = asyncio.get_running_loop().create_task(self._keep_checking())

    def _groups(self) -> list[str]:
        if self.seen is None:
            return []
        here = [hints.group_of_project(self.seen.project_id)] if self.seen.project_id else []
        return [hints.group_of_person(self.seen.user_id), *here]

    async def _look(self) -> Seen:
        query = self.scope.get("query_string", b"").decode("latin-1")
        seen: Seen = await database_sync_to_async(look)(_headers(self.scope), query)
        return seen

    async def _keep_checking(self) -> None:
        """Pages open together do not ask together."""
        while True:
            await asyncio.sleep(CHECK_SECONDS * random.uniform(0.7, 1.0))  # noqa: S311 - no secret
            if not await self._still_may():
                return
            with contextlib.suppress(RuntimeError, OSError):
                await self._say("ping")

    async def _still_may(self) -> bool:
        try:
            self.seen = await self._look()
        except RenewalNeeded:
            return await self._end(RENEWAL_DUE)
        except DomainError:
            return await self._end(SIGNED_OUT)
        except DatabaseError:
            # Nobody can tell whether the person still may: the page asks again in a while.
            return await self._end(TRY_LATER)
        return True

    async def _end(self, code: int) -> bool:
        """Close, which a check and a hint may both want."""
        with contextlib.suppress(RuntimeError, OSError):
            await self.close(code)
        return False

    async def hint(self, message: Mapping[str, Any]) -> None:
        """Pass a hint on, if the person may still hear it; what comes close behind goes along."""
        self.hinted += message["topics"]
        if self.telling is None or self.telling.done():
            self.telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self.hinted:
            topics, self.hinted = list(dict.fromkeys(self.hinted)), []
            if not await self._still_may() or self.seen is None:
                return
            with contextlib.suppress(RuntimeError, OSError):
                await self._say("hint", topics=topics, unread=self.seen.unread)
            await asyncio.sleep(HINT_SECONDS)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages only listen."""
        if len(text_data or bytes_data or "") > FRAME_LIMIT:
            await self.close(TOO_LONG)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels calls it so
        """The page is gone."""
        for task in (self.checking, self.telling):
            if task is not None:
                task.cancel()
        if self.seen is not None:
            _leave(self.seen.user_id, self)
        for group in self._groups():
            await self.channel_layer.group_discard(group, self.channel_name)

    async def _say(self, kind: str, **content: object) -> None:
        await self.send(json.dumps({"type": kind, **content}, separators=(",", ":")))


# The pages each person has open here. Weakly: a line that breaks before it is greeted never says so.
_open: Final[dict[UUID, WeakSet[PageConsumer]]] = {}


def _enter(user_id: UUID, page: PageConsumer) -> bool:
    """Whether there is room for one more."""
    pages = _open.setdefault(user_id, WeakSet())
    if settings.PAGES_PER_PERSON and len(pages) >= settings.PAGES_PER_PERSON:
        return False
    pages.add(page)
    return True


def _leave(user_id: UUID, page: PageConsumer) -> None:
    pages = _open.get(user_id, WeakSet())
    pages.discard(page)
    if not pages:
        _open.pop(user_id, None)


def _code_of(error: DomainError) -> int:
    return RENEWAL_DUE if isinstance(error, RenewalNeeded) else 4000 + error.status


def is_own_origin(headers: Mapping[str, str]) -> bool:
    """Whether the page that opens the socket is ours. A browser always says where it stands, so
    nothing said is refused: else another site could listen with the person's cookie."""
    origin, host = headers.get("origin", ""), headers.get("host", "")
    parts = urlsplit(origin)
    if f"{parts.scheme}://{parts.netloc}" != origin or parts.scheme not in {"http", "https"}:
        return False
    own = urlsplit(settings.WAYFORK_URL)
    if origin in {f"{own.scheme}://{own.netloc}", *settings.CSRF_TRUSTED_ORIGINS}:
        return True
    if settings.SECURE_COOKIES and parts.scheme != "https":
        return False
    domain, _port = split_domain_port(host)
    return parts.netloc.lower() == host.lower() and validate_host(domain, settings.ALLOWED_HOSTS)


def look(headers: Mapping[str, str], query: str) -> Seen:
    """The person of the session cookie at the place the page names, by the rules of any page."""
    request = _request(headers)
    access = _access(request, parse_qs(query))
    user = access.actor.user
    if user is not None:
        # Pages are held to this by a middleware, which sockets do not pass.
        company_sign_in.require_renewed(request, user)
    unread = inbox.unread(access)
    project = access.at_project
    return Seen(user.pk if user else UUID(int=0), project.pk if project else None, unread)


def _request(headers: Mapping[str, str]) -> HttpRequest:
    """Read anew each time: the session may have ended since."""
    request = HttpRequest()
    jar = cookies.SimpleCookie()
    with contextlib.suppress(cookies.CookieError):
        jar.load(headers.get("cookie", ""))
    morsel = jar.get(settings.SESSION_COOKIE_NAME)
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(morsel.value if morsel else None)
    user = auth.get_user(request)
    if isinstance(user, User):
        request.user = user
    return request


def _access(request: HttpRequest, query: Mapping[str, list[str]]) -> Access:
    organization, project, environment = (
        query.get(name, [""])[0] for name in ("organization", "project", "environment")
    )
    if environment:
        return environment_access(request, organization, project, environment)
    if project:
        return project_access(request, organization, project)
    return organization_access(request, organization)


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }


# Django's declaration knows views only; Channels takes applications.
SOCKETS: Final = [path("ws/ui", PageConsumer.as_asgi())]
