"""Where an experiment stands, in words: pure sentences over what the database says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from experiments.design import Choice, State
from experiments.models import Experiment
from experiments.models.experiment import is_refused

DAY: Final = timedelta(days=1)
# Badge tone and mark per state; the word itself is the state.
TONES: Final = {
    State.DRAFT: "muted",
    State.RUNNING: "accent",
    State.STOPPED: "warn",
    State.DECIDED: "ok",
}
WAITS: Final = "waits for review"
FATES: Final = {
    "approved": "is approved and waits to be applied",
    "changes_requested": "waits: reviewers asked for changes",
    "rejected": "was rejected in review",
    "withdrawn": "was withdrawn",
    "superseded": "was overtaken by another change",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """State, the day it is, what waits, and whether somebody should decide."""

    state: str
    tone: str
    day: str
    note: str
    pending: str
    reminder: str


def standing(experiment: Experiment, now: datetime) -> Standing:
    """Everything a badge and its neighbors say."""
    state = State(_state(experiment))
    days = days_run(experiment, now)
    return Standing(
        state=state.value,
        tone=TONES[state],
        day=_day(experiment, state, days),
        note=_note(experiment, state),
        pending=pending(experiment),
        reminder=_reminder(experiment, state, days),
    )


def _state(experiment: Experiment) -> str:
    return str(getattr(experiment, "state", State.DRAFT))


def decision_of(experiment: Experiment) -> Any:
    """The decision, in force or waiting; None without one, or when its change was refused."""
    decision = getattr(experiment, "decision", None)
    return None if decision is None or is_refused(decision.change) else decision


def days_run(experiment: Experiment, now: datetime) -> float | None:
    """Days since the start, up to the stop; None before it, and where a team's record is read."""
    if experiment.started_at is None or experiment.assignment_query_id is not None:
        return None
    end = experiment.stopped_at or now
    return max(0.0, (end - experiment.started_at) / DAY)


def _day(experiment: Experiment, state: State, days: float | None) -> str:
    planned = experiment.planned_days
    if state is State.DRAFT or days is None:
        return f"{planned} days planned"
    if state is State.RUNNING:
        return f"day {int(days) + 1} of {planned}"
    ran = max(1, round(days))
    return f"ran {ran} {'day' if ran == 1 else 'days'} of {planned}"


def _note(experiment: Experiment, state: State) -> str:
    if state is State.DRAFT:
        return "Nobody takes part yet."
    if experiment.assignment_query is not None:
        return f"Assigned by {experiment.assignment_query.name}."
    return f"Assigned by the flag {experiment.flag_key}."


def pending(experiment: Experiment) -> str:
    """What waits for other eyes, or was refused by them: a start, a stop, a decision."""
    state = _state(experiment)
    decision = getattr(experiment, "decision", None)
    if decision is not None and state != State.DECIDED:
        return f"The decision {_fate(decision.change)}."
    if experiment.stop_asked_at is not None and state == State.RUNNING:
        return f"The stop {_fate(experiment.stop_change)}."
    if experiment.start_asked_at is not None and state == State.DRAFT:
        return f"The start {_fate(experiment.start_change)}."
    return ""


def _fate(change: Any) -> str:
    return FATES.get(getattr(change, "status", ""), WAITS)


def _reminder(experiment: Experiment, state: State, days: float | None) -> str:
    if decision_of(experiment) is not None:
        return ""
    if state is State.STOPPED:
        return "It is stopped and has no decision yet: decide now."
    if state is State.RUNNING and days is not None and days >= experiment.planned_days:
        return f"The {experiment.planned_days} planned days have passed: decide now."
    return ""


def decided_sentence(decision: Any) -> str:
    """What was decided, as a headline."""
    sentences = {
        Choice.SHIP: f"Shipped {decision.arm}.",
        Choice.ROLL_BACK: f"Rolled back to {decision.arm}.",
        Choice.ITERATE: "Nothing shipped: to be tried again in another shape.",
    }
    return sentences[Choice(decision.choice)]
