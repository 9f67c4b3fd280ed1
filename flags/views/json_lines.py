"""Two JSON documents compared line by line: one column with marks, or two side by side."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

KEPT_AROUND: Final = 3
# Beyond this the comparison would take longer than anybody reads.
MOST_LINES: Final = 4000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the comparison; `mark` is "+", "-", " " or "…" (lines left out)."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """The same place in both documents; None where one of them has no line."""

    before: Line | None
    after: Line | None


def as_lines(document: object) -> list[str]:
    """A document as people read JSON; nothing for a document that does not exist."""
    if document is None:
        return []
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def compared(before: object, after: object) -> list[Pair]:
    """Both documents side by side, with lines that did not change left out far from any change."""
    old, new = as_lines(before), as_lines(after)
    if max(len(old), len(new)) > MOST_LINES:
        return list(_all_changed(old[:MOST_LINES], new[:MOST_LINES]))
    # `autojunk` would take the braces of a long document for noise.
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    found: list[Pair] = []
    for place, group in enumerate(matcher.get_grouped_opcodes(KEPT_AROUND)):
        if place:
            found.append(Pair(Line("…", ""), Line("…", "")))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += [Pair(Line(" ", text), Line(" ", text)) for text in old[i1:i2]]
            else:
                found += _all_changed(old[i1:i2], new[j1:j2])
    return found


def _all_changed(old: Sequence[str], new: Sequence[str]) -> Iterator[Pair]:
    for before, after in zip_longest(old, new):
        yield Pair(
            None if before is None else Line("-", before),
            None if after is None else Line("+", after),
        )


def unified(pairs: Sequence[Pair]) -> list[Line]:
    """The same comparison in one column: what went before what came."""
    found: list[Line] = []
    waiting: list[Line] = []
    for pair in pairs:
        if pair.before is None or pair.before.mark == "-" or pair.after is None:
            found += [pair.before] if pair.before else []
            waiting += [pair.after] if pair.after else []
            continue
        found += [*waiting, pair.before]
        waiting = []
    return [*found, *waiting]
