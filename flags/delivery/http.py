"""Plain ASGI endpoints for SDKs: snapshot with ETag, evaluated values for client keys, health.

No Django request is made: measured on two cores, a Django view answers 350 to 880 requests a
second where these answer tens of thousands.
"""

import hashlib
import json
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.conf import settings

from accounts.errors import DomainError
from accounts.limits import TooOften
from accounts.web.origin import client_address
from accounts.web.problems import body_of_error
from flags.delivery import hub as hubs
from flags.delivery.hub import Credential, Hub
from flags.delivery.limits import READY
from wayfork.engine import Compiled

log = logging.getLogger(__name__)

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

BODY_LIMIT: Final = 1_000_000
CONTEXT_LIMIT: Final = 64_000
JSON: Final = (b"content-type", b"application/json")
PROBLEM: Final = (b"content-type", b"application/problem+json")
NO_CACHE: Final = (b"cache-control", b"private, no-cache")
VARY: Final = (b"vary", b"accept-encoding")
RETRY_SECONDS: Final = 5


class WrongKeyKind(DomainError):
    """The key is good, but not for this."""

    code = "wrong_key_kind"
    status = 403
    hint = "Snapshots need a server key (srv_…); client keys (cli_…) ask for evaluated values."


class MalformedBody(DomainError):
    """The body cannot be read."""

    code = "malformed_body"
    status = 400
    hint = "Send one JSON object, UTF-8, optionally gzip-compressed."


class BodyTooLarge(DomainError):
    """The body exceeds its limit."""

    code = "body_too_large"
    status = 413
    hint = "Send smaller batches."


class ServerKeyInBrowser(DomainError):
    """A key that reads everything was sent from a web page, where everybody can read it."""

    code = "server_key_in_browser"
    status = 403
    hint = "Revoke this key now and use a client key (cli_…) in browsers."


class KeyMissing(DomainError):
    """No key was sent."""

    code = "bad_key"
    status = 401
    hint = "Send 'Authorization: Bearer srv_…' with an SDK key of this environment."


@dataclass(frozen=True, slots=True)
class Asked:
    """The headers that matter here."""

    secret: str
    none_match: bytes
    takes_gzip: bool
    # Browsers say which page asks; servers do not.
    is_browser: bool
    peer: str
    forwarded: str

    def address(self) -> str:
        """Whose request it is, behind the proxies we trust."""
        return client_address(self.peer, self.forwarded)


def asked(scope: Scope) -> Asked:
    """Read the few headers we know, in one pass."""
    secret, none_match, encodings, origin, forwarded = "", b"", b"", b"", b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, rest = value.partition(b" ")
            secret = rest.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
        elif name == b"if-none-match":
            none_match = value
        elif name == b"accept-encoding":
            encodings = value
        elif name == b"origin":
            origin = value
        elif name == b"x-forwarded-for":
            forwarded = value
    peer = (scope.get("client") or ("",))[0] or ""
    takes_gzip, is_browser = b"gzip" in encodings, bool(origin)
    return Asked(secret, none_match, takes_gzip, is_browser, peer, forwarded.decode("latin-1"))


async def authorized(scope: Scope) -> tuple[Hub, Credential, Asked]:
    """The hub and the key's owner; raises KeyMissing, BadKey or ServerKeyInBrowser."""
    headers = asked(scope)
    if not headers.secret:
        raise KeyMissing("This address needs an SDK key.")
    hub = hubs.here()
    return hub, await admitted(hub, headers), headers


async def counted(scope: Scope) -> Credential:
    """The key's owner, whose call is noted; raises TooOften besides."""
    hub, credential, headers = await authorized(scope)
    count(hub, credential, headers)
    return credential


def count(hub: Hub, credential: Credential, headers: Asked, cost: float = 1.0) -> None:
    """Note a call, or raise TooOften."""
    try:
        hub.limits.count_call(credential.digest, public_address(credential, headers), cost)
    except TooOften:
        _doubt_the_proxies(hub, headers)
        raise


def public_address(credential: Credential, headers: Asked) -> str:
    """The address, where what is done with a key is counted by it: with a key that is no secret."""
    return "" if credential.is_server else headers.address()


def _doubt_the_proxies(hub: Hub, headers: Asked) -> None:
    """Behind a proxy nobody told us of all the world has one address, which is soon used up."""
    if headers.forwarded and not settings.TRUSTED_PROXIES and not hub.doubts_proxies:
        hub.doubts_proxies = True
        log.warning(
            "calls are refused, and they come through a proxy: if it is yours, say so with"
            " WAYFORK_TRUSTED_PROXIES, else all visitors count as one address"
        )


async def admitted(hub: Hub, headers: Asked) -> Credential:
    """Whose key this is; a server key is not for browsers."""
    credential = await hub.credential(headers.secret, headers.address)
    if headers.is_browser and credential.is_server:
        hub.exposed(credential)
        raise ServerKeyInBrowser("A browser sent a server key.")
    return credential


