"""How often one may ask over REST: per person, per service token, per organization."""

import pytest
from django.conf import settings
from django.test import Client

from accounts import access as tickets
from accounts.actions import credentials
from accounts.actions.credentials import Reach
from tests.api import ROOT, Answer, Api
from tests.world.cast import World

ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three requests a minute for each, five for all of them."""
    monkeypatch.setattr(settings, "REST_PER_PERSON", 3)
    monkeypatch.setattr(settings, "REST_PER_ORGANIZATION", 5)


def is_refused(answer: Answer) -> bool:
    return answer.status == 429


def test_whoever_asks_too_often_is_told_when_to_come_back(world: World) -> None:
    api = Api.of(world.max)
    assert [api.get(ROOT).status for _time in range(3)] == [200, 200, 200]
    refused = api.get(ROOT)
    assert (refused.status, refused.body["code"]) == (429, "too_often")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.body["detail"] == "That was done more than 3 times in 1 minute."


def test_nothing_is_done_for_whoever_is_refused(world: World) -> None:
    api = Api.of(world.max)
    for _time in range(3):
        api.get(ME)
    lines = len(world.ledger())
    flag = {"key": "late", "name": "Late", "type": "boolean"}
    assert is_refused(api.post(f"{ROOT}/flags", flag))
    assert len(world.ledger()) == lines


def test_more_tokens_and_sessions_bring_no_more_requests(world: World) -> None:
    for _time in range(2):
        assert Api.of(world.max).get(ROOT).status == 200
    browser = Client()
    browser.force_login(world.max.user)
    assert browser.get(ROOT).status_code == 200
    assert browser.get(ROOT).status_code == 429
    assert is_refused(Api.of(world.max).get(ROOT))


def test_one_who_asks_too_often_leaves_the_others_their_share(world: World) -> None:
    busy = Api.of(world.max)
    answers = [busy.get(ROOT) for _time in range(9)]
    assert sum(is_refused(one) for one in answers) == 6
    assert Api.of(world.rita).get(ROOT).status == 200


def test_an_organization_has_a_limit_and_no_other_pays_for_it(world: World) -> None:
    people = [world.max, world.rita, world.vera]
    answers = [Api.of(person).get(ROOT) for person in people for _time in range(2)]
    assert [is_refused(one) for one in answers] == [False] * 5 + [True]
    theirs = ROOT.replace("solar", "stranger")
    assert Api.of(world.stan).get(theirs).status == 200


def test_strangers_use_up_nothing_of_an_organization(world: World) -> None:
    stranger = Api.of(world.stan)
    assert {stranger.get(ROOT).status for _time in range(3)} == {404}
    answers = [Api.of(one).get(ROOT) for one in (world.max, world.rita) for _time in range(2)]
    assert not any(map(is_refused, answers))


def test_each_service_token_has_a_limit_of_its_own(world: World) -> None:
    def script() -> Api:
        made = credentials.create_service_token(
            tickets.of_member(world.olivia.user, "solar"),
            "deploy",
            "viewer",
            Reach(project_keys=("shop",)),
        )
        return Api(made.secret)

    first, second = script(), script()
    assert [first.get(ROOT).status for _time in range(4)] == [200, 200, 200, 429]
    assert second.get(ROOT).status == 200


def test_nought_means_that_nothing_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REST_PER_PERSON", 0)
    monkeypatch.setattr(settings, "REST_PER_ORGANIZATION", 0)
    api = Api.of(world.max)
    assert {api.get(ROOT).status for _time in range(7)} == {200}
