"""From a change's commit to every connected SDK: python -m benchmarks.propagation [--shape ...]

A thousand sockets that take the snapshot in the message, and one real SDK client with a listener.
Embedded: one process (daphne, SQLite, in-memory layer) serves and is where the change is made.
Production: PostgreSQL and Valkey, delivery a uvicorn process of its own, the change made in another.
"""

import argparse
import gc
import json
import os
import selectors
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO

from benchmarks import shop
from wayfork import Client
from wayfork.client.changes import Change

GOAL_MS = 150
PATIENCE_SECONDS = 90.0
PAUSE_SECONDS = 0.3
# The first changes warm everybody up and are not counted.
WARMING = 3


@dataclass
class Arrivals:
    """Milliseconds from commit to arrival."""

    sockets: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    sdk: list[float] = field(default_factory=list)
    submit: list[float] = field(default_factory=list)
    cpu: float = 0.0


class Told:
    """When the real SDK client's listener was called, by version."""

    def __init__(self) -> None:
        self.times: dict[int, float] = {}
        self.news = threading.Condition()

    def __call__(self, change: Change) -> None:
        now = time.monotonic()
        with self.news:
            self.times[change.version] = now
            self.news.notify_all()

    def wait(self, version: int) -> float:
        with self.news:
            if not self.news.wait_for(lambda: version in self.times, PATIENCE_SECONDS):
                raise SystemExit(f"the SDK client never saw version {version}")
            return self.times[version]


@contextmanager
def child(module: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A Python process of ours that talks in lines."""
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=shop.HOME, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def line_of(process: "subprocess.Popen[str]") -> str:
    """The next line a child says, or the end of our patience."""
    out: IO[str] | None = process.stdout
    assert out is not None
    with selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        if not selector.select(PATIENCE_SECONDS):
            raise SystemExit("a child fell silent")
    line = out.readline()
    if not line:
        raise SystemExit("a child ended by itself; see above")
    return line


def measure(
    port: int, key: str, manager: "subprocess.Popen[str]", serving: int, given: argparse.Namespace
) -> Arrivals:
    """Connect everybody, change, wait for all, again."""
    found, told, busy = Arrivals(), Told(), 0.0
    # The SDK's host is this process, with all of Django in it: its collector is not what is measured.
    gc.freeze()
    arguments = (str(port), key, str(given.sockets), str(given.inline))
    with child("benchmarks.sockets", *arguments) as crowd, _client(port, key) as client:
        if line_of(crowd).strip() != "ready":
            raise SystemExit("the sockets did not come up")
        client.on_change(shop.SWITCH, told)
        for turn in range(given.changes + WARMING):
            time.sleep(PAUSE_SECONDS)
            assert manager.stdin is not None
            manager.stdin.write("flip\n")
            manager.stdin.flush()
            change = json.loads(line_of(manager))
            seen = json.loads(line_of(crowd))
            assert seen["version"] == change["version"], (seen["version"], change["version"])
            at_client = told.wait(change["version"])
            if turn < WARMING:
                busy = shop.cpu_seconds(serving)
                continue
            delays = [1000 * (at - change["committed"]) for at in seen["times"]]
            found.sockets += delays
            found.last.append(max(delays))
            found.sdk.append(1000 * (at_client - change["committed"]))
            found.submit.append(1000 * change["took"])
        found.cpu = 1000 * (shop.cpu_seconds(serving) - busy) / given.changes
    return found


@contextmanager
def _client(port: int, key: str) -> Iterator[Client]:
    client = Client(key, url=f"http://{shop.HOST}:{port}", app="benchmark", events=False)
    try:
        if not client.wait_ready(10):
            raise SystemExit(f"the SDK client did not get ready: {client.status()}")
        yield client
    finally:
        client.close()


def embedded(given: argparse.Namespace) -> Arrivals:
    """Everything in one process."""
    with shop.scratch():
        opened = shop.open_shop(given.flags)
        port = shop.free_port()
        with child("benchmarks.manager", str(port)) as manager:
            shop.wait_until_serving(port)
            return measure(port, opened.key, manager, manager.pid, given)


def production(given: argparse.Namespace) -> Arrivals:
    """Each role a process."""
    from config.loopback_servers import postgres, valkey  # noqa: PLC0415 - only this shape needs it

    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        redis = stack.enter_context(valkey())
        stack.enter_context(shop.scratch(DATABASE_URL=database, REDIS_URL=redis))
        opened = shop.open_shop(given.flags)
        port = shop.free_port()
        serving = stack.enter_context(shop.uvicorn("config.delivery:application", port))
        manager = stack.enter_context(child("benchmarks.manager"))
        return measure(port, opened.key, manager, serving, given)


SHAPES = {"embedded": embedded, "production": production}


def report(name: str, found: Arrivals) -> None:
    """Four lines of a table."""
    for what, values in (
        ("to each socket", found.sockets),
        ("to the last socket", found.last),
        ("to the SDK's listener", found.sdk),
        ("(the change itself)", found.submit),
    ):
        middle = statistics.median(values)
        high = statistics.quantiles(values, n=100, method="inclusive")[98]
        print(f"{name:<12}{what:<24}{middle:>8.1f}{high:>8.1f}{max(values):>8.1f}")
    print(f"{name:<12}{'(processor, serving)':<24}{found.cpu:>8.1f}  for one change to all")


def main() -> int:
    """Run one shape or both; each in a process of its own, since settings are read once."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--shape", choices=sorted(SHAPES))
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--flags", type=int, default=20)
    parser.add_argument("--inline", type=int, default=100_000)
    given = parser.parse_args()
    if given.shape:
        report(given.shape, SHAPES[given.shape](given))
        return 0
    print(f"{shop.machine()}; the sockets are on the same machine")
    print(f"{given.sockets} sockets, {given.changes} changes, {given.flags} flags served")
    print(f"milliseconds from the commit; goal p99 < {GOAL_MS}\n")
    print(f"{'':<36}{'p50':>8}{'p99':>8}{'max':>8}", flush=True)
    for name in SHAPES:
        command = [sys.executable, "-m", "benchmarks.propagation", "--shape", name, *sys.argv[1:]]
        subprocess.run(command, check=True)
    return 0


if __name__ == "__main__":
    os.chdir(shop.HOME)
    sys.exit(main())
