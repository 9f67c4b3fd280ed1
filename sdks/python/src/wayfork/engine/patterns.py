"""Regular expressions of `matches`: a small grammar, read here so that every SDK means the same by it."""

import re
from typing import Final, NamedTuple, TypeAlias

from wayfork.engine import charsets
from wayfork.engine.charsets import Charset

LONGEST_PATTERN: Final = 256
DEEPEST_PATTERN: Final = 20
MOST_REPEATS: Final = 1000

_CONTROL: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_HEX: Final = {"x": 2, "u": 4}
_EDGES: Final = {"^": r"\A", "$": r"\Z", "b": r"\b", "B": r"\B"}
_PUNCTUATION: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_COUNTED: Final = re.compile(r"\{(\d{1,4})(?:(,)(\d{1,4})?)?\}", re.ASCII)
_QUANTIFIERS: Final[dict[str, tuple[int, int | None]]] = {
    "*": (0, None),
    "+": (1, None),
    "?": (0, 1),
}


class BadPattern(ValueError):
    """A pattern outside the grammar, or one that could take too long."""


class Chars(NamedTuple):
    """One character out of a set."""

    chars: Charset


class Edge(NamedTuple):
    """A place between characters."""

    source: str


class Sequence(NamedTuple):
    """One after the other."""

    items: "tuple[Node, ...]"


class Choice(NamedTuple):
    """One or the other."""

    branches: "tuple[Node, ...]"


class Repeat(NamedTuple):
    """Again and again; no upper bound when `high` is None."""

    item: "Node"
    low: int
    high: int | None


Node: TypeAlias = Chars | Edge | Sequence | Choice | Repeat


def parse_pattern(pattern: str, *, ignore_case: bool = False) -> Node:
    """The pattern as a tree; raises BadPattern."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(f"is longer than {LONGEST_PATTERN} characters")
    return _Reader(pattern, ignore_case=ignore_case).read()


def source_of(node: Node) -> str:
    """The tree in the syntax of Python's `re`."""
    match node:
        case Chars(((low, high),)) if low == high:
            return f"\\U{low:08x}"
        case Chars(chars):
            return "[" + "".join(_escaped_range(low, high) for low, high in chars) + "]"
        case Edge(source):
            return source
        case Sequence(items):
            return "".join(source_of(item) for item in items)
        case Choice(branches):
            return "(?:" + "|".join(source_of(branch) for branch in branches) + ")"
        case Repeat(item, low, high):
            return f"(?:{source_of(item)}){{{low},{'' if high is None else high}}}"


def _escaped_range(low: int, high: int) -> str:
    return f"\\U{low:08x}-\\U{high:08x}"


