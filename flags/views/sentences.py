"""What flags say of themselves: conditions, rules and states, in sentences people can read out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from wayfork.engine import STEPS, Allocation, Clause, FlagState, Rule, Split

# A sentence that lists more rules than these is no longer read.
MOST_RULES_TOLD: Final = 2
MOST_VALUES_TOLD: Final = 6


@dataclass(frozen=True, slots=True)
class Operator:
    """How a comparison is called, said the right way round and negated, and what it compares."""

    label: str | Promise
    negated: str | Promise
    compares: str = "text"


OPERATORS: Final[Mapping[str, Operator]] = {
    "in": Operator(lazy("is one of"), lazy("is none of")),
    "starts_with": Operator(lazy("starts with"), lazy("does not start with")),
    "ends_with": Operator(lazy("ends with"), lazy("does not end with")),
    "contains": Operator(lazy("contains"), lazy("does not contain")),
    "matches": Operator(lazy("matches the pattern"), lazy("does not match the pattern"), "pattern"),
    "eq": Operator(lazy("equals the number"), lazy("is not the number"), "number"),
    "lt": Operator(lazy("is less than"), lazy("is not less than"), "number"),
    "lte": Operator(lazy("is at most"), lazy("is not at most"), "number"),
    "gt": Operator(lazy("is more than"), lazy("is not more than"), "number"),
    "gte": Operator(lazy("is at least"), lazy("is not at least"), "number"),
    "semver_eq": Operator(lazy("is version"), lazy("is not version"), "version"),
    "semver_lt": Operator(
        lazy("is older than version"), lazy("is not older than version"), "version"
    ),
    "semver_lte": Operator(lazy("is at most version"), lazy("is not at most version"), "version"),
    "semver_gt": Operator(
        lazy("is newer than version"), lazy("is not newer than version"), "version"
    ),
    "semver_gte": Operator(lazy("is at least version"), lazy("is not at least version"), "version"),
    "before": Operator(lazy("is before"), lazy("is not before"), "time"),
    "after": Operator(lazy("is after"), lazy("is not after"), "time"),
    "in_cidr": Operator(lazy("is in network"), lazy("is not in network"), "network"),
    "in_segment": Operator(lazy("is in segment"), lazy("is not in segment"), "segment"),
    "exists": Operator(lazy("is known"), lazy("is not known"), "nothing"),
}


def percent(steps: int) -> str:
    """A number of steps of 100,000 as people write it."""
    return f"{steps * 100 / STEPS:g} %"


def share_of(allocation: Allocation | None) -> int:
    """How many of 100,000 steps an allocation covers."""
    if allocation is None:
        return STEPS
    return sum(high - low for low, high in allocation.ranges)


# --- conditions


@dataclass(frozen=True, slots=True)
class Condition:
    """A clause as a card shows it: whose attribute, how it is compared, with what."""

    attribute: str
    words: str
    values: tuple[str, ...]
    more: int = 0
    ignores_case: bool = False


def condition(clause: Clause) -> Condition:
    """The parts of one clause's sentence; long lists are cut."""
    operator = OPERATORS.get(clause.op, Operator(clause.op, f"not {clause.op}"))
    values = tuple(_spoken(value) for value in clause.values)
    return Condition(
        attribute=clause.attribute or _("the unit"),
        words=str(operator.negated if clause.negate else operator.label),
        values=values[:MOST_VALUES_TOLD],
        more=max(0, len(values) - MOST_VALUES_TOLD),
        ignores_case=clause.ignore_case,
    )


