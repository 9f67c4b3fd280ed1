"""The pages of event sources, over real SQLite files and a real PostgreSQL."""

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings

from accounts import sealing
from metrics import queries
from metrics.actions import definitions, sources
from metrics.actions.definitions import FactPlan
from metrics.actions.sources import SourcePlan

ASSIGNED = "SELECT test AS experiment_id, player AS user_id, at AS timestamp, arm AS treatment FROM assigned"
ORDERS = "SELECT player AS user_id, at AS timestamp, euros AS value FROM orders"


@pytest.fixture
def shop_file():
    folder = Path(settings.EVENT_FILE_FOLDERS[0])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "shop.sqlite3"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE assigned (test text, player integer, at text, arm text)")
        database.execute("CREATE TABLE orders (player integer, at text, euros real)")
        database.execute("INSERT INTO assigned VALUES ('checkout', 7, '2026-03-02 10:00:00', 'b')")
        database.execute("INSERT INTO orders VALUES (7, '2026-03-02 11:00:00', 12.5)")
    yield path
    path.unlink()


@pytest.fixture
def connected(world, shop_file):
    plan = SourcePlan("Shop", "sqlite", {"path": str(shop_file)})
    sources.connect(world.ada.at(), "shop", plan)
    return world


def file_form(path, **changed):
    return {
        "kind": "sqlite",
        "name": "Shop",
        "key": "shop",
        "path": str(path),
        "timeout_seconds": "30",
        **changed,
    }


def postgres_form(url, **changed):
    parts = urlsplit(url)
    return {
        "kind": "postgres",
        "name": "Warehouse",
        "key": "warehouse",
        "host": parts.hostname,
        "port": str(parts.port),
        "database": parts.path.lstrip("/"),
        "user": parts.username,
        "password": parts.password or "",
        "sslmode": "prefer",
        "timeout_seconds": "30",
        **changed,
    }


def text_of(response, status=200):
    assert response.status_code == status
    return response.content.decode()


def test_without_sources_the_page_says_what_they_are_for(world):
    text = text_of(world.ada.client.get(world.url("sources/")))
    assert "No database of your own is connected." in text
    assert "sources/-/new" in text
    assert "sources/-/new" not in text_of(world.max.client.get(world.url("sources/")))


def test_an_editor_may_not_connect_a_database(world, shop_file):
    response = world.max.client.post(world.url("sources/-/new"), file_form(shop_file))
    assert response.status_code == 403
    assert queries.source_list(world.max.at()) == []


def test_testing_a_connection_shows_the_version_and_stores_nothing(world, shop_file):
    form = file_form(shop_file, intent="test")
    text = text_of(world.ada.client.post(world.url("sources/-/new"), form))
    assert f"The connection works: SQLite {sqlite3.sqlite_version}" in text
    assert queries.source_list(world.ada.at()) == []


def test_a_file_is_connected(world, shop_file):
    response = world.ada.client.post(world.url("sources/-/new"), file_form(shop_file))
    assert response.status_code == 303
    assert response["Location"] == world.url("sources/shop/")
    assert queries.source(world.ada.at(), "shop").settings == {"path": str(shop_file)}


@pytest.mark.parametrize("intent", ["", "test"])
def test_a_file_that_is_not_there_is_named_and_nothing_is_stored(world, shop_file, intent):
    form = file_form(shop_file.with_name("nothing.sqlite3"), intent=intent)
    text = text_of(world.ada.client.post(world.url("sources/-/new"), form), 422)
    assert "There is no file" in text or "no such file" in text.lower()
    assert "Nothing was stored." in text
    assert queries.source_list(world.ada.at()) == []


def test_a_file_outside_the_opened_folders_is_refused(world):
    form = file_form("/etc/passwd")
    text = text_of(world.ada.client.post(world.url("sources/-/new"), form), 422)
    assert "WAYFORK_EVENT_FILE_FOLDERS" in text
    assert queries.source_list(world.ada.at()) == []


def test_postgresql_is_connected_and_its_password_is_never_shown(world, postgres_database):
    form = postgres_form(postgres_database, password="hunter-two-secret")
    client = world.ada.client
    tested = text_of(client.post(world.url("sources/-/new"), {**form, "intent": "test"}))
    assert "The connection works: PostgreSQL" in tested
    assert "hunter-two-secret" not in tested
    assert client.post(world.url("sources/-/new"), form).status_code == 303
    source = queries.source(world.ada.at(), "warehouse")
    assert sealing.unseal(bytes(source.secret)) == "hunter-two-secret"
    for path in ("sources/", "sources/warehouse/", "sources/warehouse/edit"):
        assert "hunter-two-secret" not in text_of(client.get(world.url(path)))
    assert "hunter-two-secret" not in str([entry.after for entry in world.ledger()])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"database": "no_such_database"}, "no_such_database"),
        ({"port": "1"}, "Check the port"),
        ({"host": "nowhere.invalid"}, "Check the spelling of the host"),
    ],
)
def test_what_is_wrong_with_a_connection_is_named(world, postgres_database, changed, sentence):
    form = postgres_form(postgres_database, **changed)
    text = text_of(world.ada.client.post(world.url("sources/-/new"), form), 422)
    assert sentence in text
    assert queries.source_list(world.ada.at()) == []


