"""Change requests over REST, by people with tokens."""

import pytest

from flags import changes, docket, queries, requests
from flags.edits import SetFallthrough, TurnOn
from tests.api import HERE, ROOT, Api
from tests.flags.requests.steps import FLAG, ask_for_review, is_on
from tests.world.cast import World
from tests.world.factories import make_flag

REQUESTS = f"{ROOT}/requests"


@pytest.fixture
def shop(world: World) -> World:
    """A flag in a production that asks for one approval."""
    make_flag(world.max.at())
    ask_for_review(world)
    return world


def turn_on(**more):
    part = {
        "target": {"kind": "state", "key": FLAG},
        "edits": [{"edit": "turn_on"}],
        "expected_version": 0,
    }
    return {"environment": "production", "parts": [part], "comment": "launch", **more}


def test_a_change_that_has_to_wait_answers_with_its_request(shop: World):
    answer = Api.of(shop.max).patch(
        f"{HERE}/flags/{FLAG}", {"edits": [{"edit": "turn_on"}]}, version=0
    )
    assert (answer.status, answer.body["status"], answer.body["number"]) == (202, "open", 1)
    assert answer.body["approvals_needed"] == 1


def test_the_whole_life_over_rest(shop: World):
    max_, rita = Api.of(shop.max), Api.of(shop.rita)
    assert max_.post(REQUESTS, turn_on()).status == 202
    found = rita.get(f"{REQUESTS}/1")
    assert (found.status, found.etag) == (200, '"1"')
    assert found.body["parts"][0]["after"]["enabled"] is True
    assert found.body["standing"]["may_approve"] is True
    assert found.body["standing"]["missing"] == ["Production asks for 1 approval."]
    refused = max_.post(f"{REQUESTS}/1/apply")
    assert (refused.status, refused.body["code"]) == (409, "not_approved")
    own = max_.post(f"{REQUESTS}/1/approve", {"content_hash": found.body["content_hash"]})
    assert own.status == 403
    old = rita.post(f"{REQUESTS}/1/approve", {"content_hash": "0" * 64})
    assert (old.status, old.body["code"]) == (409, "revision_changed")
    assert old.body["actual"] == found.body["content_hash"]
    done = rita.post(f"{REQUESTS}/1/approve", {"content_hash": found.body["content_hash"]})
    assert (done.status, done.body["status"]) == (202, "approved")
    applied = max_.post(f"{REQUESTS}/1/apply")
    assert (applied.status, applied.body["status"]) == (200, "applied")
    assert is_on(shop)
    assert max_.post(f"{REQUESTS}/1/apply").body["version"] == applied.body["version"]
    no = {"reason": "no", "content_hash": found.body["content_hash"]}
    closed = rita.post(f"{REQUESTS}/1/reject", no)
    assert (closed.status, closed.body["code"]) == (409, "request_closed")


@pytest.mark.parametrize(("act", "field"), [("reject", "reason"), ("request-changes", "comment")])
def test_a_no_is_about_what_was_looked_at_as_an_approval_is(shop: World, act: str, field: str):
    rita = Api.of(shop.rita)
    Api.of(shop.max).post(REQUESTS, turn_on())
    seen = rita.get(f"{REQUESTS}/1").body["content_hash"]
    blind = rita.post(f"{REQUESTS}/1/{act}", {field: "no"})
    assert blind.status == 422
    assert "content_hash" in str(blind.body)
    edits = (TurnOn(), SetFallthrough("off"))
    parts = [changes.Part(changes.state(FLAG), edits, 0)]
    requests.revise(shop.max.at(), 1, parts, expected_revision=1)
    late = rita.post(f"{REQUESTS}/1/{act}", {field: "no", "content_hash": seen})
    assert (late.status, late.body["code"]) == (409, "revision_changed")
    assert docket.request(shop.rita.at(), 1).status == "open"
    now = rita.get(f"{REQUESTS}/1").body["content_hash"]
    assert rita.post(f"{REQUESTS}/1/{act}", {field: "no", "content_hash": now}).status == 200


def test_lists_are_cut_by_status_author_and_reviewer(shop: World):
    max_ = Api.of(shop.max)
    max_.post(REQUESTS, turn_on())
    max_.post(REQUESTS, turn_on(comment="again"))
    max_.post(f"{REQUESTS}/1/withdraw", {"comment": "twice"})
    rita = Api.of(shop.rita)
    for asked, numbers in (
        ({}, [2, 1]),
        ({"status": "open"}, [2]),
        ({"waiting_for_me": "true"}, [2]),
        ({"mine": "true"}, []),
    ):
        items = rita.get(REQUESTS, **asked).body["items"]
        assert [item["number"] for item in items] == numbers
    assert [one["number"] for one in max_.get(REQUESTS, limit=1).body["items"]] == [2]


