"""A team's DuckDB file: opened read-only, cut off from files and network, settings locked."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

from metrics.warehouses import errors
from metrics.warehouses.causes import Cause, explain
from metrics.warehouses.connections import DuckDBSettings, Limits, Policy
from metrics.warehouses.dialects import DUCKDB, Column, Dialect, Family, around
from metrics.warehouses.executor import Rows, Stopwatch, gather, watchdog
from metrics.warehouses.files import locate

_CONFIG: Final = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": "1GB",
    "threads": "2",
}
_FAMILIES: Final = (
    (re.compile(r"^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$|^UHUGEINT$"), Family.INTEGER),
    (re.compile(r"^(DECIMAL|DOUBLE|FLOAT)"), Family.NUMBER),
    (re.compile(r"^BOOLEAN$"), Family.BOOLEAN),
    (re.compile(r"^(VARCHAR|ENUM)"), Family.TEXT),
    (re.compile(r"^UUID$"), Family.UUID),
    (re.compile(r"^(TIMESTAMP|DATE$)"), Family.INSTANT),
)


class DuckDBExecutor:
    """Reads one DuckDB file."""

    def __init__(self, connection: Any, limits: Limits) -> None:
        self.dialect: Dialect = DUCKDB
        self._connection = connection
        self._limits = limits

    def columns(self, sql: str) -> tuple[Column, ...]:
        """Names and types, from an empty result."""
        with self._guarded():
            found = self._connection.execute(around(sql)).description
        return tuple(Column(entry[0], str(entry[1]), _family(str(entry[1]))) for entry in found)

    def run(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one SELECT within the limits."""
        clock = Stopwatch()
        with self._guarded():
            result = self._connection.execute(sql, list(params))
            rows = gather(_batches(result), self._limits)
        return Rows(rows, clock.seconds)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        import duckdb  # noqa: PLC0415 - heavy, and only needed where such a source is read

        try:
            with watchdog(self._limits.seconds, self._connection.interrupt):
                yield
        except duckdb.Error as error:
            # An error ends DuckDB's transaction; what is asked next begins another.
            self._connection.rollback()
            _begin(self._connection)
            raise translate(error, self._limits) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(settings: DuckDBSettings, policy: Policy) -> DuckDBExecutor:
    """Open the file for reading."""
    import duckdb  # noqa: PLC0415 - heavy, and only needed where such a source is read

    path = locate(settings.path, policy)
    try:
        connection = duckdb.connect(str(path), read_only=True, config=dict(_CONFIG))
        _settle(connection)
    except duckdb.Error as error:
        raise translate(error, policy.limits) from error
    return DuckDBExecutor(connection, policy.limits)


def _settle(connection: Any) -> None:
    import duckdb  # noqa: PLC0415 - heavy, and only needed where such a source is read

    # Connections of one process to one file share their settings: the first locks them for all.
    with suppress(duckdb.InvalidInputException):
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute("SET lock_configuration = true")
    _begin(connection)


def _begin(connection: Any) -> None:
    # One transaction over the whole visit: all statements see the same data.
    connection.execute("BEGIN TRANSACTION READ ONLY")


def _batches(result: Any) -> Iterator[tuple[object, ...]]:
    while batch := result.fetchmany(500):
        yield from batch


def _family(type_name: str) -> Family:
    for pattern, family in _FAMILIES:
        if pattern.search(type_name):
            return family
    return Family.OTHER


_CAUSES: Final = (
    Cause("INTERRUPT", errors.SlowQuery, "The query was stopped after {seconds:g} seconds."),
    Cause("Table with name .* does not exist", errors.UnknownTable, "There is no table {name}."),
    Cause(
        "Referenced column .* not found|does not have a column",
        errors.UnknownColumn,
        "There is no column {name}.",
    ),
    Cause(
        "Ambiguous reference",
        errors.UnknownColumn,
        "The column {name} could be meant in several tables.",
        hint="Write the table before the column.",
    ),
    Cause(
        "not a valid DuckDB database|version number .* (database|storage)|Failed to deserialize",
        errors.NotADatabaseFile,
        "The file is not a DuckDB database.",
    ),
    Cause(
        "[Cc]ould not set lock|different configuration",
        errors.BusyFile,
        "Another program has the file open.",
    ),
    Cause(  # DuckDB reaches for an extension when a file is some other database
        "Loading external extensions",
        errors.NotADatabaseFile,
        "The file is not a DuckDB database.",
    ),
    Cause(
        "disabled (by|through) configuration|operations are disabled|configuration has been locked",
        errors.ForbiddenFunction,
        "The query reaches for files, the network or settings.",
    ),
    Cause(
        "Cannot open file|Permission denied",
        errors.PermissionDenied,
        "The server may not open the file.",
        hint="Let the server's user read the file and its folder.",
    ),
    Cause("read-only|read only", errors.WriteAttempted, "The query tried to change the database."),
    Cause("Out of Memory", errors.ResultTooLarge, "The query needs more than 1 GB of memory."),
    Cause("^Conversion Error", errors.UnusableValue, "A value cannot be converted: {text}."),
    Cause(
        "^(Parser|Binder|Catalog) Error", errors.QuerySyntax, "DuckDB cannot read the query: {text}"
    ),
)


def translate(error: Exception, limits: Limits) -> errors.WarehouseError:
    """The cause behind DuckDB's message."""
    text = str(error) or "no message"
    line = text.splitlines()[0]
    said = (line.partition("Error: ")[2] or line)[:300]
    found = re.search(r"""(?:name|column) "?([^\s"]+)|["']([^"']+)["']""", said)
    name = f"“{found.group(1) or found.group(2)}”" if found else said
    return explain(_CAUSES, text, text=said, name=name, seconds=limits.seconds) or (
        errors.QueryFailed(f"DuckDB could not run the query: {said}")
    )
