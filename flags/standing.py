"""Where a change request stands: who approved it, who still may, and what keeps it from applying."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts import access as tickets
from accounts import identities
from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.models import Environment, User
from accounts.permissions import Permission
from flags import matters, merging, review
from flags.drafting import (
    OWN,
    EnvironmentArchived,
    Part,
    StaleVersion,
    authorize,
    json_of,
    living,
    load,
    parts_of,
)
from flags.merging import Clash
from flags.models.change import WAITING, Change, Review
from flags.review import Demand, Verdict


class RequestClosed(DomainError):
    """The request has come to its end: nothing can be done about it any more."""

    code = "request_closed"
    status = 409
    hint = "Make a new request if this is still wanted."


class NotApproved(DomainError):
    """Somebody's approval is still missing."""

    code = "not_approved"
    status = 409
    hint = "Ask the people named here to look at it."


class BaseMoved(DomainError):
    """An approval of this would be void with the merge that has to come before it applies."""

    code = "base_moved"
    status = 409
    hint = "Merge the request with what changed meanwhile, then approve what it becomes."

    def __init__(self, moved: Sequence[Part]) -> None:
        super().__init__(
            "What it starts from has moved: approve what it becomes.",
            moved=[{"kind": str(part.target.kind), "key": part.target.key} for part in moved],
        )


class MayNotReview(NotPermitted):
    """This person may not review this request, or not any more."""

    hint = "Somebody else has to look at it."


class AuthorMayNot(DomainError):
    """Whoever wrote the request could not make this change any more."""

    code = "author_may_not"
    status = 409
    hint = "Somebody who may make this change can take the request over by revising it."


@dataclass(frozen=True, slots=True)
class Word:
    """What one reviewer said last about what the request says now."""

    label: str
    # In which role they said it.
    role: str
    verdict: str
    comment: str
    at: datetime
    user_id: object
    teams: frozenset[str]
    # Whether they are entitled still, and wrote no part of it.
    counts: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that decides about a request; pages, REST and `apply` ask this alike."""

    verdict: Verdict
    words: tuple[Word, ...]
    missing: tuple[str, ...]
    # Against any word of theirs: of a base that moved people may still say what is wrong with it.
    against_reviewing: DomainError | None
    against_approving: DomainError | None
    against_applying: DomainError | None
    is_stale: bool
    conflicts: tuple[Clash, ...] = ()

    @property
    def approvals(self) -> tuple[Word, ...]:
        """The approvals that count."""
        return tuple(
            word for word in self.words if word.counts and word.verdict == Review.Verdict.APPROVE
        )

    @property
    def objections(self) -> tuple[Word, ...]:
        """Who asked for changes and may."""
        asked = Review.Verdict.REQUEST_CHANGES
        return tuple(word for word in self.words if word.counts and word.verdict == asked)

    @property
    def approvals_needed(self) -> int:
        return self.verdict.approvals

    @property
    def is_ready(self) -> bool:
        """Whether nobody's approval is missing."""
        return not self.missing

    @property
    def may_approve(self) -> bool:
        return self.against_approving is None

    @property
    def why_not_approve(self) -> str:
        return _told(self.against_approving)

    @property
    def may_apply(self) -> bool:
        return self.against_applying is None

    @property
    def why_not_apply(self) -> str:
        return _told(self.against_applying)

    @property
    def can_merge(self) -> bool:
        """Whether the base moved and one press brings both together."""
        return self.is_stale and not self.conflicts


def _told(refusal: DomainError | None) -> str:
    return str(refusal) if refusal else ""


def standing(access: Access, change: Change) -> Standing:
    """Where a request stands, for this person, at this moment."""
    here = at(access, change)
    judged = matters.of_change(change)
    verdict = review.verdict(here, reached(here, change), judged)
    eyes = _eyes(here, change)
    words = tuple(_words(here, eyes))
    missing = tuple(_missing(verdict, words))
    stale = stale_parts(here, change) if change.status in _UNFINISHED else []
    unheard = _against_reviewing(here, change, eyes, verdict, words)
    return Standing(
        verdict=verdict,
        words=words,
        missing=missing,
        against_reviewing=unheard,
        against_approving=unheard or (BaseMoved(stale) if stale else None),
        against_applying=_against_applying(here, change, missing, stale),
        is_stale=bool(stale),
        conflicts=tuple(clash for part in stale for clash in clashes_of(here, change, part)),
    )


