"""The Django app `metrics`."""

from django.apps import AppConfig


class MetricsConfig(AppConfig):
    """Names the app; registers nothing yet."""

    name = "metrics"
