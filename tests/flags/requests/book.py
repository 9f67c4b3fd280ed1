"""Change requests in plain dictionaries: what must come of them, thought out a second time.

A target's state is a mapping of names to values; what somebody wants of it is a list of such
pairs. Nothing here knows the product but the names of its refusals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.errors import NotPermitted
from flags.changes import StaleVersion
from flags.requests import AuthorMayNot, NotApproved
from flags.review import CodeFreeze

State = dict[str, Any]
Wish = list[tuple[str, Any]]
# By target.
States = dict[str, State]
Wishes = Mapping[str, Wish]

# Of every so many hours, these take no changes.
DAY = 8
FROZEN = (3, 5)


def led_to(state: State, wish: Wish) -> State:
    return {**state, **dict(wish)}


def touched(before: State, after: State) -> dict[str, Any]:
    """What differs, as it is afterwards; None for what is gone."""
    names = [*before, *(name for name in after if name not in before)]
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


@dataclass(frozen=True)
class Made:
    """What somebody wants of one target, and what they saw of it then."""

    wish: Wish
    base: State
    version: int

    @property
    def result(self) -> State:
        return led_to(self.base, self.wish)

    def clashes(self, now: State) -> bool:
        """Whether this and what happened meanwhile cannot both stand."""
        mine, theirs = touched(self.base, self.result), touched(self.base, now)
        clash = any(name in theirs and theirs[name] != value for name, value in mine.items())
        # Written again, it would undo what it never meant to touch.
        return clash or any(name not in mine for name in touched(now, led_to(now, self.wish)))


@dataclass
class Asked:
    """A request."""

    parts: dict[str, Made]
    author: str
    writer: str = ""
    writers: set[str] = field(default_factory=set)
    is_to_apply: bool = False
    revision: int = 1
    status: str = "open"
    words: dict[str, str] = field(default_factory=dict)
    # The minute it applies by itself, and by whose rights; until it was refused at its time.
    due: int | None = None
    by: str = ""
    is_refused: bool = False

    def __post_init__(self) -> None:
        self.writer = self.writer or self.author
        self.writers |= {self.author, self.writer}

    @property
    def is_waiting(self) -> bool:
        return self.status == "open"

    def say(self, who: str, parts: dict[str, Made]) -> None:
        """Another revision: nobody has approved it, and it runs by nobody else's clock or wish."""
        self.parts, self.writer, self.revision = parts, who, self.revision + 1
        self.writers.add(who)
        self.words = {}
        if self.due is not None and self.by != who:
            self.due, self.by, self.is_refused = None, "", False
        if self.is_to_apply and self.author != who:
            self.is_to_apply = False
            self.is_refused = self.is_refused and self.due is not None


@dataclass
class Book:
    """What is in force, what was asked, who may do what, and what time it is."""

    served: States
    versions: dict[str, int]
    needed: int = 1
    minute: int = 0
    asked: dict[int, Asked] = field(default_factory=dict)
    # Who may not edit just now, and who may not review.
    looking_on: set[str] = field(default_factory=set)
    without_a_say: set[str] = field(default_factory=set)

    @property
    def waiting(self) -> list[int]:
        return [number for number, one in self.asked.items() if one.is_waiting]

    @property
    def is_frozen(self) -> bool:
        first, end = FROZEN
        return first <= self.minute // 60 % DAY < end

    def made(self, wishes: Wishes) -> dict[str, Made]:
        """What these would change; a part that changes nothing is none."""
        return {
            target: Made(wish, self.served[target], self.versions[target])
            for target, wish in wishes.items()
            if led_to(self.served[target], wish) != self.served[target]
        }

    def may_edit(self, who: str) -> bool:
        return who not in self.looking_on

    def may_review(self, who: str, one: Asked) -> bool:
        return who not in one.writers and who not in self.without_a_say

    def is_approved(self, one: Asked) -> bool:
        words = [word for who, word in one.words.items() if self.may_review(who, one)]
        return words.count("approve") >= self.needed and "request_changes" not in words

    def is_stale(self, one: Asked) -> bool:
        return any(part.version != self.versions[target] for target, part in one.parts.items())

    def wants_approval(self, one: Asked) -> bool:
        return not (self.is_approved(one) or self.is_stale(one))

    def moved(self, one: Asked) -> dict[str, Made]:
        """The parts, each against what is in force now; those that have come about are gone."""
        return self.made({target: part.wish for target, part in one.parts.items()})

    def clashes(self, one: Asked) -> bool:
        return any(
            part.clashes(self.served[target])
            for target, part in one.parts.items()
            if part.version != self.versions[target]
        )

    def refusal(self, one: Asked, who: str) -> type[Exception] | None:
        """Why somebody could not put a waiting request in force now."""
        reasons = (
            (NotApproved, not self.is_approved(one)),
            (NotPermitted, not self.may_edit(who)),
            (AuthorMayNot, not self.may_edit(one.writer)),
            (CodeFreeze, self.is_frozen),
            (StaleVersion, self.is_stale(one)),
        )
        return next((refusal for refusal, holds in reasons if holds), None)

    def land(self, parts: dict[str, Made]) -> None:
        """In force: all of it, each target at its next version."""
        for target, part in parts.items():
            self.served = {**self.served, target: part.result}
            self.versions[target] += 1

    def apply_by_itself(self, one: Asked, who: str) -> bool:
        """What comes of it when nobody is there to press; whether it landed."""
        refusal = self.refusal(one, who)
        if refusal is None:
            self.land(one.parts)
            one.status = "applied"
        elif refusal is StaleVersion and not self.moved(one):
            one.status = "superseded"
        else:
            one.is_refused = True
        return refusal is None

    @property
    def scheduled(self) -> list[int]:
        """The minutes at which something applies by itself."""
        found = [one.due for one in self.asked.values() if one.is_waiting and not one.is_refused]
        return sorted(due for due in found if due is not None)

    def due(self) -> list[int]:
        """Requests whose time has come, in order."""
        found = [
            (one.due, number)
            for number, one in self.asked.items()
            if one.is_waiting
            and not one.is_refused
            and one.due is not None
            and one.due <= self.minute
        ]
        return [number for _, number in sorted(found)]

    def restored(self, target: str, state: State) -> dict[str, Made]:
        """A target as it once stood, as a part."""
        return {target: Made(list(state.items()), {}, self.versions[target])}
