"""Event sources, facts and metrics over REST."""

import sqlite3
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from metrics.models import EventSource
from tests.api import HERE, ROOT, Api
from tests.world.cast import World
from tests.world.factories import past_event

SQL = "SELECT experiment_id, user_id, timestamp, treatment FROM assigned"
SOURCES = f"{ROOT}/event-sources"


@pytest.fixture
def file() -> str:
    """A team's database on this server."""
    folder = Path(settings.EVENT_FILE_FOLDERS[0])
    folder.mkdir(exist_ok=True)
    path = folder / "rest.sqlite"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        columns = "experiment_id TEXT, user_id TEXT, timestamp TEXT, treatment TEXT"
        database.execute(f"CREATE TABLE assigned ({columns})")
        database.execute("INSERT INTO assigned VALUES ('e', 'u', '2026-01-01T00:00:00', 'a')")
    database.close()
    return str(path)


def connected(world: World, file: str) -> Api:
    api = Api.of(world.ada)
    made = api.post(SOURCES, {"key": "team", "kind": "sqlite", "settings": {"path": file}})
    assert made.status == 201, made.body
    return api


def test_a_source_is_connected_tested_changed_and_forgotten(world: World, file: str) -> None:
    api = connected(world, file)
    assert api.post(f"{SOURCES}/team/test").body == {"works": True, "problem": ""}
    read = api.get(f"{SOURCES}/team")
    change = {"name": "Team", "kind": "sqlite", "settings": {"path": file}}
    stale = api.put(f"{SOURCES}/team", change, version="0" * 16)
    assert (stale.status, stale.body["code"]) == (409, "stale_version")
    assert stale.body["current"]["key"] == "team"
    changed = api.put(f"{SOURCES}/team", change, version=read.body["version"])
    assert changed.body["name"] == "Team"
    assert changed.etag != read.etag
    assert api.delete(f"{SOURCES}/team").body["code"] == "version_missing"
    assert api.delete(f"{SOURCES}/team", version=changed.body["version"]).status == 204
    assert api.get(SOURCES).body["items"] == []


def test_what_cannot_be_reached_is_told_and_not_stored(world: World) -> None:
    api = Api.of(world.ada)
    given = {"host": "127.0.0.1", "port": 1, "database": "x", "user": "x"}
    refused = api.post(
        SOURCES, {"key": "away", "kind": "postgres", "settings": given, "password": "s3cret"}
    )
    assert (refused.status, refused.body["code"]) == (422, "refused_port")
    assert refused.body["hint"]
    assert "s3cret" not in str(refused.body)
    assert not EventSource.objects.within(world.project).exists()


def test_a_password_has_no_place_among_the_settings_and_is_never_shown(world: World) -> None:
    api = Api.of(world.ada)
    refused = api.post(
        SOURCES, {"key": "team", "kind": "sqlite", "settings": {"path": "x", "password": "oops"}}
    )
    assert refused.status == 422
    assert "password" in refused.body["errors"]["settings"]


def test_a_query_is_tried_and_defined(world: World, file: str) -> None:
    connected(world, file)
    api = Api.of(world.max)
    found = api.post(f"{SOURCES}/team/validate", {"sql": SQL, "contract": "assignment"}).body
    assert [column["name"] for column in found["columns"]] == [
        "experiment_id",
        "user_id",
        "timestamp",
        "treatment",
    ]
    assert found["sample"] == [["e", "u", "2026-01-01T00:00:00", "a"]]
    wrong = api.post(
        f"{SOURCES}/team/validate", {"sql": "SELECT 1 AS user_id", "contract": "assignment"}
    )
    assert wrong.body["code"] == "missing_column"
    assert wrong.body["missing"] == ["experiment_id", "timestamp", "treatment"]
    viewer = Api.of(world.vera)
    ask = {"sql": SQL, "contract": "assignment"}
    assert viewer.post(f"{SOURCES}/team/validate", ask).status == 403
    queries = f"{ROOT}/assignment-queries"
    made = api.post(queries, {"key": "assigned", "source": "team", "sql": SQL})
    assert made.status == 201
    other = {"sql": f"{SQL} WHERE treatment <> ''"}
    changed = api.put(f"{queries}/assigned", other, version=made.body["version"])
    assert changed.body["sql"] == other["sql"]
    assert api.put(f"{queries}/assigned", other, version=made.body["version"]).status == 409


def test_a_fact_and_a_metric_are_defined_changed_and_archived(world: World) -> None:
    api = Api.of(world.max)
    filters = [["amount", "greater", 10]]
    fact = api.post(
        f"{ROOT}/facts", {"key": "purchase", "event_name": "purchase", "filters": filters}
    )
    assert fact.body["filters"] == filters
    changed = api.put(
        f"{ROOT}/facts/purchase", {"event_name": "bought"}, version=fact.body["version"]
    )
    assert changed.body["event_name"] == "bought"
    plan = {"kind": "sum", "fact": "purchase", "unit": "EUR", "window_seconds": 86_400}
    metric = api.post(f"{ROOT}/metrics", {"key": "revenue", **plan})
    assert (metric.status, metric.body["owner"]) == (201, "max@solar.example")
    at = f"{ROOT}/metrics/revenue"
    assert api.put(at, {**plan, "direction": "down"}, version=1).body["version"] == 2
    stale = api.put(at, plan, version=1)
    assert (stale.body["expected"], stale.body["actual"]) == (1, 2)
    assert stale.body["current"]["direction"] == "down"
    assert api.post(f"{at}/archive", version=1).body["current"]["version"] == 2
    assert api.post(f"{at}/archive", version=2).body["archived"] is True
    assert api.get(f"{ROOT}/metrics").body["items"] == []
    assert len(api.get(f"{ROOT}/metrics", archived="true").body["items"]) == 1


@pytest.mark.parametrize(
    "filters",
    [
        "x",
        7,
        {"a": 1},
        [7],
        ["abc"],
        [["a", "is"]],
        [["", "is", 1]],
        [["a", {}, 1]],
        [["a", "is", [1]]],
    ],
)
def test_conditions_of_a_wrong_shape_are_refused_by_their_place(
    world: World, filters: object
) -> None:
    body = {"key": "f", "event_name": "e", "filters": filters}
    assert Api.of(world.max).post(f"{ROOT}/facts", body).status == 422


def test_events_that_arrived_are_listed(world: World) -> None:
    for _ in range(3):
        past_event(world.max.at(), "form submitted", "u-1", timezone.now())
    found = Api.of(world.vera).get(f"{HERE}/event-names").body["items"]
    assert [(one["name"], one["count"]) for one in found] == [("form submitted", 3)]
