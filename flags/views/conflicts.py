"""Where a request and what others did meanwhile changed the same, in words."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.merging import ABSENT, ORDER, Clash, Path
from flags.models import Change
from flags.views.differences import LABELS
from flags.views.sentences import percent

# Lists whose members have names: what one of them is called.
MEMBERS: Final[Mapping[str, Any]] = {
    "rules": lazy("Rule %(name)s"),
    "variations": lazy("Variation %(name)s"),
    "assignments": lazy("Assignment of %(name)s"),
}
# Who is in a segment, as the pages of segments call it.
SEGMENT: Final[Mapping[str, Any]] = {
    "unit": lazy("Unit"),
    "included": lazy("Always in"),
    "excluded": lazy("Never in"),
    "rules": lazy("Rules"),
}
# What a place within a member is called.
DETAILS: Final[Mapping[str, Any]] = {
    "name": lazy("its name"),
    "when": lazy("its conditions"),
    "serve": lazy("what it serves"),
    "allocation": lazy("the share of people"),
    "experiment": lazy("its experiment"),
    "value": lazy("its value"),
    "description": lazy("its description"),
    "weights": lazy("weights"),
    "unit": lazy("by which unit"),
}
LONGEST_VALUE: Final = 300


@dataclass(frozen=True, slots=True)
class Conflict:
    """One place both sides changed, in words."""

    id: str
    name: str
    what: str
    base: str
    theirs: str
    mine: str
    kept: str = ""


def conflicts_of(
    change: Change, clashes: Sequence[Clash], sides: Mapping[str, str]
) -> list[Conflict]:
    """Clashes in words, each once, with the side somebody chose."""
    names = _names_of_rules(change.parts)
    return [
        Conflict(
            id=clash.id,
            kept=sides.get(clash.id, ""),
            name=clash.key,
            what=words_of(clash.path, names),
            base=_value(clash, clash.base),
            theirs=_value(clash, clash.theirs),
            mine=_value(clash, clash.mine),
        )
        for clash in {one.id: one for one in clashes}.values()
    ]


def _names_of_rules(parts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What rules are called, by their ids; the request's own names go first."""
    documents = [part[side] or {} for part in parts for side in ("before", "after")]
    rules = [rule for document in documents for rule in document.get("rules") or ()]
    return {rule["id"]: rule["name"] for rule in rules if rule.get("name")}


def words_of(path: Path, names: Mapping[str, str]) -> str:
    """A path through a document as a person would call it."""
    if path == ("rules", ORDER):
        return _("Order of the rules")
    match path:
        case ("segment", what, *rest) if what in SEGMENT:
            named = str(SEGMENT[what])
        case (members, member, *rest) if members in MEMBERS:
            named = str(MEMBERS[members]) % {"name": names.get(member, member)}
        case (what, *rest):
            named = str(LABELS.get(what, what))
        case _:
            return _("All of it")
    return ", ".join([named, *(str(DETAILS.get(step, step)) for step in rest)])


def _value(clash: Clash, value: object) -> str:
    if value is ABSENT:
        return _("nothing")
    if clash.path[-1:] == ("ranges",) and isinstance(value, list):
        return percent(sum(high - low for low, high in value))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
