"""Flags in a real browser: made, switched, targeted, explained, rolled back."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from flags import queries
from flags.edits import SetFallthrough, TurnOff, TurnOn
from flags.models import SdkConnection
from tests.browser.complaints import Complaints
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import add_rule, make_flag, make_rule, submit

Door = Callable[[User], Page]


@pytest.fixture
def sunny(live: LiveServer) -> World:
    """The world, in the database the running application reads."""
    return make_world()


def state(world: World, key: str = "quote-form") -> queries.FlagInEnvironment:
    return queries.flag(world.max.at(), key)


def test_a_flag_is_made_with_three_inputs_and_switched_on(sunny: World, signed_in: Door) -> None:
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/"))
    page.get_by_role("link", name="New flag").first.click()
    page.get_by_label("Name", exact=True).press_sequentially("Short form")
    expect(page.locator("#id_key")).to_have_value("short-form")
    page.get_by_role("button", name="Create flag").click()
    expect(page.locator("h1")).to_have_text("Short form")
    expect(page.locator(".sentence")).to_have_text("Off in Production: everyone gets off.")
    page.get_by_role("button", name="short-form in Production").click()
    expect(page.locator(".sentence")).to_have_text("On in Production: everyone gets on.")
    expect(page.get_by_text(re.compile(r"Saved as version \d+, announced"))).to_be_visible()
    assert state(sunny, "short-form").state.enabled


def test_typing_filters_the_list_and_a_key_typed_by_hand_is_kept(
    sunny: World, signed_in: Door
) -> None:
    for key in ("quote-form", "roof-upload"):
        make_flag(sunny.max.at(), key)
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/"))
    page.get_by_role("searchbox").press_sequentially("roof")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=roof"))
    page.goto(sunny.url("new-flag/"))
    page.locator("#id_key").fill("mine")
    page.get_by_label("Name", exact=True).press_sequentially("Another name")
    page.wait_for_timeout(400)
    expect(page.locator("#id_key")).to_have_value("mine")


def test_the_switch_in_the_list_changes_its_row_and_nothing_else(
    sunny: World, signed_in: Door
) -> None:
    make_flag(sunny.max.at(), "quote-form")
    make_flag(sunny.max.at(), "roof-upload")
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/"))
    page.get_by_role("button", name="quote-form in Production").click()
    row = page.locator("tbody tr").filter(has_text="quote-form")
    expect(row.locator(".pill-on")).to_have_count(1)
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody .pill-on")).to_have_count(1)


def test_a_switch_that_comes_too_late_shows_the_fresh_row(
    sunny: World, signed_in: Door, complaints: Complaints
) -> None:
    make_flag(sunny.max.at(), "quote-form", on=True)
    complaints.forgive("409")
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/"))
    submit(sunny.ada.at(), "quote-form", TurnOff())
    page.get_by_role("button", name="quote-form in Production").click()
    expect(page.get_by_text("ada@solar.example: Turn off")).to_be_visible()
    expect(page.locator("tbody .pill-on")).to_have_count(0)
    page.get_by_role("button", name="quote-form in Production").click()
    expect(page.locator("tbody .pill-on")).to_have_count(1)


def test_a_rule_is_written_moved_and_rolled_out(sunny: World, signed_in: Door) -> None:
    make_flag(sunny.max.at(), "quote-form")
    submit(sunny.max.at(), "quote-form", TurnOn(), SetFallthrough("off"))
    add_rule(sunny.max.at(), "quote-form", make_rule())
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/quote-form/"))
    page.get_by_role("link", name="Add rule").click()
    page.locator("#id_clause-0-attribute").fill("plan")
    page.locator("#id_clause-0-values").fill("pro, team")
    page.get_by_role("button", name="Add condition").click()
    page.locator("#id_clause-1-attribute").fill("appVersion")
    page.locator("#id_clause-1-op").select_option("semver_gte")
    page.locator("#id_clause-1-values").fill("2.1")
    expect(page.locator("#id_clause-0-values")).to_have_value("pro, team")
    page.locator("#id_share").fill("25")
    page.get_by_role("button", name="Save in Production").click()
    cards = page.locator(".rule")
    expect(cards).to_have_count(2)
    expect(cards.nth(1)).to_contain_text("is at least version")
    page.get_by_role("button", name="Move up 2").click()
    expect(cards.nth(0)).to_contain_text("appVersion")
    cards.nth(0).get_by_role("button", name="50 %").click()
    cards.nth(0).get_by_role("button", name="Save rollout in Production").click()
    expect(page.locator(".rule").nth(0)).to_contain_text("50 %")
    assert state(sunny).state.rules[0].allocation is not None
    page.get_by_role("button", name="Remove rule 1").click()
    page.get_by_role("button", name="Remove in Production").click()
    expect(cards).to_have_count(1)


def test_a_panel_becomes_its_form_and_a_split_shows_its_shares(
    sunny: World, signed_in: Door
) -> None:
    make_flag(sunny.max.at(), "quote-form")
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/quote-form/"))
    page.get_by_role("link", name="Edit what everyone else gets").click()
    expect(page.get_by_label("Split by")).to_be_hidden()
    page.get_by_label("a split").check()
    page.locator("#id_weight-0").fill("30")
    page.locator("#id_weight-1").fill("70")
    page.get_by_role("button", name="Save in Production").click()
    expect(page.get_by_text("a split by user").last).to_be_visible()
    serve = state(sunny).state.fallthrough
    assert not isinstance(serve, str)
    assert serve.weights == (("on", 30_000), ("off", 70_000))


def test_the_page_explains_an_answer_step_by_step(sunny: World, signed_in: Door) -> None:
    make_flag(sunny.max.at(), "quote-form")
    submit(sunny.max.at(), "quote-form", TurnOn(), SetFallthrough("off"))
    add_rule(sunny.max.at(), "quote-form", make_rule(share=100_000))
    page = signed_in(sunny.vera.user)
    page.goto(sunny.url("flags/quote-form/why"))
    page.locator("#id_context").fill('{"userId": "u-1", "country": "FR"}')
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".trace")).to_contain_text('country is one of "DE": it is "FR"')
    expect(page.locator("#why .sentence")).to_contain_text("this user gets off")


def test_an_earlier_state_is_brought_back_from_the_history(sunny: World, signed_in: Door) -> None:
    make_flag(sunny.max.at(), "quote-form", on=True)
    submit(sunny.ada.at(), "quote-form", TurnOff(), comment="Too many calls")
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/quote-form/history"))
    expect(page.get_by_text("Too many calls")).to_be_visible()
    page.get_by_role("link", name="Roll back to this").click()
    page.get_by_label("Reason").fill("The phones are quiet again")
    page.get_by_role("button", name="Roll back in Production").click()
    expect(page.locator(".sentence")).to_contain_text("On in Production")
    assert state(sunny).state.enabled


def test_the_panel_shows_within_a_second_who_confirmed_the_change(
    sunny: World, signed_in: Door
) -> None:
    make_flag(sunny.max.at(), "quote-form")
    version = queries.head_version(sunny.production)[1]
    now = timezone.now()
    # Seen in the future: no process holds this socket, so none may take it for gone meanwhile.
    row = SdkConnection.objects.create(
        id=uuid4(),
        environment=sunny.production,
        app="shop",
        sdk="python",
        epoch=1,
        version=version,
        connected_at=now,
        seen_at=now + timedelta(minutes=5),
    )
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/quote-form/"))
    expect(page.get_by_text(f"1 SDK connected, at version {version}.")).to_be_visible()
    page.get_by_role("button", name="quote-form in Production").click()
    expect(page.get_by_text(f"0 of 1 SDKs confirmed version {version + 1}.")).to_be_visible()
    row.version = version + 1
    row.save()
    expect(page.get_by_text(f"1 SDK connected, at version {version + 1}.")).to_be_visible(
        timeout=2_500
    )


def test_archiving_asks_first(sunny: World, signed_in: Door) -> None:
    make_flag(sunny.max.at(), "quote-form")
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("flags/quote-form/settings"))
    page.get_by_role("button", name="Archive…").click()
    page.get_by_role("button", name="Cancel").click()
    assert not state(sunny).definition.archived
    page.get_by_role("button", name="Archive…").click()
    page.get_by_role("button", name="Archive everywhere").click()
    expect(page.locator(".sentence")).to_contain_text("Archived: SDKs are not served this flag")
    assert state(sunny).definition.archived
