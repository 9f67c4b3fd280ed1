"""Facts that read the same rows of the same table, told apart by one column, share one scan.

`SELECT user_id, timestamp, value FROM events WHERE name = '…'` five times over would read the table
five times. Only this plain shape is merged; anything else keeps a scan of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlglot
from sqlglot import exp

TAG: Final = "wayfork_fact"
_PLAIN: Final = frozenset({"expressions", "from", "from_", "where"})


@dataclass(frozen=True, slots=True)
class Scan:
    """One pass: its query, the facts it serves; with several, column TAG says which one a row is."""

    sql: str
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A plain query: everything but its condition, the condition, and its column = 'text' parts."""

    rest: str
    condition: exp.Expr
    equalities: dict[str, str]


def share_scans(queries: Sequence[str], units: Sequence[str], dialect: str) -> list[Scan]:
    """Few scans that serve all queries, each by its place in the list; `units` are their unit columns."""
    groups: dict[object, list[int]] = {}
    shapes = [_shape(query, dialect) for query in queries]
    for index, shape in enumerate(shapes):
        column = next(iter(sorted(shape.equalities)), None) if shape else None
        key: object = (shape.rest, column, units[index]) if shape and column else index
        groups.setdefault(key, []).append(index)
    scans = []
    for members in groups.values():
        found = {index: shape for index in members if (shape := shapes[index])}
        if len(members) > 1 and _are_exclusive(list(found.values())):
            scans.append(Scan(_merged(queries[members[0]], found, dialect), tuple(members)))
        else:
            scans.extend(Scan(queries[index], (index,)) for index in members)
    return scans


def _shape(query: str, dialect: str) -> _Shape | None:
    tree = sqlglot.parse_one(query, read=dialect)
    if type(tree) is not exp.Select or tree.args.get("where") is None:
        return None
    if any(value for name, value in tree.args.items() if name not in _PLAIN):
        return None
    if any(node is not tree for node in tree.find_all(exp.Query, exp.AggFunc, exp.Window)):
        return None
    condition = tree.args["where"].this
    rest = tree.copy()
    rest.set("where", None)
    return _Shape(rest.sql(dialect=dialect), condition, _equalities(condition, dialect))


def _equalities(condition: exp.Expr, dialect: str) -> dict[str, str]:
    parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
    return {
        part.this.sql(dialect=dialect): part.expression.name
        for part in parts
        if isinstance(part, exp.EQ)
        and isinstance(part.this, exp.Column)
        and isinstance(part.expression, exp.Literal)
        and part.expression.is_string
    }


def _are_exclusive(shapes: Sequence[_Shape]) -> bool:
    """Whether no row can belong to two of them: one column must equal different texts."""
    column = min(shapes[0].equalities)
    texts = [shape.equalities.get(column) for shape in shapes]
    return None not in texts and len({(text or "").casefold().strip() for text in texts}) == len(
        texts
    )


def _merged(query: str, shapes: dict[int, _Shape], dialect: str) -> str:
    tree = sqlglot.parse_one(query, read=dialect)
    tag = exp.Case()
    for index, shape in shapes.items():
        tag = tag.when(shape.condition.copy(), exp.Literal.number(index))
    conditions = [shape.condition.copy() for shape in shapes.values()]
    tree.args["where"].set("this", exp.or_(*conditions))
    tree.append("expressions", exp.alias_(tag, TAG, quoted=True))
    return tree.sql(dialect=dialect, normalize_functions=False)
