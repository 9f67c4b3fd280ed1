"""Requests on pages: lists, steps that are refused with a sentence, forms that keep what was typed."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actions import credentials
from accounts.models import Membership, Team
from accounts.permissions import Role
from flags import changes, docket, queries, requests, review
from flags.changes import Part, Target
from flags.edits import (
    Edit,
    EditKind,
    SetFallthrough,
    SetReviewRules,
    SetRollout,
    SetSegment,
    SetStewards,
    TurnOff,
    TurnOn,
)
from flags.models import Change
from flags.views.conflicts import words_of
from flags.views.json_lines import compared, unified
from tests.world.cast import Person, World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment

HTMX = {"HX-Request": "true"}
KILLING = json.dumps(
    [
        {
            "target": {"kind": "state", "key": "quote-form"},
            "base_version": 2,
            "edits": [{"edit": "kill"}],
        }
    ]
)


@pytest.fixture
def reviewed(world: World) -> World:
    """A flag that is on, in a production where one other person must approve."""
    make_flag(world.max.at(), on=True)
    make_flag(world.max.at(), "banner")
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    make_segment(world.max.at())
    ask_for(world, SetReviewRules(1))
    return world


def ask_for(world: World, rules: SetReviewRules, environment: str = "production") -> None:
    access = world.olivia.at(environment)
    _rules, version = review.policy(access)
    target = Target(EditKind.POLICY, environment)
    done = changes.submit(access, target, [rules], expected_version=version)
    if isinstance(done, changes.Pending):
        requests.bypass(access, number_of(done.change), reason="test")


def part(world: World, *edits: Edit, key: str = "quote-form") -> Part:
    return Part(changes.state(key), edits, queries.flag(world.max.at(), key).version)


def open_request(world: World, *edits: Edit, by: Person | None = None) -> Change:
    access = (by or world.max).at()
    asked = requests.open_request(access, [part(world, *edits)], comment="Because")
    assert isinstance(asked, changes.Pending)
    return asked.change


def number_of(change: Change) -> int:
    assert change.number is not None
    return change.number


def page(person: Person, world: World, path: str, environment: str = "production") -> str:
    answer = person.client.get(world.url(path, environment))
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def press(person: Person, world: World, change: Change, act: str, **form: Any) -> Any:
    return person.client.post(world.url(f"requests/{change.number}/do/{act}"), form)


# --- lists


def test_a_request_waits_for_whoever_may_approve_it_and_for_nobody_else(reviewed):
    open_request(reviewed, TurnOff())
    assert "Turn off" in page(reviewed.rita, reviewed, "requests/?show=waiting")
    for person in (reviewed.max, reviewed.vera):
        assert "Nothing waits for you." in page(person, reviewed, "requests/?show=waiting")
    assert "Turn off" in page(reviewed.max, reviewed, "requests/?show=mine")
    assert ">1<" in page(reviewed.rita, reviewed, "requests/count")
    assert "count" not in page(reviewed.max, reviewed, "requests/count")


def test_drafts_are_seen_by_their_author_alone(reviewed):
    draft = requests.save_draft(reviewed.max.at(), [part(reviewed, TurnOff())])
    assert "Turn off" in page(reviewed.max, reviewed, "requests/?show=drafts")
    assert "Turn off" not in page(reviewed.rita, reviewed, "requests/?show=open")
    answer = reviewed.rita.client.get(reviewed.url(f"requests/{draft.number}/"))
    assert answer.status_code == 404


def test_a_request_whose_base_moved_says_so_in_the_list(reviewed):
    open_request(reviewed, SetRollout("r1", 50_000))
    other = open_request(reviewed, SetFallthrough("off"), by=reviewed.ada)
    requests.bypass(reviewed.ada.at(), number_of(other), reason="now")
    listed = page(reviewed.vera, reviewed, "requests/?show=open")
    assert "base moved" in listed
    assert "bypassed, not looked at yet" in listed


def test_whose_base_moved_is_not_offered_for_approval_but_may_be_rejected(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    shown = page(reviewed.rita, reviewed, f"requests/{change.number}/")
    assert "Approve exactly this" in shown
    other = open_request(reviewed, SetFallthrough("off"), by=reviewed.ada)
    requests.bypass(reviewed.ada.at(), number_of(other), reason="now")
    shown = page(reviewed.rita, reviewed, f"requests/{change.number}/")
    assert "Approve exactly this" not in shown
    assert "Nothing is missing" not in shown
    assert "it cannot be applied as it stands" in shown
    assert "approve what it becomes" in shown
    assert "Reject…" in shown
    assert "Bypass review…" not in page(reviewed.ada, reviewed, f"requests/{change.number}/")


def test_a_conflict_is_settled_by_choosing_a_side_for_each_place(reviewed):
    change = open_request(reviewed, SetFallthrough("off"), SetRollout("r1", 50_000))
    other = open_request(reviewed, SetRollout("r1", 30_000), by=reviewed.ada)
    requests.bypass(reviewed.ada.at(), number_of(other), reason="now")
    (clash,) = requests.standing(reviewed.max.at(), change).conflicts
    shown = page(reviewed.max, reviewed, f"requests/{change.number}/")
    assert "Merge as chosen" in shown
    assert f'name="keep-{clash.id}"' in shown
    assert "Rule Germany first, the share of people" in shown
    assert "Merge as chosen" not in page(reviewed.vera, reviewed, f"requests/{change.number}/")
    late = press(reviewed.max, reviewed, change, "rebase", revision="1")
    assert late.status_code == 409
    answer = press(
        reviewed.max, reviewed, change, "rebase", revision="1", **{f"keep-{clash.id}": "theirs"}
    )
    assert answer.status_code == 303
    now = docket.request(reviewed.max.at(), number_of(change))
    assert (now.revision, now.parts[0]["sentences"]) == (2, [SetFallthrough("off").sentence()])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("enabled",), "State"),
        (("fallthrough", "weights", "on"), "Served to everyone else, weights, on"),
        (("rules", "order"), "Order of the rules"),
        (("rules", "r1", "when"), "Rule Germans, its conditions"),
        (("rules", "r2", "serve"), "Rule r2, what it serves"),
        (("assignments", "u-1"), "Assignment of u-1"),
        (("variations", "on", "value"), "Variation on, its value"),
        (("segment", "included"), "Always in"),
        (("approvals",), "Approvals asked for"),
        ((), "All of it"),
    ],
)
def test_a_place_in_conflict_is_called_as_the_pages_call_it(path, words):
    assert words_of(path, {"r1": "Germans"}) == words


def test_the_list_asks_the_database_as_often_for_many_requests_as_for_one(
    reviewed, django_assert_max_num_queries
):
    client = reviewed.vera.client
    for steps in range(1_000, 13_000, 1_000):
        open_request(reviewed, SetRollout("r1", steps))
    client.get(reviewed.url("requests/"))
    with django_assert_max_num_queries(32):
        client.get(reviewed.url("requests/?show=open"))


def test_a_request_is_shown_in_its_own_environment(reviewed):
    change = open_request(reviewed, TurnOff())
    answer = reviewed.vera.client.get(reviewed.url(f"requests/{change.number}/", "staging"))
    assert answer.status_code == 302
    assert answer.url == reviewed.url(f"requests/{change.number}/")


# --- the page


@pytest.mark.parametrize("view", ["sentences", "sides", "json", "unified", "nonsense"])
def test_the_page_shows_before_and_after_in_each_of_its_views(reviewed, view):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    shown = page(reviewed.vera, reviewed, f"requests/{change.number}/?view={view}")
    assert "Roll rule Germany first out to 50 %" in shown
    before, after = ("25000", "50000") if view in {"json", "unified"} else ("25 %", "50 %")
    assert before in shown
    assert after in shown


def test_the_author_is_told_why_they_may_not_approve(reviewed):
    change = open_request(reviewed, TurnOff(), by=reviewed.rita)
    shown = page(reviewed.rita, reviewed, f"requests/{change.number}/")
    assert "You wrote a part of this request" in shown
    assert "Approve exactly" not in shown
    answer = press(reviewed.rita, reviewed, change, "approve", content_hash=change.content_hash)
    assert answer.status_code == 403
    assert "somebody else has to approve it" in answer.content.decode()
    assert docket.reviews(change) == []


def test_an_approval_names_its_hash_and_an_old_one_is_refused_with_what_it_says_now(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    shown = page(reviewed.rita, reviewed, f"requests/{change.number}/")
    assert f"Approve exactly this ({change.content_hash[:7]})" in shown
    again = [part(reviewed, SetRollout("r1", 60_000))]
    requests.revise(reviewed.max.at(), number_of(change), again, expected_revision=1)
    late = press(reviewed.rita, reviewed, change, "approve", content_hash=change.content_hash)
    assert late.status_code == 409
    text = late.content.decode()
    assert "revision 2 by now" in text
    assert "60 %" in text
    assert docket.reviews(change) == []


def test_approved_and_applied_is_told_in_the_conversation(reviewed):
    change = open_request(reviewed, TurnOff())
    press(
        reviewed.rita,
        reviewed,
        change,
        "approve",
        content_hash=change.content_hash,
        comment="Looks right",
    )
    done = press(reviewed.max, reviewed, change, "apply", content_hash=change.content_hash)
    assert done.status_code == 303
    assert not queries.flag(reviewed.max.at(), "quote-form").state.enabled
    shown = page(reviewed.vera, reviewed, f"requests/{change.number}/")
    order = [shown.index(words) for words in ("Because", "Looks right", "applied it")]
    assert order == sorted(order)


def test_what_has_ended_says_what_it_took_then(reviewed):
    change = open_request(reviewed, TurnOff())
    assert "asks for a change in" in page(reviewed.vera, reviewed, f"requests/{change.number}/")
    press(reviewed.rita, reviewed, change, "approve", content_hash=change.content_hash)
    press(reviewed.max, reviewed, change, "apply", content_hash=change.content_hash)
    withdrawn = open_request(reviewed, TurnOn())
    requests.withdraw(reviewed.max.at(), number_of(withdrawn))
    ask_for(reviewed, SetReviewRules(2))
    Membership.objects.within(reviewed.organization).filter(user=reviewed.rita.user).update(
        is_active=False
    )
    applied = page(reviewed.vera, reviewed, f"requests/{change.number}/")
    assert "asked for a change in" in applied
    assert "1 of 1" in applied
    assert f"</span> {reviewed.rita.user.email}" in applied
    ended = page(reviewed.vera, reviewed, f"requests/{withdrawn.number}/")
    assert "It ended without an approval." in ended
    assert "0 of 1" in ended


def test_the_approvals_stand_before_the_conversation(reviewed):
    change = open_request(reviewed, TurnOff())
    shown = page(reviewed.rita, reviewed, f"requests/{change.number}/")
    places = [shown.index(f'id="{name}"') for name in ("changes", "approvals", "acts", "talk")]
    assert places == sorted(places)


@pytest.mark.parametrize(("act", "field"), [("reject", "reason"), ("request-changes", "comment")])
def test_a_no_without_a_word_comes_back(reviewed, act, field):
    change = open_request(reviewed, TurnOff())
    answer = press(reviewed.rita, reviewed, change, act, **{field: ""})
    assert answer.status_code == 422
    assert docket.reviews(change) == []


def test_what_was_typed_survives_a_refusal(reviewed):
    change = open_request(reviewed, TurnOff())
    form = {"reason": "Everything burns", "place": "staging"}
    answer = press(reviewed.ada, reviewed, change, "bypass", **form)
    assert answer.status_code == 422
    assert "Everything burns" in answer.content.decode()
    assert queries.flag(reviewed.max.at(), "quote-form").state.enabled


def test_a_part_is_taken_out_and_approvals_no_longer_count(reviewed):
    parts = [part(reviewed, TurnOff()), part(reviewed, TurnOn(), key="banner")]
    asked = requests.open_request(reviewed.max.at(), parts, comment="Both")
    assert isinstance(asked, changes.Pending)
    change = asked.change
    press(reviewed.rita, reviewed, change, "approve", content_hash=change.content_hash)
    answer = press(reviewed.max, reviewed, change, "drop", revision="1", part="0")
    assert answer.status_code == 303
    now = docket.request(reviewed.max.at(), number_of(change))
    assert [one["target"]["key"] for one in now.parts] == ["banner"]
    assert now.status == Change.Status.OPEN


def test_edits_written_as_json_make_a_revision_and_nonsense_is_told_where(reviewed):
    change = open_request(reviewed, SetRollout("r1", 50_000))
    address = reviewed.url(f"requests/{change.number}/edit")
    client = reviewed.max.client
    for wrong, told in (
        ("{", "This is not JSON"),
        ("[]", "at least one part"),
        (
            '[{"target": {"kind": "state", "key": "quote-form"}, "base_version": "1"}]',
            "whole number",
        ),
        (KILLING, "no part of a request"),
    ):
        answer = client.post(address, {"revision": "1", "parts": wrong})
        assert answer.status_code == 422
        assert told in answer.content.decode()
    stored = change.parts[0]
    mine = [
        {
            "target": stored["target"],
            "base_version": stored["base_version"],
            "edits": [{"edit": "set_rollout", "rule_id": "r1", "steps": 70_000}],
        }
    ]
    assert client.post(address, {"revision": "1", "parts": json.dumps(mine)}).status_code == 303
    assert docket.request(reviewed.max.at(), number_of(change)).revision == 2
    late = client.post(address, {"revision": "1", "parts": json.dumps(mine)})
    assert late.status_code == 409


# --- forms of flags and segments


def test_a_form_says_before_it_is_pressed_who_must_approve(reviewed):
    shown = page(reviewed.max, reviewed, "flags/quote-form/serving")
    assert "Submit for review (1 approval)" in shown
    assert "Save in Staging" in page(reviewed.max, reviewed, "flags/quote-form/serving", "staging")


def test_a_frozen_form_is_closed_with_the_reason_and_still_keeps_a_draft(reviewed):
    now = timezone.now()
    window = {
        "from": (now - timedelta(hours=1)).isoformat(),
        "to": (now + timedelta(hours=1)).isoformat(),
        "reason": "Audit week.",
    }
    ask_for(reviewed, SetReviewRules(0, freezes=(window,)))
    shown = page(reviewed.max, reviewed, "flags/quote-form/serving")
    assert "Frozen until" in shown
    assert "Audit week." in shown
    version = queries.flag(reviewed.max.at(), "quote-form").version
    form = {"serve": "off", "off": "off", "unit": "user", "expected_version": version}
    address = reviewed.url("flags/quote-form/serving")
    refused = reviewed.max.client.post(address, form)
    assert refused.status_code == 409
    assert "Audit week." in refused.content.decode()
    kept = reviewed.max.client.post(address, {**form, "how": "draft"})
    assert kept.status_code == 303
    assert len(docket.drafts(reviewed.max.at())) == 1


def test_whoever_is_no_steward_finds_the_button_closed(reviewed):
    rule = {"kind": "flag", "key": "banner", "editors": [], "reviewers": [], "approvals": 2}
    access = reviewed.olivia.at()
    target = Target(EditKind.STEWARDS, "stewards")
    asked = changes.submit(access, target, [SetStewards((rule,))], expected_version=0)
    assert isinstance(asked, changes.Pending)
    requests.bypass(access, number_of(asked.change), reason="test")
    shown = page(reviewed.max, reviewed, "flags/banner/serving")
    assert "Submit for review (2 approvals)" in shown
    assert "Submit for review (2 approvals)" in page(
        reviewed.max, reviewed, "flags/banner/serving", "staging"
    )


def test_a_switch_that_would_wait_is_a_question(reviewed):
    listed = page(reviewed.max, reviewed, "flags/")
    assert 'hx-get="/o/solar/shop/production/flags/quote-form/switch-row"' in listed
    asked = reviewed.max.client.get(
        reviewed.url("flags/quote-form/switch-row?on=false"), headers=HTMX
    )
    assert "data-dialog-now" in asked.content.decode()
    free = page(reviewed.max, reviewed, "flags/", "staging")
    assert 'hx-post="/o/solar/shop/staging/flags/quote-form/switch-row"' in free


def test_what_waits_on_a_flag_stands_on_its_page_and_in_the_list(reviewed):
    change = open_request(reviewed, TurnOff())
    address = reviewed.url(f"requests/{change.number}/")
    for path in ("flags/", "flags/quote-form/"):
        assert address in page(reviewed.vera, reviewed, path)
    assert f"#{change.number} waits for review" in page(
        reviewed.vera, reviewed, "flags/quote-form/history"
    )


def test_what_waits_on_a_segment_stands_on_its_page(reviewed):
    more = Part(changes.segment("beta"), (SetSegment("user", ("u-1", "u-2"), (), ()),), 1)
    asked = requests.open_request(reviewed.max.at(), [more], comment="One more")
    assert isinstance(asked, changes.Pending)
    shown = page(reviewed.vera, reviewed, "segments/beta/", "staging")
    assert f"#{asked.change.number} waits for review" in shown


def test_edits_of_one_flag_follow_those_a_draft_has(reviewed):
    draft = requests.save_draft(reviewed.max.at(), [part(reviewed, SetRollout("r1", 30_000))])
    form = {
        "share": "40",
        "how": f"add:{draft.number}@1",
        "expected_version": part(reviewed).expected_version,
    }
    answer = reviewed.max.client.post(reviewed.url("flags/quote-form/rules/r1/rollout"), form)
    assert answer.status_code == 303
    now = docket.request(reviewed.max.at(), number_of(draft))
    assert [edit["steps"] for edit in now.parts[0]["edits"]] == [30_000, 40_000]


def test_nobody_adds_to_a_draft_of_somebody_else(reviewed):
    draft = requests.save_draft(reviewed.ada.at(), [part(reviewed, SetRollout("r1", 30_000))])
    form = {"share": "40", "how": f"add:{draft.number}@1", "expected_version": "2"}
    address = reviewed.url("flags/quote-form/rules/r1/rollout")
    assert reviewed.max.client.post(address, form).status_code == 404
    for wish in ("add:x", "add:", "add:99999999999", f"add:{draft.number}@x"):
        assert reviewed.max.client.post(address, {**form, "how": wish}).status_code == 404


def test_a_new_flag_where_nobody_reviews_says_which_environment_asks_and_why(reviewed):
    path = reviewed.url("new-flag/", "development")
    shown = reviewed.max.client.get(path).content.decode()
    assert "Production asks for 1 approval." in shown
    assert "a flag in Development is in Production too, which is why." in shown
    there = reviewed.max.client.get(reviewed.url("new-flag/")).content.decode()
    assert "which is why" not in there


def test_a_new_flag_that_waits_leads_to_its_request(reviewed):
    form = {"expected_version": "0", "name": "Short form", "type": "boolean"}
    answer = reviewed.max.client.post(reviewed.url("new-flag/"), form)
    assert answer.status_code == 303
    assert "/requests/" in answer.url


# --- schedules


def test_a_draft_is_sent_and_scheduled_in_the_zone_somebody_thinks_in(reviewed):
    draft = requests.save_draft(reviewed.max.at(), [part(reviewed, TurnOff())])
    address = reviewed.url(f"requests/{draft.number}/schedule")
    client = reviewed.max.client
    form = {"at": "2090-07-01T09:30", "zone": "Europe/Berlin"}
    assert client.post(address, form).status_code == 303
    now = docket.request(reviewed.max.at(), number_of(draft))
    assert now.scheduled_for is not None
    assert now.scheduled_for.isoformat() == "2090-07-01T07:30:00+00:00"
    listed = page(reviewed.vera, reviewed, "schedules/?zone=Europe/Berlin")
    assert "09:30" in listed
    assert "Turn off" in listed
    week = page(reviewed.vera, reviewed, "schedules/?show=week&week=2090-07-01&zone=UTC")
    assert "07:30" in week


def test_a_time_the_clocks_jump_over_is_sent_back(reviewed):
    change = open_request(reviewed, TurnOff())
    form = {"at": "2087-03-30T02:30", "zone": "Europe/Berlin"}
    answer = reviewed.max.client.post(reviewed.url(f"requests/{change.number}/schedule"), form)
    assert answer.status_code == 422
    assert "the clocks jump over it" in answer.content.decode()


def test_a_schedule_is_paused_from_the_list(reviewed):
    change = open_request(reviewed, TurnOff())
    requests.schedule(
        reviewed.max.at(), number_of(change), at=timezone.now() + timedelta(days=1), time_zone="UTC"
    )
    assert "Pause" in page(reviewed.max, reviewed, "schedules/")
    assert press(reviewed.max, reviewed, change, "unschedule").status_code == 303
    assert "Nothing happens by itself." in page(reviewed.max, reviewed, "schedules/")


@pytest.mark.parametrize(
    "query", ["show=week&week=nonsense", "week=0001-01-01&show=week", "zone=x"]
)
def test_a_calendar_asked_for_nonsense_shows_this_week(world, query):
    assert "Schedules" in page(world.vera, world, f"schedules/?{query}")


def test_keys_and_tokens_that_end_stand_on_the_schedules(world):
    soon = timezone.now() + timedelta(days=30)
    keys = [credentials.create_sdk_key(world.ada.at(), "server", "Till", soon).key]
    keys.append(credentials.create_sdk_key(world.ada.at("staging"), "server", "Kiosk", soon).key)
    credentials.create_sdk_key(world.ada.at(), "server", "Lasting")
    revoked = credentials.create_sdk_key(world.ada.at(), "server", "Gone", soon)
    credentials.revoke_sdk_key(world.ada.at(), revoked.key.id)
    credentials.create_token(world.max.at(), "Nightly", credentials.Reach(expires_at=soon))
    service = credentials.Reach(expires_at=soon, project_keys=("shop",))
    credentials.create_service_token(world.ada.at(), "Robot", Role.EDITOR, service)
    shown = page(world.max, world, "schedules/")
    for key in keys:
        assert f"The SDK key of {key} ends" in shown
    assert "Nightly" in shown
    for word in ("Lasting", "Gone", "Robot"):
        assert word not in shown
    assert "Robot" in page(world.ada, world, "schedules/")
    assert "Nightly" not in page(world.ada, world, "schedules/")


# --- policy


def test_the_policy_is_read_by_everybody_and_changed_by_admins(world):
    assert "apply at once, without a review" in page(world.vera, world, "settings/review/")
    form = {"approvals-expected_version": "0", "approvals-approvals": "2"}
    address = world.url("settings/review/approvals")
    assert world.max.client.post(address, form).status_code == 403
    assert world.ada.client.post(address, form).status_code == 303
    assert review.policy(world.ada.at())[0].approvals == 2
    assert "2 other people approve" in page(world.vera, world, "settings/review/")


def test_buttons_of_the_policy_say_beforehand_whether_they_apply_or_ask(world):
    free = page(world.ada, world, "settings/review/")
    assert "Save for Production" in free
    assert "Freeze Production now" in free
    assert "Submit for review" not in free
    ask_for(world, SetReviewRules(1))
    asked = page(world.ada, world, "settings/review/")
    assert "Submit for review (1 approval)" in asked
    assert "Ask to freeze Production" in asked
    assert "Save for Production" not in asked
    # Stewards are shared: the strictest environment speaks, here as in staging.
    staging = page(world.ada, world, "settings/review/", "staging")
    assert "Save for Staging" in staging
    assert "Save stewards" not in staging
    assert "Submit for review" not in page(world.vera, world, "settings/review/")


def test_to_remove_a_steward_who_reviews_is_asked_for(world):
    target = Target(EditKind.STEWARDS, "stewards")
    reviewing = {"kind": "flag", "key": "quote-form", "approvals": 1}
    writing = {"kind": "flag", "key": "banner", "editors": ["core"]}
    Team.objects.create(organization=world.organization, key="core", name="Core")
    rules = SetStewards((reviewing, writing))
    changes.submit(world.olivia.at(), target, [rules], expected_version=0)
    shown = " ".join(page(world.ada, world, "settings/review/").split())
    assert ">Ask to remove<" in shown.split("<code>quote-form</code>")[1].split("</tr>")[0]
    assert ">Remove<" in shown.split("<code>banner</code>")[1].split("</tr>")[0]
    assert "those are needed for this as well" in shown


def test_settings_say_what_the_strictest_environment_asks_for(reviewed):
    shown = page(reviewed.max, reviewed, "flags/quote-form/settings", "staging")
    assert "Production asks for 1 approval." in shown
    assert "Production asks" not in page(reviewed.max, reviewed, "flags/quote-form/", "staging")
    variation = page(reviewed.max, reviewed, "flags/quote-form/new-variation", "staging")
    assert "Submit for review (1 approval)" in variation


def test_words_about_a_flag_are_saved_even_in_a_freeze_and_the_form_says_so(reviewed):
    ask_for(reviewed, SetReviewRules(1, frozen=True))
    shown = page(reviewed.max, reviewed, "flags/quote-form/describe")
    assert "Names, descriptions and kinds apply at once" in shown
    assert "Frozen" not in shown
    form = {
        "name": "Quote form",
        "description": "Better words",
        "stage": "release",
        "expected_version": "1",
    }
    answer = reviewed.max.client.post(reviewed.url("flags/quote-form/describe"), form)
    assert answer.status_code == 303
    definition, _version = queries.flag_definition(reviewed.max.at(), "quote-form")
    assert definition.description == "Better words"


def test_a_policy_that_asks_for_review_is_loosened_by_a_request(reviewed):
    _rules, version = review.policy(reviewed.ada.at())
    form = {"approvals-expected_version": version, "approvals-approvals": "0"}
    answer = reviewed.ada.client.post(reviewed.url("settings/review/approvals"), form, follow=True)
    assert "Sent for review as #" in answer.content.decode()
    assert review.policy(reviewed.ada.at())[0].approvals == 1


def test_a_freeze_is_planned_in_a_zone_and_removed_again(world):
    form = {
        "window-expected_version": "0",
        "window-starts": "2090-12-20T00:00",
        "window-ends": "2090-12-27T00:00",
        "window-zone": "Europe/Berlin",
        "window-reason": "Christmas",
    }
    client = world.ada.client
    address = world.url("settings/review/window")
    backwards = {**form, "window-ends": "2090-12-19T00:00"}
    assert client.post(address, backwards).status_code == 422
    assert client.post(address, form).status_code == 303
    (window,) = review.policy(world.ada.at())[0].freezes
    assert window.starts.isoformat() == "2090-12-19T23:00:00+00:00"
    assert (
        "2090-12-20 00:00 Europe/Berlin"
        in client.get(world.url("settings/review/")).content.decode()
    )
    gone = {
        "drop-window-expected_version": "1",
        "drop-window-starts": window.starts.isoformat(),
        "drop-window-ends": window.ends.isoformat(),
    }
    assert client.post(world.url("settings/review/drop-window"), gone).status_code == 303
    assert review.policy(world.ada.at())[0].freezes == ()


def test_a_policy_changed_meanwhile_comes_back_with_both(world):
    ask_for(world, SetReviewRules(0, frozen=True))
    form = {"approvals-expected_version": "0", "approvals-approvals": "1"}
    answer = world.ada.client.post(world.url("settings/review/approvals"), form)
    assert answer.status_code == 409
    assert "You started from version 0; it is at version 1 now." in answer.content.decode()


def test_stewards_without_a_team_or_a_number_are_refused(world):
    form = {
        "steward-expected_version": "0",
        "steward-kind": "flag",
        "steward-key": "quote-form",
    }
    client = world.ada.client
    assert client.post(world.url("settings/review/steward"), form).status_code == 422
    named = {**form, "steward-approvals": "1"}
    assert client.post(world.url("settings/review/steward"), named).status_code == 303
    (rule,) = review.stewards(world.ada.at())[0].rules
    assert (rule.kind, rule.key, rule.approvals) == ("flag", "quote-form", 1)


# --- the kill switch


def test_a_kill_passes_review_and_freeze_and_needs_its_reason(reviewed):
    ask_for(reviewed, SetReviewRules(1, frozen=True))
    address = reviewed.url("flags/quote-form/kill")
    client = reviewed.max.client
    for form in ({"environment": "production"}, {"reason": "It hurts", "environment": "prod"}):
        assert client.post(address, form).status_code == 422
    assert queries.flag(reviewed.max.at(), "quote-form").state.enabled
    done = client.post(address, {"reason": "It hurts", "environment": "production"})
    assert done.status_code == 303
    assert "/propagation?version=" in done.url
    assert not queries.flag(reviewed.max.at(), "quote-form").state.enabled
    assert "No SDK is connected" in page(reviewed.vera, reviewed, done.url.split("/production/")[1])


def test_a_viewer_is_not_offered_the_kill_switch(reviewed):
    assert "Kill…" not in page(reviewed.vera, reviewed, "flags/")
    assert reviewed.vera.client.get(reviewed.url("flags/quote-form/kill")).status_code == 403


# --- JSON side by side


def test_lines_that_did_not_change_are_left_out_far_from_changes():
    before = {f"key-{place:02}": place for place in range(40)}
    after = {**before, "key-20": "new"}
    pairs = compared(before, after)
    assert [
        pair.before.text.strip() for pair in pairs if pair.before and pair.before.mark == "-"
    ] == ['"key-20": 20,']
    assert len(pairs) == 7
    assert [line.mark for line in unified(pairs)] == [" ", " ", " ", "-", "+", " ", " ", " "]


def test_a_document_that_comes_into_being_is_all_new():
    assert {line.mark for line in unified(compared(None, {"a": 1}))} == {"+"}
