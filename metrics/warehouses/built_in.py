"""The product's own database as an event source: only for queries this product writes itself."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from django.db import connections

from metrics.warehouses import errors, postgresql, sqlite_file
from metrics.warehouses.connections import Limits
from metrics.warehouses.dialects import POSTGRES, SQLITE, Column, Dialect
from metrics.warehouses.executor import Rows, Stopwatch, gather, watchdog

# Nightly work over many events may take longer than a person waits for a team's database.
OWN_LIMITS: Final = Limits(seconds=600.0, rows=100_000)

OWN_TABLES: Final = ("metrics_exposure", "metrics_event")
# Never sampled, or grown to more than twice the pages it had (of ten, where it had fewer).
_UNKNOWN: Final = (
    "SELECT relname FROM pg_catalog.pg_class"
    " WHERE relname = ANY(%s) AND pg_catalog.pg_table_is_visible(oid) AND (reltuples < 0 OR"
    " pg_catalog.pg_relation_size(oid) > 2 * 8192 * greatest(relpages, 10))"
)


class BuiltInExecutor:
    """Reads our own tables over Django's connection; closing leaves the connection to Django."""

    def __init__(self, alias: str = "default", limits: Limits = OWN_LIMITS) -> None:
        self._django = connections[alias]
        self._limits = limits
        self.is_postgres = self._django.vendor == "postgresql"
        self.dialect: Dialect = POSTGRES if self.is_postgres else SQLITE

    def columns(self, sql: str) -> tuple[Column, ...]:
        """Nobody's SQL runs here: built-in facts are defined, not written."""
        del sql
        raise errors.PermissionDenied(
            "SQL cannot be run against this installation's own database.",
            hint="Define a built-in fact by event name and filters, or connect an event source.",
        )

    def run(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one of our own SELECTs."""
        clock = Stopwatch()
        self._django.ensure_connection()
        raw: Any = self._django.connection
        with self._translated(raw):
            if self.is_postgres:
                with psycopg.RawCursor(raw) as cursor:
                    cursor.execute(sql.encode(), list(params), binary=True)
                    rows = gather(cursor, self._limits)
            else:
                rows = gather(sqlite3.Connection.execute(raw, sql, tuple(params)), self._limits)
        return Rows(rows, clock.seconds)

    @contextmanager
    def _translated(self, raw: Any) -> Iterator[None]:
        stop = raw.cancel_safe if self.is_postgres else raw.interrupt
        with watchdog(self._limits.seconds, stop):
            try:
                yield
            except psycopg.Error as error:
                raise postgresql.translate(error, self._limits) from error
            except sqlite3.Error as error:
                raise sqlite_file.translate(error, self._limits) from error

    def close(self) -> None:
        """Nothing to let go of: the connection is Django's."""

    def __enter__(self) -> Self:
        self._learn_sizes()
        return self

    def _learn_sizes(self) -> None:
        """Without statistics events are joined to units by nested loops: for two weeks of the demo
        6 s instead of 0.05 s on SQLite, which keeps none by itself, and 27 s instead of 0.4 s on a
        PostgreSQL whose tables were filled a moment ago, or sampled while they were nearly empty.
        Sampling takes milliseconds."""
        with self._django.cursor() as cursor:
            if self.is_postgres:
                cursor.execute(_UNKNOWN, [list(OWN_TABLES)])
                unknown = [row[0] for row in cursor.fetchall()]
            else:
                cursor.execute("PRAGMA analysis_limit = 1000")
                unknown = list(OWN_TABLES)
            for table in unknown:
                cursor.execute(f"ANALYZE {table}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
