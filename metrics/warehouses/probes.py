"""The two buttons of an event source's page: does the connection work, does this query fit."""

from dataclasses import dataclass
from typing import Final

from metrics.warehouses.connections import Policy, Settings
from metrics.warehouses.contracts import Contract, Prepared, prepare
from metrics.warehouses.dialects import Column, around, quote
from metrics.warehouses.executor import Executor, Stopwatch
from metrics.warehouses.opening import connect

SAMPLE_ROWS: Final = 20
_SAMPLE_TEXT: Final = 200

_VERSIONS: Final = {
    "postgres": "SELECT 'PostgreSQL ' || current_setting('server_version')",
    "duckdb": "SELECT 'DuckDB ' || version()",
    "sqlite": "SELECT 'SQLite ' || sqlite_version()",
}
# Superusers and roles that may write somewhere: our transaction is read-only, the role is not.
_ROLE: Final = """
SELECT
  (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
  EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND has_schema_privilege(n.oid, 'USAGE')
      AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
  )"""


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What a successful connection tells. `read_only`: the role itself cannot write."""

    version: str
    read_only: bool
    latency_seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validation:
    """A query that fits: its columns, the first rows as texts, and what looks odd in them."""

    sql: str
    columns: tuple[Column, ...]
    dimensions: tuple[str, ...]
    sample: tuple[tuple[str | None, ...], ...]
    problems: tuple[str, ...]
    seconds: float


def test_connection(settings: Settings, policy: Policy) -> ConnectionFacts:
    """Connect, ask for the version and the role's rights; raises a sentence when it fails."""
    clock = Stopwatch()
    with connect(settings, policy) as executor:
        version = str(executor.run(_VERSIONS[executor.dialect.name]).rows[0][0])
        latency = clock.seconds
        warnings = _role_warnings(executor) if executor.dialect.name == "postgres" else ()
    return ConnectionFacts(version, not warnings, latency, warnings)


test_connection.__test__ = False  # type: ignore[attr-defined]  # pytest collects by name


def _role_warnings(executor: Executor) -> tuple[str, ...]:
    is_super, can_write = executor.run(_ROLE).rows[0]
    if is_super:
        return ("The role is a superuser. Use a role that may only read the tables needed.",)
    if can_write:
        return ("The role may change tables. Use a role that may only read.",)
    return ()


def validate_query(
    settings: Settings,
    policy: Policy,
    sql: str,
    contract: Contract,
    *,
    unit_column: str = "user_id",
) -> Validation:
    """Check a query against its contract and show its first rows; raises a sentence if it fails."""
    clock = Stopwatch()
    with connect(settings, policy) as executor:
        prepared = prepare(executor, sql, contract, unit_column)
        sample = _sample(executor, prepared)
        _read_once(executor, prepared)
    problems = tuple(_problems(prepared, sample))
    return Validation(
        prepared.sql, prepared.columns, prepared.dimensions, sample, problems, clock.seconds
    )


def _sample(executor: Executor, prepared: Prepared) -> tuple[tuple[str | None, ...], ...]:
    # Each cell is cut inside the database: one enormous value must not travel here.
    cells = ", ".join(
        f"substr({executor.dialect.text('q.' + quote(column.name))}, 1, {_SAMPLE_TEXT})"
        for column in prepared.columns
    )
    found = executor.run(around(prepared.sql, cells, SAMPLE_ROWS))
    return tuple(tuple(None if cell is None else str(cell) for cell in row) for row in found.rows)


def _read_once(executor: Executor, prepared: Prepared) -> None:
    """Read instants and values of the sample as an analysis would, so that bad ones speak up now."""
    dialect, parts = executor.dialect, []
    for role, column in prepared.roles.items():
        name = "q." + quote(column.name)
        if role == "timestamp":
            parts.append(dialect.millis(name, column.family))
        elif role == "value":
            parts.append(dialect.number(name, column.family))
    executor.run(around(around(prepared.sql, limit=SAMPLE_ROWS), ", ".join(parts), SAMPLE_ROWS))


def _problems(prepared: Prepared, sample: tuple[tuple[str | None, ...], ...]) -> list[str]:
    if not sample:
        return ["The query returns no rows at the moment."]
    problems = []
    places = {column.name: index for index, column in enumerate(prepared.columns)}
    for role in ("user_id", "timestamp", "treatment", "experiment_id"):
        column = prepared.roles.get(role)
        if column is None:
            continue
        empty = sum(row[places[column.name]] in {None, ""} for row in sample)
        if empty:
            problems.append(
                f"{empty} of the first {len(sample)} rows have no {column.name}; such rows never count."
            )
    if "value" not in prepared.roles and "treatment" not in prepared.roles:
        problems.append("There is no value column: the fact can be counted, but not summed.")
    return problems
