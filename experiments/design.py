"""Pure: states and legal moves of an experiment, the parts of arms and metrics, choices."""

from enum import StrEnum


class State(StrEnum):
    """Where an experiment stands: draft → running → stopped → decided."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    DECIDED = "decided"


class MetricRole(StrEnum):
    """The metric that decides, those that explain, those that must not get worse."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    GUARDRAIL = "guardrail"


class Choice(StrEnum):
    """What a finished experiment leads to."""

    SHIP = "ship"
    ROLL_BACK = "roll back"
    ITERATE = "iterate"
