"""What one caller may ask of a process: others go on, and whoever is slowed down is told for how long."""

import asyncio
import logging
import socket
import struct
import threading
import time
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import httpx
import pytest
import websockets

from accounts.actions.credentials import BadKey
from flags.delivery import hub as hubs
from flags.delivery import limits
from flags.delivery.limits import Limits, Pace, neighborhood
from flags.models import SdkConnection
from tests.flags.delivery.test_http import evaluate, get, wait_until
from tests.flags.delivery.test_stream import code_of, connect, hear, in_thread
from tests.journeys.people import application, until
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_flag
from wayfork import keys

ANN = {"context": {"userId": "ann"}}


@pytest.fixture
def shop(live: LiveServer) -> World:
    """A world with one flag that clients may see."""
    world = make_world()
    make_flag(world.max.at(), on=True, client_side=True)
    return world


def statuses(live: LiveServer, key: str, times: int, **headers: str) -> list[int]:
    return [evaluate(live, key, ANN, **headers).status_code for _ in range(times)]


# --- counting


def test_a_name_gets_its_burst_and_then_its_pace():
    pace = Pace(at_once=2.0)
    assert [pace.use("one", 5) > 0 for _ in range(11)] == [False] * 10 + [True]
    assert 0 < pace.use("one", 5) <= 0.2
    assert pace.use("another", 5) == 0
    pace.give_back("one", 5)
    assert pace.use("one", 5) == 0


def test_names_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "MOST_NAMES", 100)
    pace = Pace(at_once=2.0)
    for number in range(1_000):
        pace.use(f"name-{number}", 1)
    assert len(pace._paid_at) <= 100


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::7", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::8", "2001:db8:1:2::"),
        ("2001:db8:1:3::7", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%lo", "fe80::"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_a_network_of_somebody_counts_as_one_address(address: str, counted: str):
    assert neighborhood(address) == counted


def test_streams_that_ended_leave_nothing_behind():
    counted = Limits()
    for _ in range(3):
        counted.open_stream("digest", "2001:db8::1")
    for _ in range(3):
        counted.close_stream("digest", "2001:db8::1")
    assert not counted._streams


# --- calls


def test_a_visitor_who_asks_too_often_is_told_when_to_ask_again(
    live: LiveServer, shop: World, settings
):
    settings.SDK_CALLS_PER_ADDRESS = 1
    key = shop.sdk_key("client")
    answers = [evaluate(live, key, ANN) for _ in range(6)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_often"
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    # A fleet of servers may stand behind one address.
    assert statuses(live, shop.sdk_key(), 4) == [200] * 4


def test_visitors_behind_a_trusted_proxy_are_told_apart_and_cannot_lie(
    live: LiveServer, shop: World, settings
):
    settings.SDK_CALLS_PER_ADDRESS, settings.TRUSTED_PROXIES = 1, 1
    key = shop.sdk_key("client")
    for visitor in ("198.51.100.1", "198.51.100.2"):
        hops = {"X-Forwarded-For": visitor}
        found = statuses(live, key, 6, **hops)
        assert (found[:2], 429 in found) == ([200, 200], True)
    invented = [
        evaluate(live, key, ANN, **{"X-Forwarded-For": f"192.0.2.{n}, 198.51.100.3"}).status_code
        for n in range(6)
    ]
    assert 429 in invented


def test_a_proxy_nobody_told_us_of_is_told_to_the_operator_once(
    live: LiveServer, shop: World, settings, caplog: pytest.LogCaptureFixture
):
    settings.SDK_CALLS_PER_ADDRESS = 1
    with caplog.at_level(logging.WARNING):
        statuses(live, shop.sdk_key("client"), 5, **{"X-Forwarded-For": "198.51.100.1"})
    assert caplog.text.count("WAYFORK_TRUSTED_PROXIES") == 1


def test_one_key_that_is_used_too_often_leaves_the_others_theirs(
    live: LiveServer, shop: World, settings
):
    settings.SDK_CALLS_PER_KEY = 1
    key, other = shop.sdk_key(), shop.sdk_key(environment="staging")
    assert 429 in statuses(live, key, 6)
    assert statuses(live, other, 2) == [200, 200]
    bearer = {"Authorization": f"Bearer {other}"}
    for what in ("events", "contexts"):
        address = f"{live}/api/v1/sdk/{what}"
        sent = [httpx.post(address, json={what: []}, headers=bearer) for _ in range(6)]
        assert 429 in [answer.status_code for answer in sent]


def test_documents_are_counted_and_to_say_that_nothing_changed_is_not(
    live: LiveServer, shop: World, settings
):
    settings.SDK_CALLS_PER_KEY = 1
    key = shop.sdk_key()
    etag = get(live, key).headers["etag"]
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}) as client:
        whole = [client.get(live + "/api/v1/sdk/snapshot").status_code for _ in range(80)]
    assert whole[:30] == [200] * 30
    assert 429 in whole
    assert get(live, key, **{"If-None-Match": etag}).status_code == 304


