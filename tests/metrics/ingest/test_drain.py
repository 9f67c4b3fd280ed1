"""The stream between accepting and storing: nothing accepted is lost, nothing bad blocks."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from metrics.ingest import buffer
from metrics.ingest.schema import BEHIND
from metrics.models import Event
from tests.metrics.ingest.test_events import tracked
from tests.world.cast import World, make_world


@pytest.fixture
def stream(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A stream of this test's own, whatever the rest of the run uses."""
    monkeypatch.setattr(settings, "REDIS_URL", valkey_url)
    for name in ("STREAM", "WAITING", "REFUSED"):
        monkeypatch.setattr(buffer, name, f"{getattr(buffer, name)}:{uuid4().hex}")
    with redis.Redis.from_url(valkey_url) as client:
        yield client
        client.delete(buffer.STREAM, buffer.WAITING, buffer.REFUSED)


def test_an_entry_that_can_never_be_written_does_not_block_those_behind_it(
    transactional_db: None, stream: redis.Redis
):
    world = make_world()
    now = timezone.now()
    stream.xadd(buffer.STREAM, buffer.entry(uuid4(), [tracked()], now))
    stream.xadd(buffer.STREAM, {"not": "a batch"})
    stream.xadd(buffer.STREAM, buffer.entry(world.production.pk, [tracked()], now))
    assert buffer.drain() == 3
    assert Event.objects.within(world.production).count() == 2
    assert stream.xlen(buffer.STREAM) == 0
    assert stream.xlen(buffer.REFUSED) == 2


def test_waiting_in_the_stream_makes_no_event_too_old(world: World, stream: redis.Redis):
    accepted = timezone.now() - timedelta(days=2)
    at = accepted - BEHIND + timedelta(hours=1)
    batch = [tracked(at=at.timestamp() * 1000)]
    stream.xadd(buffer.STREAM, buffer.entry(world.production.pk, batch, accepted))
    buffer.drain()
    assert Event.objects.within(world.production).count() == 2
