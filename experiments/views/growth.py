"""How the cohort grows: the table of units per arm and day that the chart is drawn from."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.web.place import environment_access
from experiments import queries
from experiments.models import Experiment, ExposureCount
from experiments.views import figures, numbers


@require_safe
def cohort(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """The panel alone: cumulative or daily."""
    access = environment_access(request, **place)
    experiment = queries.experiment(access, key)
    return render(
        request,
        "experiments/_growth.html",
        {"experiment": experiment, **context(request, experiment)},
    )


def context(request: HttpRequest, experiment: Experiment) -> dict[str, Any]:
    """What experiments/_growth.html needs."""
    is_daily = request.GET.get("growth") == "daily"
    counts = queries.growth(experiment)
    arms = list(experiment.arms.all())
    names = figures.arm_names([(arm.variation, arm.is_control) for arm in arms])
    drawn = rows(counts, list(names), is_daily=is_daily)
    return {
        "growth_daily": is_daily,
        "growth_series": [{"name": arm.name, "series": arm.series} for arm in names.values()],
        "growth_rows": drawn,
        # A line needs two days; one day alone is told in words.
        "growth_only_day": list(zip(names, drawn[0]["values"], strict=True))
        if len(drawn) == 1
        else [],
        "growth_total": total(counts),
        "counted_at": max(
            (one.counted_at for per_arm in counts.values() for one in per_arm.values()),
            default=None,
        ),
    }


def rows(
    counts: Mapping[date, Mapping[str, ExposureCount]], arms: list[str], *, is_daily: bool
) -> list[dict[str, Any]]:
    """One row per day, a value per arm in the order of the plan."""
    return [
        {"date": day.isoformat(), "values": [_value(per_arm.get(arm), is_daily) for arm in arms]}
        for day, per_arm in counts.items()
    ]


def _value(count: ExposureCount | None, is_daily: object) -> int:
    if count is None:
        return 0
    return count.new_units if is_daily else count.total_units


def total(counts: Mapping[date, Mapping[str, ExposureCount]]) -> str:
    """All units so far."""
    return numbers.whole(
        sum(one.new_units for per_arm in counts.values() for one in per_arm.values())
    )
