"""The exposures pipeline: daily new and cumulative units per arm, idempotent, back-filling."""

from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from experiments.models import Experiment, ExposureCount
from experiments.reading import executor_of, request_of
from metrics import aggregates, definitions

# Five years, day by day: a team's record may hold a date from the year 1.
MOST_DAYS: Final = 1_827


def count(experiment: Experiment, *, until: datetime | None = None) -> int:
    """Count the cohort of every day from the first exposure to the cut; returns the days written.

    A unit belongs to the day of its first exposure, so late events can move it: the whole run is
    read again (one statement) and every day is replaced, which is what makes re-running harmless.
    """
    cut = until or timezone.now()
    request = request_of(experiment, end=cut, with_metrics=False)
    with executor_of(experiment) as executor:
        found = aggregates.daily_exposures(executor, request)
    return store(experiment, found, cut)


def store(experiment: Experiment, found: definitions.Exposures, cut: datetime) -> int:
    """Replace the experiment's counts; days without a new unit are written too."""
    new = {arm: dict(aggregate.new_per_day) for arm, aggregate in found.arms.items()}
    days = sorted({day for per_day in new.values() for day in per_day})
    rows = (
        _rows(experiment, new, _days(days, max(days[-1], _last_day(experiment, cut))))
        if days
        else []
    )
    with transaction.atomic():
        Experiment.across_tenants.select_for_update().filter(pk=experiment.pk).first()
        ExposureCount.objects.within(experiment.environment).filter(experiment=experiment).delete()
        ExposureCount.objects.bulk_create(rows, batch_size=500)
    return len({row.day for row in rows})


def _last_day(experiment: Experiment, cut: datetime) -> date:
    """Growth is drawn up to the cut while units may still come, else to where they stopped."""
    if experiment.assignment_query is not None:
        return date.min
    ended = experiment.stopped_at
    return (min(ended, cut) if ended else cut).date()


def _days(gained: list[date], last: date) -> list[date]:
    """Every day up to the last; where a record lies years off, only the days that gained units."""
    first = gained[0]
    length = (last - first).days + 1
    if length > MOST_DAYS:
        return gained
    return [first + timedelta(days=number) for number in range(length)]


def _rows(
    experiment: Experiment, new: dict[str, dict[date, int]], days: list[date]
) -> list[ExposureCount]:
    rows = []
    for arm, per_day in new.items():
        total = 0
        for day in days:
            gained = per_day.get(day, 0)
            total += gained
            rows.append(
                ExposureCount(
                    experiment=experiment, day=day, arm=arm, new_units=gained, total_units=total
                )
            )
    return rows
