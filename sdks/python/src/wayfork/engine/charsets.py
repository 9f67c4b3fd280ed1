"""Sets of characters as sorted, disjoint intervals of code points."""

from collections.abc import Iterable
from typing import Final, TypeAlias

Charset: TypeAlias = tuple[tuple[int, int], ...]

LAST: Final = 0x10FFFF


def union(*sets: Iterable[tuple[int, int]]) -> Charset:
    """All characters of any of the sets."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for charset in sets for pair in charset):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(charset: Charset) -> Charset:
    """All characters but these."""
    gaps: list[tuple[int, int]] = []
    following = 0
    for low, high in charset:
        if low > following:
            gaps.append((following, low - 1))
        following = high + 1
    if following <= LAST:
        gaps.append((following, LAST))
    return tuple(gaps)


def intersects(one: Charset, other: Charset) -> bool:
    """Whether any character is in both."""
    return any(low <= top and bottom <= high for low, high in one for bottom, top in other)


def of(character: str) -> Charset:
    """One character's set."""
    return ((ord(character), ord(character)),)


DIGITS: Final[Charset] = ((48, 57),)
WORD: Final[Charset] = union(((48, 57), (65, 90), (95, 95), (97, 122)))
SPACE: Final[Charset] = union(((9, 13), (32, 32)))
ANY_BUT_NEWLINE: Final[Charset] = complement(((10, 10),))
CLASSES: Final[dict[str, Charset]] = {
    "d": DIGITS,
    "D": complement(DIGITS),
    "w": WORD,
    "W": complement(WORD),
    "s": SPACE,
    "S": complement(SPACE),
}
