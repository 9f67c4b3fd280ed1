"""The sockets of open pages over the whole cast: who is let in where, and who hears what."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

import pytest
import websockets
from django.test import Client

from accounts import access as tickets
from accounts import tail
from accounts.actions import members
from accounts.models import Membership, User
from accounts.permissions import Role
from flags import changes, requests
from flags.edits import SetFallthrough, TurnOff, TurnOn
from tests.accounts.test_live import connect, in_thread
from tests.architecture.furnished import ROLES
from tests.flags.requests.steps import ask_for_review
from tests.servers.live import LiveServer
from tests.world.cast import PASSWORD, Person, World, make_world
from tests.world.factories import make_flag, submit

SHOP = "organization=solar&project=shop"
# Where a page may stand, by what its socket names.
PLACES = {
    "environment": f"{SHOP}&environment=staging",
    "project": SHOP,
    "organization": "organization=solar",
    "elsewhere": "organization=stranger&project=shop&environment=production",
}
CAST = (*ROLES, "left", "closed", "nobody")
SEES_PROJECT = {"owner", "admin", "reviewer", "editor", "viewer"}
REVIEWS = {"owner", "admin", "reviewer"}


@dataclass
class Ear:
    """One open page: how it was let in, and what it heard since."""

    who: str
    place: str
    code: int = 0
    topics: list[str] = field(default_factory=list)
    told: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether it is known who is in."""
        return bool(self.code or self.told)


@pytest.fixture
def shop(live: LiveServer) -> World:
    """A flag in both organizations, and production asking for review."""
    world = make_world()
    make_flag(world.max.at(), on=True)
    make_flag(world.stan.at(), "theirs", on=True)
    ask_for_review(world)
    tail.read_all()
    return world


def allowed(who: str, place: str) -> int:
    """The closing code; 0 for whoever may stay."""
    if who in {"nobody", "closed"}:
        return 4401
    if who == "left":
        return 4404
    if place == "elsewhere":
        return 0 if who == "stranger" else 4404
    if place == "organization":
        return 4404 if who == "stranger" else 0
    return 0 if who in SEES_PROJECT else 4404


async def listen(ear: Ear, socket: websockets.ClientConnection) -> None:
    """Note everything until the test is over or the line is cut."""
    try:
        async for message in socket:
            ear.told += str(message)
            ear.topics += json.loads(message).get("topics", [])
    except websockets.ConnectionClosed:
        pass
    if socket.close_code not in {None, 1000}:
        ear.code = socket.close_code or 0


async def overhear(
    server: LiveServer, doors: dict[str, Client], ears: list[Ear], acts: list[Callable[[], None]]
) -> None:
    """Open every page at once, let it happen, and hear who is told what."""
    async with AsyncExitStack() as stack:
        listening = []
        for ear in ears:
            page = connect(server, doors[ear.who], query=PLACES[ear.place])
            socket = await stack.enter_async_context(page)
            listening.append(asyncio.create_task(listen(ear, socket)))
        await until(lambda: all(ear.is_settled for ear in ears))
        for act in acts:
            await in_thread(act)
        await until(lambda: all(wanted(ear) <= set(ear.topics) for ear in ears))
        # What nobody should hear would be here by now.
        await asyncio.sleep(1)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


async def until(ready: Callable[[], bool]) -> None:
    """Wait, for so long at most; whoever asks looks whether it came about."""
    for _ in range(400):
        if ready():
            return
        await asyncio.sleep(0.05)


def browsers(world: World) -> dict[str, Client]:
    """Everybody's browser. Lea was let out of the organization, and Cleo's account is closed, each
    with a page still open."""
    found = {role: getattr(world, name).client for role, name in ROLES.items()}
    found["nobody"] = Client()
    found["nobody"].cookies["wayfork_session"] = "x" * 32
    owner = tickets.of_member(world.olivia.user, "solar")
    for who, name in (("left", "lea"), ("closed", "cleo")):
        user = User.objects.create_user(f"{name}@solar.example", PASSWORD, name=name.title())
        members.add_member(owner, user)
        members.set_role(world.olivia.at(), user, Role.ADMIN)
        found[who] = Person(user, "solar", "shop").client
    Membership.objects.within(world.organization).filter(user__name="Lea").update(is_active=False)
    User.objects.filter(name="Cleo").update(is_active=False)
    return found


def change_here(world: World) -> None:
    submit(world.max.at("staging"), "quote-form", TurnOn())
    tail.read_all()


def change_there(world: World) -> None:
    submit(world.stan.at(), "theirs", TurnOff())
    tail.read_all()


def ask_here(world: World) -> None:
    part = changes.Part(changes.state("quote-form"), (SetFallthrough("off"),), 1)
    requests.open_request(world.max.at(), [part], comment="please")
    tail.read_all()


def wanted(ear: Ear) -> set[str]:
    """Of three things that happen, those this page is told of."""
    found = set[str]()
    if allowed(ear.who, ear.place):
        return found
    if ear.place in {"environment", "project"}:
        found |= {"flag-quote-form", "request-1"}
    if ear.place == "elsewhere":
        found.add("flag-theirs")
    # Their own inbox is told on any page they have open.
    return found | ({"inbox"} if ear.who in REVIEWS else set())


THINGS = frozenset({"flag-quote-form", "request-1", "flag-theirs", "inbox"})


def test_each_of_the_cast_hears_what_they_may_see_and_nothing_else(live: LiveServer, shop: World):
    doors = browsers(shop)
    ears = [Ear(who, place) for who in CAST for place in PLACES]
    happens = [change_here, change_there, ask_here]
    asyncio.run(overhear(live, doors, ears, [partial(act, shop) for act in happens]))
    for ear in ears:
        assert ear.code == allowed(ear.who, ear.place), ear
        assert set(ear.topics) & THINGS == wanted(ear), ear
        # Whoever is refused is not even greeted.
        assert bool(ear.told) == (not ear.code), ear
