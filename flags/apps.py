"""The Django app `flags`."""

from django.apps import AppConfig


class FlagsConfig(AppConfig):
    """Names the app; registers nothing yet."""

    name = "flags"
