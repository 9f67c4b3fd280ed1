"""Which texts may run against a team's database, and the sentence for those that may not."""

import pytest

from metrics.warehouses.errors import (
    ForbiddenFunction,
    NotASelect,
    QuerySyntax,
    WarehouseError,
    WriteAttempted,
)
from metrics.warehouses.sql_safety import single_select

FINE = [
    "SELECT 1 AS a",
    "select * from t where name = 'a;b' -- and a comment",
    "/* first */ SELECT a FROM t;",
    "SELECT a FROM t;;\n-- the end",
    "WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT * FROM b",
    "SELECT a FROM t UNION ALL SELECT b FROM u",
    "(SELECT a FROM t) UNION (SELECT b FROM u)",
    "VALUES (1, 2)",
    "SELECT lower(a), count(*) FILTER (WHERE b > 1) FROM t GROUP BY 1 HAVING count(*) > 2",
    "SELECT a FROM t JOIN u USING (id) LEFT JOIN v ON v.id = t.id ORDER BY 1 LIMIT 5 OFFSET 2",
    "SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t",
    "SELECT 'DROP TABLE t; DELETE FROM t' AS text",
    'SELECT "delete", "update" FROM "insert"',
]
POSTGRES_FINE = [
    "SELECT a::text, b ->> 'k', ts AT TIME ZONE 'UTC', interval '1 day', x::date FROM t",
    "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b",
    "SELECT * FROM t, LATERAL (SELECT max(x) FROM u WHERE u.id = t.id) AS q",
    "SELECT date_trunc('day', ts), extract(epoch FROM ts), my_own_function(a) FROM s.t",
    "SELECT $$it's; fine$$ AS a, E'it\\'s' AS b",
    "SELECT generate_series(1, 3), pg_typeof(a) FROM t",
]

# Everything that must never get as far as a connection.
PROBES: list[tuple[str, str, type[WarehouseError]]] = [
    ("postgres", "", NotASelect),
    ("postgres", "  -- nothing", NotASelect),
    ("postgres", "SELECT", NotASelect),
    ("postgres", "SELECT 1; SELECT 2", NotASelect),
    ("postgres", "SELECT 1; DROP TABLE t", NotASelect),
    ("postgres", "SELECT 1; COMMIT; DELETE FROM t", NotASelect),
    ("postgres", "DELETE FROM t", WriteAttempted),
    ("postgres", "INSERT INTO t VALUES (1)", WriteAttempted),
    ("postgres", "UPDATE t SET a = 1", WriteAttempted),
    ("postgres", "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", WriteAttempted),
    ("postgres", "DROP TABLE t", WriteAttempted),
    ("postgres", "TRUNCATE t", WriteAttempted),
    ("postgres", "CREATE TABLE t AS SELECT 1", WriteAttempted),
    ("postgres", "ALTER TABLE t ADD COLUMN a int", WriteAttempted),
    ("postgres", "COPY t TO '/tmp/x'", WriteAttempted),
    ("postgres", "COPY t FROM PROGRAM 'id'", WriteAttempted),
    ("postgres", "SELECT 1 INTO t", WriteAttempted),
    ("postgres", "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", WriteAttempted),
    ("postgres", "WITH a AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT 1", WriteAttempted),
    ("postgres", "WITH a AS (UPDATE t SET a = 1 RETURNING 1) SELECT 1", WriteAttempted),
    ("postgres", "SELECT * FROM t FOR UPDATE", NotASelect),
    ("postgres", "SELECT * FROM (SELECT * FROM t FOR SHARE) AS q", NotASelect),
    ("postgres", "EXPLAIN ANALYZE SELECT 1", NotASelect),
    ("postgres", "SET statement_timeout = 0", NotASelect),
    ("postgres", "SHOW ALL", NotASelect),
    ("postgres", "DO $$ BEGIN PERFORM 1; END $$", NotASelect),
    ("postgres", "CALL p()", NotASelect),
    ("postgres", "LISTEN a", NotASelect),
    ("postgres", "VACUUM", NotASelect),
    ("postgres", "BEGIN", NotASelect),
    ("postgres", "GRANT ALL ON t TO public", NotASelect),
    ("postgres", "PREPARE p AS SELECT 1", NotASelect),
    ("postgres", "SELECT $1", NotASelect),
    ("postgres", "SELECT pg_sleep(100)", ForbiddenFunction),
    ("postgres", "SELECT PG_SLEEP(100)", ForbiddenFunction),
    ("postgres", "SELECT pg_catalog.pg_sleep(100)", ForbiddenFunction),
    ("postgres", 'SELECT "pg_sleep"(100)', ForbiddenFunction),
    ("postgres", "SELECT 1 FROM t WHERE a = (SELECT pg_sleep(1))", ForbiddenFunction),
    ("postgres", "SELECT * FROM pg_ls_dir('.')", ForbiddenFunction),
    ("postgres", "SELECT pg_read_file('/etc/passwd')", ForbiddenFunction),
    ("postgres", "SELECT pg_terminate_backend(1)", ForbiddenFunction),
    ("postgres", "SELECT pg_notify('a', 'b')", ForbiddenFunction),
    ("postgres", "SELECT pg_advisory_lock(1)", ForbiddenFunction),
    ("postgres", "SELECT lo_import('/etc/passwd')", ForbiddenFunction),
    ("postgres", "SELECT lo_create(0)", ForbiddenFunction),
    ("postgres", "SELECT set_config('role', 'boss', false)", ForbiddenFunction),
    ("postgres", "SELECT nextval('s')", ForbiddenFunction),
    ("postgres", "SELECT * FROM dblink('host=x', 'select 1') AS t(a int)", ForbiddenFunction),
    ("postgres", "SELECT query_to_xml('select 1', true, true, '')", ForbiddenFunction),
    ("postgres", "SELECT table_to_xml('t', true, true, '')", ForbiddenFunction),
    (
        "postgres",
        "WITH x AS (SELECT set_config('a', 'b', true)) SELECT * FROM x",
        ForbiddenFunction,
    ),
    ("postgres", "SELECT * FROM t, LATERAL set_config('a', 'b', true)", ForbiddenFunction),
    ("postgres", "SELECT * FROM pg_authid", ForbiddenFunction),
    ("postgres", "SELECT * FROM pg_catalog.pg_shadow", ForbiddenFunction),
    ("duckdb", "SELECT * FROM read_csv('/etc/passwd')", ForbiddenFunction),
    ("duckdb", "SELECT * FROM read_parquet(['a.parquet'])", ForbiddenFunction),
    ("duckdb", "SELECT * FROM read_text('/etc/passwd')", ForbiddenFunction),
    ("duckdb", "SELECT * FROM read_blob('/etc/passwd')", ForbiddenFunction),
    ("duckdb", "SELECT * FROM glob('/*')", ForbiddenFunction),
    ("duckdb", "SELECT * FROM '/etc/passwd'", ForbiddenFunction),
    ("duckdb", "FROM 'events.csv'", ForbiddenFunction),
    ("duckdb", "SELECT * FROM 'https://example.com/a.parquet'", ForbiddenFunction),
    ("duckdb", "SELECT * FROM query('DROP TABLE t')", ForbiddenFunction),
    ("duckdb", "SELECT * FROM duckdb_secrets()", ForbiddenFunction),
    ("duckdb", "SELECT getenv('HOME')", ForbiddenFunction),
    ("duckdb", "ATTACH 'other.duckdb' AS o", NotASelect),
    ("duckdb", "INSTALL httpfs", NotASelect),
    ("duckdb", "LOAD httpfs", NotASelect),
    ("duckdb", "PRAGMA database_list", NotASelect),
    ("duckdb", "COPY t TO 'x.csv'", WriteAttempted),
    ("duckdb", "EXPORT DATABASE 'x'", QuerySyntax),
    ("duckdb", "SUMMARIZE t", NotASelect),
    ("sqlite", "ATTACH 'other.db' AS o", NotASelect),
    ("sqlite", "PRAGMA query_only = OFF", NotASelect),
    ("sqlite", "SELECT load_extension('x')", ForbiddenFunction),
    ("sqlite", "SELECT readfile('/etc/passwd')", ForbiddenFunction),
    ("sqlite", "SELECT writefile('/tmp/x', 'y')", ForbiddenFunction),
    ("sqlite", "SELECT * FROM pragma_table_info('t')", ForbiddenFunction),
    ("sqlite", "SELECT * FROM sqlite_master", ForbiddenFunction),
    ("sqlite", "REPLACE INTO t VALUES (1)", NotASelect),
    ("sqlite", "VACUUM INTO 'x'", NotASelect),
    ("sqlite", "SELECT 1) AS q; DROP TABLE t; SELECT (1", QuerySyntax),
    ("postgres", "SELECT 1) AS q UNION (SELECT 1", QuerySyntax),
    ("postgres", "SELECT 'a", QuerySyntax),
    ("postgres", "SELECT a FROM t WHERE\x00 1", QuerySyntax),
    ("postgres", "SELEC 1", QuerySyntax),
]


