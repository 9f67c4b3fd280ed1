"""An open page hears that something changed, for as long as its person may look."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import websockets
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import OperationalError, connections, transaction
from django.test import Client
from websockets.typing import Origin

from accounts import access as tickets
from accounts import audit, hints, tail
from accounts import live as pages
from accounts.actions import members
from accounts.audit import Subject
from accounts.models import Membership
from tests.architecture.access_table import PAGE_SOCKETS, VIEWER
from tests.journeys.people import until
from tests.servers.live import LiveServer
from tests.world.cast import Person, World, make_world

HERE = "organization=solar&project=shop&environment=production"


@pytest.fixture
def shop(live: LiveServer) -> World:
    world = make_world()
    tail.read_all()
    return world


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch) -> None:
    monkeypatch.setattr(pages, "CHECK_SECONDS", 0.5)


def cookie_of(client: Client) -> str:
    return client.cookies.output(header="", sep=";").strip().split(";", maxsplit=1)[0]


def connect(server: LiveServer, client: Client, *, query: str = HERE, origin: Any = ...):
    headers = {"Cookie": cookie_of(client)}
    return websockets.connect(
        f"{server.websocket_url}/ws/ui?{query}",
        additional_headers=headers,
        origin=Origin(server.url) if origin is ... else origin,
    )


async def hear(socket, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


async def kinds_heard(socket, *, seconds: float) -> AsyncIterator[str]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                yield json.loads(await socket.recv())["type"]


async def code_when_closed(socket) -> int:
    async with asyncio.timeout(15):
        while True:
            try:
                await socket.recv()
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 0


def in_thread(work: Callable[..., Any], *args: Any) -> Awaitable[Any]:
    def run() -> Any:
        try:
            return work(*args)
        finally:
            connections.close_all()

    return sync_to_async(run, thread_sensitive=False)()


def change_flag(world: World) -> None:
    with transaction.atomic():
        about = [Subject("flag", "checkout")]
        audit.record(world.max.at(), "flag.changed", "checkout", subjects=about)
    tail.read_all()


def ask_for_review(world: World) -> None:
    with transaction.atomic():
        after = {"change": "c", "number": 12}
        audit.record(world.max.at(), "change.submitted", "checkout", after=after)
    tail.read_all()


def test_every_page_socket_stands_in_the_access_table():
    assert {f"/{route.pattern}" for route in pages.SOCKETS} == set(PAGE_SOCKETS)
    assert PAGE_SOCKETS["/ws/ui"] == (VIEWER, 4404)


def test_a_page_hears_what_changed_in_its_project_within_a_second(live: LiveServer, shop: World):
    client = shop.vera.client

    async def story() -> tuple[list[str], float]:
        async with connect(live, client) as socket:
            assert (await hear(socket, "hello"))["unread"] == 0
            began = time.monotonic()
            await in_thread(change_flag, shop)
            hint = await hear(socket, "hint")
            return hint["topics"], time.monotonic() - began

    topics, took = asyncio.run(story())
    assert topics == ["flag", "flag-checkout"]
    assert took < 2


def test_a_person_hears_of_their_inbox_on_any_page(live: LiveServer, shop: World):
    client = shop.rita.client

    async def story() -> dict[str, Any]:
        async with connect(live, client, query="organization=solar") as socket:
            await hear(socket, "hello")
            await in_thread(ask_for_review, shop)
            return await hear(socket, "hint")

    hint = asyncio.run(story())
    assert hint["topics"] == ["inbox"]
    assert hint["unread"] == 1


def test_another_organizations_page_hears_nothing(live: LiveServer, shop: World):
    client = shop.stan.client
    query = "organization=stranger&project=shop&environment=production"

    async def story() -> None:
        async with connect(live, client, query=query) as socket:
            await hear(socket, "hello")
            await in_thread(change_flag, shop)
            assert {kind async for kind in kinds_heard(socket, seconds=1)} <= {"ping"}

    asyncio.run(story())


# --- who may listen


@pytest.mark.parametrize(
    ("name", "query", "code"),
    [
        ("stan", HERE, 4404),
        ("mia", HERE, 4404),
        ("vera", "organization=stranger", 4404),
        ("vera", "organization=solar&project=shop&environment=none", 4404),
        ("vera", "", 4404),
        ("nobody", HERE, 4401),
    ],
)
def test_who_may_not_look_is_closed_by_a_code(live, shop: World, name: str, query: str, code: int):
    client = Client() if name == "nobody" else getattr(shop, name).client
    if name == "nobody":
        client.cookies["wayfork_session"] = "x" * 32

    async def story() -> int:
        async with connect(live, client, query=query) as socket:
            return await code_when_closed(socket)

    assert asyncio.run(story()) == code


def sign_out(person: Person, client: Client) -> None:
    client.logout()


def end_sessions(person: Person, client: Client) -> None:
    Session.objects.all().delete()


def deactivate_account(person: Person, client: Client) -> None:
    person.user.is_active = False
    person.user.save()


def change_password(person: Person, client: Client) -> None:
    person.user.set_password("another-sunny-roof")
    person.user.save()


def deactivate_member(person: Person, client: Client) -> None:
    Membership.across_tenants.filter(user=person.user).update(is_active=False)


def take_role(person: Person, client: Client) -> None:
    olivia = Membership.across_tenants.get(user__email="olivia@solar.example").user
    members.set_role(tickets.of_member(olivia, "solar", "shop"), person.user, None)


@pytest.mark.parametrize(
    "leave",
    [
        sign_out,
        end_sessions,
        deactivate_account,
        change_password,
        deactivate_member,
        take_role,
    ],
)
def test_a_page_is_closed_within_seconds_when_its_person_may_look_no_more(
    live: LiveServer, shop: World, leave: Callable[[Person, Client], None]
):
    client, other = shop.vera.client, shop.rita.client

    async def story() -> int:
        async with connect(live, client) as socket, connect(live, other) as kept:
            await hear(socket, "hello")
            await hear(kept, "hello")
            await in_thread(leave, shop.vera, client)
            code = await code_when_closed(socket)
            if leave is not end_sessions:
                await hear(kept, "ping")
            return code

    assert asyncio.run(story()) == 4401


def test_somebody_let_out_hears_not_even_the_hint_of_it(live: LiveServer, shop: World, monkeypatch):
    monkeypatch.setattr("accounts.live.CHECK_SECONDS", 60.0)
    client = shop.vera.client

    async def story() -> int:
        async with connect(live, client) as socket:
            await hear(socket, "hello")
            await in_thread(deactivate_member, shop.vera, client)
            await in_thread(change_flag, shop)
            try:
                message = await asyncio.wait_for(socket.recv(), 5)
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 0
            raise AssertionError(message)

    assert asyncio.run(story()) == 4401


# --- where the page stands

ORIGINS = [
    ("own", True),
    ("trusted", True),
    ("none", False),
    ("null", False),
    ("https://evil.test", False),
    ("http://evil.test", False),
    ("suffixed", False),
    ("prefixed", False),
    ("other port", False),
    ("with path", False),
    ("with user", False),
    ("other scheme", False),
]


def spelled(name: str, own: str) -> str | None:
    host = own.removeprefix("http://")
    return {
        "own": own,
        "trusted": "https://pages.test",
        "none": None,
        "suffixed": f"{own}.evil.test",
        "prefixed": f"http://evil-{host}",
        "other port": f"{own[:-1]}{(int(own[-1]) + 1) % 10}",
        "with path": f"{own}/",
        "with user": f"http://evil@{host}",
        "other scheme": f"ftp://{host}",
    }.get(name, name)


@pytest.mark.parametrize(("name", "enters"), ORIGINS)
def test_pages_of_other_sites_cannot_listen_with_somebodys_cookie(
    live: LiveServer, shop: World, settings, name: str, enters: bool
):
    settings.CSRF_TRUSTED_ORIGINS = ["https://pages.test"]
    client, origin = shop.vera.client, spelled(name, live.url)

    async def story() -> int:
        try:
            async with connect(live, client, origin=origin) as socket:
                await hear(socket, "hello")
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(story()) == (101 if enters else 403)


@pytest.mark.parametrize("kind", ["client", "server"])
@pytest.mark.parametrize(("name", "_page"), ORIGINS)
def test_an_sdks_socket_asks_for_a_key_and_of_an_origin_only_that_servers_have_none(
    live: LiveServer, shop: World, name: str, _page: bool, kind: str
):
    headers, origin = {"Authorization": f"Bearer {shop.sdk_key(kind)}"}, spelled(name, live.url)

    async def story() -> str:
        address = f"{live.websocket_url}/api/v1/sdk/stream"
        page: Any = origin
        async with websockets.connect(address, additional_headers=headers, origin=page) as socket:
            try:
                return str((await hear(socket, "hello"))["type"])
            except websockets.ConnectionClosedError as closed:
                return str(closed.rcvd.code if closed.rcvd else None)

    # A browser that shows a server key shows it to everybody.
    assert asyncio.run(story()) == ("4401" if kind == "server" and origin else "hello")


def test_behind_https_a_page_without_it_cannot_listen(settings):
    settings.SECURE_COOKIES, settings.WAYFORK_URL = True, "https://flags.test"
    settings.ALLOWED_HOSTS = ["flags.test"]
    assert pages.is_own_origin({"origin": "https://flags.test", "host": "flags.test"})
    assert not pages.is_own_origin({"origin": "http://flags.test", "host": "flags.test"})


def test_a_host_nobody_allowed_does_not_vouch_for_an_origin(settings):
    settings.ALLOWED_HOSTS = ["flags.test"]
    assert not pages.is_own_origin({"origin": "http://evil.test", "host": "evil.test"})


def test_a_frame_that_is_too_long_ends_the_line(live: LiveServer, shop: World):
    client = shop.vera.client

    async def story() -> int:
        async with connect(live, client) as socket:
            await hear(socket, "hello")
            await socket.send("a" * 70_000)
            return await code_when_closed(socket)

    assert asyncio.run(story()) == 1009


# --- how many


async def let_out(server: LiveServer, client: Client) -> tuple[int, str]:
    async with connect(server, client) as socket:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await hear(socket, "hello")
    rcvd = closed.value.rcvd
    return (rcvd.code, rcvd.reason) if rcvd else (0, "")


def test_a_person_has_so_many_pages_open_and_one_that_closes_makes_room(
    live: LiveServer, shop: World, settings
):
    settings.PAGES_PER_PERSON = 2
    client, other = shop.vera.client, shop.rita.client

    async def story() -> tuple[int, str]:
        async with connect(live, client) as first, connect(live, client) as second:
            await hear(first, "hello")
            await hear(second, "hello")
            refused = await let_out(live, client)
            async with connect(live, other) as another:
                await hear(another, "hello")
            await first.close()
            await let_in_at_last(live, client)
            return refused

    assert asyncio.run(story()) == (1013, "Too many pages are open.")
    until(lambda: shop.vera.user.pk not in pages._open)


async def let_in_at_last(server: LiveServer, client: Client) -> None:
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(websockets.ConnectionClosed):
                async with connect(server, client) as socket:
                    await hear(socket, "hello")
                    return
            await asyncio.sleep(0.05)


def test_hints_that_come_together_are_told_together(live: LiveServer, shop: World):
    client = shop.vera.client
    wanted = [f"flag-{number}" for number in range(30)]

    def change_much() -> None:
        for topic in wanted:
            hints.tell_project(shop.project.pk, [topic])

    async def story() -> list[list[str]]:
        told: list[list[str]] = []
        async with connect(live, client) as socket:
            await hear(socket, "hello")
            await in_thread(change_much)
            while {topic for topics in told for topic in topics} != set(wanted):
                told.append((await hear(socket, "hint"))["topics"])
        return told

    told = asyncio.run(story())
    assert sum(len(topics) for topics in told) == len(wanted)
    assert len(told) < 10


def test_a_page_asks_again_later_when_nobody_can_tell_whether_it_may_look(
    live: LiveServer, shop: World, monkeypatch: pytest.MonkeyPatch
):
    client = shop.vera.client

    def away(*args: object) -> None:
        raise OperationalError("the database is away")

    async def story() -> int:
        async with connect(live, client) as socket:
            await hear(socket, "hello")
            monkeypatch.setattr(pages, "look", away)
            return await code_when_closed(socket)

    assert asyncio.run(story()) == 1013
