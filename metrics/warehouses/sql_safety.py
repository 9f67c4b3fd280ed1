"""A team's SQL is read as a syntax tree: one SELECT, nothing that writes, waits or opens files.

This is a check, not a sandbox: the role, the read-only transaction and the time limit are the walls.
What runs is written anew from the tree, so that the text judged and the text executed are one.
"""

import logging
import re
from collections.abc import Iterator
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from metrics.warehouses.errors import (
    ForbiddenFunction,
    NotASelect,
    QuerySyntax,
    WriteAttempted,
)

# Its warnings repeat the query; what is wrong reaches the person as a sentence instead.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

LONGEST: Final = 50_000
_ROOTS: Final = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
_WRITES: Final = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.TruncateTable,
    exp.Copy,
    exp.Into,
)
_NOT_READING: Final = (
    exp.Command,
    exp.Set,
    exp.Use,
    exp.Pragma,
    exp.Attach,
    exp.Detach,
    exp.Describe,
    exp.Show,
    exp.Summarize,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
    exp.Lock,
    exp.LoadData,
    exp.Kill,
    exp.Grant,
    exp.Analyze,
    exp.Parameter,
    exp.Placeholder,
)

# Exact names first, then families by prefix. Names are compared in lower case.
_FORBIDDEN_NAMES: Final[dict[str, frozenset[str]]] = {
    "postgres": frozenset(
        {
            "set_config",
            "setval",
            "nextval",
            "txid_current",
            "query_to_xml",
            "query_to_xmlschema",
            "query_to_xml_and_xmlschema",
            "cursor_to_xml",
            "cursor_to_xmlschema",
            "table_to_xml",
            "table_to_xmlschema",
            "table_to_xml_and_xmlschema",
            "schema_to_xml",
            "schema_to_xmlschema",
            "schema_to_xml_and_xmlschema",
            "database_to_xml",
            "database_to_xmlschema",
            "database_to_xml_and_xmlschema",
            "ts_stat",
            "ts_rewrite",
            "crosstab",
            "xpath_table",
            "connectby",
            "has_lock",
            "current_setting",
            "convert_from_file",
            "gen_fault",
            "postgres_fdw_disconnect",
            "postgres_fdw_disconnect_all",
            "postgres_fdw_get_connections",
            "binary_upgrade_set_record_init_privs",
            "copy_to_file",
            "file_textarray_fdw_validator",
        }
    ),
    "duckdb": frozenset(
        {
            "glob",
            "query",
            "query_table",
            "sniff_csv",
            "getenv",
            "getvariable",
            "nextval",
            "currval",
            "sql_auto_complete",
            "json_execute_serialized_sql",
            "from_substrait",
            "from_substrait_json",
            "delta_scan",
            "iceberg_scan",
            "arrow_scan",
            "python_map_function",
            "pandas_scan",
            "shapefile_meta",
            "which_secret",
            "checkpoint",
            "force_checkpoint",
            "enable_logging",
            "write_log",
            "test_all_types",
            "repeat_row",
            "sleep_ms",
        }
    ),
    "sqlite": frozenset(
        {
            "load_extension",
            "readfile",
            "writefile",
            "edit",
            "fts3_tokenizer",
            "sqlite_log",
            "zipfile",
            "fsdir",
            "lsmode",
            "randomblob",
            "zeroblob",
        }
    ),
}
_FORBIDDEN_PREFIXES: Final[dict[str, tuple[str, ...]]] = {
    "postgres": (
        "pg_",
        "lo_",
        "loread",
        "lowrite",
        "dblink",
        "binary_upgrade",
        "plpgsql_",
        "aws_",
        "http",
        "xslt_",
    ),
    "duckdb": (
        "read_",
        "write_",
        "parquet_",
        "pragma_",
        "duckdb_",
        "sqlite_",
        "postgres_",
        "mysql_",
        "st_read",
        "iceberg_",
        "ducklake_",
        "http_",
        "load_aws",
        "seq_scan",
    ),
    "sqlite": ("pragma_", "sqlite_", "dbstat", "fts"),
}
# Reading these says something about types and sizes only.
_HARMLESS: Final = frozenset({"pg_typeof", "pg_column_size", "sqlite_version", "sqlite_source_id"})
_SECRET_TABLES: Final = re.compile(
    r"^(pg_(authid|shadow|user_mappings?|largeobject|hba_file_rules|file_settings|stat_activity"
    r"|subscription|foreign_server)|sqlite_.*|duckdb_secrets|pragma_.*)$"
)
_FILE_LIKE: Final = re.compile(
    r"[/\\*]|://|\.(csv|tsv|json|jsonl|ndjson|parquet|xlsx|db|sqlite|duckdb|gz|zst|txt)$",
    re.IGNORECASE,
)


def single_select(sql: str, dialect: str) -> str:
    """The query, written anew without comments or closing semicolon; raises what is wrong and where."""
    return single_select_tree(sql, dialect).sql(
        dialect=dialect, comments=False, normalize_functions=False
    )


