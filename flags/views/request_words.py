"""Requests in words: their title, their state, where they apply."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.models import Change

Status = Change.Status
STATUSES: Final[Mapping[str, tuple[Any, str]]] = {
    Status.DRAFT: (lazy("draft"), "muted"),
    Status.OPEN: (lazy("waits for review"), "warn"),
    Status.APPROVED: (lazy("approved"), "ok"),
    Status.CHANGES_REQUESTED: (lazy("changes requested"), "warn"),
    Status.APPLIED: (lazy("applied"), "ok"),
    Status.WITHDRAWN: (lazy("withdrawn"), "muted"),
    Status.REJECTED: (lazy("rejected"), "danger"),
    Status.SUPERSEDED: (lazy("superseded"), "muted"),
}
NOUNS: Final[Mapping[str, Any]] = {
    "state": lazy("Flag"),
    "definition": lazy("Flag"),
    "segment": lazy("Segment"),
    "holdout": lazy("Holdout"),
    "layer": lazy("Layer"),
    "units": lazy("Unit types"),
    "policy": lazy("Review policy"),
    "stewards": lazy("Stewards"),
}
# What there is one of is not called by a key.
UNNAMED: Final = frozenset({"units", "policy", "stewards"})
MOST_SAID: Final = 2


def status_word(change: Change) -> str:
    """Where it stands."""
    return str(STATUSES[change.status][0])


def status_tone(change: Change) -> str:
    """How its badge is colored."""
    return STATUSES[change.status][1]


def title_of(change: Change) -> str:
    """What it does, in a line: the thing, then what happens to it."""
    told = [part_title(part) for part in change.parts]
    if len(told) > MOST_SAID:
        more = len(told) - 1
        return _("%(first)s; and %(n)d more") % {"first": told[0], "n": more}
    return "; ".join(told)


def part_title(part: Mapping[str, Any]) -> str:
    """One part in a line."""
    said = list(part["sentences"])
    words = ", ".join(said[:MOST_SAID])
    if len(said) > MOST_SAID:
        words = _("%(words)s and %(n)d more") % {"words": words, "n": len(said) - MOST_SAID}
    return f"{part_name(part)}: {words}"


def part_name(part: Mapping[str, Any]) -> str:
    """What the part changes, by its key if it has one."""
    kind = part["target"]["kind"]
    return str(NOUNS[kind]) if kind in UNNAMED else str(part["target"]["key"])


def place_name(change: Change) -> str:
    """Where it applies."""
    return change.environment.name if change.environment else _("every environment")
