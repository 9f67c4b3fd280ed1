"""How often something may be done, and what whoever is refused is told."""

import re
import time

import pytest
import redis
from django.conf import settings
from django.test import Client

from accounts import limits
from accounts.actions import access_requests
from accounts.limits import Limit, TooOften
from accounts.views import invitations
from config.loopback_servers import free_port
from tests.api import Api
from tests.world.cast import World


def wait_of(refused: pytest.ExceptionInfo[TooOften]) -> int:
    return refused.value.wait


@pytest.fixture(params=["memory", "redis"])
def counted(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, db: None
) -> redis.Redis | None:
    """Both places counters are kept in."""
    if request.param == "memory":
        monkeypatch.setattr(settings, "REDIS_URL", "")
        return None
    url = settings.REDIS_URL or request.getfixturevalue("valkey_url")
    monkeypatch.setattr(settings, "REDIS_URL", url)
    client = redis.Redis.from_url(url)
    client.flushdb()
    return client


def test_whoever_is_refused_is_told_when_it_goes_again(counted: redis.Redis | None) -> None:
    for _time in range(3):
        limits.count("knocks", "max", most=3, seconds=3600)
    with pytest.raises(TooOften, match=r"more than 3 times in 1 hour") as refused:
        limits.count("knocks", "max", most=3, seconds=3600)
    wait = wait_of(refused)
    assert 3590 < wait <= 3600
    assert refused.value.hint == f"Try again in {limits.in_words(wait)}."


def test_it_goes_again_when_the_time_is_over(counted: redis.Redis | None) -> None:
    limits.count("knocks", "max", most=1, seconds=2)
    time.sleep(1)
    with pytest.raises(TooOften) as refused:
        limits.count("knocks", "max", most=1, seconds=2)
    assert wait_of(refused) == 1
    time.sleep(1.1)
    limits.count("knocks", "max", most=1, seconds=2)


def test_nobody_is_refused_for_what_others_did(counted: redis.Redis | None) -> None:
    limits.count("knocks", "max", most=1, seconds=60)
    limits.count("knocks", "rita", most=1, seconds=60)
    limits.count("calls", "max", most=1, seconds=60)


def test_of_several_limits_the_longest_wait_is_told(counted: redis.Redis | None) -> None:
    hour = Limit("letters", "max", 4, 3600, 4, "Max sent enough letters.")
    day = Limit("letters-day", "max", 4, 86_400, 4, "Max sent enough letters today.")
    limits.count_all([hour, day])
    with pytest.raises(TooOften, match="today") as refused:
        limits.count_all([hour, day])
    assert 86_390 < wait_of(refused) <= 86_400


def test_what_is_refused_uses_up_nothing(counted: redis.Redis | None) -> None:
    own = Limit("letters", "max", 1, 3600)
    shared = Limit("letters", "everybody", 2, 3600)
    limits.count_all([own, shared])
    for _time in range(5):
        with pytest.raises(TooOften):
            limits.count_all([own, shared])
    limits.count_all([shared])


@pytest.mark.parametrize("counted", ["redis"], indirect=True)
def test_counters_end_with_their_time(counted: redis.Redis) -> None:
    limits.count("knocks", "max", most=1, seconds=60)
    (name,) = counted.keys("wayfork:limit:knocks:*")
    assert 0 < counted.ttl(name) <= 60


def test_without_redis_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    for _time in range(2):
        limits.count("knocks", "max", most=1, seconds=60)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (89, "89 seconds"), (60, "1 minute"), (90, "90 seconds"), (91, "2 minutes"), (700, "12 minutes"),
     (3600, "1 hour"), (5399, "90 minutes"), (7201, "3 hours"), (86_400, "24 hours")],
)  # fmt: skip
def test_a_wait_is_told_as_people_say_it(seconds: int, words: str) -> None:
    assert limits.in_words(seconds) == words


def test_a_machine_is_told_in_header_and_body(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_requests, "MOST", 1)
    path, asked = "/api/v1/organizations/solar/access-requests", {"project": "shop"}
    api = Api.of(world.mia)
    assert api.post(path, asked).status == 204
    refused = api.post(path, asked)
    assert (refused.status, refused.body["code"]) == (429, "too_often")
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert refused.body["wait"] == int(refused.headers["retry-after"])


def test_a_person_is_told_on_the_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_VISITS", 1)
    browser = Client()
    browser.get("/invitations/nothing/")
    refused = browser.get("/invitations/nothing/")
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert re.search(r"Try again in \d+ (second|minute|hour)s?\.", refused.content.decode())
