"""The pages of a project's environments."""

from typing import Any

import pytest

from accounts import queries
from accounts.actions import environments, rights
from accounts.permissions import Permission
from tests.flags.requests.steps import ask_for_review
from tests.world.cast import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def post(world: World, path: str = "", **given: str) -> Any:
    return world.ada.client.post(world.url(f"settings/environments/{path}"), given)


def keys_of(world: World) -> list[str]:
    return [one.key for one in queries.environments(world.vera.at())]


def test_an_admin_makes_an_environment_and_is_led_to_its_keys(world: World):
    response = post(world, name="Canary", key="canary", color="blue")
    assert response["Location"].endswith("/shop/canary/keys/")
    taken = post(world, name="Canary two", key="canary", color="blue")
    assert taken.status_code == 422
    assert b"Canary two" in taken.content
    assert b"already" in taken.content


def test_buttons_move_an_environment_and_the_ends_stay(world: World):
    post(world, "move", key="production", to="earlier")
    assert keys_of(world) == ["development", "production", "staging"]
    post(world, "move", key="development", to="earlier")
    post(world, "move", key="staging", to="later")
    assert keys_of(world) == ["development", "production", "staging"]


def test_an_environment_is_renamed_and_recolored(world: World):
    post(world, "staging/", name="Trial", color="blue", keeps_contexts="on")
    found = queries.environment(world.ada.at(), "staging")
    assert (found.name, found.color, found.keeps_contexts) == ("Trial", "blue", True)
    post(world, "production/", name="Live", color="gray")
    live = queries.environment(world.ada.at(), "production")
    assert (live.name, live.color, live.keeps_contexts) == ("Live", "plum", False)


def test_archiving_asks_for_the_key_and_leads_elsewhere(world: World):
    wrong = post(world, "production/archive", typed="prod", reason="Moved")
    assert wrong.status_code == 422
    assert b"Moved" in wrong.content
    done = post(world, "production/archive", typed="production", reason="Moved")
    assert done["Location"].endswith("/development/settings/environments/")
    page = world.vera.client.get(world.url("settings/environments/", "development"))
    assert b"In the archive" in page.content
    # Its own pages can still be read.
    assert world.vera.client.get(world.url("audit/")).status_code == 200
    assert world.vera.client.get(world.url("flags/")).status_code == 200
    post_back = world.ada.client.post(
        world.url("settings/environments/production/unarchive", "development")
    )
    assert post_back.status_code == 302
    assert keys_of(world) == ["development", "staging", "production"]


def test_what_stands_in_the_way_of_archiving_is_said(world: World):
    for key in ("development", "staging"):
        environments.archive(world.ada.at(), key)
    refused = post(world, "production/archive", typed="production")
    assert refused.status_code == 422
    assert b"the last environment in use" in refused.content


def test_viewers_see_and_change_nothing(world: World):
    page = world.vera.client.get(world.url("settings/environments/"))
    assert page.status_code == 200
    assert b"Create environment" not in page.content
    for path in ("", "move", "staging/", "staging/archive", "staging/unarchive"):
        given = {"name": "X", "key": "staging", "color": "blue", "typed": "staging"}
        url = world.url(f"settings/environments/{path}")
        assert world.vera.client.post(url, given).status_code == 403
        assert world.stan.client.post(url, given).status_code == 404


def test_the_page_says_what_archiving_goes_past_and_asks_why(world: World):
    ask_for_review(world, 2)
    page = world.ada.client.get(world.url("settings/environments/production/"))
    assert b"Production asks for 2 approvals." in page.content
    silent = post(world, "production/archive", typed="production")
    assert silent.status_code == 422
    assert silent.context["archive_form"].errors["reason"]
    assert len(keys_of(world)) == 3
    post(world, "production/archive", typed="production", reason="It leaks")
    assert keys_of(world) == ["development", "staging"]


def test_who_may_not_bypass_review_is_told_whom_to_ask(world: World):
    ask_for_review(world, 0, frozen=True)
    rights.set_least_role(world.olivia.at(), Permission.BYPASS_REVIEW, None)
    page = world.ada.client.get(world.url("settings/environments/production/"))
    assert b"ask somebody who may" in page.content
    assert b"Type its key" not in page.content
    refused = post(world, "production/archive", typed="production", reason="Mine")
    assert refused.status_code == 422
    assert b"Ask somebody who may bypass review" in refused.content
    assert len(keys_of(world)) == 3


def test_what_is_frozen_in_the_archive_comes_back_with_a_reason(world: World):
    ask_for_review(world, 0, frozen=True)
    environments.archive(world.ada.at(), "production", reason="Moved")
    # As the list's button sends it.
    back = world.url("settings/environments/production/unarchive", "staging")
    asked = world.ada.client.post(back)
    assert asked.status_code == 422
    assert b"Changes are frozen in Production." in asked.content
    assert world.ada.client.post(back, {"reason": "Needed"}).status_code == 302
    assert len(keys_of(world)) == 3
