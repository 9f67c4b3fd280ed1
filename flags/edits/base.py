"""What every edit is: frozen, storable as JSON, applied without touching anything outside."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeVar, get_type_hints

from accounts.errors import DomainError
from accounts.permissions import Permission
from flags.edits import salts
from wayfork.engine import Clause, ParseError, Prerequisite, Rule, Split


class EditKind(StrEnum):
    """What an edit applies to."""

    STATE = "state"
    DEFINITION = "definition"
    SEGMENT = "segment"
    HOLDOUT = "holdout"
    LAYER = "layer"
    UNITS = "units"
    POLICY = "policy"
    STEWARDS = "stewards"


class InvalidEdit(DomainError):
    """An edit that cannot be accepted; `where` names the place in it."""

    code = "invalid_edit"
    status = 422

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint, where=where)
        self.where = where


class Edit(ABC):
    """One typed modification."""

    __slots__ = ()

    name: ClassVar[str]
    kind: ClassVar[EditKind]
    permission: ClassVar[Permission]
    metadata: ClassVar[bool]
    urgent: ClassVar[bool]

    def settled(self) -> "Edit":
        """The same edit with whatever is drawn at random drawn: what is stored, reviewed and
        applied must lead to one result each time."""
        return self

    @abstractmethod
    def apply(self, document: Any, /) -> Any:
        """The document after this edit; raises `InvalidEdit`. A creating edit is given None."""

    @abstractmethod
    def sentence(self) -> str:
        """What this edit does, in words."""

    def sentence_from(self, _before: Any, /) -> str:
        """The same, told from the document it is made against: some edits state a whole list, of
        which only what comes and goes is worth saying."""
        return self.sentence()


@dataclass(frozen=True, slots=True)
class Restore(Edit):
    """Brings back how a document stood at an earlier version. Only roll backs make one."""

    state: Mapping[str, object]
    version: int

    def sentence(self) -> str:
        return f"Roll back to version {self.version}"


EDITS: Final[dict[str, type[Edit]]] = {}
DEEPEST: Final = 50
# No count or version is higher, and Python writes no number of thousands of digits.
HIGHEST: Final = 2**31 - 1
# What PostgreSQL's jsonb and UTF-8 cannot hold.
UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
C = TypeVar("C")
E = TypeVar("E", bound=Edit)


def edit(
    name: str,
    kind: EditKind,
    permission: Permission,
    *,
    metadata: bool = False,
    urgent: bool = False,
) -> Callable[[type[E]], type[E]]:
    """Register an edit under its wire name. `metadata` edits never need review; `urgent` ones need
    a reason and a right of their own, and no review or freeze holds them up."""

    def register(cls: type[E]) -> type[E]:
        cls.name = name
        cls.kind = kind
        cls.permission = permission
        cls.metadata = metadata
        cls.urgent = urgent
        EDITS[name] = cls
        return cls

    return register


def to_json(change: Edit) -> dict[str, object]:
    """The edit as stored and sent: its name and its fields."""
    written = {field.name: _write(getattr(change, field.name)) for field in _fields(type(change))}
    return {"edit": change.name, **written}


def parse(given: object, where: str = "edit") -> Edit:
    """Read one edit from JSON; raises `InvalidEdit` naming the place."""
    if not isinstance(given, Mapping):
        raise InvalidEdit("must be an object", where=where)
    cls = EDITS.get(str(given.get("edit", "")))
    if cls is None:
        known = ", ".join(sorted(EDITS))
        raise InvalidEdit(f"unknown edit {given.get('edit')!r}", where=where, hint=f"Use {known}.")
    known_fields = {field.name: field for field in _fields(cls)}
    unknown = sorted(set(given) - set(known_fields) - {"edit"})
    if unknown:
        raise InvalidEdit(f"unknown field {unknown[0]!r}", where=where)
    for name in known_fields:
        check_storable(given.get(name), f"{where}.{name}")
    hints = get_type_hints(cls)
    values = {
        name: READERS[str(hints[name])](_given(given, field, where), f"{where}.{name}")
        for name, field in known_fields.items()
        if name in given or field.default is MISSING
    }
    return cls(**values)


def parse_all(given: object, where: str = "edits") -> tuple[Edit, ...]:
    """Read a list of edits."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise InvalidEdit("must be a list with at least one edit", where=where)
    return tuple(parse(item, f"{where}[{index}]") for index, item in enumerate(given))


