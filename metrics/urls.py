"""Routes of metrics, below an environment. A key never begins with '-', so '-/' is ours."""

from django.urls import path

from metrics.views import assignments, facts, metrics, sources, validation

app_name = "metrics"

urlpatterns = [
    path("metrics/", metrics.metric_list, name="list"),
    path("metrics/-/new", metrics.new, name="new"),
    path("metrics/<str:key>/", metrics.metric, name="metric"),
    path("metrics/<str:key>/history", metrics.history, name="metric-history"),
    path("metrics/<str:key>/archive", metrics.archive, name="archive"),
    path("facts/-/new", facts.new, name="new-fact"),
    path("facts/<str:key>/", facts.fact, name="fact"),
    path("sources/", sources.source_list, name="sources"),
    path("sources/-/new", sources.new, name="new-source"),
    path("sources/<str:key>/", sources.source, name="source"),
    path("sources/<str:key>/edit", sources.edit, name="edit-source"),
    path("sources/<str:key>/check", sources.check, name="check-source"),
    path("sources/<str:key>/disconnect", sources.disconnect, name="disconnect-source"),
    path("sources/<str:key>/validate/<str:contract>", validation.validate, name="validate"),
    path("sources/<str:key>/assignments/-/new", assignments.new, name="new-assignment-query"),
    path("assignments/<str:key>/", assignments.query, name="assignment-query"),
]
