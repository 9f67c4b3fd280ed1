"""Addresses of event sources, assignment queries, facts, metrics and event names in REST."""

from django.urls import path

from metrics.api import definitions, sources

PROJECT = "organizations/<str:organization>/projects/<str:project>"
ENVIRONMENT = f"{PROJECT}/environments/<str:environment>"
SOURCE = f"{PROJECT}/event-sources/<str:key>"
METRIC = f"{PROJECT}/metrics/<str:key>"

urlpatterns = [
    path(f"{PROJECT}/event-sources", sources.SourcesView.as_view()),
    path(SOURCE, sources.SourceView.as_view()),
    path(f"{SOURCE}/test", sources.SourceCheckView.as_view()),
    path(f"{SOURCE}/validate", sources.ValidateView.as_view()),
    path(f"{PROJECT}/assignment-queries", sources.AssignmentQueriesView.as_view()),
    path(f"{PROJECT}/assignment-queries/<str:key>", sources.AssignmentQueryView.as_view()),
    path(f"{PROJECT}/facts", definitions.FactsView.as_view()),
    path(f"{PROJECT}/facts/<str:key>", definitions.FactView.as_view()),
    path(f"{PROJECT}/metrics", definitions.MetricsView.as_view()),
    path(METRIC, definitions.MetricView.as_view()),
    path(f"{METRIC}/archive", definitions.MetricArchiveView.as_view()),
    path(f"{ENVIRONMENT}/event-names", definitions.EventNamesView.as_view()),
]
