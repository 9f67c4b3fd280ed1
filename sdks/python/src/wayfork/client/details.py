"""What a client tells about an answer and about itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from wayfork.client.truth import Source
from wayfork.engine import Step

State = Literal["starting", "streaming", "polling", "disconnected", "refused", "offline", "closed"]


class ExperimentDetail(NamedTuple):
    """The experiment behind an answer, and whether this call exposed the unit to it."""

    key: str
    arm: str
    exposed: bool


@dataclass(frozen=True, slots=True)
class Details:
    """An answer and how it came about."""

    value: Any
    variation: str | None
    reason: str
    error_code: str | None
    error_message: str | None
    rule: str | None
    bucket: int | None
    version: int
    age: float | None
    experiment: ExperimentDetail | None
    _trace: Callable[[], tuple[Step, ...]] = field(repr=False, compare=False)

    def trace(self) -> list[Step]:
        """Step by step why this answer; the same steps that the pages show."""
        return list(self._trace())


@dataclass(frozen=True, slots=True)
class Status:
    """How the client is doing."""

    state: State
    source: Source
    epoch: int | None
    version: int | None
    age: float | None
    stale: bool
    last_error: str | None
    rejected_snapshots: int
    queued_events: int
    dropped_events: int
    rejected_events: int
    instance: str
    sdk_version: str
