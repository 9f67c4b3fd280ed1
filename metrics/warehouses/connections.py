"""How an event source is reached and what this installation allows: settings without any DSN."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# verify-ca is left out: it needs a file of authorities, and verify-full with the system's is better.
SSL_MODES: Final = ("disable", "prefer", "require", "verify-full")


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """A PostgreSQL server by its parts: nothing else can be passed to the driver."""

    host: str
    database: str
    user: str
    password: str = field(default="", repr=False)
    port: int = 5432
    sslmode: str = "prefer"


@dataclass(frozen=True, slots=True)
class DuckDBSettings:
    """A DuckDB file on this server."""

    path: str


@dataclass(frozen=True, slots=True)
class SQLiteSettings:
    """A SQLite file on this server."""

    path: str


Settings = PostgresSettings | DuckDBSettings | SQLiteSettings


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one statement may take."""

    connect_seconds: float = 5.0
    seconds: float = 60.0
    lock_seconds: float = 2.0
    rows: int = 10_000
    bytes: int = 50_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows: private hosts, folders of files, and never these files and servers."""

    allow_private: bool = False
    allowed_folders: tuple[Path, ...] = ()
    refused_files: tuple[Path, ...] = ()
    # (host, port, database) of the product's own database, which no user's query may reach
    refused_databases: tuple[tuple[str, int, str], ...] = ()
    limits: Limits = Limits()
