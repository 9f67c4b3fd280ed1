"""The Django app `experiments`."""

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Registers what experiments have against changes of flags; nothing else."""

    name = "experiments"

    def ready(self) -> None:
        from experiments import guards
        from flags import guards as registry

        registry.register(guards.keep_split_intact)
        registry.register(guards.keep_arms_served)
        registry.register(guards.keep_slots)
