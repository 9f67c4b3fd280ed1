"""A server on loopback and clients that are closed again."""

import pytest

from sdks.python.tests.client.loopback import Loopback
from sdks.python.tests.client.snapshots import KEY, document
from wayfork.client import Client


@pytest.fixture
def server():
    """A server with version 1, where the flag `checkout` is off."""
    running = Loopback(document(1)).start()
    yield running
    running.stop()


@pytest.fixture
def make_client():
    """Make clients that live as long as the test; quick by default."""
    made = []

    def make(url: str = "http://127.0.0.1:9", key: str | None = KEY, **options) -> Client:
        client = Client(key, url, **{"flush_interval": 0.05, **options})
        made.append(client)
        return client

    yield make
    for client in made:
        client.close(0.5)


@pytest.fixture
def client(server, make_client):
    """A client that has the server's first snapshot and follows its stream."""
    ready = make_client(server.url)
    assert ready.wait_ready(5)
    return ready
