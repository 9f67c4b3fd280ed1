"""Keeping up with the server: stream first, polling where streams do not get through, never in a hurry."""

import json
import math
import threading
import time
from collections.abc import Callable
from typing import Final

from wayfork.client import jitter, rest, websocket
from wayfork.client.details import State
from wayfork.client.errors import (
    ClientFault,
    HandshakeRefused,
    KeyRefused,
    SnapshotRejected,
    SocketClosed,
    Unavailable,
)
from wayfork.client.identity import Identity
from wayfork.client.options import Options
from wayfork.client.truth import Position, Truth

REFUSING_CODES: Final = frozenset({4401, 4403})
FAILURES_BEFORE_POLLING: Final = 3
# A stream that lived shorter than this counts as failed: a server in a crash loop says hello too.
STEADY_AFTER: Final = 5.0
HELLO_WITHIN: Final = 10.0
# Even a server that asks for it is not stormed.
SHORTEST_WINDOW: Final = 0.1
LONGEST_BACKOFF: Final = 30.0
NEVER: Final = math.inf


class Follower:
    """The thread that keeps the truth current. One connection to the server, one schedule."""

    def __init__(
        self,
        options: Options,
        identity: Identity,
        truth: Truth,
        report: Callable[[Exception], None],
        on_refused: Callable[[KeyRefused], None],
    ) -> None:
        self._options = options
        self._truth = truth
        self._report = report
        self._on_refused = on_refused
        self._headers = identity.headers()
        self._connection = rest.Connection(options.base, self._headers, options.request_timeout)
        self._socket: websocket.WebSocket | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._window: float | None = None
        self._stream_failures = 0
        self._fetch_failures = 0
        self._next_fetch = 0.0
        self._next_stream = 0.0 if options.stream else NEVER
        self._held_until = 0.0
        self._announced: Position = (0, -1)
        self.state: State = "starting"

    def start(self) -> None:
        """Follow the server in the background from now on."""
        self._thread = threading.Thread(target=self._run, name="wayfork-stream", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Stop following; breaks whatever the thread is waiting for."""
        self._closing.set()
        sock = self._socket
        if sock is not None:
            sock.abort()
        self._connection.abort()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        if self.state != "refused":
            self.state = "closed"

    def forsake(self) -> None:
        """In a forked child: let go of the parent's connections without a word to the server."""
        if self._socket is not None:
            self._socket.drop()
        self._connection.drop()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._step()
            except KeyRefused as fault:
                self._refuse(fault)
                break
            except Exception as fault:  # noqa: BLE001 - the thread must outlive whatever happens
                self._fetch_failed(fault)
                self._stream_ended(fault)
        self._connection.drop()
        self._truth.settled.set()

    def _step(self) -> None:
        now = time.monotonic()
        if now >= self._next_fetch:
            self._fetch()
        elif now >= self._next_stream:
            self._stream()
        else:
            self._closing.wait(min(self._next_fetch, self._next_stream) - now)

    def _refuse(self, fault: KeyRefused) -> None:
        self.state = "refused"
        self._report(fault)
        self._on_refused(fault)

    # Fetching

    def _fetch(self) -> None:
        """Ask for the snapshot once and decide when to ask again."""
        try:
            got = rest.fetch_snapshot(
                self._connection, self._truth.etag, self._options.max_snapshot_bytes
            )
            if got.document is None:
                self._truth.confirm()
            else:
                self._truth.take(got.document)
        except SnapshotRejected as fault:
            self._fetch_failed(fault, hold=self._spread)
            self._refuse_snapshot(fault)
        except Unavailable as fault:
            self._fetch_failed(fault, hold=fault.retry_after or 0.0)
        except KeyRefused:
            raise
        except ClientFault as fault:
            self._fetch_failed(fault)
        else:
            self._fetched()

    def _fetched(self) -> None:
        if self._truth.position < self._announced:
            # Something between us and the server still answers with the version before.
            self._fetch_failures += 1
            self._next_fetch = time.monotonic() + self._backoff()
            return
        self._fetch_failures = 0
        self._acknowledge()
        if self._socket is None and self._polls:
            self.state = "polling"
        self._next_fetch = self._next_poll()

    def _fetch_failed(self, fault: Exception, hold: float = 0.0) -> None:
        """Plan the next try; for the length of `hold` nothing the server announces makes it sooner."""
        self._fetch_failures += 1
        now = time.monotonic()
        wait = hold + self._backoff()
        if self._polls:
            wait = max(wait, jitter.around(self._options.poll_interval))
        self._next_fetch = now + wait
        self._held_until = now + wait if hold else 0.0
        if self._socket is None:
            self.state = "disconnected"
        self._report(fault)

    def _backoff(self) -> float:
        # Capped low enough that an hour of trouble is over a minute after it ends.
        return jitter.growing(self._fetch_failures, longest=min(self._spread, LONGEST_BACKOFF))

    @property
    def _polls(self) -> bool:
        return not self._options.stream or self._stream_failures >= FAILURES_BEFORE_POLLING

    @property
    def _spread(self) -> float:
        return jitter.DEFAULT_WINDOW if self._window is None else self._window

    def _next_poll(self) -> float:
        if self._socket is not None or not self._polls:
            return NEVER
        return time.monotonic() + jitter.around(self._options.poll_interval)

    # Streaming

    def _stream(self) -> None:
        """One connection, from the handshake until it ends, and when to try the next one."""
        started = time.monotonic()
        try:
            self._socket = websocket.connect(
                self._address(),
                self._headers,
                timeout=self._options.request_timeout,
                max_message_bytes=self._options.max_snapshot_bytes,
            )
            if not self._closing.is_set():
                self._follow(self._socket)
        except SocketClosed as fault:
            if fault.code in REFUSING_CODES:
                raise KeyRefused(fault.reason or "the server closed the stream") from fault
            self._stream_ended(fault, started)
        except HandshakeRefused as fault:
            if fault.status in {401, 403}:
                raise KeyRefused(f"the stream was refused with HTTP {fault.status}") from fault
            self._stream_ended(fault, started, jitter.hinted(fault.retry_after, time.time()))
        except ClientFault as fault:
            self._stream_ended(fault, started)
        finally:
            if self._socket is not None:
                self._socket.drop()
                self._socket = None

    def _address(self) -> str:
        base = "ws" + self._options.base.removeprefix("http")
        return f"{base}/api/v1/sdk/stream?inline={self._options.max_snapshot_bytes}"

    def _stream_ended(
        self, fault: Exception | None, started: float = NEVER, hint: float | None = None
    ) -> None:
        if self._closing.is_set():
            return
        now = time.monotonic()
        self._socket_gone()
        lasted = now - started
        self._stream_failures = 0 if lasted >= STEADY_AFTER else self._stream_failures + 1
        if self._window is None:
            # Never connected yet, so nobody shares our rhythm: begin quickly, then slow down.
            wait = jitter.growing(self._stream_failures, 0.5, jitter.DEFAULT_WINDOW)
        else:
            wait = jitter.full(self._window)
        self._next_stream = now + (hint or 0.0) + wait if self._options.stream else NEVER
        if self._polls and self._next_fetch == NEVER:
            self._next_fetch = now + jitter.full(min(self._spread, self._options.poll_interval))
        if self.state != "polling":
            self.state = "disconnected"
        if fault is not None:
            self._report(fault)

    def _socket_gone(self) -> None:
        if self._socket is not None:
            self._socket.drop()
            self._socket = None

    def _follow(self, sock: websocket.WebSocket) -> None:
        opened = time.monotonic()
        while not self._closing.is_set():
            now = time.monotonic()
            # The state is "streaming" from this connection's hello until its end.
            is_greeted = self.state == "streaming"
            if is_greeted and now >= self._next_fetch:
                self._fetch()
                continue
            message = sock.receive(max(self._patience(sock, opened) - now, 0.01))
            if message is not None:
                if not self._hear(message):
                    sock.close()
                    self._stream_ended(None, started=0.0)
                    return
            elif time.monotonic() >= self._silence(sock, opened):
                raise SocketClosed(websocket.ABNORMAL, "the server fell silent")

    def _silence(self, sock: websocket.WebSocket, opened: float) -> float:
        """When to give the connection up if nothing more is heard."""
        if self.state == "streaming":
            return sock.heard + self._options.idle_timeout
        return opened + HELLO_WITHIN

    def _patience(self, sock: websocket.WebSocket, opened: float) -> float:
        silence = self._silence(sock, opened)
        return min(silence, self._next_fetch) if self.state == "streaming" else silence

    def _hear(self, message: str | bytes) -> bool:
        """Act on a message; False when the server said good-bye."""
        text: str | bytes = message
        document = b""
        if isinstance(message, bytes):
            # A change with its snapshot: the message, a line end, the document.
            text, _, document = message.partition(b"\n")
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            return True
        if not isinstance(told, dict):
            return True
        match told.get("type"):
            case "hello":
                self._hear_hello(told)
            case "changed":
                self._hear_changed(told, document)
            case "ping":
                self._say({"type": "pong"})
                if self._truth.position >= self._announced and self._truth.is_live:
                    self._truth.confirm()
            case "goodbye":
                self._note_window(told)
                return False
        return True

    def _hear_hello(self, told: dict[str, object]) -> None:
        self._note_window(told)
        self.state = "streaming"
        self._announced = _position(told)
        if self._truth.position < self._announced:
            self._next_fetch = max(time.monotonic(), self._held_until)
            return
        self._next_fetch = NEVER
        if self._truth.position == self._announced:
            self._truth.confirm()
            self._acknowledge()

    def _hear_changed(self, told: dict[str, object], document: bytes) -> None:
        announced = _position(told)
        self._announced = max(self._announced, announced)
        if document:
            self._receive_inline(document)
        elif announced > self._truth.position:
            self._next_fetch = max(time.monotonic(), self._held_until)

    def _receive_inline(self, document: bytes) -> None:
        try:
            self._truth.take(document)
        except SnapshotRejected as fault:
            self._fetch_failed(fault, hold=self._spread)
            self._refuse_snapshot(fault)
        else:
            self._fetch_failures = 0
            self._next_fetch = NEVER
            self._acknowledge()

    def _note_window(self, told: dict[str, object]) -> None:
        window = told.get("window")
        if isinstance(window, int | float) and not isinstance(window, bool):
            self._window = min(max(float(window), SHORTEST_WINDOW), jitter.LONGEST_HINT)

    def _acknowledge(self) -> None:
        epoch, version = self._truth.position
        self._say({"type": "ack", "epoch": epoch, "version": version})

    def _refuse_snapshot(self, fault: SnapshotRejected) -> None:
        epoch, version = self._announced
        self._say({"type": "nack", "epoch": epoch, "version": version, "reason": str(fault)[:500]})

    def _say(self, message: dict[str, object]) -> None:
        if self._socket is not None:
            self._socket.send(json.dumps(message), self._options.request_timeout)


def _position(told: dict[str, object]) -> Position:
    epoch, version = told.get("epoch"), told.get("version")
    if isinstance(epoch, int) and isinstance(version, int):
        return (epoch, version)
    return (0, -1)
