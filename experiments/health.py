"""Whether an experiment's figures can be trusted: a tuple of pure checks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from experiments.stats.outcomes import Srm, Undetermined

CROSSOVER_WARNING: Final = 0.01
CROSSOVER_BLOCK: Final = 0.10
FRESH: Final = timedelta(hours=24)


class Level(StrEnum):
    """How much a finding weighs: a note informs, a warning asks for care, an alarm blocks."""

    NOTE = "note"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know before reading the figures."""

    check: str
    level: Level
    sentence: str

    def to_json(self) -> dict[str, str]:
        return {"check": self.check, "level": str(self.level), "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class Cohort:
    """What the checks look at."""

    units: dict[str, int]
    crossovers: int
    unknown_arms: dict[str, int]
    last_exposure: datetime | None
    cut: datetime
    is_running: bool
    srm: Srm | Undetermined


def findings(cohort: Cohort) -> list[Finding]:
    """Everything any check has to say."""
    return [finding for check in CHECKS for finding in check(cohort)]


def _sample_ratio(cohort: Cohort) -> Iterator[Finding]:
    srm = cohort.srm
    if isinstance(srm, Undetermined):
        return
    if srm.level == "alarm":
        yield Finding(
            "srm",
            Level.ALARM,
            f"The arms' sizes differ from the plan beyond chance ({_p(srm.p_value)}):"
            " assignment or logging is broken, and no figure below can be trusted.",
        )
    elif srm.level == "note":
        yield Finding(
            "srm",
            Level.NOTE,
            f"The arms' sizes differ a little from the plan ({_p(srm.p_value)});"
            " below 0.001 it would be an alarm.",
        )


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 0.0001 else "p < 0.0001"


def _exposures(cohort: Cohort) -> Iterator[Finding]:
    if not sum(cohort.units.values()):
        yield Finding(
            "exposures",
            Level.ALARM,
            "No exposures yet: is the flag evaluated with this unit's attribute?",
        )
        return
    for arm, units in cohort.units.items():
        if not units:
            yield Finding("exposures", Level.WARNING, f"No unit has met {arm} yet.")


def _freshness(cohort: Cohort) -> Iterator[Finding]:
    last = cohort.last_exposure
    if cohort.is_running and last is not None and cohort.cut - last > FRESH:
        hours = int((cohort.cut - last).total_seconds() // 3600)
        yield Finding(
            "freshness", Level.WARNING, f"The last exposure came {hours} hours before the cut."
        )


def _crossovers(cohort: Cohort) -> Iterator[Finding]:
    total = sum(cohort.units.values()) + cohort.crossovers
    share = cohort.crossovers / total if total else 0.0
    if share >= CROSSOVER_WARNING:
        level = Level.ALARM if share >= CROSSOVER_BLOCK else Level.WARNING
        yield Finding(
            "crossovers",
            level,
            f"{cohort.crossovers:,} units ({share:.1%}) were seen in more than one arm"
            " and are left out.",
        )
    elif cohort.crossovers:
        yield Finding(
            "crossovers",
            Level.NOTE,
            f"{cohort.crossovers:,} units were seen in more than one arm and are left out.",
        )


def _unknown_arms(cohort: Cohort) -> Iterator[Finding]:
    if cohort.unknown_arms:
        named = ", ".join(f"{text!r} ({n:,})" for text, n in cohort.unknown_arms.items())
        yield Finding(
            "unknown_arms", Level.WARNING, f"Treatments that are no arm are left out: {named}."
        )


CHECKS: Final[tuple[Callable[[Cohort], Iterator[Finding]], ...]] = (
    _sample_ratio,
    _exposures,
    _freshness,
    _crossovers,
    _unknown_arms,
)
