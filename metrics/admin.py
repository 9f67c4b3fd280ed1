"""Windows for operators into metrics and sources: to look, never to change."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from metrics.models import AssignmentQuery, Event, EventSource, Exposure, Fact, Metric


@admin.register(EventSource)
class EventSourceWindow(ReadOnlyAdmin):
    """How databases are reached; the secret is not shown, not even sealed."""

    list_display = ("key", "name", "kind", "project", "checked_at", "problem")
    list_filter = ("kind",)
    search_fields = ("key", "name")
    exclude = ("secret",)


@admin.register(AssignmentQuery)
class AssignmentQueryWindow(ReadOnlyAdmin):
    """Who was assigned what, as SQL."""

    list_display = ("key", "name", "source", "unit_type")
    search_fields = ("key", "name")


@admin.register(Fact)
class FactWindow(ReadOnlyAdmin):
    """What is counted."""

    list_display = ("key", "name", "project", "event_name", "source")
    search_fields = ("key", "name", "event_name")


@admin.register(Metric)
class MetricWindow(ReadOnlyAdmin):
    """How it becomes a number."""

    list_display = ("key", "name", "project", "kind", "direction", "version", "is_archived")
    list_filter = ("kind", "is_archived")
    search_fields = ("key", "name")


@admin.register(Exposure)
class ExposureWindow(ReadOnlyAdmin):
    """Who met which arm; the table is large, so no totals are counted."""

    list_display = ("experiment", "variation", "unit_type", "unit_id", "at", "environment")
    search_fields = ("=experiment", "=unit_id")
    show_full_result_count = False


@admin.register(Event)
class EventWindow(ReadOnlyAdmin):
    """What SDKs reported; the table is large, so no totals are counted."""

    list_display = ("name", "unit_type", "unit_id", "value", "at", "environment")
    search_fields = ("=name", "=unit_id")
    show_full_result_count = False