def test_a_dry_run_tells_and_writes_nothing(shop: World):
    max_ = Api.of(shop.max)
    before = len(shop.ledger())
    answer = max_.post(REQUESTS, turn_on(dry_run=True))
    assert (answer.status, answer.body["status"]) == (200, "would_wait")
    assert answer.body["reasons"] == ["Production asks for 1 approval."]
    assert answer.body["parts"][0]["before"]["enabled"] is False
    staging = max_.post(REQUESTS, turn_on(dry_run=True, environment="staging"))
    assert staging.body["status"] == "would_apply"
    assert len(shop.ledger()) == before
    assert docket.requests(shop.max.at()) == []
    assert queries.head_version(shop.production)[1] == 1


def test_a_draft_is_kept_opened_or_thrown_away(shop: World):
    max_, rita = Api.of(shop.max), Api.of(shop.rita)
    draft = max_.post(REQUESTS, turn_on(draft=True))
    assert (draft.status, draft.body["status"]) == (201, "draft")
    number = draft.body["number"]
    assert rita.get(f"{REQUESTS}/{number}").status == 404
    assert rita.post(f"{REQUESTS}/{number}/open").status == 404
    assert max_.post(f"{REQUESTS}/{number}/open", {"comment": "go"}).status == 202
    other = max_.post(REQUESTS, turn_on(draft=True)).body["number"]
    assert max_.post(f"{REQUESTS}/{other}/discard").status == 204
    assert max_.get(f"{REQUESTS}/{other}").status == 404


def test_a_draft_is_sent_on_its_way_as_a_request_is(shop: World):
    max_ = Api.of(shop.max)
    drafts = [max_.post(REQUESTS, turn_on(draft=True)).body["number"] for _ in range(2)]
    due = {"scheduled_for": "2031-12-24T12:00", "time_zone": "Europe/Berlin"}
    assert max_.post(f"{REQUESTS}/{drafts[0]}/open", due).status == 202
    assert max_.get(f"{REQUESTS}/{drafts[0]}").body["scheduled_for"] == "2031-12-24T11:00:00Z"
    wish = {"apply_when_approved": True}
    assert max_.post(f"{REQUESTS}/{drafts[1]}/open", wish).status == 202
    asked = max_.get(f"{REQUESTS}/{drafts[1]}").body
    seen = {"content_hash": asked["content_hash"]}
    said = Api.of(shop.rita).post(f"{REQUESTS}/{drafts[1]}/approve", seen)
    assert said.body["status"] == "applied"


def test_drafts_are_listed_to_their_author_alone(shop: World):
    max_, rita = Api.of(shop.max), Api.of(shop.rita)
    for body in (turn_on(draft=True), turn_on(), turn_on(draft=True, environment="staging")):
        max_.post(REQUESTS, body)
    rita.post(REQUESTS, turn_on(draft=True))
    for api, mine in ((max_, [3, 1]), (rita, [4])):
        drafts = api.get(REQUESTS, status="draft").body["items"]
        assert [one["number"] for one in drafts] == mine
        assert {one["status"] for one in drafts} == {"draft"}
        assert [one["number"] for one in api.get(REQUESTS).body["items"]] == [2]
    assert max_.get(REQUESTS, status="draft", waiting_for_me="true").body["items"] == []
    first = max_.get(REQUESTS, status="draft", limit=1).body
    rest = max_.get(REQUESTS, status="draft", limit=1, cursor=first["next"]).body
    assert [one["number"] for one in (*first["items"], *rest["items"])] == [3, 1]
    for person in (shop.olivia, shop.ada, shop.vera):
        assert Api.of(person).get(REQUESTS, status="draft").body["items"] == []
    assert Api.of(shop.stan).get(REQUESTS, status="draft").status == 404


def test_revising_names_the_revision_it_was_made_against(shop: World):
    max_ = Api.of(shop.max)
    max_.post(REQUESTS, turn_on())
    part = turn_on()["parts"][0]
    part["edits"].append({"edit": "set_fallthrough", "serve": "off"})
    assert max_.put(f"{REQUESTS}/1", {"parts": [part]}).status == 428
    revised = max_.put(f"{REQUESTS}/1", {"parts": [part]}, version=1)
    assert (revised.status, revised.body["revision"]) == (200, 2)
    stale = max_.put(f"{REQUESTS}/1", {"parts": [part]}, version=1)
    assert (stale.status, stale.body["code"]) == (409, "revision_changed")


def test_a_conflict_comes_with_all_three_sides(shop: World):
    max_, ada = Api.of(shop.max), Api.of(shop.ada)
    part = turn_on()["parts"][0]
    part["edits"] = [{"edit": "set_fallthrough", "serve": "off"}]
    max_.post(REQUESTS, {**turn_on(), "parts": [part]})
    ada.post(REQUESTS, turn_on())
    assert ada.post(f"{REQUESTS}/2/bypass", {"reason": "fire"}).status == 200
    merged = max_.post(f"{REQUESTS}/1/rebase")
    assert (merged.status, merged.body["revision"]) == (200, 2)
    kill = max_.post(f"{HERE}/flags/{FLAG}/kill", {"reason": "fire"})
    assert (kill.status, is_on(shop)) == (200, False)
    back = turn_on()["parts"][0]
    back["expected_version"] = kill.body["version"]
    back["edits"] = [{"edit": "set_off", "variation": "on"}]
    max_.post(REQUESTS, {**turn_on(), "parts": [back]})
    back["edits"] = [{"edit": "set_off", "variation": "on"}, {"edit": "turn_on"}]
    ada.post(REQUESTS, {**turn_on(), "parts": [back]})
    assert len(ada.get(REQUESTS).body["items"]) == 4


