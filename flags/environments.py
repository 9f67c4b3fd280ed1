"""What flags do when an environment opens (its SDKs are served what the project says now) or closes."""

from collections.abc import Iterator
from functools import partial

from django.db import transaction

from accounts.models import Environment
from flags import announcements, review, snapshots
from flags.snapshots import Published


def publish_current(environment: Environment) -> None:
    """Publish the first version, or the next where it missed changes in the archive."""
    with transaction.atomic():
        # All at once and in one order, as every change locks them: a change of what all share
        # that is under way either was seen by it, or is published here.
        living = Environment.objects.within(environment.project).filter(archived_at=None)
        heads = snapshots.lock_heads({one.pk: one for one in [*living, environment]}.values())
        head = next(one for one in heads if one.environment_id == environment.pk)
        published = snapshots.publish(head, None)
        if published is not None:
            transaction.on_commit(partial(_announce, published))


def finish_changes(environment: Environment) -> Iterator[str]:
    """Nothing against archiving; but changes under way land first, and none begins meanwhile."""
    snapshots.lock_heads([environment])
    yield from ()


def ask_for_review(environment: Environment) -> Iterator[str]:
    """Archiving takes from SDKs what its review policy guards, or a freeze holds. What comes back
    was reviewed in the archive too (review.verdict), where no freeze held it up: so one does now."""
    for frozen in review.freezes([environment]).values():
        yield frozen.sentence
    policy = review.rules([environment]).get(environment.pk)
    if environment.archived_at is None and policy is not None and policy.approvals:
        yield review.demand_of(environment, policy).reason


def _announce(published: Published) -> None:
    announcements.announce(
        published.environment.pk, published.epoch, published.version, published.changed_keys
    )
