"""Segments in a real browser: groups of conditions grow and go without losing what was typed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from flags import queries
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_segment

Door = Callable[[User], Page]


@pytest.fixture
def sunny(live: LiveServer) -> World:
    """The world, in the database the running application reads."""
    return make_world()


def test_a_segment_of_two_groups_is_made(sunny: World, signed_in: Door) -> None:
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("segments/"))
    page.get_by_role("link", name="New segment").first.click()
    page.get_by_label("Name", exact=True).fill("Beta testers")
    page.get_by_role("button", name="Add group").click()
    page.locator("#id_clause-0-attribute").fill("country")
    page.locator("#id_clause-0-values").fill("DE")
    page.get_by_role("button", name="Add group").click()
    page.locator("#id_clause-1-attribute").fill("email")
    page.locator("#id_clause-1-op").select_option("ends_with")
    page.locator("#id_clause-1-values").fill("@solar.example")
    expect(page.locator("#id_clause-0-values")).to_have_value("DE")
    page.get_by_label("Always in").fill("u-1\nu-2")
    page.get_by_role("button", name="Create segment").click()
    expect(page.locator("h1")).to_have_text("Beta testers")
    expect(page.locator(".rule")).to_have_count(2)
    made = queries.segment(sunny.max.at(), "beta-testers").definition.segment
    assert made.included == ("u-1", "u-2")
    assert [len(group) for group in made.rules] == [1, 1]


def test_a_condition_is_dropped_and_the_rest_stays(sunny: World, signed_in: Door) -> None:
    make_segment(sunny.max.at(), "beta")
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("segments/beta/edit"))
    for _twice in range(2):
        page.get_by_role("button", name="Add group").click()
    page.locator("#id_clause-1-attribute").fill("plan")
    page.locator("#id_clause-1-values").fill("pro")
    page.get_by_role("button", name="Drop").first.click()
    expect(page.locator(".clause")).to_have_count(1)
    expect(page.locator("#id_clause-0-attribute")).to_have_value("plan")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".rule")).to_contain_text("plan")
    assert queries.segment(sunny.max.at(), "beta").version == 2


def test_a_segment_is_archived_after_a_question(sunny: World, signed_in: Door) -> None:
    make_segment(sunny.max.at(), "beta")
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("segments/beta/"))
    page.get_by_role("button", name="Archive…").click()
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.get_by_text("archived", exact=True)).to_be_visible()
    assert queries.segment(sunny.max.at(), "beta").definition.archived


def test_an_earlier_version_is_brought_back_from_the_history(sunny: World, signed_in: Door) -> None:
    make_segment(sunny.max.at(), "beta")
    page = signed_in(sunny.max.user)
    page.goto(sunny.url("segments/beta/edit"))
    page.get_by_label("Always in").fill("u-7")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.locator("article")).to_have_count(2)
    page.get_by_role("link", name="Roll back to this").click()
    expect(page.locator("ins")).to_have_text("u-1")
    page.get_by_label("Reason").fill("The wrong people")
    page.get_by_role("button", name="Roll back in all environments").click()
    expect(page.get_by_text("Saved and announced")).to_be_visible()
    assert queries.segment(sunny.max.at(), "beta").definition.segment.included == ("u-1",)
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.get_by_text("The wrong people")).to_be_visible()
    page.get_by_role("link", name="Audit history").last.click()
    expect(page.get_by_role("table")).to_contain_text("rolled back segment")
