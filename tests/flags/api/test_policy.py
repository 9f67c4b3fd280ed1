"""Review policies and stewards over REST: read, replaced, reviewed as any change is."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actions import credentials, environments
from accounts.actions.credentials import Reach
from accounts.models import Team
from accounts.permissions import Permission
from flags import review
from tests.api import HERE, ROOT, Answer, Api
from tests.flags.requests.steps import FLAG, appoint, ask_for_review, make_team
from tests.world.cast import World
from tests.world.factories import make_flag

POLICY = f"{HERE}/review-policy"
STEWARDS = f"{ROOT}/stewards"
REQUESTS = f"{ROOT}/requests"
FREE = {"approvals": 0, "reviewers": [], "frozen": False, "freezes": []}
ASKS = {"kind": "flag", "key": FLAG, "approvals": 1}


def asking(**more: Any) -> dict[str, Any]:
    return {**FREE, "approvals": 1, **more}


def planned(start: str, end: str, **more: str) -> dict[str, Any]:
    return {**FREE, "freezes": [{"from": start, "to": end, **more}]}


def whole(seen: Answer) -> dict[str, Any]:
    """Of what was read, what can be written."""
    return {name: seen.body[name] for name in FREE}


# --- the policy of an environment


def test_a_policy_nobody_made_asks_for_nothing_and_has_version_zero(world: World):
    seen = Api.of(world.ada).get(POLICY)
    assert (seen.status, seen.etag, whole(seen)) == (200, '"0"', FREE)
    assert (seen.body["version"], seen.body["frozen_now"]) == (0, False)
    assert seen.body["forecast"]["status"] == "would_apply"


def test_a_policy_is_replaced_at_the_version_it_was_read_at(world: World):
    make_team(world, "web", world.rita, world.ada)
    ada = Api.of(world.ada)
    answer = ada.put(POLICY, asking(reviewers=["web"], comment="four eyes"), version=0)
    assert (answer.status, answer.body["status"], answer.etag) == (200, "applied", '"1"')
    seen = Api.of(world.vera).get(POLICY)
    assert (seen.etag, whole(seen)) == ('"1"', asking(reviewers=["web"]))
    [line] = [one for one in world.ledger() if one.action.startswith("policy.")]
    assert (line.action, line.actor_id, line.reason) == (
        "policy.changed",
        world.ada.user.pk,
        "four eyes",
    )
    rules, version = review.policy(world.max.at())
    assert (rules.approvals, rules.reviewers, version) == (1, ("web",), 1)
    assert Api.of(world.ada).get(POLICY.replace("production", "staging")).body["approvals"] == 0


def test_what_was_read_can_be_written_back_as_it_is(world: World):
    ada = Api.of(world.ada)
    ada.put(POLICY, planned("2090-12-24T12:00", "2090-12-27T00:00", reason="Holidays"), version=0)
    again = ada.put(POLICY, whole(ada.get(POLICY)), version=1)
    assert (again.status, again.body) == (200, {"status": "unchanged", "version": 1})


def test_a_freeze_is_written_as_a_wall_clock_shows_or_with_its_offset(world: World):
    ada = Api.of(world.ada)
    in_berlin = planned("2090-06-01T12:00", "2090-06-02T12:00-05:00", time_zone="Europe/Berlin")
    assert ada.put(POLICY, in_berlin, version=0).status == 200
    assert ada.get(POLICY).body["freezes"] == [
        {"from": "2090-06-01T10:00:00Z", "to": "2090-06-02T17:00:00Z", "reason": ""}
    ]


@pytest.mark.parametrize(
    ("window", "code", "where"),
    [
        ({"from": "soon"}, "invalid_input", "from"),
        ({"to": "2090-06-02"}, "invalid_input", "to"),
        ({"to": "2090-06-01T10:00"}, "invalid_edit", "to"),
        ({"to": "3333-06-01T10:00"}, "invalid_input", "to"),
        ({"time_zone": "Mars/North"}, "invalid_input", "time_zone"),
        (
            {"from": "2090-03-26T02:30", "time_zone": "Europe/Berlin"},
            "unclear_time",
            "from",
        ),
    ],
)
def test_a_freeze_that_cannot_be_is_refused_by_its_place(
    world: World, window: dict[str, str], code: str, where: str
):
    given = planned("2090-06-01T12:00", "2090-06-02T12:00")["freezes"][0]
    sure = planned("2090-01-01T00:00", "2090-01-02T00:00")["freezes"][0]
    body = {**FREE, "freezes": [sure, given | window]}
    answer = Api.of(world.ada).put(POLICY, body, version=0)
    assert (answer.status, answer.body["code"]) == (422, code)
    assert answer.body["where"] == f"freezes[1].{where}"
    assert review.policy(world.ada.at())[1] == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"approvals": 6}, "approvals"),
        ({"approvals": -1}, "approvals"),
        ({"reviewers": "web"}, "reviewers"),
        ({"frozen": "perhaps"}, "frozen"),
        ({"freezes": [{"from": "2090-06-01T12:00"}]}, "freezes"),
        ({"freeze": True}, "freeze"),
    ],
)
def test_a_field_that_cannot_be_accepted_is_named(world: World, given: dict[str, Any], field: str):
    answer = Api.of(world.ada).put(POLICY, {**FREE, **given}, version=0)
    assert (answer.status, list(answer.body["errors"])) == (422, [field])


@pytest.mark.parametrize("left_out", FREE)
def test_a_policy_is_written_whole_so_that_nothing_is_dropped_unsaid(world: World, left_out: str):
    part = {name: value for name, value in FREE.items() if name != left_out}
    answer = Api.of(world.ada).put(POLICY, part, version=0)
    assert (answer.status, list(answer.body["errors"])) == (422, [left_out])


def test_a_team_nobody_knows_here_reviews_nothing(world: World):
    Team.objects.create(organization=world.stan.at().organization, key="theirs", name="Theirs")
    for team in ("nobody", "theirs"):
        answer = Api.of(world.ada).put(POLICY, asking(reviewers=[team]), version=0)
        assert (answer.status, answer.body["code"]) == (422, "invalid_edit")
        assert answer.body["where"] == "reviewers"


def test_approvals_nobody_could_give_are_refused(world: World):
    answer = Api.of(world.ada).put(POLICY, asking(approvals=5), version=0)
    assert (answer.status, answer.body["where"]) == (422, "approvals")


def test_who_changes_a_guarded_policy_waits_and_never_approves_it_themself(world: World):
    ask_for_review(world)
    ada, rita = Api.of(world.ada), Api.of(world.rita)
    forecast = ada.get(POLICY).body["forecast"]
    assert (forecast["status"], forecast["approvals_needed"]) == ("would_wait", 1)
    asked = ada.put(POLICY, FREE, version=1)
    assert (asked.status, asked.body["status"], asked.body["approvals_needed"]) == (202, "open", 1)
    assert ada.get(POLICY).body["approvals"] == 1
    one = f"{REQUESTS}/{asked.body['number']}"
    seen = {"content_hash": ada.get(one).body["content_hash"]}
    for own in (ada, Api.of(world.ada)):
        assert own.post(f"{one}/approve", seen).status == 403
        assert own.post(f"{one}/apply").body["code"] == "not_approved"
    assert rita.post(f"{one}/approve", seen).status == 202
    assert ada.post(f"{one}/apply").body["version"] == 2
    now = ada.get(POLICY)
    assert (now.etag, now.body["approvals"]) == ('"2"', 0)


def test_of_two_policies_written_at_once_the_second_is_told_of_the_first(world: World):
    ada = Api.of(world.ada)
    assert ada.put(POLICY, FREE | {"frozen": True}, version=0).status == 200
    late = Api.of(world.olivia).put(POLICY, asking(), version=0)
    assert (late.status, late.body["code"]) == (409, "stale_version")
    assert (late.body["expected"], late.body["actual"]) == (0, 1)
    assert (late.body["current"]["frozen"], late.body["current"]["version"]) == (True, 1)
    assert ada.put(POLICY, asking()).status == 428
    assert ada.get(POLICY).body["approvals"] == 0


def test_a_freeze_that_holds_is_told_and_may_be_lifted(world: World):
    now = timezone.now().replace(microsecond=0)
    ends = now + timedelta(hours=2)
    ada = Api.of(world.ada)
    ada.put(POLICY, planned((now - timedelta(hours=1)).isoformat(), ends.isoformat()), version=0)
    seen = ada.get(POLICY).body
    assert (seen["frozen_now"], seen["frozen"]) == (True, False)
    assert seen["frozen_until"] == ends.isoformat().replace("+00:00", "Z")
    assert ada.put(POLICY, FREE | {"frozen": True}, version=1).status == 200
    seen = ada.get(POLICY).body
    assert (seen["frozen_now"], seen["frozen_until"]) == (True, None)
    assert ada.put(POLICY, FREE, version=2).status == 200
    assert ada.get(POLICY).body["frozen_now"] is False


def test_an_archived_environment_shows_its_policy_and_takes_no_other(world: World):
    environments.archive(world.ada.at(), "staging")
    there = POLICY.replace("production", "staging")
    seen = Api.of(world.ada).get(there)
    assert (seen.status, seen.body["forecast"]["status"]) == (200, "refused")
    assert "archived" in seen.body["forecast"]["sentence"]
    answer = Api.of(world.ada).put(there, asking(), version=0)
    assert (answer.status, answer.body["code"]) == (409, "environment_archived")


# --- the stewards of a project


def test_stewards_are_read_and_replaced_as_a_whole_list(world: World):
    make_team(world, "web", world.rita, world.ada)
    ada = Api.of(world.ada)
    assert (ada.get(STEWARDS).etag, ada.get(STEWARDS).body["stewards"]) == ('"0"', [])
    rules = [
        {"kind": "tag", "key": "Money", "editors": ["web"]},
        {"kind": "flag", "key": FLAG, "reviewers": ["web"], "approvals": None},
    ]
    answer = ada.put(STEWARDS, {"stewards": rules}, version=0)
    assert (answer.status, answer.body["status"]) == (200, "applied")
    seen = Api.of(world.vera).get(STEWARDS)
    assert seen.etag == '"1"'
    no: dict[str, Any] = {"editors": [], "reviewers": [], "approvals": None}
    assert seen.body["stewards"] == [
        {**no, "kind": "flag", "key": FLAG, "reviewers": ["web"]},
        {**no, "kind": "tag", "key": "money", "editors": ["web"]},
    ]
    again = ada.put(STEWARDS, {"stewards": seen.body["stewards"]}, version=1)
    assert again.body == {"status": "unchanged", "version": 1}


def test_only_the_people_of_the_teams_named_change_a_thing(world: World):
    make_flag(world.max.at())
    make_team(world, "web", world.rita)
    rule = {"kind": "flag", "key": FLAG, "editors": ["web"]}
    assert Api.of(world.ada).put(STEWARDS, {"stewards": [rule]}, version=0).status == 200
    turn_on = {"edits": [{"edit": "turn_on"}]}
    refused = Api.of(world.max).patch(f"{HERE}/flags/{FLAG}", turn_on, version=0)
    assert (refused.status, refused.body["teams"]) == (403, ["web"])
    assert Api.of(world.rita).patch(f"{HERE}/flags/{FLAG}", turn_on, version=0).status == 200


def test_to_drop_a_rule_takes_the_approval_it_asks_for(world: World):
    appoint(world, ASKS)
    ada = Api.of(world.ada)
    asked = ada.put(STEWARDS, {"stewards": []}, version=1)
    assert (asked.status, asked.body["approvals_needed"]) == (202, 1)
    one = f"{REQUESTS}/{asked.body['number']}"
    seen = {"content_hash": ada.get(one).body["content_hash"]}
    assert ada.post(f"{one}/approve", seen).status == 403
    assert [rule["key"] for rule in ada.get(STEWARDS).body["stewards"]] == [FLAG]
    assert Api.of(world.rita).post(f"{one}/approve", seen).status == 202
    assert ada.post(f"{one}/apply").status == 200
    assert ada.get(STEWARDS).body["stewards"] == []


def test_stewards_wait_for_what_the_strictest_environment_asks(world: World):
    ask_for_review(world)
    ada = Api.of(world.ada)
    assert ada.get(STEWARDS).body["forecast"]["status"] == "would_wait"
    assert ada.put(STEWARDS, {"stewards": [ASKS]}, version=0).status == 202
    assert ada.get(STEWARDS).etag == '"0"'


def test_of_two_lists_of_stewards_the_second_is_told_of_the_first(world: World):
    appoint(world, ASKS)
    late = Api.of(world.ada).put(STEWARDS, {"stewards": []}, version=0)
    assert (late.status, late.body["expected"], late.body["actual"]) == (409, 0, 1)
    assert late.body["current"]["stewards"][0]["key"] == FLAG
    assert Api.of(world.ada).put(STEWARDS, {"stewards": []}).status == 428


@pytest.mark.parametrize(
    ("second", "where"),
    [
        ({"kind": "flag", "key": "banner"}, "stewards[1]"),
        (ASKS, "stewards[1]"),
        ({"kind": "flag", "key": "banner", "reviewers": ["Not a key"]}, "stewards[1].reviewers"),
        ({"kind": "flag", "key": "banner", "reviewers": ["nobody"]}, "reviewers"),
        ({"kind": "flag", "key": "banner", "approvals": 5}, "approvals"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_its_place(
    world: World, second: dict[str, Any], where: str
):
    answer = Api.of(world.ada).put(STEWARDS, {"stewards": [ASKS, second]}, version=0)
    assert (answer.status, answer.body.get("where")) == (422, where)
    assert review.stewards(world.ada.at())[1] == 0


def test_a_rule_says_what_it_is_about_in_fields_we_know(world: World):
    wrong = {"kind": "metric", "key": "", "approvals": 6, "team": "web"}
    for name, value in wrong.items():
        rule = {**ASKS, name: value}
        answer = Api.of(world.ada).put(STEWARDS, {"stewards": [ASKS, rule]}, version=0)
        assert (answer.status, list(answer.body["errors"]["stewards"]["1"])) == (422, [name])


# --- who may


@pytest.mark.parametrize(
    ("path", "body"), [(POLICY, asking()), (STEWARDS, {"stewards": [ASKS]})], ids=["policy", "list"]
)
def test_everybody_inside_reads_and_admins_alone_write(
    world: World, path: str, body: dict[str, Any]
):
    for person in (world.rita, world.max, world.vera):
        api = Api.of(person)
        forecast = api.get(path).body["forecast"]
        assert (forecast["status"], forecast["approvals_needed"]) == ("refused", 0)
        assert "may not manage review policy" in forecast["sentence"]
        refused = api.put(path, body, version=0)
        assert (refused.status, refused.body["code"]) == (403, "not_permitted")
    for outsider in (world.stan, world.mia):
        assert Api.of(outsider).get(path).status == 404
        assert Api.of(outsider).put(path, body, version=0).status == 404
    assert Api("").get(path).status == 401
    assert Api.of(world.ada).get(path).etag == '"0"'


@pytest.mark.parametrize(
    ("path", "body"), [(POLICY, asking()), (STEWARDS, {"stewards": [ASKS]})], ids=["policy", "list"]
)
def test_a_token_made_for_less_changes_nothing(world: World, path: str, body: dict[str, Any]):
    reading = Api.of(world.ada, read_only=True)
    assert reading.get(path).status == 200
    refused = reading.put(path, body, version=0)
    assert (refused.status, refused.body["code"]) == (403, "not_permitted")
    reach = Reach(permissions=(Permission.EDIT_TARGETING.key,))
    narrow = Api(credentials.create_token(world.ada.at(), "deploys", reach).secret)
    assert narrow.get(path).body["forecast"]["status"] == "refused"
    assert narrow.put(path, body, version=0).status == 403
    assert Api.of(world.ada).get(path).etag == '"0"'
