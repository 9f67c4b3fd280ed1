"""What a team's query must return, and the sentence when it does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlglot import exp

from metrics.warehouses.dialects import Column, Family
from metrics.warehouses.errors import MissingColumn, WrongColumnType
from metrics.warehouses.executor import Executor
from metrics.warehouses.sql_safety import single_select, single_select_tree


class Contract(StrEnum):
    """The two kinds of query a team writes."""

    ASSIGNMENT = "assignment"
    FACT = "fact"


_REQUIRED: Final[Mapping[Contract, tuple[str, ...]]] = {
    Contract.ASSIGNMENT: ("experiment_id", "user_id", "timestamp", "treatment"),
    Contract.FACT: ("user_id", "timestamp"),
}
_INSTANTS: Final = frozenset({Family.INSTANT, Family.DYNAMIC})
_NUMBERS: Final = frozenset({Family.INTEGER, Family.NUMBER, Family.BOOLEAN, Family.DYNAMIC})
_NAMES: Final = frozenset(
    {Family.INTEGER, Family.NUMBER, Family.TEXT, Family.UUID, Family.BOOLEAN, Family.DYNAMIC}
)
# column -> (families it may have, what it must be, how to get there)
_TYPES: Final[Mapping[str, tuple[frozenset[Family], str, str]]] = {
    "experiment_id": (_NAMES, "a text or a number", "CAST({} AS text)"),
    "user_id": (_NAMES, "a text, a number or a UUID", "CAST({} AS text)"),
    "timestamp": (_INSTANTS, "a timestamp or a date", "CAST({} AS timestamp)"),
    "treatment": (_NAMES, "a text, a boolean or a number", "CAST({} AS text)"),
    "value": (_NUMBERS, "a number or a boolean", "CAST({} AS double precision)"),
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked query and where its columns stand: role -> column."""

    sql: str
    columns: tuple[Column, ...]
    roles: Mapping[str, Column]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Columns beyond the contract."""
        used = {column.name for column in self.roles.values()}
        return tuple(column.name for column in self.columns if column.name not in used)


def prepare(
    executor: Executor, sql: str, contract: Contract, unit_column: str = "user_id"
) -> Prepared:
    """Check the text, ask the database for its columns, and hold them against the contract."""
    tree = single_select_tree(sql, executor.dialect.name)
    _refuse_doubles(tree, (*_REQUIRED[contract], unit_column, "value"))
    checked = single_select(sql, executor.dialect.name)
    columns = executor.columns(checked)
    return Prepared(checked, columns, match_columns(columns, contract, unit_column))


def _refuse_doubles(tree: exp.Expr, wanted: tuple[str, ...]) -> None:
    """Some engines rename the second of two columns of one name, and would hide the mistake."""
    if not isinstance(tree, exp.Query):
        return
    names = [name.lower() for name in tree.named_selects]
    for name in wanted:
        if names.count(name.lower()) > 1:
            raise _doubled(name, names.count(name.lower()))


def _doubled(name: str, times: int) -> MissingColumn:
    return MissingColumn(
        f"The query returns {times} columns named {name}; it must return one.",
        hint="Name the table before the column, and leave the other out.",
    )


def match_columns(
    columns: tuple[Column, ...], contract: Contract, unit_column: str = "user_id"
) -> dict[str, Column]:
    """Role -> column; raises what is missing, doubled or of the wrong type."""
    wanted = {role: unit_column if role == "user_id" else role for role in _REQUIRED[contract]}
    found = {role: _find(columns, name) for role, name in wanted.items()}
    missing = [wanted[role] for role, column in found.items() if column is None]
    if missing:
        raise MissingColumn(
            f"The query returns {_list(columns)}; it must return {', '.join(wanted.values())}. "
            f"Missing: {', '.join(missing)}.",
            missing=missing,
        )
    if contract is Contract.FACT:
        found["value"] = _find(columns, "value")
    roles = {role: column for role, column in found.items() if column is not None}
    for role, column in roles.items():
        _check_type(role, column)
    return roles


def _find(columns: tuple[Column, ...], name: str) -> Column | None:
    exact = [column for column in columns if column.name == name]
    alike = exact or [column for column in columns if column.name.lower() == name.lower()]
    if len(alike) > 1:
        raise _doubled(name, len(alike))
    return alike[0] if alike else None


def _check_type(role: str, column: Column) -> None:
    families, wanted, how = _TYPES[role]
    if column.family not in families:
        raise WrongColumnType(
            f"The column {column.name} is of type {column.type_name}; it must be {wanted}.",
            hint=f"Convert it inside the query, for example {how.format('…')} AS {column.name}.",
            column=column.name,
        )


def _list(columns: tuple[Column, ...]) -> str:
    return ", ".join(column.name for column in columns) or "no columns"
