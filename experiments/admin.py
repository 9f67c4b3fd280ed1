"""Windows for operators into experiments: to look, never to change."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from experiments.models import Decision, Experiment, ExposureCount, Job, Result


@admin.register(Experiment)
class ExperimentWindow(ReadOnlyAdmin):
    """What is asked, and since when."""

    list_display = ("key", "name", "environment", "flag_key", "start_asked_at", "stop_asked_at")
    search_fields = ("key", "name", "flag_key")


@admin.register(Result)
class ResultWindow(ReadOnlyAdmin):
    """What came out, with its cut of the data."""

    list_display = ("experiment", "computed_at", "cut", "seconds", "library", "computed_by")
    search_fields = ("experiment__key",)


@admin.register(Decision)
class DecisionWindow(ReadOnlyAdmin):
    """What was decided, and why."""

    list_display = ("experiment", "choice", "arm", "decided_by", "decided_at")
    search_fields = ("experiment__key", "reason")


@admin.register(Job)
class JobWindow(ReadOnlyAdmin):
    """What was asked of the worker, and how it ended."""

    list_display = (
        "experiment",
        "kind",
        "status",
        "asked_by",
        "asked_at",
        "finished_at",
        "problem",
    )
    list_filter = ("kind", "status")
    search_fields = ("experiment__key",)


@admin.register(ExposureCount)
class ExposureCountWindow(ReadOnlyAdmin):
    """How cohorts grow."""

    list_display = ("experiment", "day", "arm", "new_units", "total_units", "counted_at")
    search_fields = ("experiment__key",)
