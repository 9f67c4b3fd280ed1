"""The flags list and each flag's page, as different people meet them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flags import changes, queries
from flags.edits import (
    ArchiveFlag,
    AssignUnits,
    EditKind,
    RemoveRule,
    SetFallthrough,
    SetReviewRules,
    TurnOff,
    TurnOn,
)
from flags.models import SdkConnection, Snapshot
from flags.queries import FlagInEnvironment
from tests.world.cast import World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Allocation, Rule, Split

HTMX = {"HX-Request": "true"}


@pytest.fixture
def flag(world: World) -> FlagInEnvironment:
    make_flag(world.max.at(), "quote-form", tags=("sales",))
    return queries.flag(world.max.at(), "quote-form")


def state(
    world: World, environment: str = "production", key: str = "quote-form"
) -> FlagInEnvironment:
    return queries.flag(world.max.at(environment), key)


def allocation_of(rule: Rule) -> Allocation:
    assert rule.allocation is not None
    return rule.allocation


def archive(world: World, key: str) -> None:
    _definition, version = queries.flag_definition(world.max.at(), key)
    changes.submit(
        world.max.at(), changes.definition(key), [ArchiveFlag()], expected_version=version
    )


# --- the list


def test_the_list_shows_every_flag_with_a_pill_per_environment(world, flag):
    submit(world.max.at("staging"), "quote-form", TurnOn())
    page = world.vera.client.get(world.url("flags/")).content.decode()
    assert "Quote form" in page
    assert page.count('class="pill pill-off') == 2
    assert page.count('class="pill pill-on') == 1


def test_an_empty_list_offers_to_make_a_flag(world):
    page = world.max.client.get(world.url("flags/")).content.decode()
    assert "No flags yet." in page
    assert world.url("new-flag/") in page


def test_an_empty_list_offers_a_viewer_no_button(world):
    for path in ("flags/", "segments/"):
        page = world.vera.client.get(world.url(path)).content.decode()
        assert "btn-primary" not in page


def test_a_viewer_is_not_offered_what_a_viewer_may_not_do(world, flag):
    page = world.vera.client.get(world.url("flags/")).content.decode()
    assert "New flag" not in page
    assert "disabled" in page


def test_search_finds_words_in_key_name_and_description(world, flag):
    make_flag(world.max.at(), "roof-upload", description="Pictures of the roof")
    client = world.max.client
    for words in ("roof pictures", "upload"):
        rows = client.get(world.url("flags/"), {"q": words}, headers=HTMX).content.decode()
        assert "roof-upload" in rows
        assert "quote-form" not in rows
        assert "<html" not in rows
    assert "No flag fits." in client.get(world.url("flags/"), {"q": "xyz"}).content.decode()


def test_a_tag_cuts_the_list(world, flag):
    make_flag(world.max.at(), "roof-upload")
    page = world.max.client.get(world.url("flags/"), {"tag": "sales"}).content.decode()
    assert "quote-form" in page
    assert "roof-upload" not in page


def test_archived_flags_are_listed_apart(world, flag):
    archive(world, "quote-form")
    client = world.max.client
    assert "quote-form" not in client.get(world.url("flags/")).content.decode()
    assert "quote-form" in client.get(world.url("flags/"), {"archived": "1"}).content.decode()


def test_a_long_list_is_cut_into_pages(world, monkeypatch):
    monkeypatch.setattr("flags.views.flags.PAGE_SIZE", 2)
    for name in "abc":
        make_flag(world.max.at(), f"flag-{name}")
    first = world.max.client.get(world.url("flags/")).content.decode()
    assert "flag-b" in first
    assert "flag-c" not in first
    second = world.max.client.get(world.url("flags/"), {"from": "2"}).content.decode()
    assert "flag-c" in second
    assert "flag-b" not in second


def test_the_list_asks_the_database_as_often_for_many_flags_as_for_one(world):
    client = world.vera.client
    make_flag(world.max.at(), "flag-0", on=True)
    client.get(world.url("flags/"))
    with CaptureQueriesContext(connection) as of_one:
        client.get(world.url("flags/"))
    for number in range(1, 12):
        make_flag(world.max.at(), f"flag-{number}", on=True)
    with CaptureQueriesContext(connection) as of_many:
        assert client.get(world.url("flags/")).status_code == 200
    assert len(of_many) == len(of_one)


def test_the_switch_in_the_list_turns_a_flag_on_and_answers_with_its_row(world, flag):
    form = {"on": "true", "expected_version": flag.version}
    answer = world.max.client.post(world.url("flags/quote-form/switch-row"), form, headers=HTMX)
    assert answer.status_code == 200
    assert answer.content.decode().lstrip().startswith("<tr>")
    assert "pill-on" in answer.content.decode()
    assert "announced" in answer.content.decode()
    assert state(world).state.enabled


def test_a_switch_that_comes_too_late_shows_who_was_faster_and_changes_nothing(world, flag):
    submit(world.ada.at(), "quote-form", TurnOn())
    submit(world.ada.at(), "quote-form", TurnOff())
    form = {"on": "true", "expected_version": "1"}
    answer = world.max.client.post(world.url("flags/quote-form/switch-row"), form, headers=HTMX)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "ada@solar.example: Turn off" in page
    assert 'name="expected_version" value="2"' in page
    assert not state(world).state.enabled


def test_a_state_first_touched_by_somebody_else_is_a_clash_too(world, flag):
    submit(world.ada.at(), "quote-form", TurnOn())
    answer = world.max.client.post(
        world.url("flags/quote-form/switch"), {"on": "false", "expected_version": "0"}, headers=HTMX
    )
    assert answer.status_code == 409
    assert state(world).state.enabled


def test_a_viewer_cannot_switch_a_flag(world, flag):
    form = {"on": "true", "expected_version": flag.version}
    for path in ("switch", "switch-row"):
        answer = world.vera.client.post(world.url(f"flags/quote-form/{path}"), form)
        assert answer.status_code == 403
    assert not state(world).state.enabled


@pytest.mark.parametrize(
    "path",
    [
        "flags/",
        "new-flag/",
        "flags/quote-form/",
        "flags/quote-form/history",
        "flags/quote-form/settings",
        "flags/quote-form/why",
        "segments/",
        "connected/",
        "connected/panel",
    ],
)
def test_outsiders_find_nothing_here(world, flag, path):
    for person in (world.mia, world.stan):
        assert person.client.get(world.url(path)).status_code == 404


# --- making one


def test_a_boolean_flag_takes_a_name_and_is_off_everywhere(world):
    form = {"expected_version": "0", "name": "Short form", "key": "", "type": "boolean"}
    answer = world.max.client.post(world.url("new-flag/"), form)
    assert answer.status_code == 303
    assert answer.url == world.url("flags/short-form/")
    made = state(world, key="short-form")
    assert dict(made.definition.variations) == {"on": True, "off": False}
    assert not made.state.enabled


def test_a_number_flag_takes_its_variations(world):
    form = {
        "expected_version": "0",
        "name": "Price",
        "key": "price",
        "type": "integer",
        "tags": "sales, Mobile",
        "client_side": "on",
        "variations": "3",
        "variation-0-name": "low",
        "variation-0-value": "9",
        "variation-1-name": "high",
        "variation-1-value": "12",
    }
    assert world.max.client.post(world.url("new-flag/"), form).status_code == 303
    made = state(world, key="price").definition
    assert dict(made.variations) == {"low": 9, "high": 12}
    assert (made.off, made.fallthrough, made.client_side) == ("low", "high", True)
    assert made.tags == ("mobile", "sales")


def test_a_value_of_the_wrong_type_comes_back_with_a_sentence_and_nothing_lost(world):
    form = {
        "expected_version": "0",
        "name": "Price",
        "type": "integer",
        "variations": "2",
        "variation-0-name": "low",
        "variation-0-value": "nine",
    }
    answer = world.max.client.post(world.url("new-flag/"), form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Write a whole number" in page
    assert "nine</textarea>" in page
    assert 'value="Price"' in page


def test_one_more_variation_can_be_asked_for_without_losing_what_was_typed(world):
    form = {"name": "Price", "type": "string", "variations": "2", "reshape": "add"}
    form["variation-0-name"] = "low"
    page = world.max.client.post(world.url("new-flag/"), form).content.decode()
    assert 'name="variation-2-name"' in page
    assert 'value="low"' in page


def test_a_key_that_is_taken_is_refused(world, flag):
    form = {"expected_version": "0", "name": "Again", "key": "Quote-Form", "type": "boolean"}
    answer = world.max.client.post(world.url("new-flag/"), form)
    assert answer.status_code == 409
    assert "is taken" in answer.content.decode()


def test_the_key_follows_the_name_until_somebody_types_one(world):
    client = world.max.client
    ask = {"name": "Short form", "key": "", "suggested": ""}
    answer = client.get(world.url("new-flag/key"), ask, headers=HTMX)
    assert 'value="short-form"' in answer.content.decode()
    mine = {**ask, "key": "my-key"}
    assert client.get(world.url("new-flag/key"), mine, headers=HTMX).status_code == 204


def test_a_viewer_cannot_make_a_flag(world):
    form = {"expected_version": "0", "name": "Short form", "type": "boolean"}
    assert world.vera.client.get(world.url("new-flag/")).status_code == 403
    assert world.vera.client.post(world.url("new-flag/"), form).status_code == 403
    assert not Snapshot.across_tenants.exists()


# --- its page


def test_the_page_opens_with_a_sentence(world, flag):
    submit(world.max.at(), "quote-form", TurnOn(), SetFallthrough("off"))
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    page = world.vera.client.get(world.url("flags/quote-form/")).content.decode()
    assert "On in Production: 25 % of those whose country is one of DE get" in page


def test_the_switch_on_the_page_says_which_version_was_announced(world, flag):
    form = {"on": "true", "expected_version": flag.version}
    client = world.max.client
    answer = client.post(world.url("flags/quote-form/switch"), form, follow=True)
    newest = queries.head_version(world.production)[1]
    assert f"Saved as version {newest}, announced." in answer.content.decode()


def test_the_state_of_the_other_environments_stands_beside(world, flag):
    submit(world.max.at("staging"), "quote-form", TurnOn())
    page = world.vera.client.get(world.url("flags/quote-form/")).content.decode()
    assert world.url("flags/quote-form/", "staging") in page


def test_a_flag_that_is_not_there_is_not_found(world):
    assert world.max.client.get(world.url("flags/nothing/")).status_code == 404


def test_a_viewer_reads_the_page_without_any_button_that_changes(world, flag):
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    page = world.vera.client.get(world.url("flags/quote-form/")).content.decode()
    for words in ("Add rule", "Save rollout", "Remove", "Edit"):
        assert words not in page


# --- what it serves


def serving(**fields: object) -> dict[str, object]:
    return {"serve": "on", "off": "off", "unit": "user", **fields}


def test_a_split_for_everyone_else_is_saved_with_its_weights(world, flag):
    form = serving(expected_version=flag.version, serve=":split")
    form |= {"weight-0": "30", "weight-1": "70", "comment": "careful"}
    answer = world.max.client.post(world.url("flags/quote-form/serving"), form)
    assert answer.status_code == 303
    split = state(world).state.fallthrough
    assert isinstance(split, Split)
    assert split.weights == (("on", 30_000), ("off", 70_000))
    assert queries.history(world.max.at(), "state", "quote-form")[0].comment == "careful"


def test_a_split_keeps_its_people_when_its_weights_change(world, flag):
    before = Split("user", "old-salt", (("on", 50_000), ("off", 50_000)))
    submit(world.max.at(), "quote-form", SetFallthrough(before))
    form = serving(expected_version=state(world).version, serve=":split")
    form |= {"weight-0": "60", "weight-1": "40"}
    world.max.client.post(world.url("flags/quote-form/serving"), form)
    after = state(world).state.fallthrough
    assert isinstance(after, Split)
    assert after.salt == "old-salt"


def test_shares_that_do_not_make_a_hundred_are_refused_beside_the_field(world, flag):
    form = serving(expected_version=flag.version, serve=":split")
    form |= {"weight-0": "30", "weight-1": "60"}
    answer = world.max.client.post(world.url("flags/quote-form/serving"), form)
    assert answer.status_code == 422
    assert "The shares make 90 %, not 100 %." in answer.content.decode()
    assert 'value="60"' in answer.content.decode()


def test_a_stale_form_comes_back_with_both_versions_and_can_be_saved_again(world, flag):
    submit(world.ada.at(), "quote-form", TurnOn())
    submit(world.ada.at(), "quote-form", AssignUnits("user", "on", ("u-1",)))
    form = serving(expected_version="1", serve="off", comment="mine")
    client = world.max.client
    answer = client.post(world.url("flags/quote-form/serving"), form)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "You started from version 1; it is at version 2 now." in page
    assert "ada@solar.example: Assign on to user u-1" in page
    assert 'value="mine"' in page
    assert state(world).state.fallthrough == "on"
    again = client.post(world.url("flags/quote-form/serving"), {**form, "expected_version": "2"})
    assert again.status_code == 303
    assert state(world).state.fallthrough == "off"


RULE = {
    "name": "Germany first",
    "clauses": "2",
    "clause-0-group": "0",
    "clause-0-attribute": "country",
    "clause-0-op": "in",
    "clause-0-values": "DE, FR",
    "clause-1-group": "0",
    "clause-1-attribute": "age",
    "clause-1-op": "gte",
    "clause-1-values": "18",
    "serve": "on",
    "unit": "user",
    "share": "25",
    "share_unit": "user",
}


def test_a_rule_is_added_as_it_reads(world, flag):
    form = {**RULE, "expected_version": flag.version}
    assert world.max.client.post(world.url("flags/quote-form/new-rule"), form).status_code == 303
    (rule,) = state(world).state.rules
    assert [(clause.op, clause.values) for clause in rule.when] == [
        ("in", ("DE", "FR")),
        ("gte", (18,)),
    ]
    assert allocation_of(rule).ranges == ((0, 25_000),)
    page = world.max.client.get(world.url("flags/quote-form/")).content.decode()
    assert "Germany first" in page
    assert '<span class="value">FR</span>' in page


def test_a_rule_with_a_bad_number_is_refused_beside_the_value(world, flag):
    form = {**RULE, "expected_version": flag.version, "clause-1-values": "many"}
    answer = world.max.client.post(world.url("flags/quote-form/new-rule"), form)
    assert answer.status_code == 422
    assert "many is not a number." in answer.content.decode()
    assert state(world).state.rules == ()


def test_a_rule_that_asks_for_no_such_segment_is_refused_naming_the_place(world, flag):
    form = {**RULE, "expected_version": flag.version, "clauses": "1"}
    form |= {"clause-0-op": "in_segment", "clause-0-values": "nobody"}
    answer = world.max.client.post(world.url("flags/quote-form/new-rule"), form)
    assert answer.status_code == 422
    assert "nobody" in answer.content.decode()
    assert state(world).state.rules == ()


def test_a_rule_that_is_changed_keeps_its_people(world, flag):
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    form = {**RULE, "expected_version": state(world).version, "share": "50"}
    answer = world.max.client.post(world.url("flags/quote-form/rules/r1/"), form)
    assert answer.status_code == 303
    (rule,) = state(world).state.rules
    assert allocation_of(rule).salt == "r1.share"
    assert allocation_of(rule).ranges == ((0, 50_000),)


def test_the_form_of_a_rule_shows_what_it_is(world, flag):
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    page = world.max.client.get(world.url("flags/quote-form/rules/r1/"), headers=HTMX)
    text = page.content.decode()
    assert 'value="country"' in text
    assert "DE</textarea>" in text
    assert 'value="25"' in text
    assert "<html" not in text


def test_a_rollout_moves_by_the_slider(world, flag):
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    form = {"expected_version": state(world).version, "share": "50"}
    answer = world.max.client.post(world.url("flags/quote-form/rules/r1/rollout"), form)
    assert answer.status_code == 303
    assert allocation_of(state(world).state.rules[0]).ranges == ((0, 50_000),)


def test_rules_change_places_and_go(world, flag):
    for key in ("a", "b"):
        add_rule(world.max.at(), "quote-form", make_rule(rule_id=key, name=key))
    client = world.max.client
    move = {"expected_version": state(world).version, "to": "up"}
    assert client.post(world.url("flags/quote-form/rules/b/move"), move).status_code == 303
    assert [rule.id for rule in state(world).state.rules] == ["b", "a"]
    gone = {"expected_version": state(world).version}
    assert client.post(world.url("flags/quote-form/rules/b/remove"), gone).status_code == 303
    assert [rule.id for rule in state(world).state.rules] == ["a"]


def test_a_rule_that_somebody_removed_is_not_found(world, flag):
    assert world.max.client.get(world.url("flags/quote-form/rules/zz/")).status_code == 404


def take_out(world: World, rule_id: str = "r1") -> None:
    submit(world.ada.at(), "quote-form", RemoveRule(rule_id))


def test_the_form_of_a_rule_that_somebody_removed_meanwhile_is_kept_and_adds_it_anew(world, flag):
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    form = {**RULE, "expected_version": str(state(world).version), "share": "50"}
    take_out(world)
    address, client = world.url("flags/quote-form/rules/r1/"), world.max.client
    for headers in ({}, HTMX):
        answer = client.post(address, form, headers=headers)
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "You started from version 1; it is at version 2 now." in page
        assert "ada@solar.example: Remove rule" in page
        assert "saving again adds the rule anew" in page
        assert 'value="Germany first"' in page
        assert 'value="50"' in page
    assert state(world).state.rules == ()
    assert client.post(address, {**form, "expected_version": "2"}).status_code == 303
    (rule,) = state(world).state.rules
    assert (rule.id, rule.name) == ("r1", "Germany first")
    # Its people come back into their buckets.
    assert (allocation_of(rule).salt, allocation_of(rule).ranges) == ("r1.share", ((0, 50_000),))


def test_the_rollout_of_a_rule_that_somebody_removed_meanwhile_is_kept(world, flag):
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    form = {"expected_version": str(state(world).version), "share": "50"}
    take_out(world)
    address = world.url("flags/quote-form/rules/r1/rollout")
    answer = world.max.client.post(address, form)
    assert answer.status_code == 409
    assert 'value="50"' in answer.content.decode()
    assert "saving again adds the rule anew" in answer.content.decode()
    again = world.max.client.post(address, {**form, "expected_version": "2"})
    assert again.status_code == 303
    assert allocation_of(state(world).state.rules[0]).ranges == ((0, 50_000),)


@pytest.mark.parametrize("act", ["remove", "move"])
def test_a_press_on_a_rule_that_somebody_removed_meanwhile_says_so(world, flag, act):
    add_rule(world.max.at(), "quote-form", make_rule())
    form = {"expected_version": str(state(world).version), "to": "up", "comment": "mine"}
    take_out(world)
    answer = world.max.client.post(world.url(f"flags/quote-form/rules/r1/{act}"), form)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "ada@solar.example: Remove rule" in page
    assert "there is nothing left to do with it" in page
    assert "mine" in page


def test_a_rule_that_never_was_is_not_found_by_a_form_either(world, flag):
    add_rule(world.max.at(), "quote-form", make_rule())
    form = {**RULE, "expected_version": "1"}
    answer = world.max.client.post(world.url("flags/quote-form/rules/zz/"), form)
    assert answer.status_code == 404


def test_ids_get_a_variation_of_their_own_and_give_it_back(world, flag):
    client, address = world.max.client, world.url("flags/quote-form/assignments")
    form = {"expected_version": flag.version, "unit_type": "user", "unit_ids": "u-1, u-2\nu-3"}
    assert client.post(address, {**form, "variation": "off"}).status_code == 303
    assert dict(state(world).state.assignments["user"]) == dict.fromkeys(
        ("u-1", "u-2", "u-3"), "off"
    )
    form |= {"expected_version": state(world).version, "unit_ids": "u-1"}
    assert client.post(address, {**form, "variation": ":remove"}).status_code == 303
    one = {"expected_version": state(world).version, "unit": "user", "id": "u-2"}
    assert client.post(world.url("flags/quote-form/unassign"), one).status_code == 303
    assert dict(state(world).state.assignments["user"]) == {"u-3": "off"}


def test_a_flag_may_need_another_one_but_not_itself(world, flag):
    make_flag(world.max.at(), "parent")
    address = world.url("flags/quote-form/requirements")
    form = {
        "expected_version": flag.version,
        "needed-0-flag": "parent",
        "needed-0-variations": "on",
    }
    assert world.max.client.post(address, form).status_code == 303
    (needed,) = state(world).state.prerequisites
    assert (needed.flag, needed.variations) == ("parent", ("on",))
    form |= {"expected_version": state(world).version, "needed-1-flag": "quote-form"}
    answer = world.max.client.post(address, {**form, "needed-1-variations": "on"})
    assert answer.status_code == 422
    assert len(state(world).state.prerequisites) == 1


@pytest.mark.parametrize(
    "path",
    ["serving", "new-rule", "assignments", "requirements", "describe", "new-variation"],
)
def test_a_viewer_gets_no_form_that_changes(world, flag, path):
    client = world.vera.client
    assert client.get(world.url(f"flags/quote-form/{path}")).status_code == 403
    assert client.post(world.url(f"flags/quote-form/{path}"), {}).status_code == 403


# --- why


def test_the_page_tells_why_somebody_gets_what_they_get(world, flag):
    submit(world.max.at(), "quote-form", TurnOn(), SetFallthrough("off"))
    add_rule(world.max.at(), "quote-form", make_rule(share=100_000))
    form = {"context": '{"userId": "u-1", "country": "DE"}'}
    page = world.vera.client.post(world.url("flags/quote-form/why"), form).content.decode()
    assert "this user gets <strong>on</strong>" in page
    assert "TARGETING_MATCH" in page
    assert "0 to 100,000" in page


def test_a_lone_id_is_enough_and_says_what_is_missing(world, flag):
    submit(world.max.at(), "quote-form", TurnOn(), SetFallthrough("off"))
    add_rule(world.max.at(), "quote-form", make_rule())
    form = {"context": "u-1", "unit": "user"}
    page = world.vera.client.post(world.url("flags/quote-form/why"), form, headers=HTMX)
    text = page.content.decode()
    assert "it is missing" in text
    assert "this user gets <strong>off</strong>" in text


def test_a_context_that_is_no_json_comes_back_with_a_sentence(world, flag):
    answer = world.vera.client.post(world.url("flags/quote-form/why"), {"context": "{oops"})
    assert answer.status_code == 422
    assert "This is not JSON" in answer.content.decode()
    assert "{oops" in answer.content.decode()


# --- history


def test_the_history_says_who_changed_what_and_why(world, flag):
    submit(world.ada.at(), "quote-form", TurnOn(), comment="Launch day")
    page = world.vera.client.get(world.url("flags/quote-form/history")).content.decode()
    assert "Turn on" in page
    assert "ada@solar.example" in page
    assert "Launch day" in page
    assert "Create flag quote-form" in page


def test_an_earlier_state_comes_back_with_a_reason(world, flag):
    submit(world.max.at(), "quote-form", TurnOn())
    submit(world.max.at(), "quote-form", TurnOff())
    was_on = queries.history(world.max.at(), "state", "quote-form")[1]
    address = world.url(f"flags/quote-form/history/{was_on.id}/roll-back")
    client = world.max.client
    assert client.get(address).status_code == 200
    assert client.post(address, {"reason": ""}).status_code == 422
    assert not state(world).state.enabled
    assert client.post(address, {"reason": "It was better"}).status_code == 303
    assert state(world).state.enabled
    assert queries.history(world.max.at(), "state", "quote-form")[0].comment == "It was better"


def test_a_viewer_cannot_roll_back(world, flag):
    submit(world.max.at(), "quote-form", TurnOn())
    change = queries.history(world.max.at(), "state", "quote-form")[0]
    address = world.url(f"flags/quote-form/history/{change.id}/roll-back")
    assert world.vera.client.post(address, {"reason": "no"}).status_code == 403


# --- variations and settings


def test_a_flag_is_described_anew_without_any_new_snapshot(world, flag):
    _definition, version = queries.flag_definition(world.max.at(), "quote-form")
    form = {"expected_version": version, "name": "Quote", "stage": "release", "tags": "sales"}
    before = Snapshot.across_tenants.count()
    answer = world.max.client.post(world.url("flags/quote-form/describe"), form)
    assert answer.status_code == 303
    assert state(world).definition.name == "Quote"
    assert Snapshot.across_tenants.count() == before


def test_variations_come_change_and_go(world):
    make_flag(
        world.max.at(),
        "price",
        type="integer",
        variations={"low": 1, "high": 2},
        off="low",
        fallthrough="high",
    )
    client = world.max.client

    def version() -> int:
        return queries.flag_definition(world.max.at(), "price")[1]

    def variations() -> dict[str, object]:
        return dict(state(world, key="price").definition.variations)

    add = {"expected_version": version(), "variation": "top", "value": "3"}
    assert client.post(world.url("flags/price/new-variation"), add).status_code == 303
    assert variations()["top"] == 3
    change = {"expected_version": version(), "value": "4"}
    assert client.post(world.url("flags/price/variations/top/"), change).status_code == 303
    assert variations()["top"] == 4
    gone = {"expected_version": version()}
    assert client.post(world.url("flags/price/variations/top/remove"), gone).status_code == 303
    assert "top" not in variations()


def test_a_flag_is_archived_and_brought_back(world, flag):
    client = world.max.client
    form = {"expected_version": flag.definition_version}
    assert client.post(world.url("flags/quote-form/archive"), form).status_code == 303
    assert state(world).definition.archived
    page = client.get(world.url("flags/quote-form/")).content.decode()
    assert "Archived: SDKs are not served this flag any more" in page
    form = {"expected_version": state(world).definition_version}
    assert client.post(world.url("flags/quote-form/restore"), form).status_code == 303
    assert not state(world).definition.archived


# --- connected SDKs


def connect(world: World, *, version: int, app: str = "shop", **fields: Any) -> None:
    now = timezone.now()
    given = {"epoch": 1, "sdk": "python 1.0", "connected_at": now, "seen_at": now, "acked_at": now}
    SdkConnection.objects.create(
        id=uuid4(), environment=world.production, app=app, version=version, **{**given, **fields}
    )


def test_the_panel_counts_who_confirmed_the_newest_version(world, flag):
    newest = queries.head_version(world.production)[1]
    panel = world.url("connected/panel")
    assert "No SDK is connected" in world.vera.client.get(panel).content.decode()
    connect(world, version=newest)
    text = world.vera.client.get(panel).content.decode()
    assert f"1 SDK connected, at version {newest}." in text
    connect(world, version=newest - 1)
    text = world.vera.client.get(panel).content.decode()
    assert f"1 of 2 SDKs confirmed version {newest}." in text


def test_the_table_tells_who_lags_and_forgets_who_is_gone(world, flag):
    newest = queries.head_version(world.production)[1]
    connect(world, version=newest, app="up-to-date")
    connect(world, version=newest - 1, app="laggard", last_error="checksum")
    connect(world, version=1, app="gone", seen_at=timezone.now() - timedelta(minutes=5))
    page = world.vera.client.get(world.url("connected/")).content.decode()
    assert "1 version behind" in page
    assert "checksum" in page
    assert "gone" not in page
    behind = world.vera.client.get(world.url("connected/"), {"show": "behind"}).content.decode()
    assert "laggard" in behind
    assert "up-to-date" not in behind


def test_the_pages_of_one_organization_never_show_the_segments_of_another(world, flag):
    make_segment(world.stan.at(), "strangers")
    page = world.max.client.get(world.url("segments/")).content.decode()
    assert "strangers" not in page


# --- review, and input nobody meant


def test_where_review_is_asked_for_a_change_waits_and_the_page_says_so(world, flag):
    ask = changes.Target(EditKind.POLICY, "production")
    changes.submit(world.ada.at(), ask, [SetReviewRules(1)], expected_version=0)
    form = {"on": "true", "expected_version": flag.version}
    client = world.max.client
    answer = client.post(world.url("flags/quote-form/switch"), form, headers=HTMX)
    assert answer.status_code == 200
    assert "Sent for review as #1." in answer.content.decode()
    assert not state(world).state.enabled
    page = client.get(world.url("flags/quote-form/history")).content.decode()
    assert "waits for review" in page


def test_a_stale_rollout_comes_back_with_the_share_that_was_chosen(world, flag):
    add_rule(world.max.at(), "quote-form", make_rule(share=25_000))
    submit(world.ada.at(), "quote-form", TurnOn())
    form = {"expected_version": "1", "share": "50"}
    answer = world.max.client.post(world.url("flags/quote-form/rules/r1/rollout"), form)
    assert answer.status_code == 409
    assert 'value="50"' in answer.content.decode()
    assert allocation_of(state(world).state.rules[0]).ranges == ((0, 25_000),)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("new-flag/", {"name": "x", "type": "json", "variations": "²", "reshape": "add"}),
        (
            "new-flag/",
            {
                "expected_version": "0",
                "name": "x",
                "type": "json",
                "variations": "1",
                "variation-0-name": "a",
                "variation-0-value": '"\\ud800"',
            },
        ),
        (
            "new-flag/",
            {
                "expected_version": "0",
                "name": "x",
                "type": "string",
                "variations": "1",
                "variation-0-name": "a/b",
                "variation-0-value": "v",
            },
        ),
        ("flags/quote-form/why", {"context": '{"userId": "\\ud800"}'}),
        ("flags/quote-form/why", {"context": "[" * 3000}),
        ("flags/quote-form/why", {"context": '{"userId": ' + "[" * 3000}),
        ("flags/quote-form/new-rule", {**RULE, "clauses": "-1", "reshape": "drop:x"}),
        ("flags/quote-form/new-rule", {**RULE, "expected_version": "0", "clause-1-values": "inf"}),
        (
            "flags/quote-form/new-rule",
            {**RULE, "expected_version": "0", "clause-1-op": "after", "clause-1-values": "²"},
        ),
        (
            "flags/quote-form/new-rule",
            {**RULE, "expected_version": "0", "clause-1-op": "matches", "clause-1-values": "(a+)+"},
        ),
        ("flags/quote-form/serving", {"expected_version": "0", "serve": "nothing", "off": "x"}),
        ("flags/quote-form/requirements", {"expected_version": "x", "needed-0-flag": "\x07"}),
        ("flags/quote-form/switch", {"expected_version": "9" * 5000}),
    ],
)
def test_nonsense_is_answered_with_a_form_or_a_refusal(world, flag, path, form):
    answer = world.max.client.post(world.url(path), form)
    assert answer.status_code in {200, 409, 422}
    assert state(world).version == 0


def test_operators_may_look_at_changes_but_not_touch_them(world, flag, admin_client):
    for name in ("change", "snapshot", "snapshothead", "sdkconnection"):
        assert admin_client.get(f"/admin/flags/{name}/", {"q": "quote"}).status_code == 200
        assert admin_client.get(f"/admin/flags/{name}/add/").status_code == 403
    change = queries.history(world.max.at(), "definition", "quote-form")[0]
    assert admin_client.get(f"/admin/flags/change/{change.pk}/change/").status_code == 200
    assert admin_client.post(f"/admin/flags/change/{change.pk}/delete/").status_code == 403
