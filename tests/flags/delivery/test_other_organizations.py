"""A key of one organization opens nothing of another, whatever it names."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from accounts.actions import credentials
from accounts.models import Environment
from flags.edits import AddRule, TurnOff
from flags.models import ContextSample
from metrics.models import EvaluationCount, Event, Exposure
from tests.flags.delivery.test_contexts import a_sample
from tests.flags.delivery.test_stream import connect, hear, in_thread
from tests.metrics.ingest.test_events import counted, exposed, send, tracked
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause

CANARY = "canary-7c1f"
SDK = "/api/v1/sdk"
PATIENCE = 30


@pytest.fixture
def shop(live: LiveServer) -> World:
    """A production full of names that nobody else may read; Stan's place has the same keys."""
    world = make_world()
    access = world.max.at()
    make_segment(access, CANARY, included=(CANARY,))
    make_flag(access, CANARY, on=True, client_side=True, description=CANARY)
    asks = make_rule(name=CANARY, when=(Clause(None, "in_segment", (CANARY,)),))
    submit(access, CANARY, AddRule(asks))
    make_flag(world.stan.at(), "theirs", on=True, client_side=True)
    return world


def stans_key(world: World, kind: str = "server") -> str:
    return credentials.create_sdk_key(world.stan.at(), kind, "theirs").secret


def stans_place(world: World) -> Environment:
    return world.stan.at().environment


def naming(world: World) -> dict[str, str]:
    """Every way somebody might try to name the place of others."""
    return {
        "organization": "solar",
        "project": str(world.project.pk),
        "environment": str(world.production.pk),
    }


def headers(key: str, world: World) -> dict[str, str]:
    more = {f"Wayfork-{name.title()}": value for name, value in naming(world).items()}
    return {"Authorization": f"Bearer {key}", **more}


def everything_told(answer: httpx.Response) -> str:
    return answer.text + str(answer.headers)


def test_a_key_reads_its_own_snapshot_whatever_else_it_names(live: LiveServer, shop: World):
    here = httpx.get(
        f"{live}{SDK}/snapshot",
        headers={"Authorization": f"Bearer {shop.sdk_key()}"},
        timeout=PATIENCE,
    )
    assert CANARY in here.text, "there is something to see"
    etag = {"If-None-Match": here.headers["ETag"]}
    theirs = {**headers(stans_key(shop), shop), **etag}
    answer = httpx.get(
        f"{live}{SDK}/snapshot", params=naming(shop), headers=theirs, timeout=PATIENCE
    )
    # Not even whether the other place stands as it stood is told.
    assert (answer.status_code, list(answer.json()["flags"])) == (200, ["theirs"])
    assert CANARY not in everything_told(answer)
    assert answer.json()["segments"] == {}


@pytest.mark.parametrize("kind", ["server", "client"])
def test_values_are_those_of_its_own_flags(live: LiveServer, shop: World, kind: str):
    body = {"context": {"userId": CANARY[:6]}, "flags": [CANARY], **naming(shop)}
    answer = httpx.post(
        f"{live}{SDK}/evaluate",
        params=naming(shop),
        json=body,
        headers=headers(stans_key(shop, kind), shop),
        timeout=PATIENCE,
    )
    assert (answer.status_code, list(answer.json()["flags"])) == (200, ["theirs"])
    assert CANARY not in everything_told(answer)


TABLES = (Event, Exposure, EvaluationCount)


def rows(place: Environment) -> dict[str, int]:
    return {table.__name__: table.objects.within(place).count() for table in TABLES}


def test_events_that_name_others_flags_stay_with_their_sender(live: LiveServer, shop: World):
    names = {"flag": CANARY, "experiment": CANARY, **naming(shop)}
    mine = [tracked(), exposed(), counted()]
    assert send(live, shop.sdk_key(), mine).json()["accepted"] == 3
    before = rows(shop.production)
    # With the very ids of the others' events: they neither hide nor replace them.
    theirs = [{**event, **names} for event in mine]
    answer = send(live, stans_key(shop), theirs)
    assert answer.status_code == 202
    assert rows(shop.production) == before
    assert not Exposure.objects.within(shop.production).filter(experiment=CANARY).exists()
    stored, told = rows(stans_place(shop)), answer.json()
    assert sum(stored.values()) >= told["accepted"]


def test_contexts_stay_with_their_sender(live: LiveServer, shop: World):
    sample = {**a_sample(), "attributes": {"plan": CANARY}}
    body = {"contexts": [sample], **naming(shop)}
    answer = httpx.post(
        f"{live}{SDK}/contexts",
        params=naming(shop),
        json=body,
        headers=headers(stans_key(shop), shop),
        timeout=PATIENCE,
    )
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert not ContextSample.objects.within(shop.organization).exists()
    assert ContextSample.objects.within(stans_place(shop)).count() == 1


def turn_off(world: World) -> None:
    submit(world.max.at(), CANARY, TurnOff())


@pytest.mark.parametrize("kind", ["server", "client"])
def test_a_stream_tells_nothing_of_what_others_change(live: LiveServer, shop: World, kind: str):
    here, theirs = shop.sdk_key(), stans_key(shop, kind)

    async def story() -> list[Any]:
        heard: list[Any] = []
        async with connect(live, theirs, 100_000) as socket, connect(live, here) as other:
            heard.append(await hear(socket, "hello"))
            await hear(other, "hello")
            await in_thread(turn_off, shop)
            # Whoever may hear it has heard it: the other would have, by now.
            assert (await hear(other, "changed"))["keys"] == [CANARY]
            try:
                async with asyncio.timeout(1):
                    while True:
                        heard.append(json.loads(await socket.recv()))
            except TimeoutError:
                return heard

    heard = asyncio.run(story())
    assert {message["type"] for message in heard} <= {"hello", "ping"}
    assert CANARY not in json.dumps(heard)


@pytest.mark.parametrize("kind", ["server", "client"])
def test_a_key_of_an_sdk_opens_neither_rest_nor_pages(live: LiveServer, shop: World, kind: str):
    for key in (stans_key(shop, kind), shop.sdk_key(kind)):
        for path in ("/api/v1/me", "/api/v1/organizations/solar/projects/shop/flags"):
            answer = httpx.get(f"{live}{path}", headers=headers(key, shop), timeout=PATIENCE)
            assert answer.status_code == 401
            assert CANARY not in answer.text
        page = httpx.get(live + shop.url("flags/"), headers=headers(key, shop), timeout=PATIENCE)
        assert page.status_code == 302
        scim = httpx.get(
            f"{live}/scim/v2/solar/Users", headers=headers(key, shop), timeout=PATIENCE
        )
        assert scim.status_code == 401
