"""Edits of a flag as it stands in one environment."""

from abc import abstractmethod
from dataclasses import dataclass, replace

from accounts.permissions import Permission
from flags.edits.base import Edit, EditKind, InvalidEdit, Restore, edit
from flags.edits.documents import check_key
from wayfork.engine import STEPS, Allocation, FlagState, ParseError, Prerequisite, Rule, Split

STATE = EditKind.STATE
TARGETING = Permission.EDIT_TARGETING
# What a row in one environment holds of the engine's FlagState; the rest is the definition's.
OWN_FIELDS = frozenset(
    {"enabled", "off", "fallthrough", "assignments", "prerequisites", "holdout", "rules"}
)


def own_part(state: FlagState) -> dict[str, object]:
    """The fields that belong to the environment, as JSON."""
    return {key: value for key, value in state.to_json().items() if key in OWN_FIELDS}


def serving(serve: str | Split) -> str:
    """What is served, in words."""
    if isinstance(serve, str):
        return f"serve {serve}"
    shares = ", ".join(f"{weight / 1000:g} % {name}" for name, weight in serve.weights)
    return f"split by {serve.unit}: {shares}"


def _of_rule(rule: Rule) -> str:
    """A rule in words: its name, what it serves, and to how many when not to all."""
    told = f"{rule.name or rule.id}: {serving(rule.serve)}"
    if rule.allocation is None:
        return told
    steps = sum(high - low for low, high in rule.allocation.ranges)
    return told if steps >= STEPS else f"{told} to {steps * 100 / STEPS:g} %"


def _place(rules: tuple[Rule, ...], rule_id: str) -> int:
    for index, rule in enumerate(rules):
        if rule.id == rule_id:
            return index
    raise InvalidEdit(
        f"there is no rule {rule_id}", where="rule_id", hint="Reload the page: it may be gone."
    )


