"""The client for asyncio: the same answers, and a loop that goes on running."""

import asyncio
import time

import wayfork
from sdks.python.tests.client.loopback import until
from sdks.python.tests.client.snapshots import ANN, KEY, document
from wayfork.client import AsyncClient


async def test_the_async_client_answers_and_delivers(server):
    async with AsyncClient(KEY, server.url) as client:
        assert await client.wait_ready(5)
        assert client.int("limit", 0, ANN) == 7
        client.track("purchase", ANN)
        assert await client.flush(5)
    assert client.status().state == "closed"
    assert len(server.seen.events("track")) == 1


async def test_waiting_does_not_hold_up_the_loop():
    client = AsyncClient(KEY, "http://127.0.0.1:9")
    waiting = asyncio.create_task(client.wait_ready(0.3))
    began = time.monotonic()
    await asyncio.sleep(0.01)
    assert time.monotonic() - began < 0.25
    assert await waiting is False
    await client.close()


async def test_a_change_reaches_tasks_that_run(server):
    async with AsyncClient(KEY, server.url) as client:
        assert await client.wait_ready(5)
        await asyncio.to_thread(until, lambda: client.status().state == "streaming")
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        client.on_change("checkout", lambda _: loop.call_soon_threadsafe(changed.set))
        server.publish(document(2, value=True))
        await asyncio.wait_for(changed.wait(), 2)
        assert client.bool("checkout", False, ANN) is True


def test_the_package_offers_it_by_name():
    assert getattr(wayfork, "AsyncClient") is AsyncClient  # noqa: B009 - loaded by name
