"""What the ledger says of an experiment's moves: asked for while a review is awaited, made when the
change is in force."""

from collections.abc import Mapping
from typing import Any, Final

from accounts import audit
from accounts.access import Access
from experiments.models import Decision, Experiment
from flags.changes import Outcome, Pending
from flags.models import Change

STARTED: Final = "experiment.started"
STOPPED: Final = "experiment.stopped"
DECIDED: Final = "experiment.decided"
# The same while others still have to approve it; a refusal leaves it at that.
ASKED: Final[Mapping[str, str]] = {
    STARTED: "experiment.asked_to_start",
    STOPPED: "experiment.asked_to_stop",
    DECIDED: "experiment.asked_to_decide",
}


def record(
    access: Access,
    move: str,
    key: str,
    outcome: Outcome | None,
    *,
    reason: str,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Say what has become of a move: made, or asked for."""
    if isinstance(outcome, Pending):
        told = {**(after or {}), "request": outcome.change.number}
        audit.record(access, ASKED[move], key, after=told, reason=reason)
    else:
        audit.record(access, move, key, after=after, reason=reason)


def applied(access: Access, change: Change, by_itself: bool) -> None:
    """Say that what was asked for by a request is in force; registered in flags.witnesses."""
    if change.number is None or change.environment is None:
        return
    here = access.at(change.environment)
    told: dict[str, Any] = {"request": change.number}
    if by_itself:
        # Whoever asked for it pressed nothing just now.
        told["by_itself"] = True
    found = Experiment.objects.within(change.environment)
    for experiment in found.filter(start_change=change):
        audit.record(here, STARTED, experiment.key, after=told, reason=change.comment)
    for experiment in found.filter(stop_change=change).exclude(decision__change=change):
        audit.record(here, STOPPED, experiment.key, after=told, reason=change.comment)
    decisions = Decision.objects.within(change.environment).filter(change=change)
    for decision in decisions.select_related("experiment"):
        after = {**told, "choice": decision.choice, "arm": decision.arm}
        audit.record(here, DECIDED, decision.experiment.key, after=after, reason=decision.reason)
