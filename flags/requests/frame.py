"""What every step of a request shares: the row held still, and the ledger line."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from accounts import audit
from accounts.access import Access
from accounts.errors import DomainError
from flags import docket, records, snapshots, subjects
from flags.drafting import living
from flags.edits import check_storable
from flags.models.change import WAITING, Change, ChangeComment
from flags.standing import closed


class RevisionChanged(DomainError):
    """The request says something else by now than what was looked at."""

    code = "revision_changed"
    status = 409
    hint = "Look at what it says now, then decide again."

    def __init__(
        self, change: Change, expected: object, actual: object, meanwhile: Sequence[str] = ()
    ) -> None:
        super().__init__(
            f"Request {change.number} is at revision {change.revision} by now.",
            expected=expected,
            actual=actual,
            revision=change.revision,
            meanwhile=list(meanwhile),
        )
        self.number, self.revision = change.number, change.revision
        self.meanwhile = tuple(meanwhile)


def hold(access: Access, number: int) -> Change:
    """A request nobody else can move until this transaction ends.

    The heads come first, as everywhere: a step may end in applying, and two locks taken in two
    orders wait for each other for ever.
    """
    snapshots.lock_heads(living(access))
    found = docket.request(access, number)
    return reread(access, found)


def reread(access: Access, change: Change) -> Change:
    """The row as it is now, locked."""
    rows = Change.objects.within(access.project).select_for_update(of=("self",))
    found: Change = rows.select_related("environment", "author", "project").get(pk=change.pk)
    return found


def hold_open(access: Access, number: int) -> Change:
    """The same, of a request that is still under way."""
    change = hold(access, number)
    if change.status not in WAITING:
        raise closed(change)
    return change


def same_content(change: Change, content_hash: str) -> None:
    """Refuse a decision about something other than what the request says now."""
    if change.content_hash != content_hash:
        expected = ascii(content_hash[:64])[1:-1]
        raise RevisionChanged(change, expected, change.content_hash)


def same_revision(change: Change, expected: int) -> None:
    """Refuse to write over what somebody else made of the request in the meantime."""
    if change.revision != expected:
        raise RevisionChanged(
            change, expected, change.revision, meanwhile=meanwhile(change, expected)
        )


def meanwhile(change: Change, since: int) -> list[str]:
    """What became of a request since a revision; of a draft, whose revisions nobody keeps, what
    it says now."""
    kept = {one.number: one for one in change.revisions.filter(number__in=[since, change.revision])}
    now = _told(change.parts)
    if since not in kept or change.revision not in kept:
        return now
    who, before = kept[change.revision].author_label, _told(kept[since].parts)
    return [
        *(f"{who} wrote: {sentence}" for sentence in now if sentence not in before),
        *(f"{who} took out: {sentence}" for sentence in before if sentence not in now),
    ]


def _told(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{part['target']['key']}: {one}" for part in parts for one in part["sentences"]]


def finish(access: Access, change: Change, status: Change.Status) -> None:
    """Close a request that will not apply."""
    change.status = status
    change.closed_by_label = access.actor.label
    change.closed_at = timezone.now()
    change.scheduled_for = None
    change.save()


def note(access: Access, change: Change, action: str, *, reason: str = "", **more: Any) -> None:
    """The ledger line of a step."""
    audit.record(
        records.at_change(access, change),
        action,
        records.named(change),
        after={**records.facts(change), **more},
        reason=reason,
        subjects=subjects.of_change(change),
    )


def say(access: Access, change: Change, text: str) -> ChangeComment | None:
    """Keep what somebody said beside the request; nothing for nothing."""
    check_storable(text, "comment")
    if not text.strip():
        return None
    said: ChangeComment = ChangeComment.objects.create(
        change=change,
        author=access.actor.user,
        author_label=access.actor.label,
        text=text.strip(),
    )
    return said
