"""Setting a flag here as it stands in another environment of the same project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from accounts.permissions import Permission
from flags.edits.base import Edit, EditKind, InvalidEdit, edit
from flags.edits.state import OWN_FIELDS, keep_salts
from wayfork.engine import FlagState, ParseError, Rule, Split


@edit("copy_state", EditKind.STATE, Permission.EDIT_TARGETING)
@dataclass(frozen=True, slots=True)
class CopyState(Edit):
    """Serve what another environment serves. `state` is what stood there at `version`.

    Rules of experiments belong to where they run: none is brought, and those here stay in their
    places. A rule that is here already keeps its id and salts, so that nobody moves without need.
    """

    source: str
    version: int
    state: Mapping[str, object]
    with_switch: bool = True
    with_assignments: bool = False

    def apply(self, flag: FlagState) -> FlagState:
        theirs = self._read(flag)
        fallthrough, old = theirs.fallthrough, flag.fallthrough
        if (
            isinstance(fallthrough, Split)
            and isinstance(old, Split)
            and fallthrough.unit == old.unit
        ):
            fallthrough = replace(fallthrough, salt=old.salt)
        return replace(
            flag,
            enabled=theirs.enabled if self.with_switch else flag.enabled,
            off=theirs.off,
            fallthrough=fallthrough,
            assignments=theirs.assignments if self.with_assignments else flag.assignments,
            prerequisites=theirs.prerequisites,
            holdout=theirs.holdout,
            rules=_rules(flag.rules, theirs.rules),
        )

    def _read(self, flag: FlagState) -> FlagState:
        kept = {key: value for key, value in flag.to_json().items() if key not in OWN_FIELDS}
        own = {key: value for key, value in self.state.items() if key in OWN_FIELDS}
        try:
            return FlagState.from_json({**kept, **own}, where="state")
        except ParseError as error:
            raise InvalidEdit(error.message, where=error.where) from error

    def sentence(self) -> str:
        left = [] if self.with_switch else ["on or off"]
        left += [] if self.with_assignments else ["assignments"]
        but = f", but not {' and '.join(left)}" if left else ""
        return f"Copy from {self.source} (version {self.version}){but}"


def _rules(mine: Sequence[Rule], theirs: Sequence[Rule]) -> tuple[Rule, ...]:
    free = [rule for rule in mine if not rule.experiment]
    found: list[Rule] = []
    for rule in theirs:
        if rule.experiment:
            continue
        twin = _twin(rule, free)
        if twin is None:
            found.append(rule)
        else:
            free.remove(twin)
            found.append(replace(keep_salts(twin, rule), id=twin.id))
    for place, rule in enumerate(mine):
        if rule.experiment:
            found.insert(min(place, len(found)), rule)
    return tuple(found)


def _twin(rule: Rule, free: Sequence[Rule]) -> Rule | None:
    """The rule here that this one is: by id, else by what it says, else by its name."""
    for is_twin in (
        lambda one: one.id == rule.id,
        lambda one: says(one) == says(rule),
        lambda one: bool(rule.name) and one.name == rule.name,
    ):
        for one in free:
            if is_twin(one):
                return one
    return None


def says(rule: Rule) -> Rule:
    """A rule without what tells it from its like elsewhere: its id and salts."""
    serve, allocation = rule.serve, rule.allocation
    if isinstance(serve, Split):
        serve = replace(serve, salt="")
    if allocation is not None:
        allocation = replace(allocation, salt="")
    return replace(rule, id="", serve=serve, allocation=allocation)
