"""People's pages in a browser: keys, tokens, history, projects, and every page at every width."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.actions import credentials
from accounts.models import User
from experiments import demo
from flags.edits import TurnOn
from tests.browser.complaints import Complaints
from tests.servers.live import LiveServer
from tests.world.cast import PASSWORD, World, make_world
from tests.world.factories import make_flag, submit

Door = Callable[[User], Page]
PRODUCTION = "/o/solar-flare/shop/production/"
PAGES = (
    "flags/",
    "flags/quote-form/",
    "segments/",
    "segments/employees/",
    "experiments/",
    "experiments/guided-quote-form/",
    "metrics/",
    "sources/",
    "connected/",
    "keys/",
    "tokens/",
    "audit/",
)


@pytest.fixture
def sunny(live: LiveServer) -> World:
    """The world, with a flag somebody turned on."""
    world = make_world()
    make_flag(world.max.at())
    submit(world.max.at(), "quote-form", TurnOn(), comment="launch day")
    return world


def test_an_admin_makes_a_key_copies_it_and_revokes_it(sunny: World, signed_in: Door) -> None:
    page = signed_in(sunny.ada.user)
    page.goto(sunny.url("keys/"))
    page.get_by_label("Application").fill("Shop")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#new-secret").inner_text()
    assert credentials.sdk_key(secret).label == "Shop"
    expect(page.locator("#snippet")).to_contain_text(secret)
    page.get_by_text("Revoke…").click()
    expect(page.get_by_text("they go on with what they loaded last")).to_be_visible()
    page.get_by_role("button", name="Revoke Shop").click()
    expect(page.get_by_role("row", name="Shop")).to_contain_text("revoked")


def test_a_person_makes_a_token_from_the_menu_under_the_name(sunny: World, signed_in: Door) -> None:
    page = signed_in(sunny.vera.user)
    page.goto(sunny.url("flags/"))
    page.get_by_text("vera@solar.example").click()
    page.get_by_role("link", name="Access tokens").click()
    page.get_by_label("Script").fill("nightly report")
    page.get_by_label("May only read").check()
    page.get_by_role("button", name="Create token").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    secret = page.locator("#new-secret").inner_text()
    assert credentials.token(secret).read_only


def test_the_history_is_filtered_and_a_line_shows_before_and_after(
    sunny: World, signed_in: Door
) -> None:
    page = signed_in(sunny.vera.user)
    page.goto(sunny.url("audit/"))
    page.get_by_label("Act", exact=True).select_option("flag.changed")
    page.get_by_role("button", name="Filter").click()
    row = page.get_by_role("row", name="launch day")
    expect(row).to_contain_text("max@solar.example")
    row.get_by_role("link").first.click()
    expect(page.get_by_text("quote-form.enabled")).to_be_visible()


def test_an_owner_makes_a_project_and_a_bad_key_is_told_beside_its_field(
    sunny: World, signed_in: Door, complaints: Complaints
) -> None:
    # What cannot be accepted comes back as 422, which a browser's console mentions.
    complaints.forgive("422")
    page = signed_in(sunny.olivia.user)
    page.goto("/?all=1")
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name").fill("App")
    page.get_by_label("Key").fill("shop")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_text("There is a project shop already")).to_be_visible()
    page.get_by_label("Key").fill("app")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Flags")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390, 320])
def test_no_page_of_the_demo_is_wider_than_its_window(
    live: LiveServer, signed_in: Door, width: int
) -> None:
    demo.make("sunny-side-up")
    page = signed_in(User.objects.get(email=f"olivia@{demo.DOMAIN}"))
    page.set_viewport_size({"width": width, "height": 900})
    for path in PAGES:
        page.goto(f"{live}{PRODUCTION}{path}")
        expect(page.locator("h1")).to_be_visible()
        wide, room = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= room, f"{path} is {wide} px wide in {room}"
