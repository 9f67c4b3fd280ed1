"""Somebody was faster: what became of the thing, or of the request, that a form was opened on."""

from dataclasses import dataclass

from accounts.access import Access
from flags import queries
from flags.changes import StaleVersion, Target
from flags.requests import RevisionChanged


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
