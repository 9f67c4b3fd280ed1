"""Keeping a change: its number, its revisions, its targets, and what the ledger says of it."""

from collections import Counter
from dataclasses import replace
from typing import Any

from django.db.models import Max

from accounts import audit
from accounts.access import Access
from accounts.models import Project
from flags import subjects
from flags.drafting import OWN, content_hash
from flags.models.change import Change, ChangedTarget, ChangeRevision
from flags.review import Verdict


def submitted(access: Access, change: Change, verdict: Verdict) -> None:
    """A change asks for review from now on: its targets can find it, the ledger says so."""
    number(change)
    change.approvals_needed = verdict.approvals
    change.save()
    keep_revision(access, change)
    name_targets(change)
    audit.record(
        at_change(access, change),
        "change.submitted",
        named(change),
        after={**facts(change), "sentences": sentences(change), **verdict.asked()},
        reason=change.comment,
        subjects=subjects.of_change(change),
    )


def number(change: Change) -> None:
    if change.number is None:
        change.number = next_number(change.project)
    change.content_hash = content_hash(
        change.parts, environment=change.environment_id, revision=change.revision
    )


def keep_revision(access: Access, change: Change) -> None:
    """Keep what the request says now, and who wrote it."""
    ChangeRevision.objects.create(
        change=change,
        number=change.revision,
        author=access.actor.responsible,
        author_label=access.actor.label,
        parts=change.parts,
        content_hash=change.content_hash,
    )


def name_targets(change: Change) -> None:
    """Let each object's history find the change."""
    ChangedTarget.objects.within(change.project).filter(change=change).delete()
    ChangedTarget.objects.bulk_create(
        ChangedTarget(
            change=change,
            project=change.project,
            environment=change.environment if part["target"]["kind"] in OWN else None,
            kind=part["target"]["kind"],
            key=part["target"]["key"],
            version=part["applied_version"],
        )
        for part in change.parts
    )


def next_number(project: Project) -> int:
    """The project's next request number. Its row is locked after the heads, before the ledger."""
    Project.objects.within(project.organization).select_for_update(no_key=True).get(pk=project.pk)
    taken = Change.objects.within(project).aggregate(last=Max("number"))
    return (taken["last"] or 0) + 1


def facts(change: Change) -> dict[str, Any]:
    """What each line of a request's life holds."""
    return {
        "change": str(change.id),
        "number": change.number,
        "revision": change.revision,
        "content_hash": change.content_hash,
        "environment": change.environment.key if change.environment else None,
    }


def named(change: Change) -> str:
    """The targets of a change, by their keys."""
    return ", ".join(dict.fromkeys(part["target"]["key"] for part in change.parts))


def sentences(change: Change) -> list[str]:
    """What the change does, in words."""
    return [sentence for part in change.parts for sentence in part["sentences"]]


def documents(change: Change, moment: str) -> dict[str, Any]:
    """What the parts were before or after, by their keys.

    A flag's state beside its definition, and a flag that is called as a line's own words are, say
    their kind as well: neither document takes the place of the other.
    """
    targets = [part["target"] for part in change.parts]
    taken = Counter([*audit.ABOUT_THE_CHANGE, "parts", *(one["key"] for one in targets)])
    names = [
        one["key"] if taken[one["key"]] == 1 else f"{one['kind']} {one['key']}" for one in targets
    ]
    return dict(zip(names, (part[moment] for part in change.parts), strict=True))


def at_change(access: Access, change: Change) -> Access:
    """The ticket at the change's environment; what all share is recorded at the project."""
    return replace(access, at_environment=change.environment)