def test_a_limit_of_none_counts_nothing(live: LiveServer, shop: World, settings):
    settings.SDK_CALLS_PER_KEY = settings.SDK_CALLS_PER_ADDRESS = 0
    assert statuses(live, shop.sdk_key("client"), 5) == [200] * 5


# --- keys nobody has seen


def test_whoever_tries_keys_is_slowed_down_and_nobody_else(
    live: LiveServer, shop: World, settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "UNKNOWN_KEYS", 1)
    settings.TRUSTED_PROXIES = 1
    known, new = shop.sdk_key(), shop.sdk_key("client")
    here, elsewhere = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
    assert get(live, known, **here).status_code == 200
    tried = [get(live, keys.make("srv", "production"), **here) for _ in range(15)]
    assert [answer.status_code for answer in tried[:10]] == [401] * 10
    assert tried[-1].status_code == 429
    assert int(tried[-1].headers["retry-after"]) >= 1
    assert get(live, known, **here).status_code == 200
    assert evaluate(live, new, ANN, **elsewhere).status_code == 200


def test_good_keys_are_met_as_many_as_come(
    live: LiveServer, shop: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "UNKNOWN_KEYS", 1)
    assert [get(live, shop.sdk_key()).status_code for _ in range(15)] == [200] * 15


def test_keys_are_looked_up_some_at_a_time_and_each_once(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hubs, "MOST_LOOK_UPS", 2)
    monkeypatch.setattr(limits, "UNKNOWN_KEYS", 1)
    gate, look_up, good = threading.Event(), hubs._find_key, make_world().sdk_key()
    monkeypatch.setattr(hubs, "_find_key", lambda secret: gate.wait(5) and look_up(secret))
    unknown = [keys.make("srv", "production") for _ in range(3)]

    async def story() -> list[object]:
        hub = hubs.Hub()
        asking = [asyncio.ensure_future(hub.credential(key)) for key in (*[good] * 50, *unknown)]
        await asyncio.sleep(0.1)
        gate.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        await hub.stop()
        return list(answers)

    answers = asyncio.run(story())
    assert {type(one) for one in answers[:50]} == {hubs.Credential}
    assert [type(one) for one in answers[50:]] == [
        BadKey,
        hubs.ColdAndUnreachable,
        hubs.ColdAndUnreachable,
    ]


# --- streams


def test_a_key_opens_so_many_streams_and_one_that_ends_makes_room(
    live: LiveServer, shop: World, settings
):
    settings.SDK_STREAMS_PER_KEY = 2
    key, other = shop.sdk_key(), shop.sdk_key()

    async def story() -> tuple[int, str, int]:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(connect(live, key))
            for socket_ in (first, await stack.enter_async_context(connect(live, key))):
                await hear(socket_, "hello")
            async with connect(live, key) as third:
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await hear(third, "hello")
            async with connect(live, other) as another:
                await hear(another, "hello")
            await first.close()
            await again_let_in(live, key)
            await asyncio.sleep(0.5)
            rows = await in_thread(SdkConnection.objects.within(shop.production).count)
            assert closed.value.rcvd is not None
            return code_of(closed.value), closed.value.rcvd.reason, rows

    code, reason, rows = asyncio.run(story())
    assert (code, reason) == (1013, "No more than 2 streams are open with this key at a time.")
    # What found no room is no row.
    assert rows == 1


