"""What people may wish in the request machine: plain pairs, the product's edits, and back."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from flags import changes
from flags.changes import Part, Target
from flags.edits import (
    AssignUnits,
    Edit,
    SetFallthrough,
    SetOff,
    SetRollout,
    SetSegment,
    TurnOff,
    TurnOn,
)
from flags.models import Snapshot
from tests.flags.requests.book import Book, State, Wish, Wishes
from tests.flags.requests.steps import FLAG

OTHER, SEGMENT = "banner", "beta"
FLAGS = (FLAG, OTHER)
TARGETS = (*FLAGS, SEGMENT)
VARIATIONS = ("on", "off", "spare")
UNITS = ("u-1", "u-2")
LISTS = ((), ("ann",), ("ann", "ben"))

variations = st.sampled_from(VARIATIONS)
setting = (
    st.tuples(st.just("enabled"), st.booleans())
    | st.tuples(st.sampled_from(("off", "fallthrough")), variations)
    | st.tuples(st.sampled_from(UNITS), variations)
)
share = st.tuples(st.just("share"), st.sampled_from((10_000, 20_000, 30_000)))
lists = st.sampled_from(LISTS)
wishes = st.fixed_dictionaries(
    {},
    optional={
        FLAG: st.lists(setting, min_size=1, max_size=2),
        OTHER: st.lists(setting | share, min_size=1, max_size=2),
        SEGMENT: st.tuples(
            st.tuples(st.just("included"), lists), st.tuples(st.just("excluded"), lists)
        ).map(list),
    },
).filter(bool)
# One thing of one flag: what others want of it may still be brought together with that.
small_wishes = st.sampled_from(FLAGS).flatmap(
    lambda key: st.fixed_dictionaries({key: st.lists(setting, min_size=1, max_size=1)})
)


def parts_for(book: Book, given: Wishes) -> list[Part]:
    """The product's parts for plain wishes."""
    return [
        Part(target_of(key), edits_of(key, wish), book.versions[key]) for key, wish in given.items()
    ]


def target_of(key: str) -> Target:
    return changes.segment(key) if key == SEGMENT else changes.state(key)


def edits_of(key: str, wish: Wish) -> tuple[Edit, ...]:
    if key == SEGMENT:
        told = dict(wish)
        return (SetSegment("user", told["included"], told["excluded"], ()),)
    return tuple(_edit(name, value) for name, value in wish)


def _edit(name: str, value: Any) -> Edit:
    if name == "enabled":
        return TurnOn() if value else TurnOff()
    if name in UNITS:
        return AssignUnits("user", value, (name,))
    if name == "share":
        return SetRollout("r1", value)
    return SetOff(value) if name == "off" else SetFallthrough(value)


def seen(key: str, document: Mapping[str, Any]) -> State:
    """A document of the product in the book's words."""
    if key == SEGMENT:
        members = document.get("segment", document)
        return {name: tuple(members[name]) for name in ("included", "excluded")}
    shares = [rule["allocation"]["ranges"][0][1] for rule in document["rules"]]
    return {
        **{name: document[name] for name in ("enabled", "off", "fallthrough")},
        **document["assignments"].get("user", {}),
        **dict.fromkeys(["share"] * len(shares), *shares),
    }


def served_by(row: Snapshot) -> dict[str, State]:
    """What a published document says, in the book's words."""
    document = json.loads(bytes(row.document))
    flags_here = {key: seen(key, document["flags"][key]) for key in FLAGS}
    return {**flags_here, SEGMENT: seen(SEGMENT, document["segments"][SEGMENT])}
