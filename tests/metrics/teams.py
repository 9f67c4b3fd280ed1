"""The same tables in a team's PostgreSQL, DuckDB and SQLite."""

import csv
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from metrics.warehouses.connections import (
    DuckDBSettings,
    PostgresSettings,
    Settings,
    SQLiteSettings,
)

Table = Sequence[tuple[object, ...]]
ENGINES = ("postgres", "duckdb", "sqlite")


@dataclass(frozen=True)
class TeamServer:
    """A running PostgreSQL: its owner's URL, and the settings of a role that may only read."""

    url: str
    reader: PostgresSettings

    def as_role(self, name: str) -> PostgresSettings:
        return replace(self.reader, user=name, password=f"{name}-pass")


def load(
    engine: str, server: TeamServer, folder: Path, tables: dict[str, tuple[str, Table]]
) -> Settings:
    """Create each table (columns as SQL, rows) in the engine, and say how to reach it."""
    if engine == "postgres":
        return _load_postgres(server, tables)
    path = folder / f"team.{engine}"
    path.unlink(missing_ok=True)
    opened: Any = duckdb.connect(str(path)) if engine == "duckdb" else sqlite3.connect(path)
    for name, (columns, rows) in tables.items():
        opened.execute(f"CREATE TABLE {name} ({columns})")
        marks = ", ".join("?" for _ in rows[0]) if rows else ""
        if rows and engine == "duckdb":
            _copy_into_duckdb(opened, name, rows, folder / "rows.csv")
        elif rows:
            opened.executemany(f"INSERT INTO {name} VALUES ({marks})", [list(row) for row in rows])  # noqa: S608
    opened.commit()
    opened.close()
    return DuckDBSettings(str(path)) if engine == "duckdb" else SQLiteSettings(str(path))


def _copy_into_duckdb(opened: Any, name: str, rows: Table, path: Path) -> None:
    """DuckDB takes rows one by one very slowly, and files very fast."""
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        for row in rows:
            writer.writerow(["~" if cell is None else cell for cell in row])
    opened.execute(f"COPY {name} FROM '{path}' (FORMAT csv, HEADER false, NULLSTR '~')")
    path.unlink()


def _load_postgres(server: TeamServer, tables: dict[str, tuple[str, Table]]) -> PostgresSettings:
    with psycopg.connect(server.url, autocommit=True) as boss:
        for name, (columns, rows) in tables.items():
            boss.execute(f"DROP TABLE IF EXISTS {name}".encode())
            boss.execute(f"CREATE TABLE {name} ({columns})".encode())
            boss.execute(f"GRANT SELECT ON {name} TO reader".encode())
            with boss.cursor().copy(f"COPY {name} FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
            boss.execute(f"ANALYZE {name}".encode())
    return server.reader
