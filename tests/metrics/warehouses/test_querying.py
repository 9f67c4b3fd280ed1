"""What a query may do once connected: wrong queries get their sentence, bad ones get nowhere."""

import sqlite3
import time
from dataclasses import replace

import duckdb
import psycopg
import pytest

from metrics.warehouses import errors
from metrics.warehouses.connections import DuckDBSettings, Limits, Policy, SQLiteSettings
from metrics.warehouses.contracts import Contract
from metrics.warehouses.opening import connect
from metrics.warehouses.probes import Validation, validate_query
from tests.metrics.teams import ENGINES, load

EVENTS = (
    "user_id integer, timestamp {moment}, value {number}, note {text}",
    [
        (1, "2025-06-01 12:00:00", 2.5, "a"),
        (2, "2025-06-02 12:00:00", None, "b"),
        (3, "2025-06-03 12:00:00", 0.0, "x" * 5000),
    ],
)
GOOD = "SELECT user_id, timestamp, value, note FROM visits"
ENDLESS = {
    "postgres": "SELECT a.n AS user_id, now() AS timestamp FROM generate_series(1, 100000) a(n), generate_series(1, 100000) b(n) WHERE a.n + b.n < 0",
    "duckdb": "SELECT a.range AS user_id, now() AS timestamp FROM range(1000000) a, range(1000000) b WHERE a.range * b.range < 0",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS user_id, '2025-01-01' AS timestamp FROM n WHERE i < 0",
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(engine, team_server, folder):
    words = {"moment": "timestamp", "number": "double precision", "text": "text"}
    if engine == "sqlite":
        words = {"moment": "text", "number": "real", "text": "text"}
    return load(engine, team_server, folder, {"visits": (EVENTS[0].format(**words), EVENTS[1])})


def validated(source, policy: Policy, sql: str, contract: Contract = Contract.FACT) -> Validation:
    return validate_query(source, policy, sql, contract)


def refusal(source, policy: Policy, sql: str, contract: Contract = Contract.FACT):
    with pytest.raises(errors.WarehouseError) as refused:
        validate_query(source, policy, sql, contract)
    assert refused.value.hint
    return refused.value


def test_a_good_query_shows_columns_and_a_sample(source, policy):
    found = validated(source, policy, GOOD)
    assert [column.name for column in found.columns] == ["user_id", "timestamp", "value", "note"]
    assert found.dimensions == ("note",)
    assert found.sample[0][0] == "1"
    assert found.sample[1][2] is None
    assert len(found.sample[2][3] or "") == 200
    assert found.problems == ()


def test_a_sample_stops_at_twenty_rows(source, policy):
    many = " UNION ALL ".join([GOOD] * 10)
    assert len(validated(source, policy, many).sample) == 20


def test_an_assignment_query_must_return_four_columns(source, policy):
    error = refusal(
        source, policy, "SELECT user_id AS user, timestamp AS ts FROM visits", Contract.ASSIGNMENT
    )
    assert type(error) is errors.MissingColumn
    assert str(error) == (
        "The query returns user, ts; it must return experiment_id, user_id, timestamp, treatment. "
        "Missing: experiment_id, user_id, timestamp, treatment."
    )


def test_an_assignment_query_that_fits_is_accepted(source, policy):
    sql = "SELECT 'exp' AS experiment_id, user_id, timestamp, note AS treatment, value AS plan FROM visits"
    found = validated(source, policy, sql, Contract.ASSIGNMENT)
    assert found.dimensions == ("plan",)


def test_a_fact_may_name_its_own_unit_column(source, policy):
    sql = "SELECT note AS company, timestamp FROM visits"
    found = validate_query(source, policy, sql, Contract.FACT, unit_column="company")
    assert found.problems == ("There is no value column: the fact can be counted, but not summed.",)


def test_upper_case_columns_are_found(source, policy):
    sql = 'SELECT user_id AS "USER_ID", timestamp AS "Timestamp", value FROM visits'
    assert validated(source, policy, sql).dimensions == ()


def test_rows_without_a_unit_are_pointed_out(source, policy):
    sql = "SELECT CASE WHEN user_id > 1 THEN user_id END AS user_id, timestamp, value FROM visits"
    assert validated(source, policy, sql).problems == (
        "1 of the first 3 rows have no user_id; such rows never count.",
    )


def test_an_empty_result_is_pointed_out(source, policy):
    assert validated(source, policy, GOOD + " WHERE user_id > 99").problems == (
        "The query returns no rows at the moment.",
    )


def test_a_column_of_the_wrong_type_is_named_with_its_cure(engine, source, policy):
    if engine == "sqlite":
        error = refusal(source, policy, "SELECT user_id, note AS timestamp FROM visits")
        assert str(error).startswith("“a” in column timestamp is not a point in time.")
        error = refusal(source, policy, "SELECT user_id, timestamp, note AS value FROM visits")
        assert str(error) == "“a” in column value is not a number."
        return
    error = refusal(source, policy, "SELECT user_id, note AS timestamp FROM visits")
    assert type(error) is errors.WrongColumnType
    assert str(error).startswith("The column timestamp is of type ")
    assert "CAST(… AS timestamp) AS timestamp" in error.hint
    error = refusal(source, policy, "SELECT user_id, timestamp, note AS value FROM visits")
    assert "it must be a number or a boolean" in str(error)


@pytest.mark.parametrize(
    ("sql", "kind", "words"),
    [
        ("SELECT * FROM nowhere", errors.UnknownTable, "There is no table “nowhere”."),
        ("SELECT wrong FROM visits", errors.UnknownColumn, "There is no column “wrong”."),
        (
            "SELECT user_id FROM visits a, visits b",
            errors.UnknownColumn,
            "could be meant in several tables",
        ),
        ("SELECT FROM WHERE", errors.QuerySyntax, "cannot be read as SQL at line 1, column"),
        ("SELECT nothing_of_that_name(1) AS user_id", errors.QuerySyntax, "nothing_of_that_name"),
        ("DELETE FROM visits", errors.WriteAttempted, "would change the database"),
        ("SELECT 1; SELECT 2", errors.NotASelect, "2 statements"),
    ],
)
def test_a_wrong_query_is_told_what_and_where(sql, kind, words, source, policy):
    error = refusal(source, policy, sql)
    assert type(error) is kind
    assert words in str(error)


def test_a_query_that_returns_a_column_twice_is_told_so(source, policy):
    sql = "SELECT a.user_id, b.user_id, a.timestamp FROM visits a, visits b"
    error = refusal(source, policy, sql)
    assert type(error) is errors.MissingColumn
    assert str(error) == "The query returns 2 columns named user_id; it must return one."


def test_a_slow_query_is_stopped_in_time(engine, source, policy):
    short = replace(policy, limits=Limits(seconds=1))
    begin = time.monotonic()
    error = refusal(source, short, ENDLESS[engine])
    assert time.monotonic() - begin < 3.5
    assert type(error) is errors.SlowQuery
    assert str(error) == "The query was stopped after 1 seconds."


def test_too_many_rows_are_not_taken_in(engine, source, policy):
    tight = replace(policy, limits=replace(policy.limits, rows=2))
    with connect(source, tight) as executor:
        with pytest.raises(errors.ResultTooLarge, match="more than 2 rows"):
            executor.run("SELECT user_id FROM visits")
        assert executor.run("SELECT count(*) FROM visits").rows == ((3,),)


def test_too_many_bytes_are_not_taken_in(source, policy):
    tight = replace(policy, limits=replace(policy.limits, bytes=1000))
    with (
        connect(source, tight) as executor,
        pytest.raises(errors.ResultTooLarge, match="1,000 bytes"),
    ):
        executor.run("SELECT note FROM visits")


# --- the walls behind the check on the text: each tried without that check


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM shop.events",
        "CREATE TABLE shop.mine (a int)",
        "WITH a AS (DELETE FROM shop.events RETURNING *) SELECT * FROM a",
        "SELECT nextval('shop.counter')",
        "SELECT lo_create(0)",
        "SELECT * FROM shop.events FOR UPDATE",
    ],
)
def test_postgresql_itself_refuses_writes_even_of_a_role_that_may(sql, team_server, policy):
    with connect(team_server.as_role("writer"), policy) as executor:
        with pytest.raises(errors.WriteAttempted):
            executor.run(sql)
        assert executor.run("SELECT count(*) FROM shop.events").rows == ((2,),)


