"""People, places, keys, tokens and history over REST."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.actions import credentials
from accounts.actions.credentials import Reach
from accounts.errors import DomainError
from accounts.web.problems import body_of_error
from tests.api import HERE, ROOT, Api
from tests.world.cast import World
from tests.world.factories import make_flag

TOKENS = "/api/v1/organizations/solar/tokens"


def test_a_person_learns_who_they_are(world: World) -> None:
    me = Api.of(world.max, read_only=True).get("/api/v1/me").body
    assert me["person"]["email"] == "max@solar.example"
    assert (me["signed_in_by"], me["read_only"]) == ("token", True)
    assert [one["key"] for one in me["organizations"][0]["projects"]] == ["shop"]


def test_a_member_without_a_role_sees_the_organization_but_no_closed_project(world: World) -> None:
    api = Api.of(world.mia)
    assert api.get("/api/v1/organizations").body["items"][0]["projects"] == []
    assert api.get("/api/v1/organizations/solar/projects").body["items"] == []
    assert api.get(ROOT).status == 404


def test_a_token_knows_no_other_organization_of_its_person(world: World) -> None:
    api = Api.of(world.max)
    assert api.get("/api/v1/organizations/stranger").status == 404
    other = Api.of(world.stan)
    assert [one["key"] for one in other.get("/api/v1/organizations").body["items"]] == ["stranger"]


def test_an_owner_makes_a_project_with_three_environments(world: World) -> None:
    api = Api.of(world.olivia)
    made = api.post("/api/v1/organizations/solar/projects", {"key": "portal", "name": "Portal"})
    assert made.status == 201
    found = api.get("/api/v1/organizations/solar/projects/portal/environments").body["items"]
    assert [one["key"] for one in found] == ["development", "staging", "production"]
    again = api.post("/api/v1/organizations/solar/projects", {"key": "portal", "name": "Portal"})
    assert again.body["code"] == "already_exists"
    odd = api.post("/api/v1/organizations/solar/projects", {"key": "No Key", "name": "x"})
    assert (odd.status, odd.body["code"]) == (422, "invalid_input")


def test_an_sdk_key_is_readable_once_and_dead_when_revoked(world: World) -> None:
    api = Api.of(world.ada)
    made = api.post(f"{HERE}/sdk-keys", {"kind": "server", "label": "shop"})
    assert made.headers["cache-control"] == "no-store"
    secret = made.body["secret"]
    assert credentials.sdk_key(secret).label == "shop"
    listed = api.get(f"{HERE}/sdk-keys").body["items"]
    assert [(one["last_four"], one["expires_at"]) for one in listed] == [(secret[-4:], None)]
    assert secret not in str(listed)
    assert api.delete(f"{HERE}/sdk-keys/{made.body['key']['id']}").status == 204
    with pytest.raises(credentials.BadKey):
        credentials.sdk_key(secret)


def test_a_token_is_made_used_and_revoked(world: World) -> None:
    api = Api.of(world.mia)
    made = api.post(TOKENS, {"label": "script", "read_only": True})
    assert made.status == 201
    fresh = Api(made.body["secret"])
    assert fresh.get("/api/v1/me").status == 200
    assert api.delete(f"{TOKENS}/{made.body['token']['id']}").status == 204
    assert fresh.get("/api/v1/me").body["code"] == "bad_key"


def test_a_token_for_reading_makes_no_token_that_writes(world: World) -> None:
    refused = Api.of(world.max, read_only=True).post(TOKENS, {"label": "more"})
    assert (refused.status, refused.body["code"]) == (403, "not_permitted")


def test_a_token_that_ends_makes_none_that_lasts_longer(world: World) -> None:
    soon = timezone.now() + timedelta(hours=1)
    short = credentials.create_token(world.max.at(), "short", Reach(expires_at=soon)).secret
    refused = Api(short).post(TOKENS, {"label": "forever"})
    assert refused.body["where"] == "expires_at"
    within = (soon - timedelta(minutes=1)).isoformat()
    assert Api(short).post(TOKENS, {"label": "short", "expires_at": within}).status == 201


def test_a_token_cannot_end_before_it_begins(world: World) -> None:
    past = (timezone.now() - timedelta(days=1)).isoformat()
    refused = Api.of(world.max).post(TOKENS, {"label": "late", "expires_at": past})
    assert "expires_at" in refused.body["errors"]


def test_the_history_is_paged_and_cut_by_action_person_and_target(world: World) -> None:
    for key in ("one", "two", "three"):
        make_flag(world.max.at(), key, on=True)
    api = Api.of(world.vera)
    first = api.get(f"{ROOT}/history", limit=4).body
    rest = api.get(f"{ROOT}/history", limit=200, cursor=first["next"]).body
    numbers = [line["sequence"] for line in first["items"] + rest["items"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == len(set(numbers)) >= 6
    assert rest["next"] is None
    made = api.get(
        f"{ROOT}/history", action="flag.created", person="max", kind="flag", key="two"
    ).body
    assert [line["target"] for line in made["items"]] == ["two"]
    line = api.get(f"{ROOT}/history/{made['items'][0]['sequence']}").body
    assert line["after"]["sentences"] == ["Create flag two"]


@pytest.mark.parametrize("cursor", ["LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "eA"])
def test_a_cursor_of_the_history_is_a_number_or_refused(world: World, cursor: str) -> None:
    refused = Api.of(world.vera).get(f"{ROOT}/history", cursor=cursor)
    assert (refused.status, refused.body["where"]) == (422, "cursor")


def test_a_refusal_may_carry_lists() -> None:
    body = body_of_error(DomainError("No.", problems=["one"], empty="", nothing=None))
    assert body["problems"] == ["one"]
    assert "empty" not in body
    assert "nothing" not in body
