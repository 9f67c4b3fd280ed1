"""Refuses patterns a backtracking engine could not run in time that grows with the subject's length.

Each repeat or ambiguous choice is a *choice point* with the characters it may take. Two of them meet
when they share characters and nothing that must stand between them is foreign to either: then a run of
the shared characters can be divided between them in many ways, and their numbers of ways multiply.
"""

import re
from typing import Final, NamedTuple, TypeAlias

from wayfork.engine import charsets
from wayfork.engine.charsets import Charset
from wayfork.engine.patterns import (
    BadPattern,
    Chars,
    Choice,
    Edge,
    Node,
    Repeat,
    Sequence,
    parse_pattern,
    source_of,
)

LONGEST_SUBJECT: Final = 1000
MOST_WAYS: Final = 4000

# Which branch of which choice a part of the pattern lies in, from the outside in.
Scope: TypeAlias = tuple[tuple[int, int], ...]


class _Must(NamedTuple):
    chars: Charset
    scope: Scope


class _Point(NamedTuple):
    chars: Charset
    scope: Scope
    ways: int
    musts: tuple[Charset, ...]


_Part: TypeAlias = _Must | _Point


def compile_pattern(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """A pattern ready to search with; raises BadPattern."""
    node = parse_pattern(pattern, ignore_case=ignore_case)
    _refuse_nested(node)
    _refuse_meeting(node)
    try:
        return re.compile(source_of(node), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPattern(f"cannot be compiled: {error}") from error


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Sequence(items):
            return items
        case Choice(branches):
            return branches
        case Repeat(item):
            return (item,)
        case _:
            return ()


def _refuse_nested(node: Node, *, repeated: bool = False) -> None:
    if isinstance(node, Repeat):
        if repeated:
            raise BadPattern("has a repeat inside a repeat; write the inner one out")
        if _may_be_empty(node.item):
            raise BadPattern("repeats something that may be empty")
    if isinstance(node, Choice) and repeated and _overlap(node) > 1:
        raise BadPattern("repeats alternatives that begin with the same character")
    inside = repeated or (isinstance(node, Repeat) and node.high != 1)
    for child in _children(node):
        _refuse_nested(child, repeated=inside)


def _may_be_empty(node: Node) -> bool:
    match node:
        case Chars():
            return False
        case Edge():
            return True
        case Sequence(items):
            return all(_may_be_empty(item) for item in items)
        case Choice(branches):
            return any(_may_be_empty(branch) for branch in branches)
        case Repeat(item, low):
            return low == 0 or _may_be_empty(item)


def _all_chars(node: Node) -> Charset:
    if isinstance(node, Chars):
        return node.chars
    return charsets.union(*(_all_chars(child) for child in _children(node)))


def _first_chars(node: Node) -> Charset:
    if isinstance(node, Sequence):
        firsts: list[Charset] = []
        for item in node.items:
            firsts.append(_first_chars(item))
            if not _may_be_empty(item):
                break
        return charsets.union(*firsts)
    if isinstance(node, Chars):
        return node.chars
    return charsets.union(*(_first_chars(child) for child in _children(node)))


def _overlap(choice: Choice) -> int:
    """How many branches could be tried at one place at most."""
    firsts = [
        ((0, charsets.LAST),) if _may_be_empty(branch) else _first_chars(branch)
        for branch in choice.branches
    ]
    return max(sum(charsets.intersects(one, other) for other in firsts) for one in firsts)


def _walk(node: Node, scope: Scope, parts: list[_Part]) -> None:
    match node:
        case Chars(chars):
            parts.append(_Must(chars, scope))
        case Sequence(items):
            for item in items:
                _walk(item, scope, parts)
        case Choice(branches):
            _walk_choice(node, branches, scope, parts)
        case Repeat():
            _walk_repeat(node, scope, parts)
        case Edge():
            pass


def _walk_choice(
    node: Choice, branches: tuple[Node, ...], scope: Scope, parts: list[_Part]
) -> None:
    ways = _overlap(node)
    if ways > 1:
        parts.append(_Point(_all_chars(node), scope, ways, ()))
    for index, branch in enumerate(branches):
        _walk(branch, (*scope, (id(node), index)), parts)


def _walk_repeat(node: Repeat, scope: Scope, parts: list[_Part]) -> None:
    ways = LONGEST_SUBJECT if node.high is None else node.high - node.low + 1
    inner_scope = (*scope, (id(node), 0)) if node.low == 0 else scope
    body: list[_Part] = []
    _walk(node.item, inner_scope, body)
    musts = tuple(
        part.chars for part in body if isinstance(part, _Must) and part.scope == inner_scope
    )
    point = _Point(_all_chars(node), scope, ways, musts)
    if node.low > 0:
        # Its first turn must be there; what varies comes after it.
        parts.extend(body)
        parts.extend([point] if ways > 1 else [])
    else:
        parts.append(point)
        parts.extend(body if node.high == 1 else [])


def _refuse_meeting(node: Node) -> None:
    parts: list[_Part] = []
    _walk(node, (), parts)
    points = [(index, part) for index, part in enumerate(parts) if isinstance(part, _Point)]
    groups: list[dict[int, int]] = []
    for index, point in points:
        met = [group for group in groups if any(_meet(parts, earlier, index) for earlier in group)]
        merged = {index: point.ways}
        for group in met:
            merged.update(group)
            groups.remove(group)
        groups.append(merged)
        ways = 1
        for factor in merged.values():
            ways *= factor
        if ways > MOST_WAYS:
            raise BadPattern(
                "has repeats that can share the same characters; put something between them that"
                " one of them cannot match (leave out a leading or trailing .*)"
            )


def _meet(parts: list[_Part], earlier: int, later: int) -> bool:
    one, other = parts[earlier], parts[later]
    if not (isinstance(one, _Point) and isinstance(other, _Point)):
        return False
    if not charsets.intersects(one.chars, other.chars) or _exclusive(one.scope, other.scope):
        return False
    between = [
        part.chars
        for part in parts[earlier + 1 : later]
        if isinstance(part, _Must) and (_holds(part.scope, one) or _holds(part.scope, other))
    ]
    foreign = any(
        not (charsets.intersects(chars, one.chars) and charsets.intersects(chars, other.chars))
        for chars in between
    )
    return not (
        foreign
        or any(not charsets.intersects(chars, other.chars) for chars in one.musts)
        or any(not charsets.intersects(chars, one.chars) for chars in other.musts)
    )


def _holds(scope: Scope, point: _Point) -> bool:
    """Whether what stands in a scope is there whenever the point is."""
    return point.scope[: len(scope)] == scope


def _exclusive(one: Scope, other: Scope) -> bool:
    """Whether two scopes lie in different branches of one choice."""
    return any(
        here[0] == there[0] and here[1] != there[1] for here, there in zip(one, other, strict=False)
    )
