"""Flags over REST: read, change with a version, roll back, ask why."""

import pytest

from flags import changes
from flags.edits import EditKind, SetReviewRules
from tests.api import HERE, ROOT, Api
from tests.world.cast import World
from tests.world.factories import make_flag, make_segment

NEW = {
    "key": "quote-form",
    "name": "Quote form",
    "type": "boolean",
    "variations": {"on": True, "off": False},
    "off": "off",
    "fallthrough": "on",
    "tags": ["shop", "Forms"],
}
STATE = f"{HERE}/flags/quote-form"


@pytest.fixture
def api(world: World) -> Api:
    """Max, who edits."""
    return Api.of(world.max)


def test_a_flag_is_made_and_is_off_everywhere(api: Api) -> None:
    made = api.post(f"{ROOT}/flags", NEW)
    assert made.status == 201
    assert made.body["status"] == "applied"
    assert {one["environment"] for one in made.body["published"]} == {
        "development",
        "staging",
        "production",
    }
    line = api.get(f"{ROOT}/flags").body["items"][0]
    assert line["tags"] == ["forms", "shop"]
    assert [one["enabled"] for one in line["environments"].values()] == [False] * 3


def test_a_key_is_taken_once(api: Api) -> None:
    api.post(f"{ROOT}/flags", NEW)
    again = api.post(f"{ROOT}/flags", {**NEW, "key": "Quote-Form"})
    assert (again.status, again.body["code"]) == (409, "already_exists")


def test_a_flag_is_turned_on_at_the_version_that_was_read(world: World, api: Api) -> None:
    make_flag(world.max.at())
    read = api.get(STATE)
    assert read.etag == '"0"'
    done = api.patch(STATE, {"edits": [{"edit": "turn_on"}], "comment": "Go"}, version=0)
    assert done.status == 200
    assert (done.body["version"], done.etag) == (1, '"1"')
    assert [one["environment"] for one in done.body["published"]] == ["production"]
    assert api.get(STATE).body["enabled"] is True
    assert world.ledger()[-1].via == "REST"


def test_edits_that_lead_nowhere_new_write_nothing(world: World, api: Api) -> None:
    make_flag(world.max.at(), on=True)
    done = api.patch(STATE, {"edits": [{"edit": "turn_on"}]}, version=1)
    assert (done.status, done.body) == (200, {"status": "unchanged", "version": 1})


def test_a_write_without_a_version_is_told_to_name_one(world: World, api: Api) -> None:
    make_flag(world.max.at())
    refused = api.patch(STATE, {"edits": [{"edit": "turn_on"}]})
    assert (refused.status, refused.body["code"]) == (428, "version_missing")
    assert "If-Match" in refused.body["hint"]


@pytest.mark.parametrize("version", ["*", "x", "-1", "9" * 40, "²"])
def test_a_version_that_is_none_is_told_so(world: World, api: Api, version: str) -> None:
    make_flag(world.max.at())
    refused = api.patch(STATE, {"edits": [{"edit": "turn_on"}]}, version=version)
    assert refused.body["code"] == "version_missing"


def test_a_stale_write_gets_both_versions_and_the_current_document(world: World, api: Api) -> None:
    make_flag(world.max.at(), on=True)
    stale = api.patch(STATE, {"edits": [{"edit": "turn_off"}]}, version=0)
    assert (stale.status, stale.body["code"]) == (409, "stale_version")
    assert (stale.body["expected"], stale.body["actual"]) == (0, 1)
    assert stale.body["current"]["enabled"] is True
    assert api.get(STATE).body["enabled"] is True


def test_a_change_waits_where_a_review_is_asked_for(world: World, api: Api) -> None:
    make_flag(world.max.at())
    ask_for_review(world)
    pending = api.patch(STATE, {"edits": [{"edit": "turn_on"}]}, version=0)
    assert pending.status == 202
    assert pending.body["approvals_needed"] == 1
    read = api.get(f"{ROOT}/changes/{pending.body['change']}").body
    assert read["status"] == "open"
    assert read["parts"][0]["edits"] == [{"edit": "turn_on"}]


def test_nobody_passes_by_the_review_with_a_restoring_edit(world: World, api: Api) -> None:
    make_flag(world.max.at())
    ask_for_review(world)
    edit = {"edit": "restore_state", "state": {"enabled": True}, "version": 1}
    refused = api.patch(STATE, {"edits": [edit], "comment": "Sneaky"}, version=0)
    assert (refused.status, refused.body["code"]) == (422, "invalid_edit")
    assert api.get(STATE).body["enabled"] is False


def ask_for_review(world: World) -> None:
    target = changes.Target(EditKind.POLICY, "policy")
    changes.submit(world.ada.at(), target, [SetReviewRules(1)], expected_version=0)


