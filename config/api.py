"""The REST API, version 1: every room's addresses below /api/v1/."""

from django.urls import include, path

urlpatterns = [
    path("", include("accounts.api.urls")),
    path("", include("flags.api.urls")),
    path("", include("metrics.api.urls")),
    path("", include("experiments.api.urls")),
]
