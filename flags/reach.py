"""Where a change reaches: the environments whose rules speak about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts.access import Access
from accounts.models import Environment, Project
from flags.drafting import OWN
from flags.edits import EditKind
from flags.matters import Matter
from flags.models.change import WAITING, Change
from flags.models.state import FlagRow, Segment


def reached(
    access: Access, environments: Sequence[Environment], matter: Matter
) -> list[Environment]:
    """The environments whose policy speaks: a segment's are those that use it."""
    if matter.kind in OWN:
        return [access.environment]
    if matter.kind == EditKind.SEGMENT:
        using = _using(access.project, matter.key)
        return [one for one in environments if None in using or one.pk in using]
    return list(environments)


def _using(project: Project, segment: str) -> set[Any]:
    """Environments that ask for a segment, through other segments too; None stands for all.

    What waits for review counts: nobody may change a segment behind an approval that names it.
    """
    names = _askers(project, segment)
    found: set[Any] = {
        environment
        for environment, document in FlagRow.objects.within(project).values_list(
            "environment_id", "document"
        )
        if names_segment(document, names)
    }
    waiting = Change.objects.within(project).filter(status__in=WAITING)
    for environment, parts in waiting.values_list("environment_id", "parts"):
        # Its own edits are no use of it; a flag may have the same key.
        own = {"kind": str(EditKind.SEGMENT), "key": segment}
        others = [part["after"] for part in parts if part["target"] != own]
        if names_segment(others, names):
            found.add(environment)
    return found


def _askers(project: Project, segment: str) -> set[str]:
    documents = dict(Segment.objects.within(project).values_list("key", "document"))
    names = {segment}
    while True:
        more = {key for key, document in documents.items() if names_segment(document, names)}
        if more <= names:
            return names
        names |= more


def names_segment(document: object, keys: set[str]) -> bool:
    """Whether any clause in a document asks for one of these segments."""
    if isinstance(document, Mapping):
        if document.get("op") == "in_segment" and not keys.isdisjoint(
            value for value in document.get("values", ()) if isinstance(value, str)
        ):
            return True
        return any(names_segment(value, keys) for value in document.values())
    if isinstance(document, list):
        return any(names_segment(value, keys) for value in document)
    return False
