"""The Django app `experiments`."""

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Registers what experiments have against changes of flags, what they write down of them, and
    when they are due to end."""

    name = "experiments"

    def ready(self) -> None:
        from accounts import keepers
        from experiments import agenda, guards, moves
        from flags import agenda as calendar
        from flags import guards as registry
        from flags import witnesses

        registry.register(guards.keep_split_intact)
        registry.register(guards.keep_arms_served)
        registry.register(guards.keep_slots)
        calendar.register(agenda.planned_ends)
        witnesses.register(moves.applied)
        keepers.ask_before_archiving(guards.keep_environment)
