"""The Django app `flags`."""

from django.apps import AppConfig


class FlagsConfig(AppConfig):
    """Registers what flags do when an environment opens, and have against its archiving."""

    name = "flags"

    def ready(self) -> None:
        from accounts import keepers
        from flags import environments

        keepers.call_on_opening(environments.publish_current)
        keepers.ask_before_archiving(environments.finish_changes)
        keepers.ask_for_review(environments.ask_for_review)
