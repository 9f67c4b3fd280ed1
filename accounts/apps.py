"""The Django app `accounts`."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Names the app; registers nothing yet."""

    name = "accounts"
