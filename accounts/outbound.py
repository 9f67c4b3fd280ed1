"""The one way out: calls to addresses people typed, which must never reach a network of our own."""

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Final

import certifi
import httpcore

from accounts.targets import CONNECT_SECONDS, Refused, Target, Unreachable, check

__all__ = ["Refused", "Reply", "Unreachable", "check", "send"]

WRITE_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `headers` have lower-case names; a redirect is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    milliseconds: int

    @property
    def is_success(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Limits:
    deadline: float
    most_bytes: int
    started: float = field(default_factory=time.monotonic)


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = 10.0,
    limit_bytes: int = 65_536,
) -> Reply:
    """Make one call; raises Refused or Unreachable.

    The name is resolved once and the connection goes to that very address; certificate and SNI
    stay with the name. No redirect is followed, no proxy, cookie or stored password is used.
    With `limit_bytes=0` the body is left unread: enough where only the status counts.
    """
    limits = _Limits(time.monotonic() + seconds, limit_bytes)
    target = check(url)
    given = {"Host": target.authority, "User-Agent": "Wayfork", "Accept-Encoding": "identity"}
    try:
        return _exchange(target, method, {**given, **(headers or {})}, body, limits)
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise Unreachable(_cause(error, target.host, seconds)) from error


# --- connecting


class _Bounded(httpcore.NetworkStream):
    """A connection on which nothing lasts beyond the deadline, however slowly bytes drip."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self.inner = inner
        self.deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self.inner.read(max_bytes, _left(self.deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        for start in range(0, len(buffer), WRITE_BYTES):
            left = _left(self.deadline, httpcore.WriteTimeout)
            self.inner.write(buffer[start : start + WRITE_BYTES], left)

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = _left(self.deadline, httpcore.ConnectTimeout)
        inner = self.inner.start_tls(ssl_context, server_hostname, min(left, CONNECT_SECONDS))
        return _Bounded(inner, self.deadline)

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)


class _Pinned(httpcore.NetworkBackend):
    """Connects to the judged address, whatever the name would be answered by now."""

    plain: ClassVar[httpcore.NetworkBackend] = httpcore.SyncBackend()

    def __init__(self, address: str, deadline: float) -> None:
        self.address = address
        self.deadline = deadline

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the name is for the certificate
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = min(_left(self.deadline, httpcore.ConnectTimeout), CONNECT_SECONDS)
        inner = self.plain.connect_tcp(self.address, port, left, local_address, socket_options)
        return _Bounded(inner, self.deadline)

    def connect_unix_socket(self, *_args: Any, **_options: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("sockets of this machine are never called")


def _left(deadline: float, error: Callable[[], Exception]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise error()
    return left


def _exchange(
    target: Target, method: str, headers: Mapping[str, str], body: bytes, limits: _Limits
) -> Reply:
    url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    pool = httpcore.ConnectionPool(
        ssl_context=trust(),
        max_connections=1,
        network_backend=_Pinned(target.address, limits.deadline),
    )
    with pool, pool.stream(method, url, headers=[*headers.items()], content=body) as response:
        found = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        }
        content = _content(response.iter_stream(), limits.most_bytes, target.host)
        taken = int((time.monotonic() - limits.started) * 1000)
        return Reply(response.status, found, content, taken)


def _content(chunks: Iterable[bytes], most: int, host: str) -> bytes:
    found = b""
    if most == 0:
        return found
    for chunk in chunks:
        found += chunk
        if len(found) > most:
            raise Unreachable(f"{host} answered with more than {most:,} bytes.")
    return found


@cache
def trust() -> ssl.SSLContext:
    """The system's authorities (SSL_CERT_FILE adds the operator's own) and the usual public ones."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


# --- telling


def _cause(error: Exception, host: str, seconds: float) -> str:
    """What went wrong, in a sentence."""
    inner = error.__cause__ or error.__context__
    if isinstance(inner, ssl.SSLError):
        return _tls_cause(inner, host)
    if isinstance(inner, ConnectionRefusedError):
        return f"{host} is there, but nothing listens on that port."
    if isinstance(error, httpcore.ConnectTimeout):
        return f"{host} took no connection within {CONNECT_SECONDS:g} seconds."
    if isinstance(error, httpcore.TimeoutException):
        return f"{host} gave no whole answer within {seconds:g} seconds."
    if isinstance(error, httpcore.ProtocolError):
        return f"{host} answered something that is not HTTP."
    return f"The connection to {host} broke."


def _tls_cause(error: ssl.SSLError, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {host} is not trusted: {error.verify_message}."
    return f"{host} and Wayfork could not agree about encryption."