_UNFINISHED = (*WAITING, Change.Status.DRAFT)


def at(access: Access, change: Change) -> Access:
    """The ticket where the change would apply."""
    return access.at(change.environment) if change.environment else access


def reached(access: Access, change: Change) -> list[Environment]:
    """The environments a stored change may reach."""
    if all(part["target"]["kind"] in OWN for part in change.parts):
        return [access.environment]
    return living(access)


def authors_of(change: Change) -> set[Any]:
    """Ids of everybody who wrote what the request says, or said."""
    written = change.revisions.values_list("author_id", flat=True)
    return {change.author_id, *written} - {None}


def wrote(user: User, ids: set[Any]) -> bool:
    """Whether one of these accounts is this person's, under whichever of their accounts."""
    people = identities.people_behind({user.pk, *ids})
    return people[user.pk] in {people[one] for one in ids}


# --- approvals


@dataclass(frozen=True, slots=True)
class _Eyes:
    """Who wrote and who reviewed, as people: two accounts of one person are one pair of eyes."""

    reviews: Sequence[Review]
    authors: set[Any]
    people: Mapping[Any, Any]

    def person(self, account: object) -> object:
        return self.people.get(account, account)

    def wrote(self, account: object) -> bool:
        return self.person(account) in {self.person(author) for author in self.authors}


def _eyes(access: Access, change: Change) -> _Eyes:
    rows = Review.objects.within(access.project).filter(
        change=change, content_hash=change.content_hash
    )
    reviews = list(rows.select_related("reviewer").order_by("pk"))
    authors, user = authors_of(change), access.actor.user
    accounts = {*authors, *(row.reviewer_id for row in reviews), user.pk if user else None}
    return _Eyes(reviews, authors, identities.people_behind(accounts - {None}))


def _words(access: Access, eyes: _Eyes) -> Iterable[Word]:
    """Each reviewer's newest word on the content as it is now."""
    newest = {eyes.person(row.reviewer_id): row for row in eyes.reviews}
    for row in newest.values():
        ticket = _reviewer(access, row.reviewer)
        yield Word(
            label=row.reviewer_label,
            role=row.reviewer_role,
            verdict=row.verdict,
            comment=row.comment,
            at=row.created_at,
            user_id=row.reviewer_id,
            teams=ticket.teams if ticket else frozenset(),
            counts=ticket is not None and not eyes.wrote(row.reviewer_id),
        )


def _reviewer(access: Access, user: User | None) -> Access | None:
    """What the reviewer may do today; None when they may not review any more."""
    ticket = ticket_of(access, user)
    return ticket if ticket and ticket.may(Permission.REVIEW) else None


def ticket_of(access: Access, user: User | None) -> Access | None:
    """Somebody's own ticket at the same place, by their rights as they are now."""
    if user is None:
        return None
    environment = access.at_environment.key if access.at_environment else None
    try:
        return tickets.of_member(user, access.organization.key, access.project.key, environment)
    except NotFound:
        return None


def _missing(verdict: Verdict, words: Sequence[Word]) -> Iterable[str]:
    """What nobody has said yet that somebody has to, as sentences."""
    approvals = [one for one in words if one.counts and one.verdict == Review.Verdict.APPROVE]
    for demand in verdict.demands:
        given = sum(demand.counts(word.teams) for word in approvals)
        if given < demand.approvals:
            yield _lacking(demand, demand.approvals - given)
    for word in words:
        if word.counts and word.verdict == Review.Verdict.REQUEST_CHANGES:
            yield f"{word.label} asked for changes."


def _lacking(demand: Demand, more: int) -> str:
    return demand.reason if more == demand.approvals else f"{demand.reason} {more} more is missing."


