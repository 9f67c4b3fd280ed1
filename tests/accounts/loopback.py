"""Receivers on loopback that answer as they are told, and names that resolve as a test wants."""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PUBLIC = "93.184.216.34"


@dataclass(frozen=True)
class Call:
    """One request a receiver got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent; `answer` says what to do with each call."""

    port: int
    calls: list[Call] = field(default_factory=list)
    answer: Callable[[Call, BaseHTTPRequestHandler], None] = lambda _call, to: reply(to, 200)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


def reply(to: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Answer with a status and a body."""
    to.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        to.send_header(name, value)
    to.end_headers()
    to.wfile.write(body)


def drip(_call: Call, to: BaseHTTPRequestHandler) -> None:
    """Answer a byte at a time, for ever."""
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1_000:
            to.wfile.write(bytes([byte]))
            time.sleep(0.05)


def flood(_call: Call, to: BaseHTTPRequestHandler) -> None:
    """Answer with a body that never ends."""
    to.send_response(200)
    to.end_headers()
    with contextlib.suppress(OSError):
        while True:
            to.wfile.write(b"a" * 10_000)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, self.rfile.read(length))
            found.calls.append(call)
            found.answer(call, self)

        do_GET = _take  # noqa: N815 - the server asks for it by this name
        do_POST = _take  # noqa: N815 - likewise

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Names:
    """A name server: what each name is answered, in turn; numbers answer for themselves."""

    answers: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host in self.answers:
            turns = self.answers[host]
            return turns.pop(0) if len(turns) > 1 else turns[0]
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        try:
            # What the C library makes of odd spellings, as a real look-up would.
            return [socket.inet_ntoa(socket.inet_aton(host))]
        except OSError:
            return [PUBLIC]


@contextlib.contextmanager
def canary() -> Iterator[tuple[int, list[str]]]:
    """A listener on every address of this machine that nobody may ever call."""
    heard: list[str] = []
    listener = socket.create_server(("", 0))
    listener.settimeout(0.05)
    stopping = threading.Event()

    def listen() -> None:
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                connection, peer = listener.accept()
                heard.append(str(peer))
                connection.close()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        stopping.set()
        thread.join(5)
        listener.close()
