"""When running experiments reach the end they planned; registered in flags.agenda."""

from collections.abc import Iterator
from datetime import timedelta

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.access import Access
from experiments import queries
from flags.agenda import Upcoming


def planned_ends(access: Access) -> Iterator[Upcoming]:
    """The planned last day of each running experiment. Nothing stops by itself then."""
    place = (access.organization.key, access.project.key, access.environment.key)
    for experiment in queries.running(access.environment):
        if experiment.started_at is None:
            continue
        yield Upcoming(
            at=experiment.started_at + timedelta(days=experiment.planned_days),
            environment=access.environment,
            kind="experiment",
            title=_("%(name)s reaches its planned end") % {"name": experiment.name},
            detail=_("It goes on until somebody decides it."),
            url=reverse("experiments:detail", args=(*place, experiment.key)),
        )
