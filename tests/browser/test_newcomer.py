"""What the README promises a newcomer: four steps in a browser, and an application that follows."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from experiments import demo
from tests.journeys.people import application, until
from tests.servers.live import LiveServer
from wayfork import Client

PASSWORD = "sunny-side-up"
PRODUCTION = "/o/solar-flare/shop/production/"
REASON = "More quotes, and nothing got worse"
# What the README says: before you have looked up.
PROMISED_SECONDS = 1.0
VISITORS = 400


@pytest.fixture
def solar_flare(live: LiveServer) -> demo.Demo:
    """The demo, as `make run` seeds it."""
    return demo.make(PASSWORD)


@pytest.fixture
def shop(live: LiveServer, solar_flare: demo.Demo) -> Iterator[Client]:
    """The shop's application, with the key that the terminal prints."""
    with application(live, solar_flare.keys["production"]["server"]) as app:
        until(lambda: app.status().state == "streaming")
        yield app


def forms(shop: Client) -> set[str]:
    """Which forms the shop's visitors see at this moment."""
    return {shop.string("quote-form", "none", {"userId": f"v-{n}"}) for n in range(VISITORS)}


def chats(shop: Client) -> set[bool]:
    """Whether the shop's visitors are offered a chat at this moment."""
    return {shop.bool("support-chat", False, {"userId": f"v-{n}"}) for n in range(VISITORS)}


def _follows(shop: Client, offers: set[bool]) -> None:
    until(lambda: chats(shop) == offers)


def sign_in(page: Page, solar_flare: demo.Demo) -> None:
    page.goto("/")
    page.get_by_label("Email").fill(solar_flare.email)
    page.get_by_label("Password").fill(solar_flare.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Web shop").click()
    expect(page.get_by_role("heading", name="Flags")).to_be_visible()


def test_a_newcomer_flips_a_flag_and_sees_it_arrive(
    page: Page, solar_flare: demo.Demo, shop: Client
) -> None:
    sign_in(page, solar_flare)
    page.get_by_role("link", name="Support chat").click()
    switch = page.get_by_role("button", name="support-chat in Production")
    assert chats(shop) == {True, False}
    for state, offers in (("Off", {False}), ("On", {True, False})):
        before = shop.status().version or 0
        clicked = time.monotonic()
        switch.click()
        _follows(shop, offers)
        assert time.monotonic() - clicked < PROMISED_SECONDS
        expect(switch).to_contain_text(state)
        told = f"1 SDK connected, at version {before + 1}"
        expect(page.locator("#connected")).to_contain_text(told)
    page.get_by_role("link", name="Connected SDKs").first.click()
    expect(page.get_by_role("row").filter(has_text="journey")).to_contain_text("up to date")


def test_a_newcomer_decides_an_experiment_and_takes_it_back(
    page: Page, solar_flare: demo.Demo, shop: Client, tasks_at_once: None
) -> None:
    sign_in(page, solar_flare)
    assert forms(shop) == {"classic", "guided"}

    page.get_by_role("link", name="Experiments").click()
    page.get_by_role("link", name="Guided quote form", exact=True).click()
    expect(page.get_by_role("heading", name="Units over time")).to_be_visible()
    expect(page.get_by_text("Ship guided: Quote requests").first).to_be_visible()
    page.get_by_role("button", name="Run the analysis again").click()
    expect(page.get_by_text("The analysis has run.")).to_be_visible()
    page.reload()
    stored = page.get_by_role("region", name="Stored results").get_by_role("listitem")
    expect(stored).to_have_count(2)

    page.get_by_role("radio", name="Ship guided").check()
    page.locator("#id_reason").fill(REASON)
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_text("Shipped guided.")).to_be_visible()
    until(lambda: forms(shop) == {"guided"})

    page.get_by_role("navigation").get_by_role("link", name="Audit history").first.click()
    lines = page.get_by_role("row").filter(has_text=REASON)
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("decided experiment guided-quote-form")
    expect(lines.last).to_contain_text("changed flag quote-form")

    page.goto(f"{PRODUCTION}flags/quote-form/history")
    # The experiment is over: its split is not among the states that can come back.
    expect(page.get_by_text("Its experiment is over")).to_have_count(1)
    page.get_by_role("link", name="Roll back to this").click()
    page.get_by_label("Reason").fill("The support team cannot keep up")
    page.get_by_role("button", name="Roll back in Production").click()
    expect(page.get_by_text("On in Production: everyone gets classic.")).to_be_visible()
    until(lambda: forms(shop) == {"classic"})


def test_a_wrong_password_is_said_plainly(page: Page, solar_flare: demo.Demo) -> None:
    page.goto("/")
    page.get_by_label("Email").fill(solar_flare.email)
    page.get_by_label("Password").fill("rainy")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("You are not signed in")
    expect(page.get_by_label("Email")).to_have_value(solar_flare.email)
