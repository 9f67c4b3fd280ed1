"""The product served by uvicorn in a thread, over the database of the running test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket

import uvicorn
from django.conf import settings
from django.db import connections
from django.test.utils import override_settings

from config.loopback_servers import HOST, free_port
from config.workplace import SOCKET_MESSAGE_BYTES

PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class LiveServer:
    """Where the running application is found."""

    url: str

    @property
    def websocket_url(self) -> str:
        """The same place for WebSockets."""
        return self.url.replace("http", "ws", 1)

    def __str__(self) -> str:
        return self.url

    def __add__(self, path: str) -> str:
        return self.url + path


class _Quiet(uvicorn.Server):
    """Says when it listens; leaves the process's signals alone, since it is only a thread of it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def live_server() -> Iterator[LiveServer]:
    """Serve `config.asgi` until the block ends."""
    # Loading the application is delayed: it needs the settings as the tests mended them.
    from config.asgi import application  # noqa: PLC0415

    port = free_port()
    config = uvicorn.Config(
        application,
        host=HOST,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        ws_max_size=SOCKET_MESSAGE_BYTES,
        timeout_graceful_shutdown=1,
        loop="asyncio",
    )
    server = _Quiet(config)
    url = f"http://{HOST}:{port}"
    thread = threading.Thread(target=_serve, args=(server,), name="live-server", daemon=True)
    with override_settings(WAYFORK_URL=url, ALLOWED_HOSTS=[*settings.ALLOWED_HOSTS, HOST]):
        thread.start()
        if not server.listening.wait(PATIENCE_SECONDS):
            raise RuntimeError("the application did not start: see the log above")
        try:
            yield LiveServer(url)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)


def _serve(server: _Quiet) -> None:
    try:
        asyncio.run(server.serve())
    finally:
        connections.close_all()
