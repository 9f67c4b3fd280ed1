"""What a change changed, place by place, for the history of flags and segments."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.html import strip_tags
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.edits import Freeze, Steward
from flags.views import sentences
from wayfork.engine import Clause, ParseError, Rule, Split

LABELS: Final[Mapping[str, Any]] = {
    "enabled": lazy("State"),
    "off": lazy("Served when off"),
    "fallthrough": lazy("Served to everyone else"),
    "prerequisites": lazy("Requires"),
    "holdout": lazy("Holdout"),
    "name": lazy("Name"),
    "description": lazy("Description"),
    "tags": lazy("Tags"),
    "stage": lazy("Kind"),
    "clientSide": lazy("Readable by client keys"),
    "archived": lazy("Archived"),
    "type": lazy("Type"),
    "key": lazy("Key"),
    "unit": lazy("Unit"),
    "approvals": lazy("Approvals asked for"),
    "reviewers": lazy("Approvals of the teams"),
    "frozen": lazy("Frozen"),
}
MOST_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One place and its two values in words; empty before means added, empty after removed."""

    what: str
    before: str
    after: str


def differences(before: object, after: object) -> list[Difference]:
    """All places where two documents of one kind differ."""
    old = before if isinstance(before, Mapping) else {}
    new = after if isinstance(after, Mapping) else {}
    found: list[Difference] = []
    for name in sorted({*old, *new}, key=_rank):
        if old.get(name) != new.get(name):
            found.extend(_field(name, old.get(name), new.get(name)))
    return [one for one in found if one.before != one.after]


def _rank(name: str) -> tuple[int, str]:
    known = list(LABELS)
    return (known.index(name) if name in known else len(known), name)


def _field(name: str, old: Any, new: Any) -> Iterator[Difference]:
    if name == "rules":
        yield from _rules(old or [], new or [])
    elif name == "assignments":
        yield from _assignments(old or {}, new or {})
    elif name == "variations":
        yield from _members(_("Variation %(name)s"), old or {}, new or {})
    elif name == "segment":
        yield from _segment(old or {}, new or {})
    elif name == "freezes":
        yield from _freezes(old or [], new or [])
    elif name == "stewards":
        yield from _stewards(old or [], new or [])
    else:
        yield Difference(str(LABELS.get(name, name)), _said(name, old), _said(name, new))


def _said(name: str, value: Any) -> str:
    if name == "enabled" and value is not None:
        return _("on") if value else _("off")
    if name == "prerequisites":
        needed = value or []
        return ", ".join(f"{one['flag']}: {' / '.join(one['variations'])}" for one in needed)
    if isinstance(value, Mapping) and "weights" in value:
        return serve_text(value)
    return _plain(value)


def _plain(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def serve_text(serve: object) -> str:
    """What is served as plain text, from its JSON."""
    if isinstance(serve, str):
        return serve
    try:
        return strip_tags(sentences.serve_words(Split.from_json(serve)))
    except ParseError:
        return _plain(serve)


def _rules(old: Sequence[Any], new: Sequence[Any]) -> Iterator[Difference]:
    before = {rule["id"]: rule for rule in old}
    after = {rule["id"]: rule for rule in new}
    for rule_id in [*before, *(key for key in after if key not in before)]:
        was, now = before.get(rule_id), after.get(rule_id)
        if was != now:
            what = _("Rule %(name)s") % {"name": (now or was or {}).get("name") or rule_id}
            yield Difference(what, _rule_text(was), _rule_text(now))
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        yield Difference(_("Order of rules"), _named(old), _named(new))


def _named(rules: Sequence[Any]) -> str:
    return ", ".join(rule.get("name") or rule["id"] for rule in rules)


def _rule_text(rule: Any) -> str:
    if rule is None:
        return ""
    try:
        return strip_tags(sentences.rule_words(Rule.from_json(rule)))
    except ParseError:
        return _plain(rule)


def _assignments(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for unit in sorted({*old, *new}):
        before, after = old.get(unit, {}), new.get(unit, {})
        changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
        for unit_id in changed[:MOST_LISTED]:
            yield Difference(f"{unit} {unit_id}", before.get(unit_id, ""), after.get(unit_id, ""))
        if len(changed) > MOST_LISTED:
            what = _("%(n)d more ids of %(unit)s") % {"n": len(changed) - MOST_LISTED, "unit": unit}
            yield Difference(what, str(len(before)), str(len(after)))


def _members(label: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*old, *new}):
        if name not in old or name not in new or old[name] != new[name]:
            before = json.dumps(old[name], ensure_ascii=False) if name in old else ""
            after = json.dumps(new[name], ensure_ascii=False) if name in new else ""
            yield Difference(label % {"name": name}, before, after)


def _segment(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    yield Difference(_("Unit"), old.get("unit", ""), new.get("unit", ""))
    for name, what in (("included", _("Always in")), ("excluded", _("Never in"))):
        before, after = set(old.get(name, ())), set(new.get(name, ()))
        yield Difference(what, _some(before - after), _some(after - before))
    yield Difference(_("Rules"), _groups(old.get("rules", ())), _groups(new.get("rules", ())))


def _some(unit_ids: set[str]) -> str:
    shown = ", ".join(sorted(unit_ids)[:MOST_LISTED])
    more = len(unit_ids) - MOST_LISTED
    return _("%(shown)s and %(more)d more") % {"shown": shown, "more": more} if more > 0 else shown


def _groups(groups: Sequence[Any]) -> str:
    return _(" or ").join(
        _(" and ").join(sentences.clause_words(Clause.from_json(clause)) for clause in group)
        for group in groups
    )


def _freezes(old: Sequence[Any], new: Sequence[Any]) -> Iterator[Difference]:
    what = _("Planned freeze")
    yield from (Difference(what, Freeze.from_json(one).told(), "") for one in old if one not in new)
    yield from (Difference(what, "", Freeze.from_json(one).told()) for one in new if one not in old)


def _stewards(old: Sequence[Any], new: Sequence[Any]) -> Iterator[Difference]:
    before = {(rule.kind, rule.key): rule.told() for rule in map(Steward.from_json, old)}
    after = {(rule.kind, rule.key): rule.told() for rule in map(Steward.from_json, new)}
    for kind, key in sorted({*before, *after}):
        what = _("Stewards of %(kind)s %(key)s") % {"kind": kind, "key": key}
        yield Difference(what, before.get((kind, key), ""), after.get((kind, key), ""))
