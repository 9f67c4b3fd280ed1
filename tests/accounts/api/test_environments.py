"""Archiving over REST asks for all that the page asks for."""

import pytest

from accounts import queries
from accounts.actions import credentials, environments
from tests.api import HERE, Api
from tests.flags.requests.steps import ask_for_review
from tests.world.cast import World, make_world

pytestmark = pytest.mark.django_db

ARCHIVE = f"{HERE}/archive"
BACK = f"{HERE}/unarchive"


@pytest.fixture
def world() -> World:
    return make_world()


def is_archived(world: World) -> bool:
    return queries.environment(world.vera.at(), "production").archived_at is not None


def test_the_key_is_sent_once_more(world: World):
    ada = Api.of(world.ada)
    assert ada.post(ARCHIVE).status == 422
    wrong = ada.post(ARCHIVE, {"confirm": "staging"})
    assert (wrong.status, wrong.body["where"]) == (422, "confirm")
    assert not is_archived(world)
    assert ada.post(ARCHIVE, {"confirm": "production"}).status == 200
    assert is_archived(world)
    assert ada.post(BACK).status == 200
    assert not is_archived(world)


def test_a_reviewed_environment_asks_for_a_bypass_and_its_reason(world: World):
    ask_for_review(world, 2)
    given = {"confirm": "production", "reason": "It leaks"}
    script = Api(credentials.create_service_token(world.ada.at(), "deploy", "admin").secret)
    refused = script.post(ARCHIVE, given)
    assert (refused.status, refused.body["permission"]) == (403, "bypass review")
    silent = Api.of(world.ada).post(ARCHIVE, {"confirm": "production"})
    assert (silent.status, silent.body["code"]) == (422, "reason_missing")
    assert not is_archived(world)
    assert Api.of(world.ada).post(ARCHIVE, given).status == 200
    assert world.ledger()[-1].reason == "It leaks"


def test_a_frozen_environment_comes_back_with_a_reason(world: World):
    ask_for_review(world, 0, frozen=True)
    environments.archive(world.ada.at(), "production", reason="Moved")
    ada = Api.of(world.ada)
    assert ada.post(BACK).body["code"] == "reason_missing"
    assert is_archived(world)
    assert ada.post(BACK, {"reason": "Needed"}).status == 200
