"""The WebSocket: a change reaches every connected SDK, and a bad key is told by its code."""

import asyncio
import json
import time
from datetime import timedelta

import httpx
import pytest
import websockets
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.actions import credentials, environments
from flags import announcements, queries
from flags.edits import TurnOff, TurnOn
from flags.models import SdkConnection
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_flag, submit
from wayfork.engine import parse_snapshot


@pytest.fixture
def shop(live: LiveServer) -> World:
    """A world with one flag that is off in production."""
    world = make_world()
    make_flag(world.max.at())
    return world


def connect(live: LiveServer, key: str, inline: int = 0):
    return websockets.connect(
        f"{live.websocket_url}/api/v1/sdk/stream?inline={inline}",
        additional_headers={
            "Authorization": f"Bearer {key}",
            "Wayfork-SDK": "test/1",
            "Wayfork-App": "shop",
        },
    )


async def hear(socket, kind: str, patience: float = 5) -> dict:
    """The next message of a kind; pings pass."""
    async with asyncio.timeout(patience):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


def code_of(closed: websockets.ConnectionClosed) -> int:
    assert closed.rcvd is not None
    return closed.rcvd.code


def in_thread(work, *args):
    return sync_to_async(work, thread_sensitive=False)(*args)


def turn(world: World, edit) -> None:
    submit(world.max.at(), "quote-form", edit)


def test_a_change_reaches_a_connected_sdk_within_a_second(live: LiveServer, shop: World):
    key = shop.sdk_key()

    async def story() -> float:
        async with connect(live, key) as socket:
            hello = await hear(socket, "hello")
            assert hello["version"] == 1
            began = time.monotonic()
            await in_thread(turn, shop, TurnOn())
            changed = await hear(socket, "changed")
            took = time.monotonic() - began
            assert (changed["version"], changed["keys"]) == (2, ["quote-form"])
            return took

    assert asyncio.run(story()) < 1


def test_an_sdk_that_asks_for_it_gets_the_snapshot_in_the_message(live: LiveServer, shop: World):
    key = shop.sdk_key()

    async def story() -> bytes:
        async with connect(live, key, inline=100_000) as socket:
            await hear(socket, "hello")
            await in_thread(turn, shop, TurnOn())
            return await asyncio.wait_for(socket.recv(), 5)

    told, _, document = asyncio.run(story()).partition(b"\n")
    assert json.loads(told)["keys"] == ["quote-form"]
    snapshot = parse_snapshot(document)
    assert snapshot.flags["quote-form"].enabled is True


@pytest.mark.parametrize("key", ["", "srv_production_nonsense"])
def test_a_bad_key_is_closed_with_4401(live: LiveServer, shop: World, key: str):
    async def story() -> int:
        async with connect(live, key) as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 5)
            return code_of(closed.value)

    assert asyncio.run(story()) == 4401


def test_a_server_key_from_a_browser_opens_no_stream(live: LiveServer, shop: World):
    bearer = {"Authorization": f"Bearer {shop.sdk_key()}"}

    async def story() -> int:
        address = f"{live.websocket_url}/api/v1/sdk/stream"
        page = websockets.Origin("https://shop.example")
        async with websockets.connect(address, additional_headers=bearer, origin=page) as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 5)
            return code_of(closed.value)

    assert asyncio.run(story()) == 4401


def test_revoking_a_key_closes_the_sockets_it_opened_and_no_others(live: LiveServer, shop: World):
    old = credentials.create_sdk_key(shop.ada.at(), "server", "old")
    kept = credentials.create_sdk_key(shop.ada.at(), "server", "kept")

    def revoke() -> None:
        credentials.revoke_sdk_key(shop.ada.at(), old.key.id)

    async def story() -> int:
        async with connect(live, old.secret) as closing, connect(live, kept.secret) as open_one:
            await hear(closing, "hello")
            await hear(open_one, "hello")
            await in_thread(revoke)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(closing.recv(), 5)
            await in_thread(turn, shop, TurnOn())
            await hear(open_one, "changed")
            return code_of(closed.value)

    assert asyncio.run(story()) == 4401


def test_a_key_that_ends_closes_its_sockets(live: LiveServer, shop: World):
    ends = timezone.now() + timedelta(seconds=4)
    made = credentials.create_sdk_key(shop.ada.at(), "server", "short", ends)

    async def story() -> int:
        async with connect(live, made.secret) as socket:
            await hear(socket, "hello")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 15)
            return code_of(closed.value)

    assert asyncio.run(story()) == 4401
    assert timezone.now() >= ends


def test_an_acknowledged_version_is_seen_by_people(live: LiveServer, shop: World):
    key = shop.sdk_key()

    async def story() -> SdkConnection:
        async with connect(live, key) as socket:
            await hear(socket, "hello")
            await socket.send('{"type":"ack","epoch":1,"version":1}')
            for _ in range(100):
                rows = await in_thread(queries.connections, shop.production)
                if rows and rows[0].version == 1:
                    return rows[0]
                await asyncio.sleep(0.05)
            raise AssertionError("the acknowledgement was not written")

    row = asyncio.run(story())
    assert (row.app, row.sdk, row.key_last_four) == ("shop", "test/1", key[-4:])


def test_nonsense_from_an_sdk_harms_nobody(live: LiveServer, shop: World):
    key = shop.sdk_key()

    async def story() -> None:
        async with connect(live, key) as socket:
            await hear(socket, "hello")
            for text in (
                "{",
                "[]",
                "null",
                '{"type":"ack"}',
                '{"type":"ack","epoch":-1,"version":1e9}',
                "[" * 5000,
            ):
                await socket.send(text)
            await socket.send(b"\x00\xff")
            await in_thread(turn, shop, TurnOn())
            await hear(socket, "changed")

    asyncio.run(story())


def test_a_lost_announcement_heals_by_the_version_check(
    live: LiveServer, shop: World, monkeypatch: pytest.MonkeyPatch
):
    key = shop.sdk_key()
    monkeypatch.setattr(announcements, "_send", lambda message: None)

    async def story() -> None:
        async with connect(live, key) as socket:
            await hear(socket, "hello")
            await in_thread(turn, shop, TurnOn())
            assert (await hear(socket, "changed"))["version"] == 2

    asyncio.run(story())


def test_a_slow_reader_is_given_only_the_newest_version(live: LiveServer, shop: World):
    key = shop.sdk_key()

    def flip() -> None:
        for _ in range(10):
            turn(shop, TurnOn())
            turn(shop, TurnOff())

    async def story() -> list[int]:
        async with connect(live, key) as socket:
            await hear(socket, "hello")
            await in_thread(flip)
            seen: list[int] = []
            while not seen or seen[-1] < 21:
                seen.append((await hear(socket, "changed"))["version"])
            return seen

    seen = asyncio.run(story())
    assert seen == sorted(set(seen))
    assert seen[-1] == 21


def test_archiving_an_environment_closes_its_sockets_within_seconds(live: LiveServer, shop: World):
    key, access = shop.sdk_key(), shop.ada.at()

    async def story() -> tuple[int, float]:
        async with connect(live, key) as socket:
            await hear(socket, "hello")
            began = time.monotonic()
            await in_thread(environments.archive, access, "production")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await hear(socket, "never", 15)
            return code_of(closed.value), time.monotonic() - began

    code, took = asyncio.run(story())
    assert code == 4401
    assert took < 12
    answer = httpx.get(live + "/api/v1/sdk/snapshot", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
