"""Somebody was faster: what became of the thing, or of the request, that a form was opened on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from accounts.access import Access
from flags import queries
from flags.changes import StaleVersion, Target
from flags.edits import EditKind
from flags.queries import FlagInEnvironment
from flags.requests import RevisionChanged
from flags.views.opened import Opened
from wayfork.engine import Rule


@dataclass(frozen=True, slots=True)
class Clash:
    """Both versions and what was done in between."""

    expected: int
    actual: int
    meanwhile: tuple[str, ...]
    # The request whose revisions these are; None: they are versions of the thing itself.
    request: int | None = None


def of_target(access: Access, target: Target, stale: StaleVersion) -> Clash:
    """What happened to the target since the version the person saw."""
    newer = [
        (part["applied_version"], f"{change.author_label}: {sentence}")
        for change in queries.history(access, str(target.kind), target.key)
        for part in change.parts
        if part["target"] == {"kind": str(target.kind), "key": target.key}
        and (part["applied_version"] or 0) > stale.expected
        for sentence in part["sentences"]
    ]
    told = [sentence for _version, sentence in sorted(newer, key=lambda one: one[0])]
    return Clash(stale.expected, stale.actual, tuple(told))


def of_request(changed: RevisionChanged, seen: int) -> Clash:
    """What became of the request since the revision the person saw."""
    return Clash(seen, changed.revision, changed.meanwhile, changed.number)


def removed_rule(
    access: Access, flag: FlagInEnvironment, rule_id: str, opened: Opened | None
) -> Rule | None:
    """A rule that is gone, as it was last; None if the flag never had it."""
    for document in _earlier(access, flag.definition.key, opened):
        for rule in replace(flag, own=document).state.rules:
            if rule.id == rule_id:
                return rule
    return None


def _earlier(access: Access, key: str, opened: Opened | None) -> Iterator[Mapping[str, Any]]:
    """A flag's states before, the newest first: those of the request's revisions before its own."""
    named = {"kind": str(EditKind.STATE), "key": key}
    if opened is not None:
        for revision in opened.change.revisions.order_by("-number"):
            yield from (part["after"] for part in revision.parts if part["target"] == named)
    for change in queries.history(access, named["kind"], key):
        yield from (part["before"] for part in change.parts if part["target"] == named)