@pytest.mark.parametrize(
    "sql", ["SELECT 1; SELECT 2", "COMMIT; SELECT 1", "SET statement_timeout = 0; SELECT 1"]
)
def test_postgresql_takes_one_statement_at_a_time(sql, team_server, policy):
    with connect(team_server.reader, policy) as executor, pytest.raises(errors.QuerySyntax):
        executor.run(sql)


def test_what_the_role_may_not_read_is_denied_by_name(team_server, policy):
    error = refusal(team_server.reader, policy, "SELECT word AS user_id FROM shop.secrets")
    assert type(error) is errors.PermissionDenied
    assert "permission denied for table secrets" in str(error)
    assert "canary" not in str(error)


def test_functions_a_server_calls_volatile_are_refused_whatever_their_name(team_server, policy):
    with psycopg.connect(team_server.url, autocommit=True) as boss:
        boss.execute(
            "CREATE OR REPLACE FUNCTION innocent() RETURNS int LANGUAGE plpgsql VOLATILE AS "
            "$$ BEGIN PERFORM pg_sleep(1); RETURN 1; END $$"
        )
    error = refusal(team_server.reader, policy, "SELECT innocent() AS user_id, now() AS timestamp")
    assert type(error) is errors.ForbiddenFunction
    assert "innocent()" in str(error)


