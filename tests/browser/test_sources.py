"""A team's own database in a real browser: connected, validated, measured."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from accounts.models import User
from metrics import queries
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world

SignIn = Callable[[User], Page]
ASSIGNED = "SELECT test AS experiment_id, player AS user_id, at AS timestamp, arm AS treatment FROM assigned"
ORDERS = "SELECT player AS user_id, at AS timestamp, euros AS value FROM orders"


@pytest.fixture
def here(live: LiveServer) -> World:
    """The cast, in the database the running application reads."""
    return make_world()


@pytest.fixture
def shop_file() -> Iterator[Path]:
    """200 players in two arms; every third of one arm bought, every second of the other."""
    folder = Path(settings.EVENT_FILE_FOLDERS[0])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "browser-shop.sqlite3"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE assigned (test text, player integer, at text, arm text)")
        database.execute("CREATE TABLE orders (player integer, at text, euros real)")
        for player in range(200):
            arm = "b" if player % 2 else "a"
            database.execute(
                "INSERT INTO assigned VALUES ('checkout', ?, '2026-03-02 10:00:00', ?)",
                (player, arm),
            )
            if player % (4 if arm == "a" else 3) == 0:
                database.execute(
                    "INSERT INTO orders VALUES (?, '2026-03-02 11:00:00', 20.0)", (player,)
                )
    yield path
    path.unlink()


@pytest.fixture(autouse=True)
def forgiving(complaints: object) -> None:
    """Refusals are answers with an error status, which browsers report as failed loads."""
    complaints.forgive("422")  # type: ignore[attr-defined]


def test_a_wrong_path_is_named_and_the_right_one_connects(
    here: World, signed_in: SignIn, shop_file: Path
) -> None:
    page = signed_in(here.ada.user)
    page.goto(here.url("sources/"))
    page.get_by_role("main").get_by_role("link", name="Connect a database").first.click()
    page.get_by_role("link", name="SQLite").click()
    page.get_by_label("Name", exact=True).fill("Shop")
    page.locator("#id_key").fill("shop")
    page.get_by_label("File").fill(str(shop_file.with_name("nothing.sqlite3")))
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#connection-problem")).to_contain_text("Nothing was stored")
    page.get_by_label("File").fill(str(shop_file))
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#connection-facts")).to_contain_text("SQLite")
    assert queries.source_list(here.ada.at()) == []
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", name="Shop", level=1)).to_be_visible()


def test_a_record_of_ones_own_leads_to_a_result(
    here: World, signed_in: SignIn, shop_file: Path, tasks_at_once: None
) -> None:
    page = signed_in(here.ada.user)
    page.goto(here.url("sources/-/new?kind=sqlite"))
    page.get_by_label("Name", exact=True).fill("Shop")
    page.locator("#id_key").fill("shop")
    page.get_by_label("File").fill(str(shop_file))
    page.get_by_role("button", name="Connect", exact=True).click()
    define_assignments(page)
    define_orders(page)
    page.goto(here.url("metrics/-/new"))
    page.get_by_label("Name", exact=True).fill("Bought")
    page.locator("#id_key").fill("bought")
    page.get_by_role("button", name="Define the metric").click()
    page.goto(here.url("experiments/-/new?query=tests"))
    page.get_by_label("Name", exact=True).fill("One-page checkout")
    page.locator("#id_key").fill("one-page")
    page.get_by_label("Its experiment_id").fill("checkout")
    page.get_by_label("Treatment of arm 1").fill("a")
    page.get_by_label("Treatment of arm 2").fill("b")
    page.get_by_label("Role of Bought").select_option("primary")
    page.get_by_role("button", name="Save as a draft").click()
    page.get_by_role("button", name="Start in Production").click()
    page.get_by_role("button", name="Run the analysis").click()
    expect(page.locator("#results")).to_contain_text("50.000")
    expect(page.locator("#results")).to_contain_text("The split is as planned")


def define_assignments(page: Page) -> None:
    """Through the Validate button, with the query wrong at first."""
    page.get_by_role("link", name="New assignment query").click()
    page.get_by_label("Name", exact=True).fill("Tests")
    page.locator("#id_key").fill("tests")
    page.get_by_label("Query").fill("SELECT player FROM assigned")
    page.get_by_role("button", name="Validate").click()
    expect(page.locator("#preview")).to_contain_text("Missing: experiment_id")
    page.get_by_label("Query").fill(ASSIGNED)
    page.get_by_role("button", name="Validate").click()
    expect(page.locator("#preview")).to_contain_text("The query fits")
    page.get_by_role("button", name="Define the query").click()
    expect(page.get_by_text("The assignment query is saved.")).to_be_visible()


def define_orders(page: Page) -> None:
    """The fact metrics stand on."""
    page.get_by_role("link", name="New fact").click()
    page.get_by_label("Name", exact=True).fill("Orders")
    page.locator("#id_key").fill("orders")
    page.get_by_label("Query").fill(ORDERS)
    page.get_by_role("button", name="Validate").click()
    expect(page.locator("#preview")).to_contain_text("20.0")
    page.get_by_role("button", name="Define the fact").click()
    expect(page.get_by_text("Orders is saved.")).to_be_visible()
