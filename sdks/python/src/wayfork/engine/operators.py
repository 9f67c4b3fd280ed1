"""The operators of clauses, as a table: how each reads its values, and what it makes of an attribute."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from wayfork.engine.addresses import read_address, read_network
from wayfork.engine.errors import ParseError
from wayfork.engine.instants import read_instant
from wayfork.engine.pattern_safety import LONGEST_SUBJECT, compile_pattern
from wayfork.engine.patterns import BadPattern
from wayfork.engine.values import as_number, as_text
from wayfork.engine.versions import read_version

# Whether one attribute (an element, where it is a list) is what the clause asks for.
Holds: TypeAlias = Callable[[object], bool]

EXISTS: Final = "exists"
IN_SEGMENT: Final = "in_segment"


class Operator(NamedTuple):
    """`read` turns a clause's value into what `build` compares with; None is a wrong value."""

    read: Callable[[object, bool], Any]
    build: Callable[[list[Any], bool], Holds]
    wants: str
    is_text: bool = False


def never(_value: object) -> bool:
    """What a clause without values asks for."""
    return False


def _read_text(value: object, ignore_case: bool) -> str | None:
    text = as_text(value)
    return text.lower() if text is not None and ignore_case else text


def _read_pattern(value: object, ignore_case: bool) -> re.Pattern[str] | None:
    return compile_pattern(value, ignore_case=ignore_case) if isinstance(value, str) else None


def _reading(read: Callable[[object], Any]) -> Callable[[object, bool], Any]:
    return lambda value, _ignore_case: read(value)


def _text_test(check: Callable[[str], bool], ignore_case: bool) -> Holds:
    def holds(value: object) -> bool:
        text = as_text(value)
        return text is not None and check(text)

    def holds_lowered(value: object) -> bool:
        text = as_text(value)
        return text is not None and check(text.lower())

    return holds_lowered if ignore_case else holds


def _membership(values: list[str], ignore_case: bool) -> Holds:
    return _text_test(frozenset(values).__contains__, ignore_case)


def _prefix(values: list[str], ignore_case: bool) -> Holds:
    prefixes = tuple(values)
    return _text_test(lambda text: text.startswith(prefixes), ignore_case)


def _suffix(values: list[str], ignore_case: bool) -> Holds:
    suffixes = tuple(values)
    return _text_test(lambda text: text.endswith(suffixes), ignore_case)


def _substring(values: list[str], ignore_case: bool) -> Holds:
    return _text_test(lambda text: any(part in text for part in values), ignore_case)


def _matching(values: list[re.Pattern[str]], ignore_case: bool) -> Holds:
    searches = tuple(pattern.search for pattern in values)

    def holds(value: object) -> bool:
        text = as_text(value)
        if text is None:
            return False
        subject = text[:LONGEST_SUBJECT]
        lowered = subject.lower() if ignore_case else subject
        return any(search(lowered) is not None for search in searches)

    return holds


def _equal(read: Callable[[object], Any]) -> Callable[[list[Any], bool], Holds]:
    def build(values: list[Any], _ignore_case: bool) -> Holds:
        wanted = frozenset(values)
        return lambda value: read(value) in wanted

    return build


# Any of the values will do, so only the most generous one matters.
def _below(read: Callable[[object], Any]) -> Callable[[list[Any], bool], Holds]:
    def build(values: list[Any], _ignore_case: bool) -> Holds:
        limit = max(values)
        return lambda value: (found := read(value)) is not None and found < limit

    return build


def _at_most(read: Callable[[object], Any]) -> Callable[[list[Any], bool], Holds]:
    def build(values: list[Any], _ignore_case: bool) -> Holds:
        limit = max(values)
        return lambda value: (found := read(value)) is not None and found <= limit

    return build


def _above(read: Callable[[object], Any]) -> Callable[[list[Any], bool], Holds]:
    def build(values: list[Any], _ignore_case: bool) -> Holds:
        limit = min(values)
        return lambda value: (found := read(value)) is not None and found > limit

    return build


def _at_least(read: Callable[[object], Any]) -> Callable[[list[Any], bool], Holds]:
    def build(values: list[Any], _ignore_case: bool) -> Holds:
        limit = min(values)
        return lambda value: (found := read(value)) is not None and found >= limit

    return build


def _network(values: list[tuple[int, int, int]], _ignore_case: bool) -> Holds:
    # Networks of one size share a set, so a long list costs what its sizes cost.
    by_size: dict[tuple[int, int], set[int]] = {}
    for bits, shift, start in values:
        by_size.setdefault((bits, shift), set()).add(start)
    sizes = tuple((bits, shift, frozenset(starts)) for (bits, shift), starts in by_size.items())

    def holds(value: object) -> bool:
        found = read_address(value)
        if found is None:
            return False
        family, number = found
        return any(bits == family and number >> shift in starts for bits, shift, starts in sizes)

    return holds


_TEXT: Final = "text, a whole number or a boolean"
_NUMBER: Final = "a number or a numeric string"
_VERSION: Final = "a version such as 2.1.0"
_INSTANT: Final = "an ISO 8601 date or epoch milliseconds"


def _text(build: Callable[[list[str], bool], Holds]) -> Operator:
    return Operator(_read_text, build, _TEXT, is_text=True)


def _ordered(
    read: Callable[[object], Any],
    build: Callable[[Callable[[object], Any]], Callable[[list[Any], bool], Holds]],
    wants: str,
) -> Operator:
    return Operator(_reading(read), build(read), wants)


# Every operator that looks at one attribute's value; `exists` and `in_segment` do not.
OPERATORS: Final[Mapping[str, Operator]] = {
    "in": _text(_membership),
    "starts_with": _text(_prefix),
    "ends_with": _text(_suffix),
    "contains": _text(_substring),
    "matches": Operator(_read_pattern, _matching, "a regular expression", is_text=True),
    "eq": _ordered(as_number, _equal, _NUMBER),
    "lt": _ordered(as_number, _below, _NUMBER),
    "lte": _ordered(as_number, _at_most, _NUMBER),
    "gt": _ordered(as_number, _above, _NUMBER),
    "gte": _ordered(as_number, _at_least, _NUMBER),
    "semver_eq": _ordered(read_version, _equal, _VERSION),
    "semver_lt": _ordered(read_version, _below, _VERSION),
    "semver_lte": _ordered(read_version, _at_most, _VERSION),
    "semver_gt": _ordered(read_version, _above, _VERSION),
    "semver_gte": _ordered(read_version, _at_least, _VERSION),
    "before": _ordered(read_instant, _below, _INSTANT),
    "after": _ordered(read_instant, _above, _INSTANT),
    "in_cidr": Operator(_reading(read_network), _network, "a network such as 10.0.0.0/8"),
}

OPERATOR_NAMES: Final = frozenset(OPERATORS) | {EXISTS, IN_SEGMENT}


def read_value(op: str, value: object, where: str, *, ignore_case: bool) -> Any:
    """One value of a clause, made ready; raises ParseError at `where`."""
    operator = OPERATORS[op]
    try:
        read = operator.read(value, ignore_case and operator.is_text)
    except BadPattern as error:
        raise ParseError(where, f"the pattern {error}") from error
    if read is None:
        raise ParseError(where, f"must be {operator.wants} for {op}")
    return read
