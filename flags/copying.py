"""Two environments of a project side by side, and one set as the other by a single change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from accounts.access import Access
from accounts.models import Environment
from flags import queries
from flags.drafting import Part, StaleVersion, Target
from flags.edits import CopyState, EditKind, FlagDefinition, InvalidEdit
from flags.edits.copying import says
from flags.edits.state import own_part
from flags.queries import FlagInEnvironment
from wayfork.engine import FlagState, Split

# As many as fit into one change that a person can still review.
MOST_AT_ONCE: Final = 200
MOST_FLAGS: Final = 100_000


@dataclass(frozen=True)
class Pair:
    """One flag in two environments."""

    here: FlagInEnvironment
    there: FlagInEnvironment
    source: str

    @property
    def definition(self) -> FlagDefinition:
        return self.here.definition

    @cached_property
    def is_same(self) -> bool:
        """Whether both say the same; ids and salts are each environment's own."""
        if self.here.own == self.there.own:
            return True
        return _says(self.here.state) == _says(self.there.state)

    def edit(self, *, with_switch: bool = True, with_assignments: bool = False) -> CopyState:
        """What sets it here as it is there."""
        state = own_part(self.there.state)
        return CopyState(self.source, self.there.version, state, with_switch, with_assignments)

    def after(self, *, with_switch: bool = True, with_assignments: bool = False) -> FlagState:
        """Where that would lead."""
        edit = self.edit(with_switch=with_switch, with_assignments=with_assignments)
        return edit.apply(self.here.state)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A flag to be copied, with the versions the person saw of it here and there."""

    key: str
    here: int
    there: int


def pairs(access: Access, other: Environment) -> list[Pair]:
    """Every flag that is not archived, here and in the other environment, by key."""
    here, there = access.environment.key, other.key
    lines = queries.flag_page(access, most=MOST_FLAGS).lines
    return [Pair(line.states[here], line.states[there], there) for line in lines]


def parts(
    access: Access,
    other: Environment,
    chosen: Sequence[Chosen],
    *,
    with_switch: bool = True,
    with_assignments: bool = False,
) -> list[Part]:
    """The parts of one change that copies the chosen flags; refuses what has moved since it was seen."""
    if not chosen:
        raise InvalidEdit("No flag is chosen.", hint="Choose at least one.")
    if len(chosen) > MOST_AT_ONCE:
        raise InvalidEdit(
            f"{len(chosen)} flags are too many for one change.",
            hint=f"Choose at most {MOST_AT_ONCE}, so that somebody can review them.",
        )
    found = []
    for one in chosen:
        line = queries.flag_everywhere(access, one.key)
        pair = Pair(line.states[access.environment.key], line.states[other.key], other.key)
        if pair.there.version != one.there:
            raise StaleVersion(
                f"{one.key} in {other.name}", expected=one.there, actual=pair.there.version
            )
        edit = pair.edit(with_switch=with_switch, with_assignments=with_assignments)
        found.append(Part(Target(EditKind.STATE, one.key), (edit,), one.here))
    return found


def _says(state: FlagState) -> dict[str, Any]:
    fallthrough = state.fallthrough
    if isinstance(fallthrough, Split):
        fallthrough = replace(fallthrough, salt="")
    rules = tuple(says(rule) for rule in state.rules)
    return own_part(replace(state, fallthrough=fallthrough, rules=rules))
