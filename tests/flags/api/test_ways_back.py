"""Histories and roll backs over REST: to the first change, of flags and of segments."""

import pytest

from tests.api import HERE, ROOT, Api
from tests.flags.requests.steps import ask_for_review
from tests.world.cast import World
from tests.world.factories import make_flag, make_segment

FLAG = f"{ROOT}/flags/quote-form"
STATE = f"{HERE}/flags/quote-form"
BETA = f"{ROOT}/segments/beta"
SET = {"edit": "set_segment", "unit": "user", "excluded": [], "rules": []}


@pytest.fixture
def api(world: World) -> Api:
    return Api.of(world.max)


def hold(api: Api, *ids: str, version: int) -> None:
    answer = api.patch(BETA, {"edits": [{**SET, "included": list(ids)}]}, version=version)
    assert answer.status == 200


def walk(api: Api, address: str, limit: int) -> list[str]:
    """The ids of all changes, by following `next`."""
    found: list[str] = []
    cursor = ""
    while True:
        body = api.get(f"{address}/changes", limit=limit, cursor=cursor).body
        assert len(body["items"]) <= limit
        found += [item["id"] for item in body["items"]]
        cursor = body["next"]
        if not cursor:
            return found


def test_histories_are_paged_to_the_very_first_change(world: World, api: Api) -> None:
    make_flag(world.max.at())
    make_segment(world.max.at())
    for version in range(5):
        turn = "turn_off" if version % 2 else "turn_on"
        api.patch(STATE, {"edits": [{"edit": turn}]}, version=version)
        hold(api, f"u-{version + 5}", version=version + 1)
    for address, many in ((STATE, 5), (BETA, 6), (FLAG, 1)):
        whole = walk(api, address, 200)
        assert len(whole) == len(set(whole)) == many
        assert walk(api, address, 2) == whole
        assert walk(api, address, many) == whole


@pytest.mark.parametrize("cursor", ["!!!", "bm9uZQ", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk"])
def test_a_cursor_nobody_gave_out_is_refused(world: World, api: Api, cursor: str) -> None:
    make_segment(world.max.at())
    refused = api.get(f"{BETA}/changes", cursor=cursor)
    assert (refused.status, refused.body["code"]) == (422, "invalid_input")
    assert refused.body["hint"] == "Begin again without a cursor."


def test_a_segment_goes_back_to_its_first_change(world: World, api: Api) -> None:
    make_segment(world.max.at())
    hold(api, "u-7", version=1)
    back = {"change": walk(api, BETA, 1)[-1], "reason": "The wrong people"}
    stale = api.post(f"{BETA}/roll-back", back, version=1)
    assert (stale.status, stale.body["current"]["included"]) == (409, ["u-7"])
    assert api.post(f"{BETA}/roll-back", {**back, "reason": " "}, version=2).status == 422
    assert Api.of(world.vera).post(f"{BETA}/roll-back", back, version=2).status == 403
    assert Api.of(world.stan).post(f"{BETA}/roll-back", back, version=2).status == 404
    done = api.post(f"{BETA}/roll-back", back, version=2)
    assert (done.status, done.body["version"]) == (200, 3)
    assert [one["environment"] for one in done.body["published"]]
    assert api.get(BETA).body["included"] == ["u-1"]


def test_a_definition_goes_back_past_a_review(world: World, api: Api) -> None:
    make_flag(world.max.at())
    shown = {"edits": [{"edit": "set_client_side", "client_side": True}]}
    assert api.patch(FLAG, shown, version=1).status == 200
    ask_for_review(world)
    assert api.patch(FLAG, {"edits": [{"edit": "archive_flag"}]}, version=2).status == 202
    back = {"change": walk(api, FLAG, 10)[-1], "reason": "It leaks"}
    stale = api.post(f"{FLAG}/roll-back", back, version=1)
    assert (stale.status, stale.body["current"]["client_side"]) == (409, True)
    assert api.post(f"{FLAG}/roll-back", back, version=2).status == 200
    assert api.get(FLAG).body["client_side"] is False


@pytest.mark.parametrize("kind", ["definition", "segment"])
def test_what_only_roll_backs_make_cannot_be_sent_in(world: World, api: Api, kind: str) -> None:
    make_flag(world.max.at())
    make_segment(world.max.at())
    edit = {"edit": f"restore_{kind}", "state": {}, "version": 1}
    address = FLAG if kind == "definition" else BETA
    refused = api.patch(address, {"edits": [edit], "comment": "Sneaky"}, version=1)
    assert (refused.status, refused.body["code"]) == (422, "invalid_edit")
    key = "quote-form" if kind == "definition" else "beta"
    part = {"target": {"kind": kind, "key": key}, "edits": [edit], "expected_version": 1}
    asked = api.post(f"{ROOT}/requests", {"parts": [part], "comment": "Sneaky"})
    assert (asked.status, asked.body["code"]) == (422, "invalid_edit")