async def again_let_in(live: LiveServer, key: str) -> None:
    async with asyncio.timeout(5):
        while True:
            async with connect(live, key) as socket_:
                try:
                    await hear(socket_, "hello")
                except websockets.ConnectionClosed:
                    await asyncio.sleep(0.05)
                else:
                    return


def test_an_address_opens_so_many_streams_with_keys_that_are_public(
    live: LiveServer, shop: World, settings
):
    settings.SDK_STREAMS_PER_ADDRESS = 1
    public, secret = shop.sdk_key("client"), shop.sdk_key()

    async def story() -> int:
        async with connect(live, public) as first, connect(live, public) as second:
            await hear(first, "hello")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await hear(second, "hello")
            async with connect(live, secret) as third, connect(live, secret) as fourth:
                await hear(third, "hello")
                await hear(fourth, "hello")
            return code_of(closed.value)

    assert asyncio.run(story()) == 1013


def test_an_sdk_that_finds_no_room_has_its_flags_and_asks_again(
    live: LiveServer, shop: World, settings
):
    settings.SDK_STREAMS_PER_KEY = 1
    key = shop.sdk_key()
    with application(live, key) as first:
        until(lambda: first.status().state == "streaming")
        faults: list[Exception] = []
        with application(live, key, on_error=faults.append) as second:
            assert second.bool("quote-form", False, {"userId": "ann"}) is True
            until(lambda: len(faults) >= 2)
            assert "No more than 1 streams are open" in str(faults[0])
            first.close(2)
            until(lambda: second.status().state == "streaming", 30)
    # It waited longer each time.
    assert len(faults) < 20


def opened_line(live: LiveServer, key: str) -> socket.socket:
    """A stream as it is once the server has accepted it, and not yet looked who asks."""
    place = urlsplit(live.url)
    line = socket.create_connection((place.hostname, place.port), timeout=5)
    asking = (
        f"GET /api/v1/sdk/stream HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {'a' * 22}==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {key}\r\n\r\n"
    )
    line.sendall(asking.encode())
    assert b" 101 " in line.recv(4096)
    return line


def test_lines_that_break_before_they_are_greeted_are_not_counted_for_ever(
    live: LiveServer, shop: World, monkeypatch: pytest.MonkeyPatch
):
    key, look_up, gate = shop.sdk_key(), hubs._find_key, threading.Event()
    monkeypatch.setattr(hubs, "_find_key", lambda secret: gate.wait(5) and look_up(secret))
    lines = [opened_line(live, key) for _ in range(5)]
    for line in lines:
        # Reset, not closed: nothing is said any more.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
    time.sleep(0.3)
    gate.set()

    async def later() -> None:
        async with connect(live, key) as socket_:
            await hear(socket_, "hello")

    asyncio.run(later())
    wait_until(lambda: httpx.get(live + "/healthz").json()["sockets"] == 0)


# --- frames


@pytest.mark.parametrize("length", [65_000, 70_000])
def test_a_frame_that_is_too_long_ends_the_stream(live: LiveServer, shop: World, length: int):
    key = shop.sdk_key()

    async def story() -> int:
        async with connect(live, key) as socket_:
            await hear(socket_, "hello")
            await socket_.send("a" * length)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await hear(socket_, "never")
            return code_of(closed.value)

    assert asyncio.run(story()) == 1009


def test_a_frame_that_announces_too_much_is_not_waited_for(live: LiveServer, shop: World):
    key = shop.sdk_key()

    async def story() -> int:
        async with connect(live, key) as socket_:
            await hear(socket_, "hello")
            socket_.transport.write(b"\x81\xff" + (1_000_000).to_bytes(8, "big") + bytes(4))
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await hear(socket_, "never")
            return code_of(closed.value)

    assert asyncio.run(story()) == 1009