async def snapshot(scope: Scope, receive: Receive, send: Send) -> None:
    """The environment's document, or 304."""
    hub, credential, headers = await authorized(scope)
    if not credential.is_server:
        raise WrongKeyKind("A client key may not read the snapshot.")
    served = await hub.current(credential.environment_id)
    etag = served.zipped_etag if headers.takes_gzip else served.etag
    known = [
        (b"etag", etag),
        (b"wayfork-version", b"%d.%d" % served.place),
        NO_CACHE,
        VARY,
        *_stale(hub),
    ]
    # To say that nothing changed costs no more than to refuse it: only documents count.
    if served.etag[:-1] in headers.none_match:
        await respond(send, 304, known, b"")
        return
    count(hub, credential, headers, READY)
    if headers.takes_gzip:
        await respond(send, 200, [JSON, (b"content-encoding", b"gzip"), *known], served.zipped)
    else:
        await respond(send, 200, [JSON, *known], served.body)


async def evaluate(scope: Scope, receive: Receive, send: Send) -> None:
    """Values of all client-side flags for one context; what client keys may see."""
    hub, credential, headers = await authorized(scope)
    count(hub, credential, headers)
    body = await read_json(scope, receive, CONTEXT_LIMIT)
    context = body.get("context")
    if not isinstance(context, Mapping):
        raise MalformedBody("'context' must be an object.")
    served = await hub.current(credential.environment_id)
    flags = values(await hub.compiled(served), context)
    answer = json.dumps(
        {"epoch": served.epoch, "version": served.version, "flags": flags},
        separators=(",", ":"),
        sort_keys=True,
    ).encode()
    etag = b'"%s"' % hashlib.sha256(answer).hexdigest()[:32].encode()
    known = [(b"etag", etag), NO_CACHE, *_stale(hub)]
    if headers.none_match and etag in headers.none_match:
        await respond(send, 304, known, b"")
    else:
        await respond(send, 200, [JSON, *known], answer)


def values(compiled: Compiled, context: Mapping[str, object]) -> dict[str, Any]:
    """Every client-side flag as this context sees it."""
    found = {}
    for key, flag in compiled.snapshot.flags.items():
        if not flag.client_side:
            continue
        answer = compiled.evaluate(key, None, context)
        found[key] = {
            "value": answer.value,
            "variation": answer.variation,
            "reason": answer.reason,
            "experiment": answer.experiment,
            **({"errorCode": answer.error_code} if answer.error_code else {}),
        }
    return found


async def health(scope: Scope, receive: Receive, send: Send) -> None:
    """Whether this process serves, and how old its truth is. Needs no database."""
    hub = hubs.here()
    stale = hub.stale_seconds
    answer = {
        "status": "ok" if stale is None else "stale",
        "staleSeconds": stale or 0,
        "environments": len(hub.served),
        "sockets": sum(len(sockets) for sockets in hub.sockets.values()),
    }
    await respond(send, 200, [JSON, (b"cache-control", b"no-store")], orjson.dumps(answer))


def _stale(hub: Hub) -> Headers:
    seconds = hub.stale_seconds
    return [] if seconds is None else [(b"wayfork-stale-seconds", str(seconds).encode())]


# --- shared by every plain endpoint


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """One complete answer."""
    if status != 304:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, error: DomainError) -> None:
    """A refusal as problem+json."""
    headers: Headers = [PROBLEM, (b"cache-control", b"no-store")]
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.status in {429, 503}:
        wait = error.data.get("wait", RETRY_SECONDS)
        headers.append((b"retry-after", str(wait).encode()))
    await respond(send, error.status, headers, orjson.dumps(body_of_error(error)))


async def read_json(scope: Scope, receive: Receive, limit: int) -> dict[str, Any]:
    """The body as one JSON object; raises MalformedBody or BodyTooLarge."""
    raw = await read_body(scope, receive, limit)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise MalformedBody("The body must be a JSON object.")
    return body


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The body's bytes, inflated; never more than `limit` of them."""
    too_large = BodyTooLarge(f"The body exceeds {limit:,} bytes.", limit=limit)
    gzipped = False
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise too_large
        if name == b"content-encoding":
            gzipped = _is_gzip(value)
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedBody("The connection was closed.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
        more = message.get("more_body", False)
    raw = b"".join(chunks)
    return _inflated(raw, limit, too_large) if gzipped else raw


def _is_gzip(encoding: bytes) -> bool:
    name = encoding.strip().lower()
    if name in {b"", b"identity"}:
        return False
    if name != b"gzip":
        raise MalformedBody(f"Content-Encoding {name.decode('latin-1')!r} is not known.")
    return True


def _inflated(raw: bytes, limit: int, too_large: DomainError) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        body = inflater.decompress(raw, limit + 1)
    except zlib.error as error:
        raise MalformedBody("The body is not gzip.") from error
    if len(body) > limit or inflater.unconsumed_tail:
        raise too_large
    if not inflater.eof:
        raise MalformedBody("The gzip body is cut short.")
    return body


def front(routes: Mapping[tuple[str, str], Endpoint], behind: Endpoint) -> Endpoint:
    """An ASGI application that answers the routes itself and leaves the rest to `behind`."""
    paths = {path for _, path in routes}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path not in paths:
            await behind(scope, receive, send)
            return
        endpoint = routes.get((scope["method"], path))
        if endpoint is None:
            await refuse(send, MethodNotAllowed(f"{scope['method']} is not known here."))
            return
        try:
            await endpoint(scope, receive, send)
        except DomainError as error:
            await refuse(send, error)

    return application


class MethodNotAllowed(DomainError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405


ROUTES: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", "/api/v1/sdk/snapshot"): snapshot,
    ("POST", "/api/v1/sdk/evaluate"): evaluate,
    ("GET", "/healthz"): health,
}
