"""Routes of experiments, below an environment. A key never begins with '-', so '-/' is ours."""

from django.urls import path

from experiments.views import drafts, experiments, growth, moves, work

app_name = "experiments"

urlpatterns = [
    path("experiments/", experiments.experiment_list, name="list"),
    path("experiments/-/new", drafts.new, name="new"),
    path("experiments/-/on-flag/<str:flag>", experiments.on_flag, name="on-flag"),
    path("experiments/-/metric-uses", experiments.metric_uses, name="metric-uses"),
    path("experiments/<str:key>/", experiments.detail, name="detail"),
    path("experiments/<str:key>/plan", experiments.plan, name="plan"),
    path("experiments/<str:key>/sql", experiments.sql, name="sql"),
    path("experiments/<str:key>/history", experiments.history, name="history"),
    path("experiments/<str:key>/edit", drafts.edit, name="edit"),
    path("experiments/<str:key>/start", moves.start, name="start"),
    path("experiments/<str:key>/stop", moves.stop, name="stop"),
    path("experiments/<str:key>/decide", moves.decide, name="decide"),
    path("experiments/<str:key>/growth", growth.cohort, name="growth"),
    path("experiments/<str:key>/ask/<str:kind>", work.ask, name="ask"),
    path("experiments/<str:key>/jobs/<uuid:job_id>", work.watch, name="job"),
    path(
        "experiments/<str:key>/results/<uuid:result_id>", experiments.stored_result, name="result"
    ),
]
