"""The life of a change request: each step re-enters the door's steps and leaves a ledger line."""

from flags.requests.applying import apply, apply_by_itself, bypass, look_at
from flags.requests.frame import RevisionChanged, same_revision
from flags.requests.rebasing import MergeConflict, Side, rebase
from flags.requests.reviewing import approve, reject, request_changes
from flags.requests.timing import schedule, unschedule
from flags.requests.writing import (
    Foreseen,
    comment,
    discard_draft,
    foresee,
    open_draft,
    open_request,
    revise,
    save_draft,
    withdraw,
)
from flags.standing import (
    AuthorMayNot,
    BaseMoved,
    MayNotReview,
    NotApproved,
    RequestClosed,
    Standing,
    standing,
)

__all__ = [
    "AuthorMayNot",
    "BaseMoved",
    "Foreseen",
    "MayNotReview",
    "MergeConflict",
    "NotApproved",
    "RequestClosed",
    "RevisionChanged",
    "Side",
    "Standing",
    "apply",
    "apply_by_itself",
    "approve",
    "bypass",
    "comment",
    "discard_draft",
    "foresee",
    "look_at",
    "open_draft",
    "open_request",
    "rebase",
    "reject",
    "request_changes",
    "revise",
    "same_revision",
    "save_draft",
    "schedule",
    "standing",
    "unschedule",
    "withdraw",
]
