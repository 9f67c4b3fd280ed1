"""The hub of one process: what it goes on serving while the database is away, and forgets."""

import asyncio

import pytest
import websockets
from django.db import OperationalError, connection

from accounts.actions import credentials
from accounts.actions.credentials import BadKey
from accounts.models import SdkKey
from flags.delivery import hub as hubs
from flags.delivery.hub import Hub
from flags.models import SdkConnection
from tests.flags.delivery.test_stream import connect, hear, in_thread
from tests.servers.live import LiveServer
from tests.world.cast import make_world
from wayfork import keys


def away(*args: object) -> None:
    raise OperationalError("the database is away")


def test_a_key_that_was_good_is_served_without_waiting_for_the_database(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
):
    secret = make_world().sdk_key()

    async def story() -> None:
        hub = Hub()
        first = await hub.credential(secret)
        monkeypatch.setattr(hubs, "KEY_TRUST_SECONDS", -1)
        monkeypatch.setattr(hubs, "_find_key", away)
        hub._keys[secret].until = 0
        for _ in range(3):
            assert await hub.credential(secret) == first
        await hub.stop()

    asyncio.run(story())


def test_what_cannot_be_a_key_is_not_remembered(transactional_db: None):
    async def story() -> int:
        hub = Hub()
        for secret in ("x" * 60_000, "srv_production_nonsense", keys.make("srv", "p" * 500)):
            with pytest.raises(BadKey):
                await hub.credential(secret)
        remembered = len(hub._keys)
        await hub.stop()
        return remembered

    assert asyncio.run(story()) == 0


def test_a_key_that_is_gone_closes_its_sockets(live: LiveServer):
    world = make_world()
    key = world.sdk_key()

    async def story() -> int:
        async with connect(live, key) as socket:
            await hear(socket, "hello")
            await in_thread(SdkKey.objects.within(world.production).delete)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 8)
            assert closed.value.rcvd is not None
            return closed.value.rcvd.code

    assert asyncio.run(story()) == 4401


def test_what_one_sdk_says_does_not_keep_others_from_being_seen(live: LiveServer):
    world = make_world()
    key = world.sdk_key()
    reason = "\\u0000 \\ud800 broken"

    async def story() -> list[SdkConnection]:
        async with connect(live, key) as bad, connect(live, key) as good:
            await hear(bad, "hello")
            await hear(good, "hello")
            nack = '{"type":"nack","epoch":1,"version":1,"reason":"' + reason + '"}'
            await bad.send(nack.replace("\\\\", "\\"))
            await good.send('{"type":"ack","epoch":1,"version":7}')
            for _ in range(60):
                rows = await in_thread(list, SdkConnection.objects.within(world.production).all())
                if {row.version for row in rows} == {0, 7} and any(r.last_error for r in rows):
                    return rows
                await asyncio.sleep(0.05)
            raise AssertionError("the presence was not written")

    rows = asyncio.run(story())
    assert {row.last_error for row in rows} == {"", "  broken"}


def test_an_unknown_socket_address_is_refused_and_no_error(live: LiveServer):
    async def story() -> int:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"{live.websocket_url}/api/v1/sdk/elsewhere")
        return refused.value.response.status_code

    assert asyncio.run(story()) == 403


def test_a_key_is_found_although_its_use_cannot_be_noted(transactional_db: None):
    secret = make_world().sdk_key()

    def read_only(execute, sql, params, many, context):
        if sql.startswith("UPDATE"):
            raise OperationalError("the database is read-only")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(read_only):
        assert credentials.sdk_key(secret).last_used_at is None