def test_what_lost_its_base_is_approved_only_after_the_merge(shop: World):
    max_, ada, rita = Api.of(shop.max), Api.of(shop.ada), Api.of(shop.rita)
    part = turn_on()["parts"][0]
    part["edits"] = [{"edit": "set_fallthrough", "serve": "off"}]
    max_.post(REQUESTS, {**turn_on(), "parts": [part]})
    ada.post(REQUESTS, turn_on())
    assert ada.post(f"{REQUESTS}/2/bypass", {"reason": "fire"}).status == 200
    seen = {"content_hash": rita.get(f"{REQUESTS}/1").body["content_hash"]}
    refused = rita.post(f"{REQUESTS}/1/approve", seen)
    assert (refused.status, refused.body["code"]) == (409, "base_moved")
    assert "Merge" in refused.body["hint"]
    assert rita.get(f"{REQUESTS}/1").body["standing"]["words"] == []
    told = {**seen, "comment": "Merge it."}
    assert rita.post(f"{REQUESTS}/1/request-changes", told).status == 200
    merged = max_.post(f"{REQUESTS}/1/rebase")
    again = {"content_hash": merged.body["content_hash"]}
    assert rita.post(f"{REQUESTS}/1/approve", again).body["status"] == "approved"


def test_a_conflict_is_settled_by_naming_the_side_to_keep(shop: World):
    max_, ada = Api.of(shop.max), Api.of(shop.ada)
    for api, variation in ((max_, "off"), (ada, "on")):
        part = turn_on()["parts"][0]
        given = {"unit_type": "user", "variation": variation, "unit_ids": ["u-1"]}
        part["edits"] = [{"edit": "assign_units", **given}]
        api.post(REQUESTS, {**turn_on(), "parts": [part]})
    assert ada.post(f"{REQUESTS}/2/bypass", {"reason": "fire"}).status == 200
    refused = max_.post(f"{REQUESTS}/1/rebase")
    assert (refused.status, refused.body["code"]) == (409, "merge_conflict")
    keep = {one["id"]: "mine" for one in refused.body["conflicts"]}
    shown = max_.get(f"{REQUESTS}/1").body["standing"]["conflicts"]
    assert {one["id"] for one in shown} == set(keep)
    assert max_.post(f"{REQUESTS}/1/rebase", {"keep": dict.fromkeys(keep, "both")}).status == 422
    merged = max_.post(f"{REQUESTS}/1/rebase", {"keep": keep})
    assert (merged.status, merged.body["revision"]) == (200, 2)
    assert merged.body["standing"]["is_stale"] is False


def test_schedules_are_written_as_a_wall_clock_shows(shop: World):
    max_ = Api.of(shop.max)
    max_.post(REQUESTS, turn_on())
    answer = max_.post(
        f"{REQUESTS}/1/schedule", {"at": "2090-06-01T12:00", "time_zone": "Europe/Berlin"}
    )
    assert answer.body["scheduled_for"] == "2090-06-01T10:00:00Z"
    twice = {"at": "2090-10-29T02:30", "time_zone": "Europe/Berlin"}
    refused = max_.post(f"{REQUESTS}/1/schedule", twice)
    assert (refused.status, refused.body["code"]) == (422, "unclear_time")
    for wrong in ("soon", "2090-13-01T00:00", "2090-06-01", ""):
        assert max_.post(f"{REQUESTS}/1/schedule", {"at": wrong}).status == 422
    assert max_.post(f"{REQUESTS}/1/unschedule").body["scheduled_for"] is None


def test_what_only_roll_backs_may_do_cannot_be_sent_in(shop: World):
    for edit in ({"edit": "kill"}, {"edit": "restore_state", "state": {}, "version": 1}):
        part = {**turn_on()["parts"][0], "edits": [edit]}
        answer = Api.of(shop.max).post(REQUESTS, {**turn_on(), "parts": [part]})
        assert (answer.status, answer.body["code"]) == (422, "invalid_edit")


def test_other_organizations_find_nothing(shop: World):
    Api.of(shop.max).post(REQUESTS, turn_on())
    stan = Api.of(shop.stan)
    for path in (REQUESTS, f"{REQUESTS}/1"):
        assert stan.get(path).status == 404
    for act in ("apply", "rebase", "discard", "unschedule"):
        assert stan.post(f"{REQUESTS}/1/{act}").status == 404
    assert stan.post(REQUESTS, turn_on()).status == 404
