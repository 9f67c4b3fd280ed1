"""What a request changes, target by target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts.access import Access
from flags.drafting import OWN
from flags.edits import EditKind
from flags.models import Change
from flags.models.change import WAITING
from flags.standing import at as at_change
from flags.standing import current_version, stale_parts
from flags.views.cards import here
from flags.views.differences import Difference, differences
from flags.views.frame import Tab
from flags.views.json_lines import Line, Pair, compared, unified
from flags.views.request_words import NOUNS, UNNAMED, part_name

PAGES: Final = {
    EditKind.STATE: "flags:detail",
    EditKind.DEFINITION: "flags:settings",
    EditKind.SEGMENT: "flags:segment",
}


@dataclass(frozen=True, slots=True)
class PartCard:
    """What happens to one target."""

    index: int
    name: str
    noun: str
    key: str
    where: str
    url: str
    sentences: tuple[str, ...]
    differences: list[Difference]
    pairs: list[Pair]
    lines: list[Line]
    is_new: bool
    base: str
    moved: str
    # Forms that add to what the request says about this.
    editors: list[Tab]


def part_cards(access: Access, change: Change) -> list[PartCard]:
    """What happens to each target, and whether it moved meanwhile."""
    stand = at_change(access, change)
    moved = {
        (str(part.target.kind), part.target.key): current_version(stand, part)
        for part in (stale_parts(stand, change) if _is_unfinished(change) else [])
    }
    return [_part(stand, change, at, part, moved) for at, part in enumerate(change.parts)]


def _is_unfinished(change: Change) -> bool:
    return change.status in {*WAITING, Change.Status.DRAFT}


def _part(
    access: Access,
    change: Change,
    index: int,
    part: Mapping[str, Any],
    moved: Mapping[tuple[str, str], int],
) -> PartCard:
    kind, key = part["target"]["kind"], part["target"]["key"]
    pairs = compared(part["before"], part["after"])
    now = moved.get((kind, key))
    version = part["base_version"]
    return PartCard(
        index=index,
        name=part_name(part),
        noun=str(NOUNS[kind]),
        key="" if kind in UNNAMED else key,
        where=_where(change, kind),
        url=_url(access, kind, key, is_new=part["before"] is None and version == 0),
        sentences=tuple(part["sentences"]),
        differences=differences(part["before"], part["after"]),
        pairs=pairs,
        lines=unified(pairs),
        is_new=part["before"] is None,
        base=_("%(name)s at version %(version)d") % {"name": part_name(part), "version": version},
        moved=""
        if now is None
        else _("Written against version %(base)d; it is at version %(now)d now.")
        % {"base": version, "now": now},
        editors=_editors(access, change, part) if kind == EditKind.STATE and now is None else [],
    )


def _editors(access: Access, change: Change, part: Mapping[str, Any]) -> list[Tab]:
    """The flag's own forms, opened on what the request would leave."""
    key, asked = part["target"]["key"], f"?in={change.number}"
    forms = [
        ("serving", _("What everyone else gets")),
        ("new-rule", _("Add rule")),
        ("assignments", _("Custom assignments")),
        ("requirements", _("Requirements")),
    ]
    found = [Tab(name, told, here(access, f"flags:{name}", key) + asked) for name, told in forms]
    rules = [
        Tab(
            rule["id"],
            _("Rule %(name)s") % {"name": rule.get("name") or rule["id"]},
            here(access, "flags:rule", key, rule["id"]) + asked,
        )
        for rule in part["after"].get("rules", [])
        if not rule.get("experiment")
    ]
    return [*rules, *found]


def _where(change: Change, kind: str) -> str:
    if kind in OWN and change.environment:
        return _("in %(name)s") % {"name": change.environment.name}
    return _("in every environment")


def _url(access: Access, kind: str, key: str, *, is_new: bool) -> str:
    page = PAGES.get(EditKind(kind))
    if page is None or (is_new and kind != EditKind.STATE):
        return ""
    return here(access, page, key)