def test_a_state_comes_back_by_rolling_back_to_its_change(world: World, api: Api) -> None:
    make_flag(world.max.at(), on=True)
    api.patch(STATE, {"edits": [{"edit": "turn_off"}]}, version=1)
    changed = api.get(f"{STATE}/changes").body["items"]
    assert [one["sentences"] for one in changed] == [["Turn off"], ["Turn on"]]
    back = {"change": changed[1]["id"], "reason": "It was right"}
    stale = api.post(f"{STATE}/roll-back", back, version=1)
    assert stale.status == 409
    assert stale.body["current"]["version"] == 2
    done = api.post(f"{STATE}/roll-back", back, version=2)
    assert (done.status, done.body["version"]) == (200, 3)
    assert api.get(STATE).body["enabled"] is True


def test_an_evaluation_is_explained_step_by_step(world: World, api: Api) -> None:
    make_flag(world.max.at(), on=True)
    rule = {
        "name": "Germany",
        "when": [{"attribute": "country", "op": "in", "values": ["DE"]}],
        "serve": "off",
    }
    api.patch(STATE, {"edits": [{"edit": "add_rule", "rule": rule}]}, version=1)
    answer = api.post(f"{STATE}/evaluate", {"context": {"userId": "u-1", "country": "DE"}}).body
    assert (answer["value"], answer["variation"]) == (False, "off")
    assert answer["reason"] == "TARGETING_MATCH"
    assert answer["steps"]
    other = api.post(f"{STATE}/evaluate", {"context": {"userId": "u-1"}}).body
    assert other["value"] is True


def test_a_token_for_reading_may_ask_but_not_change(world: World) -> None:
    make_flag(world.max.at())
    api = Api.of(world.max, read_only=True)
    assert api.post(f"{STATE}/evaluate", {"context": {}}).status == 200
    refused = api.patch(STATE, {"edits": [{"edit": "turn_on"}]}, version=0)
    assert (refused.status, refused.body["code"]) == (403, "not_permitted")


def test_a_definition_is_changed_searched_and_archived(world: World, api: Api) -> None:
    make_flag(world.max.at())
    flag = f"{ROOT}/flags/quote-form"
    edits = [{"edit": "set_tags", "tags": ["shop"]}, {"edit": "archive_flag"}]
    assert api.patch(flag, {"edits": edits}, version=1).status == 200
    assert api.get(f"{ROOT}/flags").body["items"] == []
    assert api.get(f"{ROOT}/flags", archived="true", tag="shop", search="QUOTE").body["items"]
    assert len(api.get(f"{flag}/changes").body["items"]) == 2


def test_a_missing_flag_cannot_be_described(api: Api) -> None:
    edit = {"edit": "describe_flag", "flag_name": "Nobody"}
    for version in (0, 1):
        refused = api.patch(f"{ROOT}/flags/nobody", {"edits": [edit]}, version=version)
        assert refused.status == 404


def test_flags_are_listed_page_by_page(world: World, api: Api) -> None:
    for key in ("a", "b", "c", "d", "e"):
        make_flag(world.max.at(), key)
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"{ROOT}/flags", limit=2, cursor=cursor).body
        seen += [one["key"] for one in page["items"]]
        cursor = page["next"]
    assert seen == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("cursor", ["%%%", "AA", "bm8_", "😀"])
def test_a_cursor_nobody_gave_out_is_refused(world: World, api: Api, cursor: str) -> None:
    make_segment(world.max.at())
    refused = api.get(f"{ROOT}/segments", cursor=cursor)
    assert (refused.status, refused.body["code"]) == (422, "invalid_input")


def test_a_segment_is_made_changed_and_read(world: World, api: Api) -> None:
    clause = {"attribute": "plan", "op": "in", "values": ["gold"]}
    made = api.post(f"{ROOT}/segments", {"key": "beta", "included": ["u-1"], "rules": [[clause]]})
    assert made.status == 201
    read = api.get(f"{ROOT}/segments/beta")
    assert read.body["rules"] == [[clause]]
    edit = {"edit": "describe_segment", "segment_name": "Beta testers"}
    assert api.patch(f"{ROOT}/segments/beta", {"edits": [edit]}, version=1).status == 200
    assert api.get(f"{ROOT}/segments").body["items"][0]["name"] == "Beta testers"
    assert len(api.get(f"{ROOT}/segments/beta/changes").body["items"]) == 2


def test_units_are_replaced_by_an_admin(world: World, api: Api) -> None:
    units = {"units": [{"name": "household", "attributes": ["householdId"]}]}
    assert api.put(f"{ROOT}/units", units, version=0).status == 403
    done = Api.of(world.ada).put(f"{ROOT}/units", units, version=0)
    assert done.status == 200
    assert api.get(f"{ROOT}/units").body["units"] == units["units"]
    stale = Api.of(world.ada).put(f"{ROOT}/units", units, version=0)
    assert stale.body["current"]["version"] == 1


def test_an_unknown_field_is_refused_by_name(api: Api) -> None:
    refused = api.post(f"{ROOT}/flags", {**NEW, "tagz": []})
    assert refused.status == 422
    assert refused.body["errors"] == {"tagz": ["There is no such field."]}


def test_connected_sdks_are_listed(world: World, api: Api) -> None:
    assert api.get(f"{HERE}/connections").body == {"items": [], "next": None}
