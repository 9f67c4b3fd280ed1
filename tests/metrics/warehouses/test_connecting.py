"""Each way a connection can fail, made to fail for real, and the sentence a person reads."""

import socket
import sqlite3
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from metrics.warehouses import errors
from metrics.warehouses.connections import (
    DuckDBSettings,
    Limits,
    Policy,
    PostgresSettings,
    SQLiteSettings,
)
from metrics.warehouses.opening import connect
from metrics.warehouses.probes import test_connection as probe_connection
from tests.metrics.teams import TeamServer


@contextmanager
def listener(answer: bytes | None):
    """Something on a port that is no PostgreSQL: silent (None), or with an answer of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as lines:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                lines.callback(line.close)
                if answer is not None:
                    line.recv(1024)
                    line.sendall(answer)
                    line.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def refusal(settings, policy: Policy) -> errors.WarehouseError:
    with pytest.raises(errors.WarehouseError) as refused:
        probe_connection(settings, policy)
    assert refused.value.hint
    assert str(refused.value).endswith(".")
    return refused.value


def test_a_reader_connects_and_is_known_to_be_read_only(team_server: TeamServer, policy):
    facts = probe_connection(team_server.reader, policy)
    assert facts.version.startswith("PostgreSQL ")
    assert facts.read_only
    assert 0 < facts.latency_seconds < 5


def test_a_role_that_may_write_earns_a_warning(team_server, policy):
    facts = probe_connection(team_server.as_role("writer"), policy)
    assert not facts.read_only
    assert "may change tables" in facts.warnings[0]


def test_a_superuser_earns_a_warning(team_server, policy):
    facts = probe_connection(replace(team_server.reader, user="postgres", password=""), policy)
    assert "superuser" in facts.warnings[0]


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        (
            {"password": "wrong"},
            errors.WrongPassword,
            "127.0.0.1 refused the password of the user “reader”.",
        ),
        (
            {"password": ""},
            errors.WrongPassword,
            "127.0.0.1 refused the password of the user “reader”.",
        ),
        (
            {"user": "ghost"},
            errors.WrongPassword,
            "127.0.0.1 refused the password of the user “ghost”.",
        ),
        ({"database": "nope"}, errors.UnknownDatabase, "127.0.0.1 has no database “nope”."),
        (
            {"database": "host=8.8.8.8"},
            errors.UnknownDatabase,
            "127.0.0.1 has no database “host=8.8.8.8”.",
        ),
        (
            {"database": "postgresql://x/y"},
            errors.UnknownDatabase,
            "127.0.0.1 has no database “postgresql://x/y”.",
        ),
        ({"port": 1}, errors.RefusedPort, "127.0.0.1 is there, but refuses connections on port 1."),
        (
            {"host": "no-host.invalid"},
            errors.UnknownHost,
            "The host “no-host.invalid” cannot be found.",
        ),
        (
            {"sslmode": "require"},
            errors.TlsTrouble,
            "127.0.0.1 and TLS mode “require” do not go together.",
        ),
        ({"sslmode": "off; x"}, errors.TlsTrouble, "“off; x” is not a TLS mode."),
        (
            {"user": "unwelcome", "password": "unwelcome-pass"},
            errors.NotAllowedIn,
            "127.0.0.1 does not let the user “unwelcome” in from this server's address.",
        ),
    ],
)
def test_a_wrong_setting_is_named(change, kind, sentence, team_server, policy):
    error = refusal(replace(team_server.reader, **change), policy)
    assert type(error) is kind
    assert str(error) == sentence


def test_a_role_out_of_connections_is_told_so(team_server, policy):
    lonely = team_server.as_role("lonely")
    with connect(lonely, policy):
        assert type(refusal(lonely, policy)) is errors.TooManyConnections


def test_a_server_that_never_answers_is_given_up_in_time(team_server, policy):
    with listener(None) as port:
        begin = time.monotonic()
        error = refusal(replace(team_server.reader, port=port), policy)
        assert time.monotonic() - begin < 6
    assert type(error) is errors.UnreachableHost
    assert "did not answer in time" in str(error)


def test_another_kind_of_server_is_recognized(team_server, policy):
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        error = refusal(replace(team_server.reader, port=port), policy)
    assert type(error) is errors.UnreachableHost
    assert "does not speak as PostgreSQL does" in str(error)


def test_a_refused_address_is_never_connected_to(team_server):
    reached = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1)
        for host in ("127.0.0.1", "localhost", "2130706433", "::ffff:127.0.0.1"):
            settings = replace(team_server.reader, host=host, port=server.getsockname()[1])
            assert type(refusal(settings, Policy(allow_private=False))) is errors.ForbiddenAddress
        try:
            server.accept()
            reached.set()
        except TimeoutError:
            pass
    assert not reached.is_set()


def test_the_products_own_database_is_refused_under_any_name(team_server, policy):
    reader = team_server.reader
    own = replace(policy, refused_databases=(("127.0.0.1", reader.port, reader.database),))
    for host in ("127.0.0.1", "localhost"):
        error = refusal(replace(reader, host=host), own)
        assert "own database" in str(error)


def test_settings_of_the_environment_do_not_leak_in(team_server, policy, monkeypatch):
    for name, value in {
        "PGPASSWORD": "reader-pass",
        "PGOPTIONS": "-c statement_timeout=0",
        "PGHOSTADDR": "10.255.255.1",
    }.items():
        monkeypatch.setenv(name, value)
    assert type(refusal(replace(team_server.reader, password=""), policy)) is errors.WrongPassword
    with connect(team_server.reader, policy) as executor:
        found = executor.run("SELECT current_setting('statement_timeout')").rows
    assert found == ((f"{policy.limits.seconds:g}s",),)


def test_a_password_is_not_shown_with_its_settings(team_server):
    assert "reader-pass" not in repr(team_server.reader)


# --- files


def make_sqlite(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("CREATE TABLE t (a)")
        opened.commit()
    return path


def make_duckdb(path: Path) -> Path:
    duckdb.connect(str(path)).execute("CREATE TABLE t (a int)").close()
    return path


def test_files_connect_and_are_read_only(folder, policy):
    for settings, name in (
        (SQLiteSettings(str(make_sqlite(folder / "a.db"))), "SQLite "),
        (DuckDBSettings(str(make_duckdb(folder / "a.duckdb"))), "DuckDB "),
    ):
        facts = probe_connection(settings, policy)
        assert facts.version.startswith(name)
        assert facts.read_only


@pytest.mark.parametrize("kind", [SQLiteSettings, DuckDBSettings])
def test_a_file_that_is_not_there_is_said_to_be_missing(kind, folder, policy):
    error = refusal(kind(str(folder / "gone.db")), policy)
    assert type(error) is errors.FileNotFound
    assert not (folder / "gone.db").exists()


@pytest.mark.parametrize("kind", [SQLiteSettings, DuckDBSettings])
def test_a_file_of_another_kind_is_called_no_database(kind, folder, policy):
    (folder / "text.db").write_text("hello, this is a letter and no database at all. " * 400)
    assert type(refusal(kind(str(folder / "text.db")), policy)) is errors.NotADatabaseFile
    assert type(refusal(kind(str(folder)), policy)) is errors.NotADatabaseFile


def test_databases_of_each_other_are_told_apart(folder, policy):
    sqlite, duck = make_sqlite(folder / "a.db"), make_duckdb(folder / "a.duckdb")
    assert type(refusal(SQLiteSettings(str(duck)), policy)) is errors.NotADatabaseFile
    assert type(refusal(DuckDBSettings(str(sqlite)), policy)) is errors.NotADatabaseFile


@pytest.mark.parametrize("kind", [SQLiteSettings, DuckDBSettings])
def test_a_file_outside_the_opened_folders_is_refused(kind, folder, policy, tmp_path):
    outside = make_sqlite(tmp_path / "outside.db")
    (folder / "link.db").symlink_to(outside)
    for path in (
        str(outside),
        str(folder / ".." / "outside.db"),
        str(folder / "link.db"),
        "/etc/passwd",
        f"file:{outside}?mode=rw",
        ":memory:",
        "",
    ):
        assert type(refusal(kind(path), policy)) is errors.ForbiddenFile, path


def test_the_products_own_file_is_refused(folder, policy):
    own = make_sqlite(folder / "own.db")
    error = refusal(SQLiteSettings(str(own)), replace(policy, refused_files=(own,)))
    assert type(error) is errors.ForbiddenFile
    assert "own database" in str(error)


def test_a_sqlite_file_being_written_to_is_called_busy(folder, policy):
    path = make_sqlite(folder / "busy.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        short = replace(policy, limits=replace(policy.limits, lock_seconds=0.2))
        assert type(refusal(SQLiteSettings(str(path)), short)) is errors.BusyFile


def test_a_name_full_of_odd_signs_opens_the_very_file(folder, policy):
    path = make_sqlite(folder / "a b?mode=rw&x=%41#.db")
    assert probe_connection(SQLiteSettings(str(path)), policy).read_only


def test_the_server_is_asked_to_read_one_point_in_time(team_server, policy):
    count = "SELECT count(*) FROM shop.events"
    with (
        psycopg.connect(team_server.url, autocommit=True) as boss,
        connect(team_server.reader, policy) as executor,
    ):
        before = executor.run(count).rows
        boss.execute("INSERT INTO shop.events VALUES (77, now(), 1, 'later')")
        assert executor.run(count).rows == before
        boss.execute("DELETE FROM shop.events WHERE user_id = 77")


def test_limits_are_values_not_text(team_server, policy):
    odd = replace(policy, limits=Limits(seconds=1.5, lock_seconds=0.25))
    with connect(team_server.reader, odd) as executor:
        found = executor.run(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
        )
    assert found.rows == (("1500ms", "250ms"),)


def test_settings_need_all_their_names(team_server, policy):
    assert isinstance(team_server.reader, PostgresSettings)
    changes: tuple[dict[str, Any], ...] = ({"user": ""}, {"database": ""}, {"database": "a\0b"})
    for change in changes:
        assert (
            type(refusal(replace(team_server.reader, **change), policy)) is errors.UnknownDatabase
        )
