"""A small delivery server on loopback that speaks the protocol and can be told to misbehave."""

import asyncio
import gzip
import json
import logging
import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

KEY_PREFIX = "Bearer srv_"


@dataclass
class Faults:
    """What to do wrong; all of it can be switched while running."""

    refuse_key: bool = False
    no_stream: bool = False
    drop_streams: bool = False
    fetch_status: int = 0
    events_status: int = 0
    contexts_status: int = 0
    contexts_enabled: bool = True
    retry_after: str | None = None
    slow: float = 0.0
    no_ping: bool = False


@dataclass
class Seen:
    """What clients did."""

    fetches: list[tuple[float, str | None, int]] = field(default_factory=list)
    streams: list[dict[str, str]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0

    def contexts(self) -> list[dict[str, Any]]:
        return [context for batch in self.samples for context in batch["contexts"]]

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [e for batch in self.batches for e in batch["events"] if e["kind"] == kind]

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]


class QuickServer(uvicorn.Server):
    """Ends without the courtesies of production: tests start and stop one each."""

    async def main_loop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110 - set from another thread
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets=None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class Loopback:
    """The server. `publish` from the test's thread; everything else happens on its own loop."""

    def __init__(self, document: bytes, *, window: float = 0.2, port: int = 0) -> None:
        self.document = document
        self.window = window
        self.faults = Faults()
        self.seen = Seen()
        self.port = port or free_port()
        self._queues: set[asyncio.Queue[Any]] = set()
        self._loop: Any = None
        self._server: Any = None
        self._thread: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connected(self) -> int:
        return len(self._queues)

    def start(self) -> "Loopback":
        config = uvicorn.Config(
            self._app,
            host="127.0.0.1",
            port=self.port,
            interface="asgi3",
            lifespan="off",
            log_config=None,
        )
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
        self._server = QuickServer(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started)
        return self

    def stop(self) -> None:
        self._server.force_exit = True
        self._server.should_exit = True
        self._thread.join(5)
        self._queues.clear()

    def publish(self, document: bytes, *, inline: bool = True, keep: bool = False) -> None:
        """Announce a new snapshot; `keep` goes on serving the old one over HTTP."""
        if not keep:
            self.document = document
        self._tell(("changed", document, inline))

    def say(self, message: dict[str, Any]) -> None:
        self._tell(("say", message, None))

    def close_streams(self, code: int) -> None:
        self._tell(("close", code, None))

    def _tell(self, what: tuple[str, Any, Any]) -> None:
        for queue in list(self._queues):
            self._loop.call_soon_threadsafe(queue.put_nowait, what)

    async def _app(self, scope, receive, send) -> None:
        self._loop = asyncio.get_running_loop()
        if self.faults.slow:
            await asyncio.sleep(self.faults.slow)
        if scope["type"] == "websocket":
            await self._stream(scope, receive, send)
        elif scope["path"] == "/api/v1/sdk/snapshot":
            await self._snapshot(scope, send)
        elif scope["path"] == "/api/v1/sdk/events":
            await self._events(scope, receive, send)
        elif scope["path"] == "/api/v1/sdk/contexts":
            await self._contexts(receive, send)
        else:
            await answer(send, 404, b"{}")

    def _is_refused(self, scope) -> bool:
        key = headers_of(scope).get("authorization", "")
        return self.faults.refuse_key or not key.startswith(KEY_PREFIX)

    async def _snapshot(self, scope, send) -> None:
        shown = headers_of(scope).get("if-none-match")
        etag = f'"{checksum_in(self.document)}"'
        status, body, more = 200, self.document, {"ETag": etag}
        if self._is_refused(scope):
            status, body = 401, b'{"code":"bad_key","detail":"No such key.","hint":"Make one."}'
        elif self.faults.fetch_status:
            status, body = self.faults.fetch_status, b"{}"
            if self.faults.retry_after:
                more = {"Retry-After": self.faults.retry_after}
        elif shown == etag:
            status, body = 304, b""
        elif "gzip" in headers_of(scope).get("accept-encoding", ""):
            body, more = gzip.compress(body), {**more, "Content-Encoding": "gzip"}
        self.seen.fetches.append((time.monotonic(), shown, status))
        await answer(send, status, body, more)

    async def _contexts(self, receive, send) -> None:
        self.seen.samples.append(json.loads(gzip.decompress(await body_of(receive))))
        told = {"accepted": 1, "rejected": [], "enabled": self.faults.contexts_enabled}
        await answer(send, self.faults.contexts_status or 202, json.dumps(told).encode())

    async def _events(self, scope, receive, send) -> None:
        body = await body_of(receive)
        self.seen.posts += 1
        if self._is_refused(scope):
            await answer(send, 401, b"{}")
            return
        batch = json.loads(gzip.decompress(body))
        self.seen.batches.append(batch)
        if self.faults.events_status:
            more_headers = (
                {"Retry-After": self.faults.retry_after} if self.faults.retry_after else {}
            )
            await answer(send, self.faults.events_status, b"{}", more_headers)
            return
        refused = [
            {"index": i, "code": "unknown_event", "detail": "No such event.", "hint": ""}
            for i, event in enumerate(batch["events"])
            if event.get("event") == "refuse-me"
        ]
        told = {"accepted": len(batch["events"]) - len(refused), "rejected": refused}
        await answer(send, 202, json.dumps(told).encode())

    async def _stream(self, scope, receive, send) -> None:
        await receive()
        if self.faults.no_stream:
            await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        self.seen.streams.append(headers_of(scope))
        await send({"type": "websocket.accept"})
        if self._is_refused(scope):
            await send({"type": "websocket.close", "code": 4401, "reason": "revoked"})
            return
        if self.faults.drop_streams:
            await send({"type": "websocket.close", "code": 1011})
            return
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._queues.add(queue)
        reader = asyncio.create_task(self._listen(receive, queue))
        try:
            await self._talk(queue, send)
        finally:
            self._queues.discard(queue)
            reader.cancel()

    async def _listen(self, receive, queue) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                queue.put_nowait(("gone", None, None))
                return
            self.seen.messages.append(json.loads(message["text"]))

    async def _talk(self, queue, send) -> None:
        async def text(message: dict[str, Any]) -> None:
            await send({"type": "websocket.send", "text": json.dumps(message)})

        await text({"type": "hello", **place_of(self.document), "window": self.window})
        while True:
            kind, what, inline = await queue.get()
            if kind == "gone":
                return
            if kind == "close":
                await send({"type": "websocket.close", "code": what})
                return
            if kind == "say":
                await text(what)
                continue
            changed = {"type": "changed", **place_of(what), "keys": []}
            if inline:
                told = json.dumps(changed).encode()
                await send({"type": "websocket.send", "bytes": told + b"\n" + what})
            else:
                await text(changed)


def place_of(document: bytes) -> dict[str, int]:
    try:
        found = json.loads(document)
        return {"epoch": found["epoch"], "version": found["version"]}
    except (ValueError, KeyError, TypeError):
        return {"epoch": 9, "version": 9}


def checksum_in(document: bytes) -> str:
    found = re.search(rb'"checksum":"([0-9a-f]*)"', document)
    return found[1].decode() if found else "none"


async def body_of(receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def headers_of(scope) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in scope["headers"]}


async def answer(send, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    told = {"Content-Length": str(len(body)), "Content-Type": "application/json", **(headers or {})}
    raw = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition, timeout: float = 5.0) -> bool:
    """Wait for something to become true; fails the test when it does not."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    raise AssertionError(f"not within {timeout} s: {condition.__code__.co_names}")


@contextmanager
def serving(document: bytes, **options):
    server = Loopback(document, **options).start()
    try:
        yield server
    finally:
        server.stop()
