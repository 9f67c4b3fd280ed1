"""Where two JSON documents differ, place by place, and in short."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# A summary names this many places at most, each value cut to this many letters.
PLACES: Final = 3
VALUE: Final = 40
SUMMARY: Final = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in a document that an act changed."""

    what: str
    before: str
    after: str


def document_differences(before: object, after: object) -> list[Difference]:
    """Where two JSON documents differ, as paths with both values."""
    found: list[Difference] = []
    _compare("", before, after, found)
    return found


def _compare(path: str, before: object, after: object, found: list[Difference]) -> None:
    if before == after:
        return
    if _are_objects(before, after):
        for key in sorted({*_items(before), *_items(after)}, key=str):
            inside = f"{path}.{key}" if path else str(key)
            _compare(inside, _items(before).get(key), _items(after).get(key), found)
        return
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            _compare(f"{path}[{index}]", one, other, found)
        return
    told = Difference(path or "value", _shown(before), _shown(after))
    # What is empty either way differs to machines alone.
    if told.before or told.after:
        found.append(told)


def _are_objects(before: object, after: object) -> bool:
    """What is new or gone is told place by place as well."""
    both = [value for value in (before, after) if value is not None]
    return all(isinstance(value, Mapping) for value in both)


def _items(document: object) -> Mapping[str, Any]:
    return document if isinstance(document, Mapping) else {}


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def in_short(before: object, after: object) -> str:
    """The first few differences in one line: `role: viewer → editor`."""
    found = [one for one in document_differences(before, after) if not _is_still_empty(one)]
    told = [_told(one) for one in found[:PLACES]]
    return joined(told, len(found))


def _is_still_empty(one: Difference) -> bool:
    return not one.before and one.after in {"[]", "{}"}


def joined(told: Sequence[str], total: int) -> str:
    """Some of several sayings, with how many are left unsaid."""
    rest = f"; {total - len(told)} more" if total > len(told) else ""
    return _cut("; ".join(told), SUMMARY - len(rest)) + rest


def _told(one: Difference) -> str:
    before, after = _cut(one.before, VALUE), _cut(one.after, VALUE)
    what = "" if one.what == "value" else f"{one.what}: "
    return f"{what}{before} → {after or 'nothing'}" if before else f"{what}{after}"


def _cut(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
