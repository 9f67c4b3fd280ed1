"""Reads of change requests: which there are, which wait for whom, what applies by itself."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.access import Access
from accounts.errors import NotFound
from accounts.permissions import Permission
from flags import matters, review
from flags.drafting import OWN
from flags.ground import Ground
from flags.matters import Matter
from flags.models.change import (
    WAITING,
    Change,
    ChangeComment,
    ChangedTarget,
    ChangeRevision,
    Review,
)

DONE = (
    Change.Status.APPLIED,
    Change.Status.WITHDRAWN,
    Change.Status.REJECTED,
    Change.Status.SUPERSEDED,
)

# A draft that asked for what was there already by then.
_OVERTAKEN = Q(status=Change.Status.SUPERSEDED, content_hash="")


def request(access: Access, number: int) -> Change:
    """One request; a draft is its author's alone."""
    found: Change | None = _requests(access).filter(number=number).first()
    if found is None or (is_private(found) and not _is_mine(access, found)):
        raise NotFound(f"There is no change request {number} in {access.project.name}.")
    return found


def requests(
    access: Access,
    *,
    status: Iterable[str] = (),
    mine: bool = False,
    waiting_for_me: bool = False,
    most: int = 200,
) -> list[Change]:
    """The project's requests, newest first, without drafts."""
    rows = _requests(access).exclude(status=Change.Status.DRAFT).exclude(_OVERTAKEN)
    if status:
        rows = rows.filter(status__in=list(status))
    if mine:
        rows = rows.filter(author=access.actor.user, author__isnull=False)
    if waiting_for_me:
        return _waiting_for(access, rows)[:most]
    return list(rows.order_by("-number")[:most])


def drafts(access: Access) -> list[Change]:
    """The person's own drafts, newest first."""
    own = _requests(access).filter(status=Change.Status.DRAFT, author__isnull=False)
    return list(own.filter(author=access.actor.user).order_by("-number"))


def waiting_for_me(access: Access) -> int:
    """How many requests wait for this person's word."""
    return len(requests(access, waiting_for_me=True))


def requests_on(access: Access, key: str, *kinds: str) -> list[Change]:
    """Requests under way that touch this target; of a flag's state only those of this environment."""
    touched = ChangedTarget.objects.within(access.project).filter(kind__in=kinds, key=key)
    if access.at_environment is not None:
        elsewhere = Q(kind__in=OWN) & ~Q(environment=access.environment)
        touched = touched.exclude(elsewhere)
    rows = _requests(access).filter(status__in=WAITING, pk__in=touched.values("change"))
    return list(rows.order_by("-number"))


def scheduled(access: Access) -> list[Change]:
    """Requests that apply by themselves, soonest first; with those that were refused at their time."""
    rows = _requests(access).filter(status__in=WAITING, scheduled_for__isnull=False)
    return list(rows.order_by("scheduled_for", "number"))


def unseen(access: Access) -> list[Change]:
    """Changes that went past review and nobody else has looked at yet, newest first."""
    rows = Change.objects.within(access.project).select_related("environment", "applied_by")
    return list(rows.filter(bypassed=True, looked_at=None).order_by("-applied_at"))


def revisions(change: Change) -> list[ChangeRevision]:
    """What the request said over time, oldest first."""
    return list(change.revisions.order_by("number"))


def reviews(change: Change) -> list[Review]:
    """What reviewers said, oldest first."""
    return list(change.reviews.order_by("pk"))


def comments(change: Change) -> list[ChangeComment]:
    """What people said, oldest first."""
    return list(change.comments.order_by("pk"))


def _requests(access: Access) -> QuerySet[Change]:
    rows: QuerySet[Change] = Change.objects.within(access.project).filter(number__isnull=False)
    # A draft that was thrown away keeps its number and nothing else.
    discarded = Q(status=Change.Status.WITHDRAWN, content_hash="")
    return rows.exclude(discarded).select_related("environment", "author")


def is_private(change: Change) -> bool:
    """Whether it never left its author's hands: a draft, or one that came to be superseded as one."""
    overtaken = change.status == Change.Status.SUPERSEDED and not change.content_hash
    return overtaken or change.status == Change.Status.DRAFT


def _is_mine(access: Access, change: Change) -> bool:
    user = access.actor.user
    return user is not None and change.author_id == user.pk


def _waiting_for(access: Access, rows: QuerySet[Change]) -> list[Change]:
    user = access.actor.user
    if user is None or not access.may(Permission.REVIEW):
        return []
    written = ChangeRevision.across_tenants.filter(change=OuterRef("pk"), author=user)
    said = Review.across_tenants.filter(
        change=OuterRef("pk"), content_hash=OuterRef("content_hash"), reviewer=user
    )
    open_ones = rows.filter(status__in=[Change.Status.OPEN, Change.Status.CHANGES_REQUESTED])
    asked = open_ones.exclude(author=user).exclude(Exists(written)).exclude(Exists(said))
    found = list(asked.order_by("-number"))
    # The rail asks this on every page: what decides is read once for all of them.
    ground = Ground(access.project)
    judged = zip(found, matters.of_changes(access.project, found), strict=True)
    return [one for one, matter in judged if _asks(access, one, matter, ground)]


def _asks(access: Access, change: Change, judged: Sequence[Matter], ground: Ground) -> bool:
    """Whether this person's approval would be one of those a request still wants."""
    here = access.at(change.environment) if change.environment else access
    is_own = all(matter.kind in OWN for matter in judged)
    reached = [here.environment] if is_own else ground.living
    found = review.verdict(here, reached, judged, ground)
    return any(demand.counts(access.teams) for demand in found.demands)


def label_of(parts: Sequence[Any]) -> str:
    """What a request is about: its keys, then what it does."""
    keys = ", ".join(dict.fromkeys(part["target"]["key"] for part in parts))
    told = "; ".join(sentence for part in parts for sentence in part["sentences"])
    return f"{keys}: {told}"
