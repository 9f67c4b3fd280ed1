"""Where a change reaches: the environments whose rules speak about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.access import Access
from accounts.models import Environment, Project
from flags.drafting import OWN
from flags.edits import EditKind
from flags.matters import Matter, things_of
from flags.models.change import WAITING, Change
from flags.models.state import Flag, FlagRow, Segment


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


def behind(access: Access, matter: Matter) -> set[tuple[str, str]]:
    """What stewards may have named among those that ask for a segment: flags with their tags, and
    the experiments whose rules do. Whom they hold changes with it."""
    if matter.kind != EditKind.SEGMENT:
        return set()
    uses = list(_uses(access.project, matter.key))
    keys = {use.key for use in uses if use.kind == EditKind.STATE}
    tagged = Flag.objects.within(access.project).filter(key__in=keys)
    found = {
        thing
        for key, document in tagged.values_list("key", "document")
        for thing in things_of(EditKind.STATE, key, document["tags"])
    }
    return found | {("experiment", name) for use in uses for name in use.experiments}


@dataclass(frozen=True, slots=True)
class _Use:
    """A document that asks for a segment. The environment None stands for all."""

    environment: Any
    kind: str
    key: str
    experiments: tuple[str, ...]


def _using(project: Project, segment: str) -> set[Any]:
    """Environments that ask for a segment; None stands for all."""
    return {use.environment for use in _uses(project, segment)}


def _uses(project: Project, segment: str) -> Iterator[_Use]:
    """What asks for a segment, through other segments too.

    What waits for review counts: nobody may change a segment behind an approval that names it.
    """
    names = _askers(project, segment)
    rows = FlagRow.objects.within(project)
    for environment, key, document in rows.values_list("environment_id", "flag__key", "document"):
        if names_segment(document, names):
            experiments = _experiments(document, names)
            yield _Use(environment, EditKind.STATE, key, experiments)
    waiting = Change.objects.within(project).filter(status__in=WAITING)
    for environment, parts in waiting.values_list("environment_id", "parts"):
        for part in parts:
            kind, key = part["target"]["kind"], part["target"]["key"]
            # Its own edits are no use of it; a flag may have the same key.
            is_own = (kind, key) == (EditKind.SEGMENT, segment)
            if not is_own and names_segment(part["after"], names):
                yield _Use(environment, kind, key, _experiments(part["after"], names))


def _experiments(document: Mapping[str, Any], names: set[str]) -> tuple[str, ...]:
    """Those whose rules ask for one of the segments."""
    return tuple(
        rule["experiment"]
        for rule in document.get("rules", ())
        if isinstance(rule, Mapping) and rule.get("experiment") and names_segment(rule, names)
    )


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
