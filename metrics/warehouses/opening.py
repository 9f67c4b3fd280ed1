"""Open the right executor for the settings of an event source."""

from metrics.warehouses import duckdb_file, postgresql, sqlite_file
from metrics.warehouses.connections import (
    DuckDBSettings,
    Policy,
    PostgresSettings,
    Settings,
    SQLiteSettings,
)
from metrics.warehouses.executor import Executor


def connect(settings: Settings, policy: Policy) -> Executor:
    """An open, read-only executor; raises a `WarehouseError` that names the cause."""
    match settings:
        case PostgresSettings():
            return postgresql.connect(settings, policy)
        case DuckDBSettings():
            return duckdb_file.connect(settings, policy)
        case SQLiteSettings():
            return sqlite_file.connect(settings, policy)