@edit("turn_on", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class TurnOn(Edit):
    """Let the rules and the fallthrough answer."""

    def apply(self, flag: FlagState) -> FlagState:
        return replace(flag, enabled=True)

    def sentence(self) -> str:
        return "Turn on"


@edit("turn_off", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class TurnOff(Edit):
    """Serve the off variation to everybody, custom assignments included."""

    def apply(self, flag: FlagState) -> FlagState:
        return replace(flag, enabled=False)

    def sentence(self) -> str:
        return "Turn off"


@edit("set_off", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class SetOff(Edit):
    """Choose what is served while the flag is off."""

    variation: str

    def apply(self, flag: FlagState) -> FlagState:
        return replace(flag, off=self.variation)

    def sentence(self) -> str:
        return f"Serve {self.variation} when off"


@edit("set_fallthrough", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class SetFallthrough(Edit):
    """Choose what is served when no rule matches. A split keeps the salt it has."""

    serve: str | Split

    def apply(self, flag: FlagState) -> FlagState:
        serve, old = self.serve, flag.fallthrough
        if isinstance(serve, Split) and isinstance(old, Split) and serve.unit == old.unit:
            serve = replace(serve, salt=old.salt)
        return replace(flag, fallthrough=serve)

    def sentence(self) -> str:
        return f"To everyone else, {serving(self.serve)}"


@edit("add_rule", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class AddRule(Edit):
    """Put a rule at a position (0 is first; default: last)."""

    rule: Rule
    position: int | None = None

    def apply(self, flag: FlagState) -> FlagState:
        _check_names(self.rule)
        if any(rule.id == self.rule.id for rule in flag.rules):
            raise InvalidEdit(f"there is a rule {self.rule.id} already", where="rule.id")
        at = len(flag.rules) if self.position is None else self.position
        return replace(flag, rules=(*flag.rules[:at], self.rule, *flag.rules[at:]))

    def sentence(self) -> str:
        return f"Add rule {_of_rule(self.rule)}"


@edit("replace_rule", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class ReplaceRule(Edit):
    """Rewrite a rule in place. Salts stay unless the unit changes or `reshuffle` is asked for."""

    rule: Rule
    reshuffle: bool = False

    def apply(self, flag: FlagState) -> FlagState:
        _check_names(self.rule)
        at = _place(flag.rules, self.rule.id)
        rule = self.rule if self.reshuffle else keep_salts(flag.rules[at], self.rule)
        return replace(flag, rules=(*flag.rules[:at], rule, *flag.rules[at + 1 :]))

    def sentence(self) -> str:
        return f"Change rule {_of_rule(self.rule)}"


def _check_names(rule: Rule) -> None:
    """Both stand in addresses of pages."""
    check_key(rule.id, "rule.id")
    if rule.experiment is not None:
        check_key(rule.experiment, "rule.experiment")


def keep_salts(old: Rule, new: Rule) -> Rule:
    """The new rule, cutting units where the old one did as far as the units are the same."""
    serve, allocation = new.serve, new.allocation
    if isinstance(old.serve, Split) and isinstance(serve, Split) and old.serve.unit == serve.unit:
        serve = replace(serve, salt=old.serve.salt)
    if old.allocation and allocation and old.allocation.unit == allocation.unit:
        allocation = replace(allocation, salt=old.allocation.salt)
    return replace(new, serve=serve, allocation=allocation)


class OfRule(Edit):
    """An edit of a rule that stands: its sentence names the rule as people know it."""

    __slots__ = ()
    rule_id: str

    @abstractmethod
    def told(self, rule: str) -> str:
        """What it does to the rule of this name."""

    def sentence(self) -> str:
        return self.told(self.rule_id)

    def sentence_from(self, before: FlagState | None, /) -> str:
        rules = before.rules if before else ()
        names = (rule.name for rule in rules if rule.id == self.rule_id and rule.name)
        return self.told(next(names, self.rule_id))


@edit("remove_rule", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class RemoveRule(OfRule):
    """Take a rule away."""

    rule_id: str

    def apply(self, flag: FlagState) -> FlagState:
        at = _place(flag.rules, self.rule_id)
        return replace(flag, rules=(*flag.rules[:at], *flag.rules[at + 1 :]))

    def told(self, rule: str) -> str:
        return f"Remove rule {rule}"


@edit("move_rule", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class MoveRule(OfRule):
    """Give a rule another position (0 is first)."""

    rule_id: str
    position: int

    def apply(self, flag: FlagState) -> FlagState:
        at = _place(flag.rules, self.rule_id)
        others = (*flag.rules[:at], *flag.rules[at + 1 :])
        to = self.position
        return replace(flag, rules=(*others[:to], flag.rules[at], *others[to:]))

    def told(self, rule: str) -> str:
        return f"Move rule {rule} to position {self.position + 1}"


@edit("set_rollout", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class SetRollout(OfRule):
    """Let a rule apply to the first `steps` of 100,000 units; the same people come back."""

    rule_id: str
    steps: int

    def apply(self, flag: FlagState) -> FlagState:
        at = _place(flag.rules, self.rule_id)
        rule = flag.rules[at]
        if rule.allocation is None:
            raise InvalidEdit("this rule has no rollout", where="rule_id")
        ranges = ((0, self.steps),) if self.steps else ()
        allocation = Allocation(
            rule.allocation.unit, rule.allocation.salt, ranges, rule.allocation.hash
        )
        changed = replace(rule, allocation=allocation)
        return replace(flag, rules=(*flag.rules[:at], changed, *flag.rules[at + 1 :]))

    def told(self, rule: str) -> str:
        return f"Roll rule {rule} out to {self.steps / 1000:g} %"


@edit("assign_units", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class AssignUnits(Edit):
    """Give named units a variation of their own, whatever the rules say."""

    unit_type: str
    variation: str
    unit_ids: tuple[str, ...]

    def apply(self, flag: FlagState) -> FlagState:
        if any(not unit_id for unit_id in self.unit_ids):
            raise InvalidEdit("an id cannot be empty", where="unit_ids")
        mine = {**flag.assignments.get(self.unit_type, {})}
        mine.update(dict.fromkeys(self.unit_ids, self.variation))
        return replace(flag, assignments={**flag.assignments, self.unit_type: mine})

    def sentence(self) -> str:
        return f"Assign {self.variation} to {self.unit_type} {_some(self.unit_ids)}"


@edit("unassign_units", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class UnassignUnits(Edit):
    """Let the rules decide again for these units."""

    unit_type: str
    unit_ids: tuple[str, ...]

    def apply(self, flag: FlagState) -> FlagState:
        gone = set(self.unit_ids)
        left = {
            unit_id: variation
            for unit_id, variation in flag.assignments.get(self.unit_type, {}).items()
            if unit_id not in gone
        }
        others = {key: value for key, value in flag.assignments.items() if key != self.unit_type}
        return replace(flag, assignments={**others, self.unit_type: left} if left else others)

    def sentence(self) -> str:
        return f"Remove the assignment of {self.unit_type} {_some(self.unit_ids)}"


def _some(unit_ids: tuple[str, ...]) -> str:
    shown = ", ".join(unit_ids[:3])
    more = len(unit_ids) - 3
    return f"{shown} and {more} more" if more > 0 else shown


@edit("set_prerequisites", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class SetPrerequisites(Edit):
    """Flags that must serve one of the listed variations first."""

    prerequisites: tuple[Prerequisite, ...]

    def apply(self, flag: FlagState) -> FlagState:
        return replace(flag, prerequisites=self.prerequisites)

    def sentence(self) -> str:
        named = ", ".join(f"{p.flag} is {' or '.join(p.variations)}" for p in self.prerequisites)
        return f"Require {named}" if named else "Require no other flag"


@edit("set_flag_holdout", STATE, TARGETING)
@dataclass(frozen=True, slots=True)
class SetFlagHoldout(Edit):
    """Keep a holdout's units out of this flag."""

    holdout: str | None

    def apply(self, flag: FlagState) -> FlagState:
        return replace(flag, holdout=self.holdout)

    def sentence(self) -> str:
        return f"Respect holdout {self.holdout}" if self.holdout else "Respect no holdout"


@edit("kill", STATE, Permission.ROLL_BACK, urgent=True)
@dataclass(frozen=True, slots=True)
class Kill(Edit):
    """Turn off in an emergency: by the right to roll back, past every review and freeze."""

    def apply(self, flag: FlagState) -> FlagState:
        return replace(flag, enabled=False)

    def sentence(self) -> str:
        return "Kill: turn off at once"


@edit("restore_state", STATE, Permission.ROLL_BACK, urgent=True)
@dataclass(frozen=True, slots=True)
class RestoreState(Restore):
    """Bring back an earlier state of this flag, whole."""

    def apply(self, flag: FlagState) -> FlagState:
        kept = {key: value for key, value in flag.to_json().items() if key not in OWN_FIELDS}
        own = {key: value for key, value in self.state.items() if key in OWN_FIELDS}
        try:
            return FlagState.from_json({**kept, **own}, where="state")
        except ParseError as error:
            raise InvalidEdit(error.message, where=error.where) from error
