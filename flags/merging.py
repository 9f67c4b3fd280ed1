"""Three versions of one document: what each side touched, and where both touched the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Final

Path = tuple[str, ...]
# Last step of the path under which the order of named things (rules) stands.
ORDER: Final = "order"


class _Absent:
    """Stands for what a document does not say: null is something it may say."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Clash:
    """One place both sides changed: as it was, as the others made it, as this request would."""

    kind: str
    key: str
    path: Path
    base: object
    theirs: object
    mine: object

    @property
    def place(self) -> str:
        """The path in words."""
        return " / ".join(self.path)

    @property
    def id(self) -> str:
        """Names the place with what both sides say there: who chooses has seen just that."""
        told = repr((self.kind, self.key, self.path, self.theirs, self.mine))
        return sha256(told.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, object]:
        """The clash for REST; what a side does not say is left out."""
        sides = {"base": self.base, "theirs": self.theirs, "mine": self.mine}
        said = {name: value for name, value in sides.items() if value is not ABSENT}
        named = {"id": self.id, "kind": self.kind, "key": self.key, "path": list(self.path)}
        return {**named, **said}


def flatten(document: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every leaf of a document by its path; things with an id go by it, wherever they stand."""
    if isinstance(document, Mapping):
        yield from chain.from_iterable(
            flatten(value, (*path, str(key))) for key, value in document.items()
        )
    elif named := _named(document):
        for name, one in named.items():
            yield from flatten(one, (*path, name))
        yield (*path, ORDER), tuple(named)
    else:
        yield path, document


def _named(document: object) -> dict[str, object]:
    """The members of a list by their ids, if each has one."""
    if not isinstance(document, list):
        return {}
    if not all(isinstance(one, Mapping) and "id" in one for one in document):
        return {}
    return {str(one["id"]): one for one in document}


def touched(before: object, after: object) -> dict[Path, object]:
    """What one side changed: by path, the value it has now."""
    old, new = dict(flatten(before)), dict(flatten(after))
    found: dict[Path, object] = {}
    for path in [*old, *(path for path in new if path not in old)]:
        was, now = old.get(path, ABSENT), new.get(path, ABSENT)
        if path and path[-1] == ORDER and isinstance(was, tuple | _Absent):
            if _is_reordered(was, now):
                found[path] = now
        elif not _is_same(was, now):
            found[path] = now
    return found


def _is_reordered(was: object, now: object) -> bool:
    """Whether what stood there before and still does has changed places."""
    if not isinstance(was, tuple) or not isinstance(now, tuple):
        return False
    common = set(was) & set(now)
    return [one for one in was if one in common] != [one for one in now if one in common]


def _is_same(one: object, other: object) -> bool:
    # To Python, true equals 1; to what SDKs are served it does not.
    return repr(one) == repr(other)


def clashes(kind: str, key: str, *, base: object, theirs: object, mine: object) -> list[Clash]:
    """Every place both sides changed, each to something else."""
    by_them, by_me = touched(base, theirs), touched(base, mine)
    old = dict(flatten(base))
    return [
        Clash(kind, key, path, old.get(path, ABSENT), by_them[path], value)
        for path, value in by_me.items()
        if path in by_them and not _is_same(by_them[path], value)
    ]


def strays(kind: str, key: str, *, theirs: object, mine: object, merged: object) -> list[Clash]:
    """Places the replayed edits changed although this request did not mean to, or failed to.

    `mine` is what the request meant: {path: value}, as `touched` gives it.
    """
    meant = mine if isinstance(mine, Mapping) else {}
    now, done = dict(flatten(theirs)), touched(theirs, merged)
    wrong = [path for path in done if path not in meant]
    wrong += [
        path
        for path, value in meant.items()
        if path[-1:] != (ORDER,) and not _is_same(dict(flatten(merged)).get(path, ABSENT), value)
    ]
    return [
        Clash(kind, key, path, ABSENT, now.get(path, ABSENT), meant.get(path, done.get(path)))
        for path in wrong
    ]
