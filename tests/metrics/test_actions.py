"""Verbs on event sources: nobody's locks are held while a team's database is asked."""

from pathlib import Path

import duckdb
import pytest
from django.conf import settings
from django.db import transaction

from metrics import queries
from metrics.actions import definitions, sources
from metrics.models import EventSource, Fact
from tests.world.cast import make_world


@pytest.fixture
def file() -> Path:
    """A team's little database, where event sources may lie."""
    folder = Path(settings.EVENT_FILE_FOLDERS[0])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "team.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as team:
        team.execute(
            "CREATE TABLE orders AS SELECT 'u-1' AS user_id, now() AS timestamp, 1 AS value"
        )
    return path


@pytest.mark.django_db(transaction=True)
def test_a_teams_database_is_asked_before_our_transaction_opens(
    file: Path, monkeypatch: pytest.MonkeyPatch
):
    world = make_world()
    inside: list[bool] = []
    for name in ("try_connection", "validate"):
        asked = getattr(queries, name)

        def noting(*given, asked=asked):
            inside.append(transaction.get_connection().in_atomic_block)
            return asked(*given)

        monkeypatch.setattr(queries, name, noting)
    plan = sources.SourcePlan("Team", "duckdb", {"path": str(file)})
    sources.connect(world.ada.at(), "team", plan)
    sources.reconnect(world.ada.at(), "team", plan)
    query = "SELECT user_id, timestamp, value FROM orders"
    definitions.define_fact(
        world.max.at(), "orders", definitions.FactPlan("O", source="team", sql=query)
    )
    assert inside == [False, False, False]
    assert EventSource.objects.within(world.project).get().key == "team"
    assert Fact.objects.within(world.project).get().source.key == "team"