def _against_reviewing(
    access: Access, change: Change, eyes: _Eyes, verdict: Verdict, words: Sequence[Word]
) -> DomainError | None:
    if change.status not in WAITING:
        return closed(change)
    sentence = _why_no_reviewer(access, eyes, verdict) or _said_already(access, words)
    return MayNotReview(sentence) if sentence else None


def _why_no_reviewer(access: Access, eyes: _Eyes, verdict: Verdict) -> str:
    """Why this person's approval would not count; empty when it would."""
    user = access.actor.user
    if user is None:
        return "A service token never approves: a person has to look at it."
    if not access.may(Permission.REVIEW):
        return f"You may not review changes in {access.project.name}."
    if user.pk in eyes.authors:
        return "You wrote a part of this request: somebody else has to approve it."
    if eyes.wrote(user.pk):
        return "You wrote a part of this under another account: somebody else has to approve it."
    if verdict.demands and not any(demand.counts(access.teams) for demand in verdict.demands):
        return f"Only people of {' or '.join(verdict.groups)} may approve this."
    return ""


def _said_already(access: Access, words: Sequence[Word]) -> str:
    user = access.actor.user
    approved = user is not None and any(
        word.user_id == user.pk and word.verdict == Review.Verdict.APPROVE for word in words
    )
    return "You have approved this." if approved else ""


def closed(change: Change) -> RequestClosed:
    """Why nothing can be done about it."""
    number = f"Request {change.number}" if change.number else "This change"
    return RequestClosed(f"{number} is {change.status.replace('_', ' ')}.", state=change.status)


# --- applying


def _against_applying(
    access: Access, change: Change, missing: Sequence[str], stale: Sequence[Part]
) -> DomainError | None:
    """The first reason why this person could not apply the request now."""
    if change.status not in WAITING:
        return closed(change)
    if missing:
        return NotApproved(" ".join(missing), missing=list(missing))
    try:
        _check_rights(access, change)
        _check_author(access, change)
        review.check_freeze(access, reached(access, change), matters.of_change(change))
    except DomainError as refusal:
        return refusal
    for part in stale:
        actual = current_version(access, part)
        return StaleVersion(part.target.key, expected=part.expected_version, actual=actual)
    return None


def _check_rights(access: Access, change: Change) -> None:
    if access.at_environment is not None and change.environment and change.environment.archived_at:
        raise EnvironmentArchived(f"{change.environment.name} is archived: it takes no changes.")
    authorize(access, parts_of(change.parts), change.comment)
    review.narrow(access, matters.of_change(change))


def _check_author(access: Access, change: Change) -> None:
    """The author's rights as they stand now; a token without a person has none to look at."""
    revision = change.revisions.filter(number=change.revision).select_related("author").first()
    label = revision.author_label if revision else change.author_label
    author = revision.author if revision else change.author
    if author is None:
        return
    ticket = ticket_of(access, author)
    if ticket is None:
        raise AuthorMayNot(f"{label}, who wrote this, is no longer here.")
    try:
        _check_rights(ticket, change)
    except NotPermitted as refusal:
        raise AuthorMayNot(f"{label}, who wrote this, may not do so any more.") from refusal


# --- the base


def stale_parts(access: Access, change: Change) -> list[Part]:
    """The parts whose target has moved on since the request was made."""
    return [
        part
        for part in parts_of(change.parts)
        if current_version(access, part) != part.expected_version
    ]


def current_version(access: Access, part: Part) -> int:
    """The version a part's target has now; 0 for one that is gone or was never there."""
    try:
        return load(access, part.target, creating=part.expected_version == 0).version
    except NotFound:
        return 0


def clashes_of(access: Access, change: Change, part: Part) -> list[Clash]:
    """Where a part and what happened meanwhile touch the same."""
    kind, key = part.target.kind, part.target.key
    stored = next(one for one in change.parts if one["target"] == {"kind": str(kind), "key": key})
    theirs = json_of(kind, load(access, part.target, creating=True).document)
    return merging.clashes(
        str(kind), key, base=stored["before"], theirs=theirs, mine=stored["after"]
    )
