"""A WebSocket client (RFC 6455) over a plain or TLS socket, for one thread that reads and writes."""

import base64
import hashlib
import os
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from wayfork.client.errors import HandshakeRefused, SocketClosed, Unreachable

MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MAX_HEAD: Final = 16_384

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KNOWN: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})

NORMAL, PROTOCOL_ERROR, NO_STATUS, ABNORMAL, NOT_UTF8, TOO_BIG = 1000, 1002, 1005, 1006, 1007, 1009


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it came over the wire."""

    opcode: int
    payload: bytes
    final: bool = True


class BadFrame(Exception):
    """The peer broke the protocol; the code is what we close with."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


def masked(payload: bytes, mask: bytes) -> bytes:
    """The payload XOR the repeated mask; masking twice gives the payload back."""
    if not payload:
        return b""
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    whole = int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")
    return whole.to_bytes(size, "big")


def encode(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """One final, masked frame, as a client must send it."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + mask + masked(payload, mask)


def decode(buffer: bytearray, limit: int) -> Frame | None:
    """Take one whole frame off the front of the buffer; None while it is incomplete."""
    if len(buffer) < 2:
        return None
    first, second = buffer[0], buffer[1]
    opcode, final = first & 0x0F, bool(first & 0x80)
    _check_head(first, second, opcode)
    offset, size = 2, second & 0x7F
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(buffer) < 2 + width:
            return None
        offset, size = 2 + width, int.from_bytes(buffer[2 : 2 + width], "big")
    if size > limit:
        raise BadFrame(TOO_BIG, f"a frame of {size} bytes is over the limit of {limit}")
    if len(buffer) < offset + size:
        return None
    payload = bytes(buffer[offset : offset + size])
    del buffer[: offset + size]
    return Frame(opcode, payload, final)


def _check_head(first: int, second: int, opcode: int) -> None:
    if first & 0x70:
        raise BadFrame(PROTOCOL_ERROR, "reserved bits are set and no extension was agreed")
    if opcode not in KNOWN:
        raise BadFrame(PROTOCOL_ERROR, f"unknown opcode {opcode}")
    if second & 0x80:
        raise BadFrame(PROTOCOL_ERROR, "a server must not mask its frames")
    if opcode >= CLOSE and (not first & 0x80 or second & 0x7F > 125):
        raise BadFrame(PROTOCOL_ERROR, "a control frame is fragmented or too long")


def close_reason(payload: bytes) -> tuple[int, str]:
    """The code and the text of a close frame."""
    if not payload:
        return NO_STATUS, ""
    if len(payload) == 1:
        return PROTOCOL_ERROR, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")


class WebSocket:
    """An open connection. Everything but `abort` belongs to the thread that opened it."""

    def __init__(self, sock: socket.socket, rest: bytes, max_message_bytes: int) -> None:
        self._sock = sock
        self._buffer = bytearray(rest)
        self._limit = max_message_bytes
        self._parts: list[bytes] = []
        self._kind = 0
        self._size = 0
        self.heard = time.monotonic()

    def receive(self, timeout: float) -> str | bytes | None:
        """The next message; None when the time passed without one. Pings are answered on the way.

        A message that is half here when the time is up is not lost: the next call goes on with it.
        """
        deadline = time.monotonic() + timeout
        try:
            while True:
                frame = decode(self._buffer, self._limit)
                if frame is None:
                    if not self._fill(deadline):
                        return None
                    continue
                message = self._take(frame)
                if message is not None:
                    return message
        except BadFrame as fault:
            self.close(fault.code)
            raise SocketClosed(fault.code, fault.why) from fault
        except OSError as fault:
            raise SocketClosed(ABNORMAL, str(fault) or type(fault).__name__) from fault

    def send(self, text: str, timeout: float = 3.0) -> None:
        """Send one text message."""
        self._write(TEXT, text.encode(), timeout)

    def close(self, code: int = NORMAL) -> None:
        """Say good-bye, without waiting for the answer, and close the socket."""
        with suppress(SocketClosed):
            self._write(CLOSE, struct.pack("!H", code), 0.5)
        self.drop()

    def drop(self) -> None:
        """Close our descriptor alone: in a forked child the parent keeps the connection."""
        with suppress(OSError):
            self._sock.close()

    def abort(self) -> None:
        """Wake the reading thread by breaking the connection; safe from any thread."""
        with suppress(OSError, ValueError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _fill(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self._sock.settimeout(left)
        try:
            data = self._sock.recv(65_536)
        except TimeoutError:
            return False
        if not data:
            raise SocketClosed(ABNORMAL, "the connection ended without a close frame")
        self._buffer += data
        self.heard = time.monotonic()
        return True

    def _take(self, frame: Frame) -> str | bytes | None:
        if frame.opcode == PING:
            self._write(PONG, frame.payload, 3.0)
        elif frame.opcode == CLOSE:
            code, reason = close_reason(frame.payload)
            self.close(NORMAL if code == NO_STATUS else code)
            raise SocketClosed(code, reason)
        elif frame.opcode != PONG:
            return self._assemble(frame)
        return None

    def _assemble(self, frame: Frame) -> str | bytes | None:
        starts = frame.opcode != CONTINUATION
        if starts == bool(self._kind):
            raise BadFrame(PROTOCOL_ERROR, "fragments arrived out of order")
        if starts:
            self._kind = frame.opcode
        self._size += len(frame.payload)
        if self._size > self._limit:
            raise BadFrame(TOO_BIG, f"a message is over the limit of {self._limit} bytes")
        self._parts.append(frame.payload)
        if not frame.final:
            return None
        kind, whole = self._kind, b"".join(self._parts)
        self._parts, self._kind, self._size = [], 0, 0
        if kind == BINARY:
            return whole
        try:
            return whole.decode()
        except UnicodeDecodeError as fault:
            raise BadFrame(NOT_UTF8, "a text message is not UTF-8") from fault

    def _write(self, opcode: int, payload: bytes, timeout: float) -> None:
        try:
            self._sock.settimeout(timeout)
            self._sock.sendall(encode(opcode, payload, os.urandom(4)))
        except (OSError, ValueError) as fault:
            raise SocketClosed(ABNORMAL, str(fault) or type(fault).__name__) from fault


def connect(
    url: str, headers: Mapping[str, str], *, timeout: float, max_message_bytes: int
) -> WebSocket:
    """Open a connection and do the handshake; `timeout` bounds the whole of it."""
    deadline = time.monotonic() + timeout
    try:
        place = urlsplit(url)
        sock = _dial(place, timeout)
    except (OSError, ValueError) as fault:
        raise Unreachable(f"cannot reach {url}: {fault}") from fault
    try:
        nonce = base64.b64encode(os.urandom(16))
        sock.sendall(_request(place, headers, nonce))
        head, rest = _read_head(sock, deadline)
        _check_answer(head, nonce)
    except (OSError, ValueError) as fault:
        sock.close()
        raise Unreachable(f"the handshake with {place.netloc} failed: {fault}") from fault
    except Exception:
        sock.close()
        raise
    return WebSocket(sock, rest, max_message_bytes)


def _dial(place: SplitResult, timeout: float) -> socket.socket:
    secure = place.scheme in {"wss", "https"}
    host = place.hostname or ""
    sock = socket.create_connection((host, place.port or (443 if secure else 80)), timeout)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            context = ssl.create_default_context()
            return context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise
    return sock


def _request(place: SplitResult, headers: Mapping[str, str], nonce: bytes) -> bytes:
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {place.netloc.rpartition('@')[2]}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {nonce.decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


def _read_head(sock: socket.socket, deadline: float) -> tuple[bytes, bytes]:
    data = bytearray()
    while b"\r\n\r\n" not in data:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        if len(data) > MAX_HEAD:
            raise Unreachable("the handshake's answer has too long a head")
        sock.settimeout(left)
        chunk = sock.recv(4096)
        if not chunk:
            raise Unreachable("the server hung up during the handshake")
        data += chunk
    head, _, rest = bytes(data).partition(b"\r\n\r\n")
    return head, rest


def _check_answer(head: bytes, nonce: bytes) -> None:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:])
    }
    if len(words) < 2 or not words[1].isdigit():
        raise Unreachable("the server does not speak HTTP")
    if words[1] != "101":
        raise HandshakeRefused(int(words[1]), fields.get("retry-after"))
    # SHA-1 is what the RFC prescribes here: a proof that the peer understood, not a secret.
    wanted = base64.b64encode(hashlib.sha1(nonce + MAGIC, usedforsecurity=False).digest())
    if fields.get("sec-websocket-accept") != wanted.decode():
        raise Unreachable("the server answered the handshake wrongly")
    if fields.get("upgrade", "").lower() != "websocket":
        raise Unreachable("the server did not switch to WebSocket")
    if "sec-websocket-extensions" in fields or "sec-websocket-protocol" in fields:
        raise Unreachable("the server chose an extension or a protocol nobody offered")
