"""Wiring as a Django app, so that its system checks and commands are found."""

import warnings

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    """Registers the checks that refuse an unsafe production start."""

    name = "config"

    def ready(self) -> None:
        # WhiteNoise hands over its files synchronously; they are small, and it does not matter.
        warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous")
        from config import celery, checks  # noqa: F401 - tasks find their broker, checks register


class OperatorsAdminConfig(AdminConfig):
    """Django's admin, on a site of our own."""

    default_site = "accounts.windows.OperatorsSite"
