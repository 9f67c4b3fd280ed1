"""Ending an experiment: what was decided, why, and the change of the flag that follows."""

from django.db import transaction
from django.utils import timezone

from accounts.access import Access
from accounts.errors import DomainError, InvalidInput
from accounts.permissions import Permission
from experiments import moves, queries
from experiments.design import Choice, State
from experiments.health import Level
from experiments.lifecycle import WrongState, change_of, end_split, lock
from experiments.models import Decision, Experiment, Result
from flags import review
from flags.changes import Outcome, ReasonMissing
from flags.edits import AddRule, SetFallthrough
from wayfork.engine import Clause, Rule


class AlarmUnread(DomainError):
    """The newest result carries an alarm about the split; a decision needs somebody to have read it."""

    code = "alarm_unread"
    status = 409
    hint = "Find out why the arms' sizes differ, or confirm that you have read the alarm."


def decide(
    access: Access,
    key: str,
    choice: Choice,
    *,
    arm: str = "",
    reason: str,
    alarm_read: bool = False,
) -> tuple[Decision, Outcome | None]:
    """Record the decision and change the flag accordingly, as one ordinary change.

    Ship serves the arm to the experiment's audience (to everybody when it had none); roll back
    serves the control; iterate ends the split and leaves the flag's other rules to answer.
    With an alarm about the split (SRM) it is refused until `alarm_read` is said.
    """
    access.require(Permission.EDIT_EXPERIMENTS)
    review.require_editor(access, "experiment", key)
    if not reason.strip():
        raise ReasonMissing("A decision asks for a reason.")
    with transaction.atomic():
        experiment = lock(access, key)
        _check(experiment, choice, arm)
        result = queries.latest_result(experiment)
        overrides = has_split_alarm(result)
        if overrides and not alarm_read:
            raise AlarmUnread("The arms' sizes differ from the plan beyond chance.")
        decision = Decision.objects.create(
            experiment=experiment,
            choice=choice,
            arm=_served_arm(experiment, choice, arm),
            reason=reason.strip(),
            result=result,
            decided_by=access.actor.user,
        )
        stops = experiment.stop_asked_at is None
        if stops:
            # Saved before the change is submitted: the guard lets only an ended split go.
            experiment.stop_asked_at = timezone.now()
            experiment.save(update_fields=["stop_asked_at"])
        edits = _edits(experiment, decision)
        outcome = end_split(access, experiment, edits, f"Decision on {key}: {reason}")
        decision.change = change_of(outcome)
        decision.save(update_fields=["change"])
        if stops:
            # Until that change is applied the split goes on, and so does the experiment.
            experiment.stop_change = decision.change
            experiment.save(update_fields=["stop_change"])
        after = {"choice": str(choice), "arm": decision.arm, "over_alarm": overrides}
        moves.record(access, moves.DECIDED, key, outcome, reason=reason, after=after)
    return decision, outcome


def has_split_alarm(result: Result | None) -> bool:
    """Whether a result says that units did not arrive in the planned ratio."""
    if result is None:
        return False
    findings = result.document["findings"]
    return any(one["check"] == "srm" and one["level"] == Level.ALARM for one in findings)


def _check(experiment: Experiment, choice: Choice, arm: str) -> None:
    state = State(experiment.state)
    if state not in {State.RUNNING, State.STOPPED}:
        raise WrongState(f"{experiment.key} is {state}; only a running or stopped one is decided.")
    if hasattr(experiment, "decision"):
        raise WrongState(f"A decision on {experiment.key} waits for review already.")
    if choice == Choice.SHIP and arm not in {one.variation for one in experiment.arms.all()}:
        raise InvalidInput("Say which arm to ship.", where="arm")


def _served_arm(experiment: Experiment, choice: Choice, arm: str) -> str:
    if choice == Choice.SHIP:
        return arm
    if choice == Choice.ROLL_BACK:
        return next(one.variation for one in experiment.arms.all() if one.is_control)
    return ""


def _edits(experiment: Experiment, decision: Decision) -> list[AddRule | SetFallthrough]:
    if not decision.arm:
        return []
    if not experiment.audience:
        return [SetFallthrough(decision.arm)]
    rule = Rule(
        id=f"{experiment.rule_id}-decided",
        name=f"Decided: {experiment.name}",
        when=tuple(
            Clause.from_json(clause, where=f"audience[{index}]")
            for index, clause in enumerate(experiment.audience)
        ),
        serve=decision.arm,
    )
    return [AddRule(rule, position=0)]
