"""Samples of a real SDK reach the table of a running application; the endpoint is bounded."""

import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from flags.delivery import contexts as endpoint
from flags.models import ContextSample
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import add_rule, make_flag, make_rule
from wayfork import Client


@pytest.fixture
def shop(live: LiveServer) -> World:
    """A world with one flag, whose rule asks for a country."""
    world = make_world()
    make_flag(world.max.at(), on=True)
    add_rule(world.max.at(), "quote-form", make_rule())
    return world


def post(live: LiveServer, key: str, body: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(live + "/api/v1/sdk/contexts", json=body, headers=headers)


def a_sample() -> dict[str, object]:
    return {"id": str(uuid4()), "at": int(time.time() * 1000), "attributes": {"country": "DE"}}


def test_what_the_sdk_samples_arrives_without_ids_and_private_attributes(
    live: LiveServer, shop: World
):
    client = Client(shop.sdk_key(), live.url, flush_interval=0.05, private=["plan"])
    assert client.wait_ready(5)
    deadline = time.monotonic() + 10
    while not ContextSample.across_tenants.exists() and time.monotonic() < deadline:
        client.bool("quote-form", False, {"userId": "anna", "country": "DE", "plan": "pro"})
        client.flush(2)
    client.close()
    [context] = {str(row.attributes) for row in ContextSample.across_tenants.all()}
    assert "DE" in context
    assert "anna" not in context
    assert "pro" not in context


def test_only_server_keys_may_send_samples(live: LiveServer, shop: World):
    body = {"contexts": [a_sample()]}
    assert post(live, shop.sdk_key(), body).json() == {
        "accepted": 1,
        "rejected": [],
        "skipped": 0,
        "enabled": True,
    }
    refused = post(live, shop.sdk_key("client"), body)
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_key_kind")
    assert post(live, "srv_production_" + "x" * 40, body).status_code == 401


def test_bodies_that_cannot_be_read_are_refused(live: LiveServer, shop: World):
    key = shop.sdk_key()
    unreadable: tuple[dict[str, Any], ...] = (
        {},
        {"contexts": {}},
        {"contexts": [a_sample()] * 101},
    )
    for body in unreadable:
        assert post(live, key, body).status_code == 400
    assert post(live, key, {"contexts": [], "more": "x" * 300_000}).status_code == 413


def test_what_comes_too_fast_is_skipped_and_said_so(
    live: LiveServer, shop: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(endpoint, "MOST_PER_SECOND", 3)
    monkeypatch.setattr(endpoint, "monotonic", lambda: 1000.0)
    endpoint._spent.clear()
    key = shop.sdk_key()
    assert post(live, key, {"contexts": [a_sample(), a_sample()]}).json()["skipped"] == 0
    answer = post(live, key, {"contexts": [a_sample(), a_sample()]}).json()
    assert (answer["accepted"], answer["skipped"]) == (1, 1)
    assert ContextSample.across_tenants.count() == 3
