"""Whether a change may apply at once, must wait for other eyes, or is refused."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.errors import DomainError
from accounts.models import Environment
from flags.edits import Edit, EditKind, ReviewRules
from flags.models.state import ReviewPolicy


class CodeFreeze(DomainError):
    """The environment accepts no changes just now."""

    code = "code_freeze"
    status = 409
    hint = "Wait for the end of the freeze, or ask an admin of the project to lift it."


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many other people must approve; 0 means the change applies at once."""

    approvals: int

    @property
    def needs_approval(self) -> bool:
        """Whether the change has to wait."""
        return self.approvals > 0


FREE = Verdict(0)


def verdict(environments: Iterable[Environment], edits: Iterable[Edit]) -> Verdict:
    """The strictest answer among the environments the edits reach.

    Metadata is never reviewed. A roll back needs its own right and a reason, never a review.
    """
    reviewed = [edit for edit in edits if not edit.metadata and edit.name != "restore_state"]
    if not reviewed:
        return FREE
    policies = rules(environments)
    lifting_freeze = all(edit.kind == EditKind.POLICY for edit in reviewed)
    if any(policy.frozen for policy in policies) and not lifting_freeze:
        raise CodeFreeze("Changes are frozen in this environment.")
    return Verdict(max((policy.approvals for policy in policies), default=0))


def rules(environments: Iterable[Environment]) -> list[ReviewRules]:
    """The review policy of each environment; none means changes are free."""
    rows = ReviewPolicy.across_tenants.filter(environment__in=list(environments))
    return [ReviewRules.from_json(row.document) for row in rows]
