"""Clauses compiled to closures: from a context to true or false, with no parsing left to do."""

from collections.abc import Callable
from typing import Final, TypeAlias

from wayfork.engine.context import Context
from wayfork.engine.errors import ParseError
from wayfork.engine.operators import (
    EXISTS,
    IN_SEGMENT,
    OPERATOR_NAMES,
    OPERATORS,
    Holds,
    never,
    read_value,
)
from wayfork.engine.snapshot import Clause

Test: TypeAlias = Callable[[Context], bool]
# The test of a segment by its key; raises ParseError at `where`.
SegmentTests: TypeAlias = Callable[[str, str], Test]

_LISTS: Final = (list, tuple, set, frozenset)


def compile_clause(clause: Clause, where: str, segments: SegmentTests) -> Test:
    """The clause as a closure; raises ParseError where it cannot be one."""
    if clause.op not in OPERATOR_NAMES:
        raise ParseError(f"{where}.op", f"{clause.op!r} is not an operator this version knows")
    if clause.op == IN_SEGMENT:
        return _segment_test(clause, where, segments)
    if clause.attribute is None:
        raise ParseError(f"{where}.attribute", "is missing")
    if clause.op == EXISTS:
        return _existence_test(clause.attribute, negate=clause.negate)
    holds, members = _holding(clause, where)
    if members is not None:
        return _membership_test(clause.attribute, members, holds, negate=clause.negate)
    return _attribute_test(clause.attribute, holds, negate=clause.negate)


def _holding(clause: Clause, where: str) -> tuple[Holds, frozenset[str] | None]:
    """What one element is asked, and the members where text may simply be looked up."""
    values = [
        read_value(clause.op, value, f"{where}.values[{index}]", ignore_case=clause.ignore_case)
        for index, value in enumerate(clause.values)
    ]
    if not values:
        return never, None
    holds = OPERATORS[clause.op].build(values, clause.ignore_case)
    simple = clause.op == "in" and not clause.ignore_case
    return holds, frozenset(values) if simple else None


def _attribute_test(attribute: str, holds: Holds, *, negate: bool) -> Test:
    def test(context: Context) -> bool:
        value = context.get(attribute)
        if value is None:
            return False
        if isinstance(value, _LISTS):
            return any(holds(element) for element in value)
        return holds(value)

    def negated(context: Context) -> bool:
        value = context.get(attribute)
        if value is None:
            return False
        if isinstance(value, _LISTS):
            return not any(holds(element) for element in value)
        return not holds(value)

    return negated if negate else test


def _membership_test(
    attribute: str, members: frozenset[str], holds: Holds, *, negate: bool
) -> Test:
    """`in` over plain text, the commonest clause of all: one look-up."""
    slow = _attribute_test(attribute, holds, negate=negate)

    def test(context: Context) -> bool:
        value = context.get(attribute)
        return value in members if type(value) is str else slow(context)

    def negated(context: Context) -> bool:
        value = context.get(attribute)
        return value not in members if type(value) is str else slow(context)

    return negated if negate else test


def _existence_test(attribute: str, *, negate: bool) -> Test:
    if negate:
        return lambda context: context.get(attribute) is None
    return lambda context: context.get(attribute) is not None


def _segment_test(clause: Clause, where: str, segments: SegmentTests) -> Test:
    tests: list[Test] = []
    for index, key in enumerate(clause.values):
        place = f"{where}.values[{index}]"
        if not isinstance(key, str):
            raise ParseError(place, "must be a segment's key")
        tests.append(segments(key, place))
    found = any_of(tuple(tests))
    return (lambda context: not found(context)) if clause.negate else found


def any_of(tests: tuple[Test, ...]) -> Test:
    """Whether any of the tests passes."""
    if len(tests) == 1:
        return tests[0]

    def test(context: Context) -> bool:
        for each in tests:  # noqa: SIM110 - a generator costs more than the tests
            if each(context):
                return True
        return False

    return test


def all_of(tests: tuple[Test, ...]) -> Test | None:
    """Whether all of them do; None where there is nothing to ask."""
    if len(tests) < 2:
        return tests[0] if tests else None
    if len(tests) == 2:
        first, second = tests
        return lambda context: first(context) and second(context)

    def test(context: Context) -> bool:
        for each in tests:  # noqa: SIM110 - as above
            if not each(context):
                return False
        return True

    return test
