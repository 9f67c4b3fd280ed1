"""How each engine spells the few things that are not alike: instants, texts, numbers, placeholders.

After this border every query knows only whole milliseconds, double precision numbers and texts.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class Family(StrEnum):
    """What kind of thing a column holds."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    UUID = "uuid"
    INSTANT = "instant"  # with or without a zone; without one it is read as UTC
    DYNAMIC = "dynamic"  # SQLite: each row has its own
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """A column a query returns: its name, the engine's name of its type, and its family."""

    name: str
    type_name: str
    family: Family


class Dialect(Protocol):
    """What the rooms above need to know of an engine."""

    @property
    def name(self) -> str:
        """What sqlglot and ibis call the engine."""

    def placeholder(self, position: int) -> str:
        """The mark of the n-th bound value, counted from one."""

    def text(self, expression: str) -> str:
        """The expression as text."""

    def millis(self, expression: str, family: Family) -> str:
        """An instant as whole milliseconds since 1970 UTC."""

    def number(self, expression: str, family: Family) -> str:
        """A value as a double precision number."""

    def typed_null(self) -> str:
        """A missing double precision number."""


def quote(name: str) -> str:
    """An identifier, quoted as all our engines understand it."""
    return '"' + name.replace('"', '""') + '"'


def around(sql: str, cells: str = "*", limit: int = 0) -> str:
    """A SELECT of ours around a checked query, named q; on lines of its own, whatever it ends with."""
    return f"SELECT {cells} FROM (\n{sql}\n) AS q LIMIT {int(limit)}"  # noqa: S608 - judged by sql_safety


@dataclass(frozen=True, slots=True)
class _Postgres:
    name: str = "postgres"

    def placeholder(self, position: int) -> str:
        return f"${position}"

    def text(self, expression: str) -> str:
        return f"CAST({expression} AS text)"

    def millis(self, expression: str, family: Family) -> str:
        del family
        # date_part is double precision; EXTRACT is numeric and several times slower. The addend
        # is half a microsecond: the product of a double must not fall below its own millisecond.
        return f"CAST(floor(date_part('epoch', {expression}) * 1000 + 0.0005::float8) AS bigint)"

    def number(self, expression: str, family: Family) -> str:
        if family is Family.BOOLEAN:
            return f"CAST(CAST({expression} AS int) AS float8)"
        return f"CAST({expression} AS float8)"

    def typed_null(self) -> str:
        return "CAST(NULL AS float8)"


@dataclass(frozen=True, slots=True)
class _DuckDB:
    name: str = "duckdb"

    def placeholder(self, position: int) -> str:
        return f"${position}"

    def text(self, expression: str) -> str:
        return f"CAST({expression} AS VARCHAR)"

    def millis(self, expression: str, family: Family) -> str:
        del family
        return f"epoch_ms({expression})"

    def number(self, expression: str, family: Family) -> str:
        del family
        return f"CAST({expression} AS DOUBLE)"

    def typed_null(self) -> str:
        return "CAST(NULL AS DOUBLE)"


@dataclass(frozen=True, slots=True)
class _SQLite:
    name: str = "sqlite"

    def placeholder(self, position: int) -> str:
        return f"?{position}"

    def text(self, expression: str) -> str:
        return f"CAST({expression} AS TEXT)"

    def millis(self, expression: str, family: Family) -> str:
        # A julian day keeps SQLite's own milliseconds exactly once it is rounded back to them.
        parsed = f"CAST(ROUND((julianday({expression}) - 2440587.5) * 86400000.0) AS INTEGER)"
        if family is Family.INSTANT:
            return parsed
        # Numbers are seconds since 1970, or milliseconds when seconds would lie beyond the year 5000.
        return (
            f"CASE typeof({expression}) WHEN 'null' THEN NULL"
            f" WHEN 'text' THEN COALESCE({parsed}, wayfork_unreadable_instant({expression}))"
            f" WHEN 'blob' THEN wayfork_unreadable_instant({expression})"
            f" ELSE CAST(CASE WHEN abs({expression}) < 100000000000 THEN {expression} * 1000"
            f" ELSE {expression} END AS INTEGER) END"
        )

    def number(self, expression: str, family: Family) -> str:
        if family is Family.NUMBER:
            return expression
        return (
            f"CASE typeof({expression}) WHEN 'null' THEN NULL"
            f" WHEN 'real' THEN {expression} WHEN 'integer' THEN CAST({expression} AS REAL)"
            f" ELSE wayfork_number({expression}) END"
        )

    def typed_null(self) -> str:
        return "CAST(NULL AS REAL)"


POSTGRES: Final[Dialect] = _Postgres()
DUCKDB: Final[Dialect] = _DuckDB()
SQLITE: Final[Dialect] = _SQLite()
