"""Addresses of experiments, their jobs and results in REST."""

from django.urls import path

from experiments.api import views

ENVIRONMENT = (
    "organizations/<str:organization>/projects/<str:project>/environments/<str:environment>"
)
ONE = f"{ENVIRONMENT}/experiments/<str:key>"

urlpatterns = [
    path(f"{ENVIRONMENT}/experiments", views.ExperimentsView.as_view()),
    path(ONE, views.ExperimentView.as_view()),
    path(f"{ONE}/start", views.StartView.as_view()),
    path(f"{ONE}/stop", views.StopView.as_view()),
    path(f"{ONE}/decide", views.DecideView.as_view()),
    path(f"{ONE}/jobs", views.JobsView.as_view()),
    path(f"{ONE}/jobs/<uuid:job_id>", views.JobView.as_view()),
    path(f"{ONE}/results", views.ResultsView.as_view()),
    path(f"{ONE}/results/<uuid:result_id>", views.ResultView.as_view()),
    path(f"{ONE}/exposures", views.ExposuresView.as_view()),
]
