"""The Django app `flags`."""

from django.apps import AppConfig


class FlagsConfig(AppConfig):
    """Registers what flags do when an environment opens."""

    name = "flags"

    def ready(self) -> None:
        from accounts import keepers
        from flags import environments

        keepers.call_on_opening(environments.publish_current)
        keepers.ask_before_archiving(environments.finish_changes)
