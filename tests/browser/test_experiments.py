"""An experiment in a real browser: from the first field to the decision."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from experiments import analysis, queries
from tests.experiments.factories import (
    ENDED,
    FLAG,
    KEY,
    a_clear_winner,
    make_metrics,
    make_running,
    visit,
)
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_flag

SignIn = Callable[[User], Page]


@pytest.fixture
def here(live: LiveServer) -> World:
    """The cast, in the database the running application reads."""
    return make_world()


def test_an_editor_plans_starts_and_stops_an_experiment(here: World, signed_in: SignIn) -> None:
    make_flag(here.max.at(), FLAG, on=True)
    make_metrics(here.max.at())
    page = signed_in(here.max.user)
    page.goto(here.url("experiments/"))
    page.get_by_role("main").get_by_role("link", name="New experiment").first.click()
    page.get_by_label("Flag", exact=True).select_option(FLAG)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Name", exact=True).fill("Shorter form")
    page.locator("#id_key").fill(KEY)
    page.get_by_label("Hypothesis").fill("If we ask for less, then more people send the form.")
    page.get_by_label("Role of Form submitted").select_option("primary")
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.get_by_text("Everything is settled.")).to_be_visible()
    page.get_by_placeholder("Comment for the history").fill("let us see")
    page.get_by_role("button", name="Start in Production").click()
    expect(page.get_by_text("The experiment is running.")).to_be_visible()
    assert queries.experiment(here.max.at(), KEY).state == "running"
    page.get_by_text("Only stop the split, and decide later").click()
    page.locator("#id_stop-reason").fill("Enough seen.")
    page.get_by_role("button", name="Stop the split").click()
    expect(page.get_by_text("decide now").first).to_be_visible()
    assert queries.experiment(here.max.at(), KEY).state == "stopped"


def test_a_wrong_weight_is_told_beside_the_arms_and_nothing_typed_is_lost(
    here: World, signed_in: SignIn
) -> None:
    make_flag(here.max.at(), FLAG, on=True)
    make_metrics(here.max.at())
    page = signed_in(here.max.user)
    page.goto(here.url(f"experiments/-/new?flag={FLAG}"))
    page.get_by_label("Name", exact=True).fill("Shorter form")
    page.locator("#id_key").fill(KEY)
    page.get_by_label("Weight of arm 2 in percent").fill("70")
    # The form comes back with status 422, which the browser writes to its console.
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.get_by_text("weights are above 0 and sum to 100 %")).to_be_visible()
    expect(page.get_by_label("Weight of arm 2 in percent")).to_have_value("70")


@pytest.fixture
def forgiving(complaints: object) -> None:
    """Refusals are answers with an error status, which browsers report as failed loads."""
    complaints.forgive("422")  # type: ignore[attr-defined]


pytestmark = pytest.mark.usefixtures("forgiving")


def test_a_viewer_runs_the_analysis_and_sees_the_verdict_arrive(
    here: World, signed_in: SignIn, tasks_at_once: None
) -> None:
    make_running(here.max.at())
    a_clear_winner(here.max.at())
    page = signed_in(here.vera.user)
    page.goto(here.url(f"experiments/{KEY}/"))
    expect(page.get_by_text("No analysis has been run yet.")).to_be_visible()
    page.get_by_role("button", name="Run the analysis").click()
    expect(page.locator("#verdict")).to_contain_text("Ship on: Form submitted")
    row = page.locator("#results tr", has=page.locator("svg.forest-row")).first
    expect(row).to_contain_text("30.000")
    expect(row.locator("svg.forest-row")).to_be_visible()
    expect(page.locator("#growth .uplot")).to_be_visible()
    expect(page.get_by_role("button", name="Run the analysis again")).to_be_visible()


def test_the_growth_chart_switches_between_cumulative_and_daily(
    here: World, signed_in: SignIn
) -> None:
    experiment = make_running(here.max.at())
    visit(here.max.at(), "off", 40)
    visit(here.max.at(), "on", 44)
    analysis.run(experiment, cut=ENDED)
    page = signed_in(here.vera.user)
    page.goto(here.url(f"experiments/{KEY}/"))
    expect(page.locator("#growth .uplot")).to_be_visible()
    page.get_by_role("link", name="Daily").click()
    expect(page.get_by_role("link", name="Daily")).to_have_attribute("aria-current", "true")
    page.get_by_text("The numbers as a table").click()
    last = page.locator("#growth-chart-table tbody tr").last
    expect(last).to_contain_text("0")
    expect(page.locator("#growth .uplot")).to_be_visible()


def test_the_decision_is_recorded_and_the_flag_follows(here: World, signed_in: SignIn) -> None:
    experiment = make_running(here.max.at())
    a_clear_winner(here.max.at())
    analysis.run(experiment, cut=ENDED)
    page = signed_in(here.max.user)
    page.goto(here.url(f"experiments/{KEY}/"))
    page.get_by_role("link", name="Decide", exact=True).click()
    page.get_by_role("radio", name="Ship on").check()
    page.get_by_label("Reason").first.fill("Twice the forms, no guardrail moved.")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.locator("#verdict")).to_contain_text("Shipped on.")
    expect(page.locator("#decision")).to_contain_text("Twice the forms")
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.get_by_text("experiment.decided")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_results_fit_the_window_and_read_without_scripts(
    here: World, chromium, live: LiveServer, window, width: int
) -> None:
    experiment = make_running(here.max.at())
    a_clear_winner(here.max.at())
    analysis.run(experiment, cut=ENDED)
    client = here.vera.client
    cookie = client.cookies["wayfork_session"]
    plain = chromium.new_context(
        base_url=live.url, java_script_enabled=False, viewport={"width": width, "height": 800}
    )
    plain.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live.url}])
    page = plain.new_page()
    page.goto(here.url(f"experiments/{KEY}/"))
    for text in ("15.000", "30.000", "+15.000", "+100.0", "better"):
        expect(page.locator("#results")).to_contain_text(text)
    wide = page.locator("html").bounding_box()
    assert wide is not None
    assert wide["width"] <= width
    plain.close()
