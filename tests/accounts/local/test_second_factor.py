"""Organizations that ask for a second factor, and who passes with what."""

import json

from django.test import Client

from accounts import access as tickets
from accounts.actions import organizations
from accounts.models import Organization
from tests.accounts.local.people import (
    code,
    give_factor,
    sign_in,
    sign_in_with_code,
)
from tests.world.cast import World

NEEDED = "/account/second-factor/"


def ask_for_factors(world: World) -> None:
    Organization.objects.filter(pk=world.organization.pk).update(require_mfa=True)


def test_a_person_without_a_factor_is_led_to_set_one_up(world: World):
    ask_for_factors(world)
    client = sign_in(world.max.user)
    for path in (world.url("flags/"), "/org/solar/people/", "/o/solar/shop/"):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(NEEDED)
    page = client.get(client.get(world.url("flags/")).headers["Location"]).content
    assert b"Use an authenticator app" in page
    assert b"Use a passkey" in page


def test_a_fragment_and_rest_say_so_instead(world: World):
    ask_for_factors(world)
    client = sign_in(world.max.user)
    assert client.get(world.url("flags/"), headers={"HX-Request": "true"}).status_code == 403
    answer = client.get("/api/v1/organizations/solar/projects/shop/flags")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (403, "second_factor_needed")


def test_writing_is_refused_like_reading(world: World):
    ask_for_factors(world)
    client = sign_in(world.ada.user)
    client.post(world.url("keys/"), {"label": "shop", "kind": "server"})
    assert "sdk_key.created" not in [line.action for line in world.ledger()]


def test_a_factor_that_was_not_used_in_this_session_does_not_count(world: World):
    before = sign_in(world.max.user)
    give_factor(world.max.user)
    ask_for_factors(world)
    place = before.get(world.url("flags/")).headers["Location"]
    page = before.get(place).content.decode()
    assert "did not use it in this browser yet" in page
    before.post(f"/accounts/second-factor/reauthenticate/?next={NEEDED}", {"code": code()})
    answer = before.get(NEEDED)
    assert answer.headers["Location"] == world.url("flags/"), "back to where they were going"
    assert before.get(world.url("flags/")).status_code == 200


def test_who_came_in_with_a_code_passes(world: World):
    give_factor(world.max.user)
    ask_for_factors(world)
    assert sign_in_with_code(world.max.user).get(world.url("flags/")).status_code == 200


def test_other_organizations_stay_open(world: World):
    ask_for_factors(world)
    organizations.create_organization("second", "Second", world.max.user)
    client = sign_in(world.max.user)
    assert client.get("/org/second/people/").status_code == 200
    assert client.get("/").status_code in {200, 302}


def test_a_personal_token_counts_when_its_person_has_a_factor(world: World):
    headers = {"Authorization": f"Bearer {world.max.token()}"}
    place = "/api/v1/organizations/solar/projects/shop/flags"
    ask_for_factors(world)
    refused = Client().get(place, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_needed")
    give_factor(world.max.user)
    assert Client().get(place, headers=headers).status_code == 200


def test_outsiders_learn_nothing_from_the_question(world: World):
    ask_for_factors(world)
    assert sign_in(world.stan.user).get(world.url("flags/")).status_code == 404


def test_the_way_back_is_never_somebody_elses_page(world: World):
    ask_for_factors(world)
    client = sign_in(world.max.user)
    client.get(f"{NEEDED}?next=https://evil.example/")
    give_factor(world.max.user)
    client.post("/accounts/second-factor/reauthenticate/", {"code": code()})
    assert client.get(NEEDED).headers["Location"] == "/"


def test_tickets_made_without_a_browser_are_not_asked(world: World):
    """Schedules and tasks act with tickets of their own; the question is put at the door."""
    ask_for_factors(world)
    assert tickets.of_member(world.max.user, "solar").organization == world.organization
