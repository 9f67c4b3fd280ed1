"""Typed reading of decoded JSON, each refusal naming its place."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from wayfork.engine.errors import ParseError

T = TypeVar("T")


def kind_of(value: object) -> str:
    """What a JSON value is called when it is the wrong one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an object" if isinstance(value, Mapping) else "a list"


def read_object(value: object, where: str) -> Mapping[str, object]:
    """A JSON object, whose keys are strings."""
    if not isinstance(value, Mapping):
        raise ParseError(where, f"must be an object, not {kind_of(value)}")
    if not all(type(key) is str for key in value):
        raise ParseError(where, "must have strings as keys")
    return value


def read_exactly(value: object, where: str, known: Collection[str]) -> Mapping[str, object]:
    """An object that may hold the known fields only: a field we do not know may change its meaning."""
    fields = read_object(value, where)
    for name in fields:
        if name not in known:
            raise ParseError(f"{where}.{name}", "is not a field this version knows")
    return fields


def read_field(fields: Mapping[str, object], name: str, where: str) -> object:
    """A field that must be there."""
    if name not in fields:
        raise ParseError(f"{where}.{name}" if where else name, "is missing")
    return fields[name]


def read_list(value: object, where: str) -> list[object] | tuple[object, ...]:
    """A JSON list."""
    if not isinstance(value, list | tuple):
        raise ParseError(where, f"must be a list, not {kind_of(value)}")
    return value


def read_each(value: object, where: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
    """A list, each element read by `read` at its own place."""
    return tuple(
        read(item, f"{where}[{index}]") for index, item in enumerate(read_list(value, where))
    )


def read_members(
    value: object,
    where: str,
    read: Callable[[object, str], T],
    broken: dict[str, str] | None = None,
) -> dict[str, T]:
    """An object of named things; given `broken`, those that cannot be read are set aside there."""
    members: dict[str, T] = {}
    for key, member in read_object(value, where).items():
        try:
            members[key] = read(member, f"{where}.{key}")
        except ParseError as error:
            if broken is None:
                raise
            broken[f"{where}.{key}"] = str(error)
    return members


def read_string(value: object, where: str) -> str:
    """Text, possibly empty."""
    if type(value) is not str:
        raise ParseError(where, f"must be a string, not {kind_of(value)}")
    return value


def read_optional_string(value: object, where: str) -> str | None:
    """Text or nothing."""
    return None if value is None else read_string(value, where)


def read_strings(value: object, where: str) -> tuple[str, ...]:
    """A list of strings; may be long, hence no path is built unless one is wrong."""
    items = read_list(value, where)
    for index, item in enumerate(items):
        if type(item) is not str:
            raise ParseError(f"{where}[{index}]", f"must be a string, not {kind_of(item)}")
    return tuple(item for item in items if isinstance(item, str))


def read_boolean(value: object, where: str) -> bool:
    """True or false, nothing that merely looks like it."""
    if type(value) is not bool:
        raise ParseError(where, f"must be true or false, not {kind_of(value)}")
    return value


def read_integer(value: object, where: str) -> int:
    """A whole number; JSON does not tell 5 from 5.0, so neither do we."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise ParseError(where, f"must be a whole number, not {kind_of(value)}")


def read_range(value: object, where: str) -> tuple[int, int]:
    """One `[from, to)` pair."""
    pair = read_list(value, where)
    if len(pair) != 2:
        raise ParseError(where, "must be a pair [from, to]")
    return read_integer(pair[0], f"{where}[0]"), read_integer(pair[1], f"{where}[1]")


def read_weight(value: object, where: str) -> tuple[str, int]:
    """One `[variation, weight]` pair."""
    pair = read_list(value, where)
    if len(pair) != 2:
        raise ParseError(where, "must be a pair [variation, weight]")
    return read_string(pair[0], f"{where}[0]"), read_integer(pair[1], f"{where}[1]")
