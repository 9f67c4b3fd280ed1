"""Snapshots and 304s a second, against bare uvicorn with the same bytes: python -m benchmarks.delivery

One uvicorn process each: a bare ASGI application, the whole product (`config.asgi`) and delivery
alone (`config.delivery`). They take turns, round by round, so that whatever else the machine does
hits all of them. `wrk` makes the load where it is installed, else the client below.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import shop

GOAL = 0.6
FLAGS = 156
CONNECTIONS = 32
SNAPSHOT = "/api/v1/sdk/snapshot"


@dataclass(frozen=True)
class Load:
    """One kind of request to one server."""

    port: int
    path: str
    headers: Mapping[str, str]
    status: int

    def request(self) -> bytes:
        """The bytes on the line."""
        given = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"GET {self.path} HTTP/1.1\r\nHost: {shop.HOST}\r\n{given}\r\n".encode()


@dataclass
class Measured:
    """What the rounds of one load gave."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return statistics.median(self.rates)

    @property
    def microseconds(self) -> float:
        """Processor time of the server for one answer."""
        return statistics.median(self.cpu) * 1e6


class Line(asyncio.Protocol):
    """One connection: asks again as soon as an answer of the known length has arrived."""

    def __init__(self, request: bytes, length: int, stop: Callable[[], bool]) -> None:
        self.request, self.length, self.stop = request, length, stop
        self.done = 0
        self.missing = length
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.missing -= len(data)
        if self.missing > 0:
            return
        if self.missing < 0:
            raise SystemExit("an answer was longer than the one before")
        self.done += 1
        if self.stop():
            self.transport.close()
            return
        self.missing = self.length
        self.transport.write(self.request)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        if not self.closed.done():
            self.closed.set_result(None)


async def one_answer(load: Load) -> bytes:
    """A whole answer, to learn its length."""
    reader, writer = await asyncio.open_connection(shop.HOST, load.port)
    writer.write(load.request())
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head.lower())
    body = await reader.readexactly(int(found.group(1))) if found else b""
    writer.close()
    status = int(head.split(b" ", 2)[1])
    if status != load.status:
        raise SystemExit(f"{load.path} on {load.port} answered {status}: {body[:300]!r}")
    return head + body


async def own_load(load: Load, seconds: float) -> float:
    """Answers a second, by the client above; bounded in connections and in time."""
    answer = await one_answer(load)
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    began = loop.time()
    lines = []
    for _ in range(CONNECTIONS):
        _, line = await loop.create_connection(
            lambda: Line(load.request(), len(answer), lambda: loop.time() >= end),
            shop.HOST,
            load.port,
        )
        lines.append(line)
    await asyncio.wait_for(asyncio.gather(*(line.closed for line in lines)), seconds + 10)
    return sum(line.done for line in lines) / (loop.time() - began)


def wrk_load(load: Load, seconds: float) -> float:
    """Answers a second, by wrk."""
    headers = [word for pair in load.headers.items() for word in ("-H", "{}: {}".format(*pair))]
    url = f"http://{shop.HOST}:{load.port}{load.path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", *headers, url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if found is None or "Non-2xx" in told:
        raise SystemExit(told)
    return float(found.group(1))


def measure(load: Load, process: int, seconds: float, into: Measured) -> None:
    """One round."""
    before = shop.cpu_seconds(process)
    began = time.perf_counter()
    rate = wrk_load(load, seconds) if shutil.which("wrk") else uvloop.run(own_load(load, seconds))
    took = time.perf_counter() - began
    into.rates.append(rate)
    into.cpu.append((shop.cpu_seconds(process) - before) / max(1.0, rate * took))


def main() -> int:
    """Open a shop, start three servers, take turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", choices=("asgi", "delivery"), help="leave the other out")
    given = parser.parse_args()
    about = shop.machine()
    with shop.scratch() as folder:
        opened = shop.open_shop(FLAGS)
        results = _run(opened, folder, given)
    _print(results, about, given)
    return 0


def _run(opened: shop.Shop, folder: Path, given: argparse.Namespace) -> dict[str, Measured]:
    ports = {name: shop.free_port() for name in ("bare", "asgi", "delivery")}
    names = [name for name in ("asgi", "delivery") if given.only in {None, name}]
    authorization = {"Authorization": f"Bearer {opened.key}"}
    with ExitStack() as stack:
        processes = {}
        for name in names:
            application = f"config.{name}:application"
            processes[name] = stack.enter_context(shop.uvicorn(application, ports[name]))
        first = Load(ports[names[0]], SNAPSHOT, authorization, 200)
        head, _, body = asyncio.run(one_answer(first)).partition(b"\r\n\r\n")
        found = re.search(rb"etag: (\S+)", head)
        assert found is not None
        etag = found.group(1).decode()
        (folder / "body.json").write_bytes(body)
        bare = shop.uvicorn(
            "benchmarks.bare:application", ports["bare"], BARE_BODY=str(folder / "body.json")
        )
        processes["bare"] = stack.enter_context(bare)
        print(f"a snapshot of {len(body):,} bytes, {FLAGS} flags, {CONNECTIONS} connections")
        known = {**authorization, "If-None-Match": etag}
        loads = {
            "bare 200": Load(ports["bare"], "/200", authorization, 200),
            "bare 304": Load(ports["bare"], "/304", known, 304),
        }
        for name in names:
            loads[f"{name} 200"] = Load(ports[name], SNAPSHOT, authorization, 200)
            loads[f"{name} 304"] = Load(ports[name], SNAPSHOT, known, 304)
        results = {name: Measured() for name in loads}
        for _ in range(given.rounds):
            for name, load in loads.items():
                measure(load, processes[name.split()[0]], given.seconds, results[name])
        return results


def _print(results: Mapping[str, Measured], about: str, given: argparse.Namespace) -> None:
    print(f"{about}; load from the same machine, by {'wrk' if shutil.which('wrk') else 'Python'}")
    print(f"median of {given.rounds} rounds of {given.seconds:g} s; goal {GOAL}x\n")
    print(f"{'':<14}{'answers/s':>11}{'of bare':>9}{'CPU/answer':>13}{'of bare':>9}")
    for name, found in results.items():
        floor = results[f"bare {name.split()[1]}"]
        rates = [mine / theirs for mine, theirs in zip(found.rates, floor.rates, strict=True)]
        print(
            f"{name:<14}{found.rate:>11,.0f}{statistics.median(rates):>8.2f}x"
            f"{found.microseconds:>10.1f} us{floor.microseconds / found.microseconds:>8.2f}x"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(shop.HOME)
    sys.exit(main())