def check_storable(value: object, where: str) -> None:
    """Refuse what no database or no JSON document could hold, wherever in the value it is."""
    waiting = [(value, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > DEEPEST:
            raise InvalidEdit(f"is nested more than {DEEPEST} levels deep", where=where)
        if isinstance(part, str) and UNSTORABLE.search(part):
            raise InvalidEdit("holds a character that is none (NUL or half a pair)", where=where)
        if isinstance(part, float) and not math.isfinite(part):
            raise InvalidEdit("holds a number that is none", where=where)
        if isinstance(part, Mapping):
            waiting.extend((item, depth + 1) for pair in part.items() for item in pair)
        elif isinstance(part, list | tuple):
            waiting.extend((item, depth + 1) for item in part)


def _fields(cls: type[Any]) -> tuple[Field[Any], ...]:
    return fields(cls)


def _given(given: Mapping[Any, Any], field: Field[Any], where: str) -> object:
    if field.name not in given:
        raise InvalidEdit("is missing", where=f"{where}.{field.name}")
    return given[field.name]


def _write(value: object) -> object:
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_write(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _write(item) for key, item in value.items()}
    return value


# --- readers, one per field type an edit may have


def read_text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidEdit("must be text", where=where)
    return value


def read_optional_text(value: object, where: str) -> str | None:
    return None if value is None else read_text(value, where)


def read_bool(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidEdit("must be true or false", where=where)
    return value


def read_whole(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidEdit("must be a whole number, 0 or more", where=where)
    if value > HIGHEST:
        raise InvalidEdit(f"must be a whole number up to {HIGHEST}", where=where)
    return value


def read_optional_whole(value: object, where: str) -> int | None:
    return None if value is None else read_whole(value, where)


def read_texts(value: object, where: str) -> tuple[str, ...]:
    items = _items(value, where)
    return tuple(read_text(item, f"{where}[{index}]") for index, item in enumerate(items))


def read_objects(value: object, where: str) -> tuple[Mapping[str, object], ...]:
    items = _items(value, where)
    return tuple(read_object(item, f"{where}[{index}]") for index, item in enumerate(items))


def read_object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidEdit("must be an object", where=where)
    return {read_text(key, where): item for key, item in value.items()}


def read_rule(value: object, where: str) -> Rule:
    """A rule; its id and salts are made here when the author left them out."""
    return _parsed(Rule.from_json, salts.completed(read_object(value, where)), where)


def read_serve(value: object, where: str) -> str | Split:
    if isinstance(value, str):
        return value
    return _parsed(Split.from_json, salts.salted(read_object(value, where)), where)


def read_prerequisites(value: object, where: str) -> tuple[Prerequisite, ...]:
    items = _items(value, where)
    return tuple(
        _parsed(Prerequisite.from_json, item, f"{where}[{index}]")
        for index, item in enumerate(items)
    )


def read_clause_groups(value: object, where: str) -> tuple[tuple[Clause, ...], ...]:
    return tuple(
        tuple(
            _parsed(Clause.from_json, clause, f"{where}[{outer}][{inner}]")
            for inner, clause in enumerate(_items(group, f"{where}[{outer}]"))
        )
        for outer, group in enumerate(_items(value, where))
    )


def _items(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidEdit("must be a list", where=where)
    return value


def _parsed(read: Callable[..., C], value: object, where: str) -> C:
    try:
        return read(value, where=where)
    except ParseError as error:
        raise InvalidEdit(error.message, where=error.where) from error


READERS: Final[dict[str, Callable[[object, str], Any]]] = {
    str(str): read_text,
    "str | None": read_optional_text,
    str(bool): read_bool,
    str(int): read_whole,
    "int | None": read_optional_whole,
    str(tuple[str, ...]): read_texts,
    str(Mapping[str, object]): read_object,
    str(tuple[Mapping[str, object], ...]): read_objects,
    str(object): lambda value, _where: value,
    str(Rule): read_rule,
    str(str | Split): read_serve,
    str(tuple[Prerequisite, ...]): read_prerequisites,
    str(tuple[tuple[Clause, ...], ...]): read_clause_groups,
}
