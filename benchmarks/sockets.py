"""Many connected SDKs in one process, as light as asyncio allows: only handshake and frames.

    python -m benchmarks.sockets PORT KEY COUNT INLINE

Says `ready` when all have heard hello, then one JSON line for each version that all have received:
the moment (`time.monotonic`, one clock for all processes of a machine) at which each had it whole.
"""

import asyncio
import base64
import json
import os
import sys
import time
from typing import Any

import uvloop

HOST = "127.0.0.1"
AT_ONCE = 50
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


class Listener(asyncio.Protocol):
    """One socket. Acknowledges nothing; a ping of the product is a text and needs no answer."""

    def __init__(self, request: bytes, crowd: "Crowd") -> None:
        self.request, self.crowd = request, crowd
        self.buffer = bytearray()
        self.upgraded = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded:
            head, found, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                raise SystemExit(f"no WebSocket: {head!r}")
            self.upgraded, self.buffer = True, bytearray(rest)
        while (frame := self.next_frame()) is not None:
            self.take(*frame)

    def next_frame(self) -> tuple[int, bytes] | None:
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 127, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(buffer) < start:
                return None
            length = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + length:
            return None
        kind, body = buffer[0] & 15, bytes(buffer[start : start + length])
        del buffer[: start + length]
        return kind, body

    def take(self, kind: int, body: bytes) -> None:
        if kind == BINARY:
            self.crowd.received(json.loads(body.partition(b"\n")[0])["version"])
        elif kind == TEXT:
            message = json.loads(body)
            if message["type"] == "hello":
                self.crowd.greeted()
            elif message["type"] == "changed":
                self.crowd.received(message["version"])
        elif kind == PING:
            # A masked, empty pong.
            self.transport.write(bytes([0x8A, 0x80, 0, 0, 0, 0]))
        elif kind == CLOSE:
            raise SystemExit(f"closed by the server: {body!r}")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self.crowd.lost.set()


class Crowd:
    """What all sockets have seen."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.hellos = 0
        self.all_greeted = asyncio.Event()
        self.lost = asyncio.Event()
        self.times: dict[int, list[float]] = {}

    def greeted(self) -> None:
        self.hellos += 1
        if self.hellos == self.count:
            self.all_greeted.set()

    def received(self, version: int) -> None:
        times = self.times.setdefault(version, [])
        times.append(time.monotonic())
        if len(times) == self.count:
            print(json.dumps({"version": version, "times": self.times.pop(version)}), flush=True)


def handshake(key: str, inline: int) -> bytes:
    """The bytes that open a socket."""
    nonce = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /api/v1/sdk/stream?inline={inline} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {nonce}\r\n"
        f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {key}\r\n"
        "Wayfork-SDK: benchmark/1\r\nWayfork-App: crowd\r\n\r\n"
    ).encode()


async def listen(port: int, key: str, count: int, inline: int) -> None:
    """Connect, some at a time, and stay until the pipe of the parent closes or a line is lost."""
    crowd = Crowd(count)
    loop = asyncio.get_running_loop()
    for first in range(0, count, AT_ONCE):
        await asyncio.gather(
            *(
                loop.create_connection(lambda: Listener(handshake(key, inline), crowd), HOST, port)
                for _ in range(min(AT_ONCE, count - first))
            )
        )
    await asyncio.wait_for(crowd.all_greeted.wait(), 60)
    print("ready", flush=True)
    await crowd.lost.wait()


if __name__ == "__main__":
    uvloop.run(listen(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
