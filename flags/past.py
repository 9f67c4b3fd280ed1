"""What was in force when: which environments ever met a version of something they share.

A moment is the place of a change in the order in which changes came into force.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Min, TextField
from django.db.models.functions import Cast

from accounts.models import Environment, Project
from flags.drafting import is_same_json
from flags.edits import EditKind
from flags.models.change import Change, ChangedTarget

_NOW: Final = float("inf")
# Of a segment and of a definition.
_UNSERVED: Final = frozenset({"name", "description", "tags"})
_ASKING: Final = (EditKind.STATE, EditKind.SEGMENT)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a thing; without an environment it is of one that all share."""

    environment: Any
    kind: EditKind
    key: str
    number: int


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment until another, at which it was over."""

    since: float
    until: float

    def shared_with(self, other: "Span") -> "Span | None":
        """What two spans have in common."""
        since, until = max(self.since, other.since), min(self.until, other.until)
        return Span(since, until) if since < until else None


def strangers(
    project: Project, environments: Sequence[Environment], kind: EditKind, key: str, number: int
) -> list[Environment]:
    """Of these environments, those that never met this version of a segment or a definition: no
    rule there asked for the segment then, or the environment did not exist yet."""
    end = _end(project, kind, key, number)
    if kind == EditKind.DEFINITION:
        over = end.change.applied_at if end else None
        return [one for one in environments if over is not None and one.created_at >= over]
    moments = _moments(project, [key])
    since = moments[Version(None, kind, key, number)]
    until = moments[Version(None, kind, key, end.version)] if end and end.version else _NOW
    met = _met(project, key, Span(since, until), frozenset({key}))
    return [one for one in environments if one.pk not in met]


def askers(project: Project, segment: str) -> list[Version]:
    """Whatever was in force once, anywhere in the project, and asked for a segment by its name."""
    rows = Change.objects.within(project).filter(status=Change.Status.APPLIED)
    # The database leaves out most that is none; a key needs no escape in JSON.
    rows = rows.annotate(text=Cast("parts", TextField()))
    rows = rows.filter(text__contains='"in_segment"').filter(text__contains=f'"{segment}"')
    return [
        Version(
            environment if part["target"]["kind"] == EditKind.STATE else None,
            EditKind(part["target"]["kind"]),
            part["target"]["key"],
            part["applied_version"],
        )
        for environment, parts in rows.values_list("environment_id", "parts")
        for part in parts
        if part["target"]["kind"] in _ASKING and names_segment(part["after"], {segment})
    ]


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


def _met(project: Project, segment: str, span: Span, path: frozenset[str]) -> set[Any]:
    """Ids of the environments where a rule asked for the segment within the span, be it through
    other segments."""
    found = set()
    asked = askers(project, segment)
    moments = _moments(project, {one.key for one in asked})
    for one in asked:
        common = span.shared_with(_span(one, moments))
        if common is None:
            continue
        if one.kind == EditKind.STATE:
            found.add(one.environment)
        elif one.key not in path:
            found |= _met(project, one.key, common, path | {one.key})
    return found


def _span(version: Version, moments: Mapping[Version, int]) -> Span:
    after = Version(version.environment, version.kind, version.key, version.number + 1)
    return Span(moments[version], moments.get(after, _NOW))


def _moments(project: Project, keys: Iterable[str]) -> dict[Version, int]:
    """When each version of some states and segments came into force. The targets of one change
    have one moment."""
    rows = ChangedTarget.objects.within(project).filter(
        kind__in=_ASKING, key__in=list(keys), version__isnull=False
    )
    rows = rows.annotate(moment=Min("change__targets__id"))
    return {
        Version(environment, EditKind(kind), key, number): moment
        for environment, kind, key, number, moment in rows.values_list(
            "environment_id", "kind", "key", "version", "moment"
        )
    }


def _end(project: Project, kind: EditKind, key: str, number: int) -> ChangedTarget | None:
    """The change that ended what a version says: the first after it that is served otherwise."""
    rows = ChangedTarget.objects.within(project).filter(kind=kind, key=key, version__gte=number)
    stood = None
    row: ChangedTarget
    for row in rows.order_by("version").select_related("change").iterator(chunk_size=20):
        told = {"kind": str(kind), "key": key}
        after = next(part["after"] for part in row.change.parts if part["target"] == told)
        said = _served(after)
        stood = said if stood is None else stood
        if not is_same_json(stood, said):
            return row
    return None


def _served(document: Mapping[str, Any]) -> dict[str, Any]:
    """What SDKs are told of it: another name makes no other version."""
    return {name: value for name, value in document.items() if name not in _UNSERVED}
