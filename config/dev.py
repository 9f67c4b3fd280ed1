"""`make dev`: the production shape on one machine; each part is a process of its own."""

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from config.children import Child, Program, simulator, start, stop_all
from config.stopping import ignore_signals, stop_if_asked, until_stopped
from config.workplace import (
    HOST,
    SOCKET_MESSAGE_BYTES,
    CannotStart,
    Place,
    occupied,
    place_from,
    port_from,
    require_free,
    say,
    settle,
)

GLANCE_SECONDS = 0.2


def work() -> None:
    """Start all parts and watch them."""
    place = place_from(os.environ, default_folder="var/dev")
    delivery = port_from(os.environ, "DELIVERY_PORT", default=place.port + 1)
    with occupied(place):
        require_free(place.port)
        require_free(delivery, variable="DELIVERY_PORT")
        with servers(place) as addresses:
            settle(place, addresses)
            _serve(place, delivery)


@contextmanager
def servers(place: Place) -> Iterator[Mapping[str, str]]:
    """The database and Redis named in the environment, or our own."""
    ours = importlib.import_module("config.loopback_servers")
    starts: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {
        "DATABASE_URL": ours.postgres,
        "REDIS_URL": ours.valkey,
    }
    with ExitStack() as stack:
        addresses = {}
        for name, server in starts.items():
            given = os.environ.get(name)
            folder = place.folder / server.__name__
            try:
                addresses[name] = given or stack.enter_context(server(folder))
            except ours.CannotStart as reason:
                raise CannotStart(f"{reason}\nOr name a server of your own: {name}=") from reason
            say(f"{name:<13} {'as given' if given else addresses[name]}")
        try:
            yield addresses
        finally:
            ignore_signals()


def _serve(place: Place, delivery: int) -> None:
    say("database and demo")
    importlib.import_module("django").setup()
    first_start = importlib.import_module("config.first_start")
    first_start.migrate_if_needed()
    first_start.furnish_demo(place)
    known = first_start.demo(place)
    children: list[Child] = []
    try:
        for program in parts(place, delivery):
            children.append(start(program))  # noqa: PERF401 - what has started must be stopped
        _wait_until_listening(children, (place.port, delivery))
        say(first_start.welcome(place, known))
        sdk_url = f"http://{HOST}:{delivery}"
        say(f"  SDKs use     {sdk_url}\n")
        if visitors := simulator(sdk_url, known):
            children.append(start(visitors))
        _watch(children)
    finally:
        ignore_signals()
        stop_all(list(reversed(children)))


def parts(place: Place, delivery: int) -> list[Program]:
    """Web, delivery, worker, clock."""
    return [
        _uvicorn("web", "config.asgi:application", place.port),
        _uvicorn("delivery", "config.delivery:application", delivery),
        _celery("worker", ["worker", "--pool", "threads", "--concurrency", "4"]),
        _celery("beat", ["beat", "--pidfile=", "-s", str(place.folder / "beat-schedule")]),
    ]


def _uvicorn(name: str, application: str, port: int) -> Program:
    address = ["--host", HOST, "--port", str(port)]
    manners = ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
    bounds = ["--ws-max-size", str(SOCKET_MESSAGE_BYTES)]
    return _python(name, ["uvicorn", application, *address, *manners, *bounds])


def _celery(name: str, command: list[str]) -> Program:
    return _python(name, ["celery", "--quiet", "-A", "config.celery", *command, "-l", "WARNING"])


def _python(name: str, command: list[str]) -> Program:
    # Celery warns about root at length; this is a developer's machine, bound to loopback.
    quiet = "ignore:You're running the worker"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": quiet}
    return Program(name, [sys.executable, "-m", *command], environment)


def _wait_until_listening(children: list[Child], ports: tuple[int, ...]) -> None:
    for port in ports:
        while _is_free(port):
            _fail_if_dead(children)
            time.sleep(GLANCE_SECONDS)


def _is_free(port: int) -> bool:
    try:
        require_free(port)
    except CannotStart:
        return False
    return True


def _watch(children: list[Child]) -> NoReturn:
    while True:
        stop_if_asked()
        _fail_if_dead(children)
        time.sleep(GLANCE_SECONDS)


def _fail_if_dead(children: list[Child]) -> None:
    for child in children:
        code = child.exit_code()
        if code is not None:
            raise CannotStart(
                f"\n{child.name} ended by itself (exit code {code}); the others have been stopped."
            )


if __name__ == "__main__":
    sys.exit(until_stopped(work))