def single_select_tree(sql: str, dialect: str) -> exp.Expr:
    """The checked tree of a query."""
    if len(sql) > LONGEST:
        raise QuerySyntax(f"The query has {len(sql)} characters; at most {LONGEST} are read.")
    if "\0" in sql:
        raise QuerySyntax("The query contains a NUL character.")
    tree = _only_statement(_parse(sql, dialect))
    _check_root(tree)
    for node in tree.walk():
        _check_node(node, dialect, sql)
    return tree


def called_functions(tree: exp.Expr) -> frozenset[str]:
    """Names of the functions a query calls that SQL itself does not define, in lower case."""
    return frozenset(node.name.lower() for node in tree.find_all(exp.Anonymous))


def _parse(sql: str, dialect: str) -> list[exp.Expr]:
    try:
        statements = sqlglot.parse(sql, read=dialect)
    except SqlglotError as error:
        raise _syntax_error(error) from error
    except RecursionError as error:
        raise QuerySyntax("The query is nested too deeply to be read.") from error
    return [node for node in statements if node is not None and not isinstance(node, exp.Semicolon)]


def _syntax_error(error: SqlglotError) -> QuerySyntax:
    first: dict[str, Any] = next(iter(getattr(error, "errors", [])), {})
    line, column = first.get("line"), first.get("col")
    if line is None:  # the text could not even be cut into words
        return QuerySyntax(
            "The query cannot be read as SQL: a quotation mark or a comment is not closed."
        )
    near = str(first.get("highlight") or "")[:60]
    said = str(first.get("description") or "it stops making sense")[:200]
    return QuerySyntax(
        f"The query cannot be read as SQL at line {line}, column {column}, near “{near}”: {said}.",
        line=line,
        column=column,
    )


def _only_statement(statements: list[exp.Expr]) -> exp.Expr:
    if not statements:
        raise NotASelect("The query is empty; it must be one SELECT.")
    if len(statements) > 1:
        raise NotASelect(
            f"The query holds {len(statements)} statements; it must be one SELECT. "
            f"The second begins with {_opening(statements[1])}."
        )
    return statements[0]


def _check_root(tree: exp.Expr) -> None:
    root = tree
    while isinstance(root, exp.Subquery | exp.Paren):
        root = root.this
    if isinstance(root, _WRITES):
        raise _write_attempted(root)
    if not isinstance(root, _ROOTS):
        raise NotASelect(f"The query is {_opening(root)}, not a SELECT.")
    if isinstance(root, exp.Select) and not root.expressions:
        raise NotASelect("The SELECT names no columns.")


def _check_node(node: exp.Expr, dialect: str, sql: str) -> None:
    if isinstance(node, _WRITES):
        raise _write_attempted(node)
    if isinstance(node, _NOT_READING):
        raise NotASelect(
            f"The query contains {_opening(node)}{_place(node, sql)}; only reading is allowed."
        )
    if isinstance(node, exp.Table):
        _check_table(node, dialect, sql)
    for name in _function_names(node):
        if _is_forbidden(name, dialect):
            raise ForbiddenFunction(
                f"The query calls {name}(){_place(node, sql, name)}, which may reach beyond reading tables.",
                function=name,
            )


def _check_table(table: exp.Table, dialect: str, sql: str) -> None:
    name = table.name.lower()
    if isinstance(table.this, exp.Func):
        return
    if _SECRET_TABLES.match(name):
        raise ForbiddenFunction(
            f"The query reads {name}{_place(table, sql, name)}, a table of the server's own.",
            table=name,
        )
    if dialect == "duckdb" and _FILE_LIKE.search(table.name):
        raise ForbiddenFunction(
            f"The query reads the file “{table.name[:100]}”; only tables of the database may be read."
        )


def _function_names(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        yield node.name.lower()
    elif isinstance(node, exp.Func):
        yield from (name.lower() for name in node.sql_names())


def _is_forbidden(name: str, dialect: str) -> bool:
    if name in _HARMLESS:
        return False
    names = _FORBIDDEN_NAMES.get(dialect, frozenset())
    return name in names or name.startswith(_FORBIDDEN_PREFIXES.get(dialect, ()))


def _write_attempted(node: exp.Expr) -> WriteAttempted:
    return WriteAttempted(f"The query contains {_opening(node)}, which would change the database.")


def _opening(node: exp.Expr) -> str:
    words = {
        exp.Command: str(node.this).upper() if isinstance(node, exp.Command) else "",
        exp.Lock: "FOR UPDATE",
        exp.Into: "INTO",
        exp.Parameter: "a parameter",
        exp.Placeholder: "a parameter",
        exp.TruncateTable: "TRUNCATE",
    }
    for kind, word in words.items():
        if isinstance(node, kind) and word:
            return word
    return type(node).__name__.upper()


def _place(node: exp.Expr, sql: str, name: str = "") -> str:
    """Where in the text a thing stands, as far as it can be told."""
    line = node.meta.get("line") or getattr(node.this, "meta", {}).get("line")
    if not line and name:
        found = re.search(re.escape(name), sql, re.IGNORECASE)
        line = sql.count("\n", 0, found.start()) + 1 if found else None
    return f" in line {line}" if line else ""
