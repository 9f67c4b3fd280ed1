"""What a computation can come to: an effect, a split check, or a named state of not knowing.

Nothing here imports NumPy or SciPy, so that a page can read a stored result cheaply. Every number is
finite: infinities and NaN are refused when an outcome is made, and `None` says "unbounded".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

Document = dict[str, object]


class MalformedOutcome(ValueError):
    """A stored document is not one that `to_json` wrote."""


class Reason(StrEnum):
    """Why something has no answer. The code is stored; the sentence is for people."""

    NO_UNITS = "no_units"
    TOO_FEW_UNITS = "too_few_units"
    TOO_FEW_EVENTS = "too_few_events"
    NO_VARIATION = "no_variation"
    ZERO_BASELINE = "zero_baseline"
    BASELINE_NEAR_ZERO = "baseline_near_zero"
    OUT_OF_RANGE = "out_of_range"
    NO_EFFECT = "no_effect"
    RATE_OUT_OF_RANGE = "rate_out_of_range"
    UNPLANNED_ARM = "unplanned_arm"
    ONE_ARM = "one_arm"


SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.NO_UNITS: "An arm has no units yet.",
    Reason.TOO_FEW_UNITS: "There are too few units to judge.",
    Reason.TOO_FEW_EVENTS: "There are too few events to judge.",
    Reason.NO_VARIATION: "The units of each arm all have the same value, so chance cannot be judged.",
    Reason.ZERO_BASELINE: "The control is zero, so a relative difference does not exist.",
    Reason.BASELINE_NEAR_ZERO: (
        "The control cannot be told from zero, so the relative difference has no bounded interval."
    ),
    Reason.OUT_OF_RANGE: "The values are too large or too small to compute with.",
    Reason.NO_EFFECT: "The effect asked for is zero, and no number of units detects that.",
    Reason.RATE_OUT_OF_RANGE: "The rate would leave the range from 0 to 1.",
    Reason.UNPLANNED_ARM: "An arm that was planned to get no units has some.",
    Reason.ONE_ARM: "Only one arm is planned to get units, so there is no split to check.",
}

COUNTED: Final[Mapping[Reason, str]] = {
    Reason.TOO_FEW_UNITS: "unit",
    Reason.TOO_FEW_EVENTS: "event",
}


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A question without an answer, and why.

    `missing` is how many more units or events would be the least to answer it, where that is known.
    `difference` and `lift` are the plain estimates, where they exist without a test.
    """

    reason: Reason
    missing: int | None = None
    difference: float | None = None
    lift: float | None = None

    def __post_init__(self) -> None:
        _refuse_nonfinite(self.difference, self.lift)

    @property
    def sentence(self) -> str:
        """One sentence for a person, such as "Needs 212 more units."."""
        noun = COUNTED.get(self.reason)
        if noun is None or self.missing is None:
            return SENTENCES[self.reason]
        return f"Needs {self.missing:,} more {noun}{'' if self.missing == 1 else 's'}."

    def to_json(self) -> Document:
        """A document of plain JSON values, with `kind` "undetermined"."""
        return {
            "kind": "undetermined",
            "reason": self.reason.value,
            "missing": self.missing,
            "difference": self.difference,
            "lift": self.lift,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Self:
        """The outcome that `to_json` wrote. Raises MalformedOutcome."""
        _expect_kind(document, "undetermined")
        missing = document.get("missing")
        return cls(
            reason=_reason(document),
            missing=None if missing is None else integer(document, "missing"),
            difference=optional_number(document, "difference"),
            lift=optional_number(document, "lift"),
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed range of values the data do not contradict; `None` is an unbounded end."""

    low: float | None
    high: float | None

    def __post_init__(self) -> None:
        _refuse_nonfinite(self.low, self.high)
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"an interval from {self.low} to {self.high} runs backward")

    def contains(self, value: float) -> bool:
        """Whether the value lies in the range, its ends included."""
        above = self.low is None or self.low <= value
        return above and (self.high is None or value <= self.high)

    def to_json(self) -> Document:
        """A document of plain JSON values, with `kind` "interval"."""
        return {"kind": "interval", "low": self.low, "high": self.high}

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Self:
        """The interval that `to_json` wrote. Raises MalformedOutcome."""
        _expect_kind(document, "interval")
        return cls(low=optional_number(document, "low"), high=optional_number(document, "high"))


class Method(StrEnum):
    """The test an effect comes from."""

    WELCH = "welch"
    SCORE = "score"
    ALWAYS_VALID = "always_valid"


@dataclass(frozen=True, slots=True)
class Effect:
    """Treatment against control, absolute and relative, with the test and both intervals.

    `difference` is in the metric's own unit, `lift` a share of the control's absolute value (0.05 is
    +5 %), so both have the same sign; `lift` is None where the control is zero. `degrees` are the
    degrees of freedom, None for tests on the normal scale. `confidence` is that of each interval.
    """

    difference: float
    difference_interval: Interval
    lift: float | None
    lift_interval: Interval | Undetermined
    p_value: float
    statistic: float
    degrees: float | None
    confidence: float
    method: Method

    def __post_init__(self) -> None:
        _refuse_nonfinite(self.difference, self.lift, self.p_value, self.statistic, self.degrees)
        if not 0.0 <= self.p_value <= 1.0:
            raise ValueError(f"a p-value of {self.p_value} is none")
        require_share(self.confidence, "confidence")

    @property
    def is_significant(self) -> bool:
        """Whether no difference at all is refused at this confidence (before any correction)."""
        return self.p_value < 1.0 - self.confidence

    def to_json(self) -> Document:
        """A document of plain JSON values, with `kind` "effect"; its floats come back exactly."""
        return {
            "kind": "effect",
            "difference": self.difference,
            "difference_interval": self.difference_interval.to_json(),
            "lift": self.lift,
            "lift_interval": self.lift_interval.to_json(),
            "p_value": self.p_value,
            "statistic": self.statistic,
            "degrees": self.degrees,
            "confidence": self.confidence,
            "method": self.method.value,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Self:
        """The effect that `to_json` wrote. Raises MalformedOutcome."""
        _expect_kind(document, "effect")
        return cls(
            difference=number(document, "difference"),
            difference_interval=Interval.from_json(_part(document, "difference_interval")),
            lift=optional_number(document, "lift"),
            lift_interval=_lift_interval(_part(document, "lift_interval")),
            p_value=number(document, "p_value"),
            statistic=number(document, "statistic"),
            degrees=optional_number(document, "degrees"),
            confidence=number(document, "confidence"),
            method=_method(document),
        )


class Level(StrEnum):
    """How loudly to speak of a split that differs from the plan."""

    OK = "ok"
    NOTE = "note"
    ALARM = "alarm"


SRM_NOTE: Final = 0.01
SRM_ALARM: Final = 0.001


@dataclass(frozen=True, slots=True)
class Srm:
    """Observed units per arm against planned shares (sample ratio mismatch).

    `statistic` is the chi-square, or for the sequential check the logarithm of the Bayes factor;
    `degrees` belongs to the chi-square and is None for the sequential check.
    """

    p_value: float
    statistic: float
    degrees: int | None
    observed: tuple[int, ...]
    expected: tuple[float, ...]

    def __post_init__(self) -> None:
        _refuse_nonfinite(self.p_value, self.statistic, *self.expected)

    @property
    def level(self) -> Level:
        """Alarm below a p-value of 0.001, note below 0.01, else ok."""
        if self.p_value < SRM_ALARM:
            return Level.ALARM
        return Level.NOTE if self.p_value < SRM_NOTE else Level.OK

    def to_json(self) -> Document:
        """A document of plain JSON values, with `kind` "srm"."""
        return {
            "kind": "srm",
            "p_value": self.p_value,
            "statistic": self.statistic,
            "degrees": self.degrees,
            "observed": list(self.observed),
            "expected": list(self.expected),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Self:
        """The check that `to_json` wrote. Raises MalformedOutcome."""
        _expect_kind(document, "srm")
        degrees = document.get("degrees")
        return cls(
            p_value=number(document, "p_value"),
            statistic=number(document, "statistic"),
            degrees=None if degrees is None else integer(document, "degrees"),
            observed=tuple(int(_as_number(item)) for item in _items(document, "observed")),
            expected=tuple(_as_number(item) for item in _items(document, "expected")),
        )


def effect_from_json(document: Mapping[str, object]) -> Effect | Undetermined:
    """An effect or the state of not having one, whichever was stored. Raises MalformedOutcome."""
    if document.get("kind") == "undetermined":
        return Undetermined.from_json(document)
    return Effect.from_json(document)


def srm_from_json(document: Mapping[str, object]) -> Srm | Undetermined:
    """A split check or the state of not having one, as stored. Raises MalformedOutcome."""
    if document.get("kind") == "undetermined":
        return Undetermined.from_json(document)
    return Srm.from_json(document)


def require_share(value: float, name: str) -> None:
    """Raise ValueError unless the value lies strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def number(document: Mapping[str, object], key: str) -> float:
    """The float stored under a key. Raises MalformedOutcome."""
    return _as_number(document.get(key))


def optional_number(document: Mapping[str, object], key: str) -> float | None:
    """The float stored under a key, or None. Raises MalformedOutcome."""
    value = document.get(key)
    return None if value is None else _as_number(value)


def integer(document: Mapping[str, object], key: str) -> int:
    """The whole number stored under a key. Raises MalformedOutcome."""
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedOutcome(f"{key} should be a whole number, not {value!r}")
    return value


def _as_number(value: object) -> float:
    # A database may hand 1e22 back as an integer: it is the same number.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MalformedOutcome(f"a number was expected, not {value!r}")
    return float(value)


def _items(document: Mapping[str, object], key: str) -> list[object]:
    value = document.get(key)
    if not isinstance(value, list):
        raise MalformedOutcome(f"{key} should be a list, not {value!r}")
    return value


def _part(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key)
    if not isinstance(value, dict):
        raise MalformedOutcome(f"{key} should be a document, not {value!r}")
    return value


def _lift_interval(document: Mapping[str, object]) -> Interval | Undetermined:
    if document.get("kind") == "undetermined":
        return Undetermined.from_json(document)
    return Interval.from_json(document)


def _reason(document: Mapping[str, object]) -> Reason:
    try:
        return Reason(str(document.get("reason")))
    except ValueError as error:
        raise MalformedOutcome(str(error)) from error


def _method(document: Mapping[str, object]) -> Method:
    try:
        return Method(str(document.get("method")))
    except ValueError as error:
        raise MalformedOutcome(str(error)) from error


def _expect_kind(document: Mapping[str, object], kind: str) -> None:
    if document.get("kind") != kind:
        raise MalformedOutcome(f"kind should be {kind}, not {document.get('kind')!r}")


def _refuse_nonfinite(*values: float | None) -> None:
    for value in values:
        if value is not None and not math.isfinite(value):
            raise ValueError("an outcome holds finite numbers only")