@pytest.mark.parametrize("dialect", ["postgres", "duckdb", "sqlite"])
@pytest.mark.parametrize("sql", FINE)
def test_an_ordinary_select_is_let_through(sql, dialect):
    assert single_select(sql, dialect)


@pytest.mark.parametrize("sql", POSTGRES_FINE)
def test_the_ways_of_postgresql_are_let_through(sql):
    assert single_select(sql, "postgres")


@pytest.mark.parametrize(("dialect", "sql", "kind"), PROBES)
def test_a_probe_is_refused_with_its_own_kind_of_sentence(dialect, sql, kind):
    with pytest.raises(WarehouseError) as refused:
        single_select(sql, dialect)
    assert type(refused.value) is kind, str(refused.value)
    assert str(refused.value).endswith(".")
    assert refused.value.hint


def test_what_runs_is_written_from_the_tree_that_was_judged():
    sql = "SELECT a -- '; DROP TABLE t\nFROM t /* x */ ;"
    assert single_select(sql, "postgres") == "SELECT a FROM t"


def test_the_names_of_functions_keep_their_case():
    assert single_select('SELECT "myFunction"(a) AS b FROM t', "postgres") == (
        'SELECT "myFunction"(a) AS b FROM t'
    )


def test_a_syntax_error_names_line_and_place():
    with pytest.raises(QuerySyntax, match=r"line 3, column \d+, near “\)”"):
        single_select("SELECT a\nFROM t\nWHERE (a = ))", "postgres")


def test_a_forbidden_function_is_found_in_its_line():
    with pytest.raises(ForbiddenFunction, match=r"pg_sleep\(\) in line 2"):
        single_select("SELECT a,\n pg_sleep(3) FROM t", "postgres")


def test_an_endless_text_is_refused_before_it_is_read():
    with pytest.raises(QuerySyntax, match="at most 50000"):
        single_select("SELECT 1" + " " * 60_000, "postgres")


def test_deep_nesting_is_a_sentence_not_a_crash():
    with pytest.raises(QuerySyntax):
        single_select("SELECT " + "(" * 5_000 + "1" + ")" * 5_000, "postgres")
