"""The tables of events, event sources, facts and metrics."""

from metrics.models.event import EvaluationCount, Event, Exposure
from metrics.models.metric import AssignmentQuery, Fact, Metric
from metrics.models.source import EventSource

__all__ = [
    "AssignmentQuery",
    "EvaluationCount",
    "Event",
    "EventSource",
    "Exposure",
    "Fact",
    "Metric",
]