def test_a_stored_password_is_not_sent_to_another_host(world, postgres_database):
    form = postgres_form(postgres_database, password="hunter-two-secret")
    client = world.ada.client
    client.post(world.url("sources/-/new"), form)
    address = world.url("sources/warehouse/edit")
    kept = client.post(address, {**form, "password": "", "name": "Renamed"})
    assert kept.status_code == 303
    assert sealing.unseal(bytes(queries.source(world.ada.at(), "warehouse").secret)) != ""
    moved = client.post(address, {**form, "password": "", "host": "localhost"})
    assert "Enter the password again" in text_of(moved, 422)


def test_a_database_that_went_away_is_told_at_the_next_check(connected, shop_file):
    client = connected.max.client
    moved = shop_file.rename(shop_file.with_name("moved.sqlite3"))
    client.post(connected.url("sources/shop/check"))
    text = text_of(client.get(connected.url("sources/shop/")))
    assert "The database did not answer at the last check" in text
    moved.rename(shop_file)
    client.post(connected.url("sources/shop/check"))
    assert "did not answer" not in text_of(client.get(connected.url("sources/shop/")))


def test_a_source_that_facts_read_is_not_disconnected(connected):
    definitions.define_fact(
        connected.max.at(), "orders", FactPlan("Orders", source="shop", sql=ORDERS)
    )
    response = connected.ada.client.post(connected.url("sources/shop/disconnect"))
    assert "Facts still read shop." in text_of(response, 422)
    assert [one.key for one in queries.source_list(connected.ada.at())] == ["shop"]


def test_a_source_nothing_reads_is_disconnected(connected):
    response = connected.ada.client.post(connected.url("sources/shop/disconnect"))
    assert response.status_code == 303
    assert queries.source_list(connected.ada.at()) == []


# --- queries


def test_validating_a_query_shows_its_columns_and_first_rows(connected):
    address = connected.url("sources/shop/validate/fact")
    text = text_of(connected.max.client.post(address, {"sql": ORDERS}))
    assert "The query fits" in text
    assert "12.5" in text
    assert "timestamp" in text


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT player, at FROM orders", "it must return user_id, timestamp"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("DELETE FROM orders", "SELECT"),
        ("SELECT nothing AS user_id, at AS timestamp FROM orders", "nothing"),
        ("SELECT * FROM missing_table", "missing_table"),
        ("", "There is no query to run yet."),
    ],
)
def test_what_is_wrong_with_a_query_is_a_sentence(connected, sql, sentence):
    address = connected.url("sources/shop/validate/fact")
    text = text_of(connected.max.client.post(address, {"sql": sql}), 422)
    assert sentence in text
    assert "This query cannot be used" in text


def test_a_viewer_runs_no_query(connected):
    address = connected.url("sources/shop/validate/fact")
    assert connected.vera.client.post(address, {"sql": ORDERS}).status_code == 403
    assert (
        "The query fits"
        not in connected.vera.client.post(address, {"sql": ORDERS}).content.decode()
    )


def test_without_scripts_the_form_itself_validates(connected):
    form = {
        "source": "shop",
        "name": "Orders",
        "key": "orders",
        "sql": ORDERS,
        "intent": "validate",
    }
    text = text_of(connected.max.client.post(connected.url("facts/-/new"), form))
    assert "The query fits" in text
    assert queries.fact_list(connected.max.at()) == []


def test_a_fact_of_a_source_is_run_before_it_is_kept(connected):
    form = {"source": "shop", "name": "Orders", "key": "orders", "sql": "SELECT 1 AS one"}
    client = connected.max.client
    text = text_of(client.post(connected.url("facts/-/new"), form), 422)
    assert "Missing: user_id, timestamp." in text
    assert client.post(connected.url("facts/-/new"), {**form, "sql": ORDERS}).status_code == 303
    kept = queries.fact(connected.max.at(), "orders")
    assert kept.source == queries.source(connected.max.at(), "shop")


def test_an_assignment_query_is_defined_and_changed(connected):
    client = connected.max.client
    form = {"name": "Tests", "key": "tests", "unit_type": "user", "sql": ASSIGNED}
    address = connected.url("sources/shop/assignments/-/new")
    assert client.post(address, form).status_code == 303
    changed = connected.url("assignments/tests/")
    refused = client.post(changed, {"sql": ORDERS})
    assert "Missing: experiment_id, treatment." in text_of(refused, 422)
    assert client.post(changed, {"sql": f"{ASSIGNED} WHERE player > 0"}).status_code == 303
    assert "player > 0" in queries.assignment_query(connected.max.at(), "tests").sql


def test_the_list_of_sources_asks_the_database_no_more_for_many(
    connected, shop_file, django_assert_max_num_queries
):
    for number in range(6):
        plan = SourcePlan(f"Shop {number}", "sqlite", {"path": str(shop_file)})
        sources.connect(connected.ada.at(), f"shop-{number}", plan)
    client = connected.ada.client
    # The first request of a session writes the session.
    client.get(connected.url("sources/"))
    with django_assert_max_num_queries(19):
        assert client.get(connected.url("sources/")).status_code == 200


def test_postgresql_over_a_role_that_may_write_is_warned_of(world, postgres_database):
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE things (id integer)")
    form = postgres_form(postgres_database, intent="test")
    text = text_of(world.ada.client.post(world.url("sources/-/new"), form))
    assert "Use a role that may only read" in text
