"""What is stored and decides about changes: policies of environments, stewards, who uses what."""

from functools import cached_property
from typing import Any

from accounts.models import Environment, Project
from flags import reach
from flags.edits import ReviewRules, Stewards
from flags.models.state import ReviewPolicy
from flags.models.state import Stewards as StewardsRow


class Ground:
    """What is stored and decides about every change of a project: each is read once, when first
    asked for. For one reading only: nobody else's writes show."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.uses = reach.Uses(project)

    @cached_property
    def stewards(self) -> Stewards:
        """Who looks after what."""
        return stewards_of(self._project)

    @cached_property
    def policies(self) -> dict[Any, ReviewRules]:
        """The review policy of each environment that has one, by its id."""
        return {pk: policy for pk, (_environment, policy) in self._reviewed.items()}

    @property
    def living(self) -> list[Environment]:
        """Environments with a policy that are in use."""
        return [one for one, _policy in self._reviewed.values() if one.archived_at is None]

    @property
    def archived(self) -> list[Environment]:
        """Environments with a policy that are archived, and may come back."""
        return [one for one, _policy in self._reviewed.values() if one.archived_at is not None]

    @cached_property
    def _reviewed(self) -> dict[Any, tuple[Environment, ReviewRules]]:
        rows = ReviewPolicy.across_tenants.filter(environment__project=self._project)
        return {
            row.environment_id: (row.environment, ReviewRules.from_json(row.document))
            for row in rows.select_related("environment").order_by("environment__pk")
        }


def stewards_of(project: Project) -> Stewards:
    """The project's stewards."""
    row = StewardsRow.objects.within(project).first()
    return Stewards.from_json(row.document) if row else Stewards()
