"""What SDKs are served over HTTP, by a running application."""

import gzip
import json
import time

import httpx
import pytest

from accounts import inbox, tail
from accounts.actions import credentials
from accounts.models import AuditEntry
from flags.edits import TurnOff, TurnOn
from tests.journeys.people import application
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_flag, submit
from wayfork.engine import parse_snapshot, verify_checksum


@pytest.fixture
def shop(live: LiveServer) -> World:
    """A world with one flag that is on in production."""
    world = make_world()
    make_flag(world.max.at(), on=True, client_side=True)
    make_flag(world.max.at(), "secret-plan", on=True)
    return world


def get(live: LiveServer, key: str, **headers: str) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.get(live + "/api/v1/sdk/snapshot", headers={**bearer, **headers})


def evaluate(live: LiveServer, key: str, body: object, **headers: str) -> httpx.Response:
    return httpx.post(
        live + "/api/v1/sdk/evaluate",
        json=body,
        headers={"Authorization": f"Bearer {key}", **headers},
    )


def test_a_server_key_reads_the_snapshot_and_is_told_when_nothing_changed(
    live: LiveServer, shop: World
):
    key = shop.sdk_key()
    first = get(live, key)
    assert first.status_code == 200
    assert first.headers["content-encoding"] == "gzip"
    assert verify_checksum(first.content)
    assert parse_snapshot(first.content).flags["quote-form"].enabled is True
    assert first.headers["wayfork-version"] == f"1.{parse_snapshot(first.content).version}"
    again = get(live, key, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = get(
        live,
        key,
        **{"Accept-Encoding": "identity", "If-None-Match": f'W/{first.headers["etag"]}, "x"'},
    )
    assert plain.status_code == 304
    submit(shop.max.at(), "quote-form", TurnOff())
    # Told by an announcement, which takes its moment.
    wait_until(
        lambda: get(live, key, **{"If-None-Match": first.headers["etag"]}).status_code == 200
    )
    changed = get(live, key, **{"If-None-Match": first.headers["etag"]})
    assert parse_snapshot(changed.content).flags["quote-form"].enabled is False


def test_an_uncompressed_snapshot_has_the_same_bytes(live: LiveServer, shop: World):
    key = shop.sdk_key()
    plain = get(live, key, **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == get(live, key).content
    assert plain.headers["etag"] != get(live, key).headers["etag"]


@pytest.mark.parametrize("key", ["", "srv_production_nonsense", "x" * 3000])
def test_without_a_good_key_the_answer_is_401_with_a_hint(live: LiveServer, shop: World, key: str):
    answer = get(live, key)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "bad_key"
    assert answer.json()["hint"]


def test_a_revoked_key_is_refused_within_seconds(live: LiveServer, shop: World):
    made = credentials.create_sdk_key(shop.ada.at(), "server", "old")
    assert get(live, made.secret).status_code == 200
    credentials.revoke_sdk_key(shop.ada.at(), made.key.id)
    wait_until(lambda: get(live, made.secret).status_code == 401)
    assert get(live, shop.sdk_key()).status_code == 200


def test_a_client_key_sees_values_of_client_side_flags_and_never_rules(
    live: LiveServer, shop: World
):
    key = shop.sdk_key("client")
    refused = get(live, key)
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_key_kind")
    answer = evaluate(live, key, {"context": {"userId": "u-1"}})
    assert answer.status_code == 200
    flags = answer.json()["flags"]
    assert list(flags) == ["quote-form"]
    assert (flags["quote-form"]["value"], flags["quote-form"]["reason"]) == (True, "DEFAULT")
    again = evaluate(
        live, key, {"context": {"userId": "u-1"}}, **{"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_body"),
        (b"[]", 400, "malformed_body"),
        (b'{"context": 7}', 400, "malformed_body"),
        (b"[" * 100_000, 413, "body_too_large"),
        (b"[" * 20_000, 400, "malformed_body"),
        (b'{"context": {"a": NaN}}', 400, "malformed_body"),
        (b'{"context": {"a": "\xff"}}', 400, "malformed_body"),
        (json.dumps({"context": {"a": "x" * 70_000}}).encode(), 413, "body_too_large"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_with_a_code(
    live: LiveServer, shop: World, body: bytes, status: int, code: str
):
    headers = {"Authorization": f"Bearer {shop.sdk_key('client')}"}
    answer = httpx.post(live + "/api/v1/sdk/evaluate", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_gzip_bomb_is_refused_without_being_inflated(live: LiveServer, shop: World):
    headers = {
        "Authorization": f"Bearer {shop.sdk_key()}",
        "Content-Encoding": "gzip",
    }
    bomb = gzip.compress(b'{"events": [' + b" " * 200_000_000 + b"]}")
    answer = httpx.post(live + "/api/v1/sdk/events", content=bomb, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_an_unknown_method_is_told(live: LiveServer, shop: World):
    answer = httpx.delete(live + "/api/v1/sdk/snapshot")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_an_environment_that_never_published_serves_no_flags(live: LiveServer):
    world = make_world()
    answer = get(live, world.sdk_key())
    assert answer.status_code == 200
    assert answer.json()["flags"] == {}
    assert verify_checksum(answer.content)
    with application(live, world.sdk_key()) as app:
        assert app.bool("not-yet", True) is True


def test_one_environment_is_never_served_the_flags_of_another(live: LiveServer, shop: World):
    submit(shop.max.at("staging"), "quote-form", TurnOn())
    submit(shop.max.at("staging"), "quote-form", TurnOff())
    production = get(live, shop.sdk_key()).json()
    staging = get(live, shop.sdk_key(environment="staging")).json()
    assert production["environment"] == "production"
    assert production["flags"]["quote-form"]["enabled"] is True
    assert staging["flags"]["quote-form"]["enabled"] is False


def test_health_is_told_without_a_key(live: LiveServer):
    answer = httpx.get(live + "/healthz")
    assert answer.json()["status"] == "ok"


def wait_until(ready, seconds: float = 5.0) -> None:
    """Poll for something that another process brings about."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)


def test_a_server_key_from_a_browser_is_refused_and_told_of_once(live: LiveServer, shop: World):
    key = shop.sdk_key()
    for _ in range(3):
        answer = get(live, key, Origin="https://shop.example")
        assert (answer.status_code, answer.json()["code"]) == (403, "server_key_in_browser")
    assert get(live, key).status_code == 200
    told = [line.after for line in heard(shop, "sdk_key.exposed")]
    assert told == [{"last_four": key[-4:]}]
    tail.read_all()
    texts = [notice.text for notice in inbox.page(shop.ada.at()).notices]
    assert any(text.startswith("A browser sent the server key") for text in texts)


def test_a_client_key_from_a_browser_is_what_it_is_for(live: LiveServer, shop: World):
    bearer = {"Authorization": f"Bearer {shop.sdk_key('client')}", "Origin": "https://shop.example"}
    asked = {"context": {"userId": "u-1"}}
    answer = httpx.post(live + "/api/v1/sdk/evaluate", json=asked, headers=bearer)
    assert answer.status_code == 200


def heard(world: World, action: str, patience: float = 5) -> list[AuditEntry]:
    """Lines of an act that happens aside, once there are any."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := [line for line in world.ledger() if line.action == action]:
            return found
        time.sleep(0.05)
    return []
