"""The pages that compare environments and tell what a request would do."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from flags import contexts, queries, requests
from flags.changes import Part, Pending, state
from flags.edits import TurnOff
from flags.models import ContextSample
from flags.views.impact import percent
from tests.world.cast import World, make_world
from tests.world.factories import add_rule, make_flag, make_rule
from wayfork.samples import unit_hash

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    staging = world.max.at("staging")
    make_flag(staging, on=True, fallthrough="off")
    add_rule(staging, "quote-form", make_rule())
    make_flag(staging, "same")
    for number in range(40):
        hashed = contexts.sealed(unit_hash("shop", "production", f"u-{number}"))
        country = "DE" if number < 10 else "FR"
        ContextSample.objects.create(
            environment=world.production,
            slot=number,
            attributes={"userId": hashed, "country": country},
            seen_at=timezone.now(),
        )
    return world


def compare(world: World, client: Client, **given: Any) -> Any:
    return client.post(world.url("compare/staging/"), {"with_switch": "on", **given})


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_the_page_shows_what_differs_and_counts_what_does_not(world: World):
    page = text(world.vera.client.get(world.url("compare/staging/")))
    assert "1 flag differs; 1 say the same in both." in page
    assert "Off in Production" in page
    assert "On in Staging" in page
    assert "Identical (1)" in page
    assert 'name="flag"' not in page
    assert ">same<" in text(world.vera.client.get(world.url("compare/staging/?all=1")))


def test_choosing_nothing_leads_to_the_environment_before(world: World):
    response = world.vera.client.get(world.url("compare/"))
    assert response["Location"].endswith("/production/compare/staging/")


def test_the_chosen_flags_are_copied_by_one_press(world: World):
    response = compare(world, world.max.client, flag="quote-form:0:2", comment="Promote")
    assert response.status_code == 303
    here, there = (
        queries.flag(world.max.at(key), "quote-form") for key in ("production", "staging")
    )
    assert here.own == there.own
    assert world.ledger()[-1].reason == "Promote"


def test_what_a_copy_would_do_is_shown_before_and_changes_nothing(world: World):
    page = text(compare(world, world.max.client, **{"flag": "quote-form:0:2", "try": "1"}))
    assert (
        "Of 40 recent contexts in Production, 10 (25.0 %) get something else: off → on 10." in page
    )
    assert queries.flag(world.max.at(), "quote-form").version == 0


def test_stale_and_senseless_choices_keep_the_page_and_say_why(world: World):
    stale = compare(world, world.max.client, flag="quote-form:0:1", comment="Kept")
    assert stale.status_code == 409
    assert "Kept" in text(stale)
    nothing = compare(world, world.max.client)
    assert nothing.status_code == 422
    assert "No flag is chosen." in text(nothing)
    for bad in ("quote-form", "quote-form:x:y", "quote-form:0:", "::"):
        assert compare(world, world.max.client, flag=bad).status_code == 422
    assert compare(world, world.max.client, flag="no-such:0:0").status_code == 404


def test_viewers_and_outsiders_copy_nothing(world: World):
    assert compare(world, world.vera.client, flag="quote-form:0:2").status_code == 403
    assert compare(world, world.stan.client, flag="quote-form:0:2").status_code == 404
    assert world.max.client.get(world.url("compare/production/")).status_code == 404
    assert world.max.client.get(world.url("compare/no-such/")).status_code == 404


def test_a_request_tells_what_it_would_do(world: World):
    access = world.max.at("staging")
    part = Part(state("quote-form"), (TurnOff(),), 2)
    asked = requests.open_request(access, [part], comment="Off")
    assert isinstance(asked, Pending)
    url = world.url(f"requests/{asked.change.number}/impact", "staging")
    fragment = text(world.vera.client.get(url, headers={"HX-Request": "true"}))
    assert "no application has sent recent contexts" in fragment
    assert "<html" not in fragment
    assert "<html" in text(world.vera.client.get(url))
    assert world.stan.client.get(url).status_code == 404


def test_a_draft_tells_nobody_but_its_author(world: World):
    part = Part(state("quote-form"), (TurnOff(),), 0)
    draft = requests.save_draft(world.max.at("staging"), [Part(part.target, part.edits, 2)])
    url = world.url(f"requests/{draft.number}/impact", "staging")
    assert world.max.client.get(url).status_code == 200
    assert world.rita.client.get(url).status_code == 404


def test_shares_never_call_something_nothing():
    told = [percent(share) for share in (0.0, 0.0001, 0.25, 0.9999, 1.0)]
    assert told == ["0.0 %", "under 0.1 %", "25.0 %", "over 99.9 %", "100 %"]