def test_harmless_volatile_functions_are_let_through(team_server, policy):
    sql = "SELECT gen_random_uuid() AS user_id, clock_timestamp() AS timestamp, random() AS value"
    assert validated(team_server.reader, policy, sql).sample


def test_a_function_deaf_to_requests_is_cut_off_by_our_own_clock(team_server, policy):
    short = replace(policy, limits=Limits(seconds=2))
    begin = time.monotonic()
    with connect(team_server.reader, short) as executor, pytest.raises(errors.WarehouseError):
        executor.run("SELECT length(repeat(repeat('x', 1000000), 900)), pg_sleep(30)")
    assert time.monotonic() - begin < 4


def test_a_lock_of_somebody_else_is_not_waited_for(team_server, policy):
    short = replace(policy, limits=replace(policy.limits, lock_seconds=0.3))
    with psycopg.connect(team_server.url) as boss:
        boss.execute("LOCK TABLE shop.events IN ACCESS EXCLUSIVE MODE")
        error = refusal(team_server.reader, short, "SELECT user_id, timestamp FROM shop.events")
        boss.rollback()
    assert type(error) is errors.SlowQuery
    assert "locked by somebody else" in str(error)


def test_a_connection_that_dies_is_said_to_have_died(team_server, policy):
    with connect(team_server.reader, policy) as executor:
        pid = executor.run("SELECT pg_backend_pid()").rows[0][0]
        with psycopg.connect(team_server.url, autocommit=True) as boss:
            boss.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(errors.ConnectionLost):
            executor.run("SELECT 1")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "CREATE TABLE u (a)",
        "ATTACH 'other.db' AS o",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "SELECT load_extension('x')",
        "VACUUM",
        "SELECT * FROM pragma_table_info('t')",
    ],
)
def test_sqlite_itself_refuses_everything_but_reading(sql, folder, policy):
    path = folder / "a.db"
    opened = sqlite3.connect(path)
    opened.execute("CREATE TABLE t (a)")
    opened.execute("INSERT INTO t VALUES (1)")
    opened.commit()
    opened.close()
    with connect(SQLiteSettings(str(path)), policy) as executor:
        with pytest.raises(errors.WarehouseError):
            executor.run(sql)
        assert executor.run("SELECT count(*) FROM t").rows == ((1,),)
    assert [entry.name for entry in folder.iterdir()] == ["a.db"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "CREATE TABLE u (a int)",
        "ATTACH 'other.duckdb' AS o",
        "COPY t TO 'out.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "INSTALL httpfs",
        "LOAD httpfs",
        "EXPORT DATABASE 'x'",
    ],
)
def test_duckdb_itself_refuses_files_settings_and_writes(sql, folder, policy):
    path = folder / "a.duckdb"
    duckdb.connect(str(path)).execute("CREATE TABLE t AS SELECT 1 AS a").close()
    for _ in range(2):  # a second connection in the same process is as closed as the first
        with (
            connect(DuckDBSettings(str(path)), policy) as executor,
            pytest.raises(errors.WarehouseError),
        ):
            executor.run(sql)
    with connect(DuckDBSettings(str(path)), policy) as executor:
        assert executor.run("SELECT count(*) FROM t").rows == ((1,),)


def test_a_value_of_enormous_length_stays_in_sqlite(folder, policy):
    sqlite3.connect(folder / "a.db").execute("CREATE TABLE t (a)").connection.close()
    with (
        connect(SQLiteSettings(str(folder / "a.db")), policy) as executor,
        pytest.raises(errors.ResultTooLarge),
    ):
        executor.run("SELECT hex(zeroblob(6000000))")
