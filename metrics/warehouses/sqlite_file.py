"""A team's SQLite file: opened read-only, with an authorizer that knows only reading."""

import math
import sqlite3
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote as url_quote

from metrics.warehouses import errors
from metrics.warehouses.causes import Cause, explain
from metrics.warehouses.connections import Limits, Policy, SQLiteSettings
from metrics.warehouses.dialects import SQLITE, Column, Dialect, Family, around
from metrics.warehouses.executor import Rows, Stopwatch, gather
from metrics.warehouses.files import locate

_READING: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_STEPS_BETWEEN_LOOKS: Final = 20_000
_LONGEST_VALUE: Final = 10_000_000


class SQLiteExecutor:
    """Reads one SQLite file."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits) -> None:
        self.dialect: Dialect = SQLITE
        self._connection = connection
        self._limits = limits
        self._clock = Stopwatch()
        self._complaints: list[errors.WarehouseError] = []
        add_functions(connection, self._complaints)
        connection.set_progress_handler(self._is_late, _STEPS_BETWEEN_LOOKS)
        connection.set_authorizer(_authorize)

    def _is_late(self) -> bool:
        return self._clock.seconds > self._limits.seconds

    def columns(self, sql: str) -> tuple[Column, ...]:
        """Names only: in SQLite each row has types of its own."""
        with self._translated():
            cursor = self._connection.execute(around(sql))
        return tuple(Column(entry[0], "", Family.DYNAMIC) for entry in cursor.description)

    def run(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one SELECT within the limits."""
        with self._translated():
            rows = gather(self._connection.execute(sql, tuple(params)), self._limits)
        return Rows(rows, self._clock.seconds)

    def _translated(self) -> "_Translation":
        self._clock = Stopwatch()
        self._complaints.clear()
        return _Translation(self._complaints, self._limits)

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


def connect(settings: SQLiteSettings, policy: Policy) -> SQLiteExecutor:
    """Open the file for reading."""
    path = locate(settings.path, policy)
    try:
        return SQLiteExecutor(_open(path, policy.limits), policy.limits)
    except sqlite3.Error as error:
        raise translate(error, policy.limits) from error


def _open(path: Path, limits: Limits) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{url_quote(str(path))}?mode=ro",
        uri=True,
        timeout=limits.lock_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    # One transaction over the whole visit: all statements see the same data.
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _authorize(action: int, _first: str | None, second: str | None, *_: object) -> int:
    if action not in _READING:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second in {"load_extension", "fts3_tokenizer"}:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def add_functions(connection: sqlite3.Connection, complaints: list[errors.WarehouseError]) -> None:
    """Functions for the rows SQLite's own types leave open; a bad row leaves a complaint."""

    def complain(error: errors.WarehouseError) -> None:
        complaints.append(error)
        raise error

    connection.create_function(
        "wayfork_unreadable_instant", 1, _refuser(complain), deterministic=True
    )
    connection.create_function("wayfork_number", 1, _number_reader(complain), deterministic=True)


def _refuser(complain: Callable[[errors.WarehouseError], None]) -> Callable[[object], None]:
    def unreadable_instant(value: object) -> None:
        complain(
            errors.UnusableValue(
                f"“{str(value)[:60]}” in column timestamp is not a point in time. Use texts like "
                "2025-06-30 14:00:00 (UTC) or seconds since 1970."
            )
        )

    return unreadable_instant


def _number_reader(complain: Callable[[errors.WarehouseError], None]) -> Callable[[object], float]:
    def number(value: object) -> float:
        try:
            found = float(Decimal(str(value).strip()))
        except (InvalidOperation, ValueError):
            found = math.nan
        if not math.isfinite(found):
            complain(errors.UnusableValue(f"“{str(value)[:60]}” in column value is not a number."))
        return found

    return number


class _Translation:
    """Turns what the driver raises inside the block into our own words."""

    def __init__(self, complaints: list[errors.WarehouseError], limits: Limits) -> None:
        self._complaints = complaints
        self._limits = limits

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, sqlite3.Error):
            raise (self._complaints or [translate(error, self._limits)])[0] from error


_CAUSES: Final = (
    Cause("interrupted", errors.SlowQuery, "The query was stopped after {seconds:g} seconds."),
    Cause("no such table", errors.UnknownTable, "There is no table “{name}”."),
    Cause("no such column", errors.UnknownColumn, "There is no column “{name}”."),
    Cause(
        "ambiguous column name",
        errors.UnknownColumn,
        "The column “{name}” could be meant in several tables.",
        hint="Write the table before the column.",
    ),
    Cause("no such function", errors.QuerySyntax, "There is no function “{name}”."),
    Cause("syntax error", errors.QuerySyntax, "SQLite cannot read the query: {text}."),
    Cause("not a database", errors.NotADatabaseFile, "The file is not a SQLite database."),
    Cause("malformed", errors.NotADatabaseFile, "The SQLite database in the file is damaged."),
    Cause(
        "unable to open",
        errors.PermissionDenied,
        "The server may not open the file.",
        hint="Let the server's user read the file and its folder.",
    ),
    Cause("locked", errors.BusyFile, "Another program is writing to the file right now."),
    Cause("too big", errors.ResultTooLarge, "A value has more than {longest:,} bytes."),
    Cause("readonly", errors.WriteAttempted, "The query tried to change the database."),
    Cause("prohibited", errors.PermissionDenied, "SQLite refuses: {text}."),
    Cause("not authorized", errors.WriteAttempted, "The query does something else than reading."),
)


def translate(error: sqlite3.Error, limits: Limits) -> errors.WarehouseError:
    """The cause behind SQLite's message; SQLite gives little but the text."""
    text = str(error)[:300]
    name = text.partition(": ")[2]
    facts = {"text": text, "name": name, "seconds": limits.seconds, "longest": _LONGEST_VALUE}
    return explain(_CAUSES, text, **facts) or errors.QueryFailed(
        f"SQLite could not run the query: {text}."
    )