def _spoken(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def clause_words(clause: Clause) -> str:
    """One clause as plain text."""
    told = condition(clause)
    values = ", ".join(told.values)
    if told.more:
        values = _("%(values)s and %(more)d more") % {"values": values, "more": told.more}
    return f"{told.attribute} {told.words} {values}".strip()


# --- what is served


def serve_words(serve: str | Split) -> SafeString:
    """What somebody gets: a variation, or a split with its shares."""
    if isinstance(serve, str):
        return format_html("<strong>{}</strong>", serve)
    shares = _joined(
        [format_html("{} <strong>{}</strong>", percent(n), name) for name, n in serve.weights]
    )
    return format_html(_("a split by {}: {}"), serve.unit, shares)


def _joined(parts: Sequence[SafeString]) -> SafeString:
    return format_html_join(", ", "{}", ((part,) for part in parts))


def rule_words(rule: Rule) -> SafeString:
    """One rule inside a flag's sentence: how many of whom get what."""
    if not rule.when and _is_for_all(rule):
        if rule.experiment:
            return format_html(_("everyone takes part in {}"), rule.experiment)
        return format_html(_("everyone gets {}"), serve_words(rule.serve))
    who = _who(rule)
    if rule.experiment:
        return format_html(_("{} take part in {}"), who, rule.experiment)
    return format_html(_("{} get {}"), who, serve_words(rule.serve))


def _who(rule: Rule) -> SafeString:
    conditions = _(" and ").join(_relative(clause) for clause in rule.when)
    if _is_for_all(rule):
        return format_html(_("all {}"), conditions)
    share = percent(share_of(rule.allocation))
    if conditions:
        return format_html(_("{} of those {}"), share, conditions)
    return format_html(_("{} of everyone"), share)


def _relative(clause: Clause) -> str:
    """One condition as it follows "those"."""
    if clause.attribute is None and clause.op == "in_segment":
        held = ", ".join(condition(clause).values)
        told = _("who are not in segment %s") if clause.negate else _("who are in segment %s")
        return told % held
    return _("whose %s") % clause_words(clause)


def _is_for_all(rule: Rule) -> bool:
    return share_of(rule.allocation) >= STEPS


def flag_sentence(flag: FlagState, environment: str) -> SafeString:
    """The first sentence of a flag's page: is it on, where, and who gets what."""
    if not flag.enabled:
        return format_html(_("Off in {}: everyone gets {}."), environment, serve_words(flag.off))
    if not flag.rules:
        sentence = format_html(
            _("On in {}: everyone gets {}."), environment, serve_words(flag.fallthrough)
        )
    else:
        sentence = format_html(
            _("On in {}: {}; everyone else gets {}."),
            environment,
            _rules_words(flag.rules),
            serve_words(flag.fallthrough),
        )
    return format_html_join(" ", "{}", ((part,) for part in [sentence, *_beside(flag)]))


def _rules_words(rules: Sequence[Rule]) -> SafeString | str:
    if len(rules) > MOST_RULES_TOLD:
        return ngettext("%(n)d rule decides", "%(n)d rules decide", len(rules)) % {"n": len(rules)}
    return format_html_join("; ", "{}", ((rule_words(rule),) for rule in rules))


def _beside(flag: FlagState) -> list[SafeString | str]:
    told: list[SafeString | str] = []
    if flag.prerequisites:
        named = ", ".join(needed.flag for needed in flag.prerequisites)
        told.append(format_html(_("Only where {} allows it."), named))
    if flag.holdout:
        told.append(format_html(_("Never for holdout {}."), flag.holdout))
    assigned = sum(len(ids) for ids in flag.assignments.values())
    if assigned:
        sentence = ngettext(
            "%(n)d id has a variation of its own.",
            "%(n)d ids have variations of their own.",
            assigned,
        )
        told.append(sentence % {"n": assigned})
    return told


# --- pills


@dataclass(frozen=True, slots=True)
class Pill:
    """The state of a flag in one word, for lists."""

    state: str
    text: str


def pill(flag: FlagState) -> Pill:
    """Off, on, a share, a split, or by rules."""
    if not flag.enabled:
        return Pill("off", _("off"))
    if not flag.rules:
        return _pill_of_serve(flag, flag.fallthrough)
    rule = flag.rules[0]
    simple = len(flag.rules) == 1 and not rule.when and isinstance(rule.serve, str)
    if simple and rule.allocation and rule.serve != flag.fallthrough:
        return Pill("share", percent(share_of(rule.allocation)))
    return Pill("rules", _("by rules"))


def _pill_of_serve(flag: FlagState, serve: str | Split) -> Pill:
    boolean = flag.type == "boolean"
    if isinstance(serve, Split):
        weights = [n for name, n in serve.weights if flag.variations.get(name) is True]
        return Pill("share", percent(sum(weights)) if boolean else _("split"))
    if boolean:
        on = flag.variations.get(serve) is True
        return Pill("on", _("on")) if on else Pill("rules", _("on, serves off"))
    return Pill("on", serve)
