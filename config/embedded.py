"""The whole product in one process: daphne in front, a Celery worker and its clock in threads."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import autobahn.util
from celery import Celery
from celery.beat import PersistentScheduler, Service
from celery.worker import WorkController
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from twisted.internet import reactor

from config.asgi import application
from config.celery import app as celery_app
from config.stopping import call_when_stopped
from config.workplace import HOST, SOCKET_MESSAGE_BYTES

# Autobahn colors a log line for each frame sent, even when nobody logs: a third of a fan-out's time.
autobahn.util._HAS_CLICK = False  # noqa: SLF001 - there is no other switch

WORKER_THREADS = 2
PATIENCE_SECONDS = 5.0


class Worker(WorkController):
    """A Celery worker that lives in a thread.

    `celery.apps.worker.Worker` would install signal handlers, which belong to the main thread.
    """


def build_worker(app: Celery) -> Worker:
    """A worker of a few threads, alone on its in-memory queue."""
    return Worker(
        app=app,
        hostname="embedded@localhost",
        pool_cls="threads",
        concurrency=WORKER_THREADS,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
        quiet=True,
    )


def build_clock(app: Celery, folder: Path) -> Service:
    """Celery's beat; it remembers when it last rang, so what came due while we slept is rung."""
    return Service(
        app,
        # How long it sleeps at most, and therefore how long it takes to end.
        max_interval=1,
        schedule_filename=str(folder / "beat-schedule"),
        scheduler_cls=PersistentScheduler,
    )


@contextmanager
def background_work(folder: Path) -> Iterator[None]:
    """The worker and the clock, for as long as the block lasts."""
    worker = build_worker(celery_app)
    clock = build_clock(celery_app, folder)
    threads = [
        threading.Thread(target=worker.start, name="worker", daemon=True),
        threading.Thread(target=clock.start, name="clock", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        clock.stop(wait=False)
        # A task may be in the middle of something long. Its job row says so, and the sweep at the
        # next start rings it again; nobody waits for it here.
        stopping = threading.Thread(target=worker.stop, name="worker-stop", daemon=True)
        stopping.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for thread in (stopping, *threads):
            thread.join(max(0.0, deadline - time.monotonic()))


def serve(port: int, listening: Callable[[], None], leaving: Callable[[], None]) -> bool:
    """Answer requests until SIGINT or SIGTERM; false if the port could not be had.

    `listening` is called when the first request can come, `leaving` while the last still can.
    """
    server = Server(
        application,
        endpoints=build_endpoint_description_strings(host=HOST, port=port),
        server_name="wayfork",
        application_close_timeout=2,
        websocket_max_message_size=SOCKET_MESSAGE_BYTES,
        websocket_max_frame_size=SOCKET_MESSAGE_BYTES,
        # Twisted leaves handlers alone that somebody has set before it, and ours raise.
        signal_handlers=False,
    )

    def ready() -> None:
        if server.listening_addresses:
            listening()

    server.ready_callable = ready
    # The interface's declaration has no `self`, which shifts its arguments for the type checker.
    reactor.addSystemEventTrigger("before", "shutdown", leaving)  # type: ignore[arg-type]
    # Before the reactor runs, which would swallow an exception; what is called waits until it does.
    call_when_stopped(lambda: reactor.callFromThread(server.stop))
    server.run()
    return bool(server.listening_addresses)
