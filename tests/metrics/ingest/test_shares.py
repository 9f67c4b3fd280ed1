"""An environment whose key is flooded waits for itself: the events of the others are taken on."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest
import redis
from django.conf import settings
from django.utils import timezone

from metrics.ingest import buffer
from metrics.ingest import http as ingest
from metrics.models import Event
from tests.journeys.people import application, until
from tests.metrics.ingest.test_drain import stream as stream  # noqa: PLC0414 - a fixture
from tests.metrics.ingest.test_events import tracked
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_flag


@pytest.fixture
def shop(live: LiveServer) -> World:
    return make_world()


@pytest.fixture
def fifths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for ten batches, two of each environment."""
    monkeypatch.setattr(buffer, "MOST_WAITING", 10)
    monkeypatch.setattr(buffer, "MOST_WAITING_HERE", 10)
    monkeypatch.setattr(settings, "EVENT_SHARE_PERCENT", 20)


def send(live: LiveServer, key: str) -> httpx.Response:
    return httpx.post(
        live + "/api/v1/sdk/events",
        json={"events": [tracked()]},
        headers={"Authorization": f"Bearer {key}"},
        timeout=20,
    )


def put(stream: redis.Redis, environment_id: UUID, times: int) -> list[bytes]:
    """What the script says to batches of an environment."""
    accept = stream.register_script(buffer.ACCEPT)
    return [
        accept(keys=keys, args=arguments)
        for _ in range(times)
        for keys, arguments in [buffer.acceptance(environment_id, [tracked()], timezone.now())]
    ]


def test_one_environment_fills_its_share_and_not_the_whole(
    live: LiveServer, shop: World, stream: redis.Redis, fifths: None
):
    flooded, other = shop.sdk_key("client"), shop.sdk_key(environment="staging")
    assert [send(live, flooded).status_code for _ in range(3)] == [202, 202, 429]
    refused = send(live, flooded)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("too_often", "10")
    assert [send(live, other).status_code for _ in range(2)] == [202, 202]
    buffer.drain()
    assert [send(live, key).status_code for key in (flooded, other)] == [202, 202]
    buffer.drain()
    assert Event.objects.within(shop.project).count() == 2 * 6
    assert stream.exists(buffer.WAITING) == 0


def test_the_whole_has_its_bound_still(
    live: LiveServer, shop: World, stream: redis.Redis, fifths: None
):
    for number in range(5):
        assert put(stream, UUID(int=number), 2) == [b"taken", b"taken"]
    refused = send(live, shop.sdk_key())
    assert (refused.status_code, refused.json()["code"]) == (503, "cannot_store")


def test_an_sdk_keeps_what_has_no_room_until_there_is_some(
    live: LiveServer, shop: World, stream: redis.Redis, fifths: None
):
    # Units come with the first snapshot.
    make_flag(shop.max.at())
    put(stream, shop.production.pk, 2)
    with application(live, shop.sdk_key()) as app:
        app.track("purchase", {"userId": "ann"}, 12.5)
        assert app.flush(5) is False
        waiting = app.status()
        assert "wait to be stored" in str(waiting.last_error)
        assert (waiting.queued_events, waiting.dropped_events) == (1, 0)
        buffer.drain()
        assert app.flush(5)
    buffer.drain()
    assert Event.objects.within(shop.production).filter(unit_id="ann").count() == 1


def test_a_batch_is_counted_out_once_however_often_it_is_finished(
    live: LiveServer, shop: World, stream: redis.Redis, fifths: None
):
    put(stream, shop.production.pk, 2)
    entries: Any = stream.xrange(buffer.STREAM)
    first = entries[0][0]
    finish = stream.register_script(buffer.FINISH)
    own = str(shop.production.pk)
    for _ in range(3):
        finish(keys=[buffer.STREAM, buffer.WAITING], args=[buffer.GROUP, first, own])
    assert stream.hget(buffer.WAITING, own) == b"1"


def test_counts_without_batches_are_forgotten(
    live: LiveServer, shop: World, stream: redis.Redis, fifths: None
):
    put(stream, shop.production.pk, 2)
    stream.delete(buffer.STREAM)
    assert send(live, shop.sdk_key()).status_code == 202
    assert stream.hget(buffer.WAITING, str(shop.production.pk)) == b"1"


@pytest.fixture
def held_writer() -> Iterator[Callable[[], None]]:
    """The writer of this process, busy until it is let go."""
    free = threading.Event()
    ingest._WRITER.submit(free.wait)
    yield free.set
    free.set()


def test_without_redis_an_environment_waits_for_itself_too(
    live: LiveServer, shop: World, fifths: None, held_writer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(settings, "REDIS_URL", "")
    flooded, other = shop.sdk_key("client"), shop.sdk_key(environment="staging")
    with ThreadPoolExecutor(4) as callers:
        waiting = [callers.submit(send, live, flooded) for _ in range(2)]
        until(lambda: ingest._waiting[shop.production.pk] == 2)
        assert send(live, flooded).status_code == 429
        waiting.append(callers.submit(send, live, other))
        until(lambda: ingest._waiting[shop.staging.pk] == 1)
        held_writer()
        assert [one.result().status_code for one in waiting] == [202, 202, 202]
    assert not ingest._waiting
    assert Event.objects.within(shop.project).count() == 2 * 3
