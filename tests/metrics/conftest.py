"""A team's databases: a PostgreSQL that asks for passwords, a DuckDB file, a SQLite file."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.loopback_servers import CannotStart, postgres
from metrics.warehouses.connections import Limits, Policy, PostgresSettings
from tests.metrics.teams import TeamServer
from tests.servers.absence import cannot_be_had

# Our own launcher trusts everybody on loopback; a team's server does not.
RULES = """
host all postgres 127.0.0.1/32 trust
host all unwelcome 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
"""
ROLES = """
CREATE ROLE reader LOGIN PASSWORD 'reader-pass' CONNECTION LIMIT 20;
CREATE ROLE writer LOGIN PASSWORD 'writer-pass';
CREATE ROLE lonely LOGIN PASSWORD 'lonely-pass' CONNECTION LIMIT 1;
CREATE ROLE unwelcome LOGIN PASSWORD 'unwelcome-pass';
CREATE SCHEMA shop;
CREATE TABLE shop.secrets (word text);
INSERT INTO shop.secrets VALUES ('canary-7c1f');
CREATE TABLE shop.events (user_id int, timestamp timestamptz, value double precision, note text);
INSERT INTO shop.events VALUES (1, '2025-06-01 12:00+00', 2.5, 'a'), (2, '2025-06-02 12:00+00', NULL, 'b');
CREATE SEQUENCE shop.counter;
GRANT USAGE ON SCHEMA shop TO reader, writer;
GRANT SELECT ON shop.events TO reader;
GRANT ALL ON shop.events, shop.counter TO writer;
"""


@pytest.fixture(scope="session")
def team_server() -> Iterator[TeamServer]:
    """A PostgreSQL of a team's own, with passwords and roles that may do little."""
    with _started() as url, psycopg.connect(url, autocommit=True) as boss:
        boss.execute(ROLES.encode())
        found = boss.execute("SHOW hba_file").fetchone()
        assert found is not None
        Path(found[0]).write_text(RULES)
        boss.execute("SELECT pg_reload_conf()")
        info = boss.info
        reader = PostgresSettings(
            host="127.0.0.1",
            port=info.port,
            database=info.dbname,
            user="reader",
            password="reader-pass",
            sslmode="disable",
        )
        yield TeamServer(url, reader)


class _started:  # noqa: N801 - read as a word in a with statement
    def __enter__(self) -> str:
        self._server = postgres(database="team")
        try:
            return self._server.__enter__()
        except CannotStart as error:
            cannot_be_had(str(error))

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(None, None, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder the operator opened for event sources."""
    path = tmp_path / "sources"
    path.mkdir()
    return path


@pytest.fixture
def policy(folder: Path) -> Policy:
    """What an installation of a team on its own network allows."""
    return Policy(
        allow_private=True,
        allowed_folders=(folder,),
        limits=Limits(connect_seconds=2, seconds=20 if os.environ.get("CI") else 10),
    )
