"""The HTTP requests the SDK makes: fetch the snapshot, send events and samples. Bounded in time and size."""

import gzip
import json
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR
from typing import Final
from urllib.parse import urlsplit

from wayfork.client.errors import KeyRefused, SnapshotRejected, Unavailable, Unreachable
from wayfork.client.jitter import hinted

CHUNK: Final = 65_536
MAX_ANSWER: Final = 1024 * 1024
# A slow link may trickle: each read waits at most the request timeout, the whole body ten times that.
PATIENCE: Final = 10
BROKEN_OFF: Final = (Unreachable, SnapshotRejected)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A snapshot as it was sent; `document` is None when the server said "not modified"."""

    document: bytes | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, unpacked and whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One kept-alive connection; it belongs to one thread, only `abort` may be called from others."""

    def __init__(self, base: str, headers: Mapping[str, str], timeout: float) -> None:
        self._base = base
        self._headers = dict(headers)
        self._timeout = timeout
        self._open: HTTPConnection | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_ANSWER,
    ) -> Answer:
        """Ask once more on a fresh connection when a kept one turns out to be dead."""
        fresh = self._open is None
        wanted = {**self._headers, **(headers or {})}
        try:
            return self._once(method, path, body, wanted, limit)
        except (OSError, HTTPException, ValueError) as fault:
            self.drop()
            if fresh or isinstance(fault, TimeoutError):
                raise Unreachable(f"no answer from {self._base}: {fault!r}") from fault
        try:
            return self._once(method, path, body, wanted, limit)
        except (OSError, HTTPException, ValueError) as fault:
            self.drop()
            raise Unreachable(f"no answer from {self._base}: {fault!r}") from fault

    def drop(self) -> None:
        """Close our descriptor."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def abort(self) -> None:
        """Break a request under way."""
        connection = self._open
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with suppress(OSError, ValueError):
                sock.shutdown(SHUT_RDWR)

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], limit: int
    ) -> Answer:
        place = urlsplit(self._base)
        connection = self._open
        if connection is None:
            if place.scheme not in {"http", "https"} or not place.hostname:
                raise ValueError("the address must look like https://flags.example.org")
            kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
            connection = kind(place.netloc.rpartition("@")[2], timeout=self._timeout)
            self._open = connection
        connection.request(method, place.path.rstrip("/") + path, body, dict(headers))
        response = connection.getresponse()
        raw = _read(response, limit, time.monotonic() + self._timeout * PATIENCE)
        found = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close:
            self.drop()
        if found.get("content-encoding", "").lower() == "gzip":
            raw = inflated(raw, limit)
        return Answer(response.status, found, raw)


def _read(response: HTTPResponse, limit: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(CHUNK):
        size += len(chunk)
        if size > limit:
            raise SnapshotRejected(f"the answer is over the limit of {limit} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer trickles too slowly")
        parts.append(chunk)
    # A body shorter than announced ends quietly in http.client when read in pieces.
    if response.length:
        raise Unreachable("the answer was cut short")
    # Read in pieces it does not notice its end either, and the connection would not be kept.
    response.close()
    return b"".join(parts)


def inflated(packed: bytes, limit: int) -> bytes:
    """Gunzip, but never more than the limit: a small body can hold a huge one."""
    stream = zlib.decompressobj(wbits=31)
    try:
        body = stream.decompress(packed, limit + 1)
    except zlib.error as fault:
        raise Unreachable(f"the answer is not the gzip it claims to be: {fault}") from fault
    if len(body) > limit:
        raise SnapshotRejected(f"the answer is over the limit of {limit} bytes")
    if not stream.eof:
        raise Unreachable("the answer was cut short")
    return body


def fetch_snapshot(connection: Connection, etag: str | None, limit: int) -> Fetched:
    """The environment's snapshot, unless it is still the one with this ETag."""
    headers = {"Accept-Encoding": "gzip", "Accept": "application/json"}
    if etag:
        headers["If-None-Match"] = etag
    try:
        answer = connection.request("GET", "/api/v1/sdk/snapshot", headers=headers, limit=limit)
    except BROKEN_OFF:
        # What is left of the answer would be read as the next one.
        connection.drop()
        raise
    if answer.status == 304 and etag:
        return Fetched(None, etag)
    check(answer)
    return Fetched(answer.body, answer.headers.get("etag"))


def send_events(connection: Connection, body: bytes) -> Answer:
    """Deliver one batch; the answer's status is for the caller to judge."""
    return _post(connection, "/api/v1/sdk/events", body)


def send_contexts(connection: Connection, body: bytes) -> Answer:
    """Deliver sampled contexts; likewise."""
    return _post(connection, "/api/v1/sdk/contexts", body)


def _post(connection: Connection, path: str, body: bytes) -> Answer:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    packed = gzip.compress(body, compresslevel=5)
    try:
        return connection.request("POST", path, body=packed, headers=headers)
    except BROKEN_OFF:
        connection.drop()
        raise


def check(answer: Answer) -> None:
    """Raise what an answer other than 200 means."""
    if answer.status in {401, 403}:
        raise KeyRefused(problem(answer))
    if answer.status != 200:
        wait = hinted(answer.headers.get("retry-after"), time.time())
        raise Unavailable(answer.status, wait, problem(answer))


def problem(answer: Answer) -> str:
    """The server's own words about what is wrong, as far as it gave any."""
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        words = [str(told[name]) for name in ("detail", "hint") if told.get(name)]
        if words:
            return " ".join(words)[:500]
    return f"HTTP {answer.status}"