class _Reader:
    """Recursive descent over one pattern."""

    __slots__ = ("_at", "_depth", "_ignore_case", "_text")

    def __init__(self, text: str, *, ignore_case: bool) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._ignore_case = ignore_case

    def read(self) -> Node:
        node = self._choice()
        if self._at < len(self._text):
            raise BadPattern("has a ) that closes nothing")
        return node

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        taken = self._peek()
        if not taken:
            raise BadPattern("ends too early")
        self._at += 1
        return taken

    def _accept(self, text: str) -> bool:
        accepted = self._text.startswith(text, self._at)
        self._at += len(text) if accepted else 0
        return accepted

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._accept("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            items.append(self._repeated(self._atom()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _atom(self) -> Node:
        taken = self._take()
        if taken == "(":
            return self._group()
        if taken == "[":
            return Chars(self._class())
        if taken == ".":
            return Chars(charsets.ANY_BUT_NEWLINE)
        if taken in "^$":
            return Edge(_EDGES[taken])
        if taken == "\\":
            return self._escape()
        if taken in "*+?{}]":
            raise BadPattern(f"has a {taken} with nothing to apply to; write \\{taken} to mean it")
        return self._literal(taken)

    def _group(self) -> Node:
        if self._accept("?") and not self._accept(":"):
            raise BadPattern(
                "has a group that begins with (?: only (...) and (?:...) are allowed,"
                " no look-around, names or flags"
            )
        self._depth += 1
        if self._depth > DEEPEST_PATTERN:
            raise BadPattern(f"nests groups more than {DEEPEST_PATTERN} deep")
        inner = self._choice()
        self._depth -= 1
        if not self._accept(")"):
            raise BadPattern("has a ( that is never closed")
        return inner

    def _escape(self) -> Node:
        taken = self._take()
        if taken in charsets.CLASSES:
            return Chars(charsets.CLASSES[taken])
        if taken in "bB":
            return Edge(_EDGES[taken])
        return self._literal(self._escaped(taken))

    def _escaped(self, taken: str) -> str:
        if taken in _CONTROL:
            return _CONTROL[taken]
        if taken in _HEX:
            digits = self._text[self._at : self._at + _HEX[taken]]
            if not re.fullmatch(rf"[0-9a-fA-F]{{{_HEX[taken]}}}", digits):
                raise BadPattern(f"has a \\{taken} without its {_HEX[taken]} hexadecimal digits")
            self._at += len(digits)
            return chr(int(digits, 16))
        if taken in _PUNCTUATION:
            return taken
        if taken.isdigit() or taken == "k":
            raise BadPattern("has a backreference, which cannot be matched in linear time")
        raise BadPattern(f"has \\{taken}, which is not part of the allowed syntax")

    def _literal(self, character: str) -> Node:
        lowered = character.lower() if self._ignore_case else character
        if len(lowered) == 1:
            return Chars(charsets.of(lowered))
        return Sequence(tuple(Chars(charsets.of(part)) for part in lowered))

    def _class(self) -> Charset:
        negated = self._accept("^")
        found: list[Charset] = []
        while not self._accept("]"):
            found.append(self._class_item())
        if not found:
            raise BadPattern("has an empty [] class")
        chars = charsets.union(*found)
        return charsets.complement(chars) if negated else chars

    def _class_item(self) -> Charset:
        low = self._class_end()
        following = self._text[self._at + 1 : self._at + 2]
        if self._peek() != "-" or following in ("]", ""):
            return low if isinstance(low, tuple) else self._range(low, low)
        self._take()
        high = self._class_end()
        if isinstance(low, tuple) or isinstance(high, tuple):
            raise BadPattern("has a range in [] that ends in a class such as \\d")
        return self._range(low, high)

    def _class_end(self) -> str | Charset:
        taken = self._take()
        if taken != "\\":
            return taken
        taken = self._take()
        return charsets.CLASSES[taken] if taken in charsets.CLASSES else self._escaped(taken)

    def _range(self, low: str, high: str) -> Charset:
        bottom, top = low, high
        if self._ignore_case:
            bottom, top = low.lower(), high.lower()
            if len(bottom + top) > 2 or ord(top) - ord(bottom) != ord(high) - ord(low):
                raise BadPattern(f"has the range {low}-{high}, which mixes cases")
        if bottom > top:
            raise BadPattern(f"has the range {low}-{high}, which is upside down")
        return ((ord(bottom), ord(top)),)

    def _repeated(self, item: Node) -> Node:
        counts = self._quantifier()
        if counts is None:
            return item
        if isinstance(item, Edge):
            raise BadPattern("repeats ^, $ or \\b")
        low, high = counts
        if max(low, high or 0) > MOST_REPEATS or (high is not None and low > high):
            raise BadPattern(f"has a repeat out of order or above {MOST_REPEATS}")
        self._accept("?")  # lazy or greedy: whether something is found is the same
        if self._quantifier() is not None:
            raise BadPattern("repeats a repeat")
        return Repeat(item, low, high)

    def _quantifier(self) -> tuple[int, int | None] | None:
        simple = _QUANTIFIERS.get(self._peek())
        if simple is not None:
            self._at += 1
            return simple
        counted = _COUNTED.match(self._text, self._at)
        if counted is None:
            return None
        self._at = counted.end()
        low = int(counted[1])
        if counted[2] is None:
            return low, low
        return low, None if counted[3] is None else int(counted[3])
