"""Reads of flags, segments and changes, always within an access; rows never leave this room."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import Environment, Project
from flags.edits import FlagDefinition, SegmentDefinition, UnitTypes
from flags.edits.documents import DEFAULT_UNITS, HoldoutDefinition, LayerDefinition
from flags.models import SdkConnection, SnapshotHead
from flags.models import Snapshot as SnapshotRow
from flags.models.change import WAITING, Change, ChangedTarget
from flags.models.state import (
    Flag,
    FlagRow,
    Holdout,
    Layer,
    Segment,
)
from flags.models.state import UnitTypes as UnitTypesRow
from wayfork.engine import FlagState, Snapshot, parse_snapshot

CONNECTION_FRESH = timedelta(seconds=90)
# Kinds of which each environment has its own.
_OWN = frozenset({"state", "policy"})


@dataclass(frozen=True)
class FlagInEnvironment:
    """A flag as it stands in one environment, with the version a change must name."""

    definition: FlagDefinition
    definition_version: int
    own: Mapping[str, Any]
    version: int
    changed_at: datetime | None
    changed_by: str

    @cached_property
    def state(self) -> FlagState:
        """Read when it is asked for: a list names thousands and looks into few."""
        return state_of(self.definition, self.own)


@dataclass(frozen=True, slots=True)
class FlagLine:
    """One line of the flags list: the definition and each environment's state, by its key."""

    definition: FlagDefinition
    definition_version: int
    states: Mapping[str, FlagInEnvironment]


@dataclass(frozen=True, slots=True)
class FlagPage:
    """Some lines of the flags list, how many there are in all, and what the list can be cut by."""

    lines: list[FlagLine]
    total: int
    tags: tuple[str, ...]
    archived: int


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment with its version and the flags and segments that ask for it."""

    definition: SegmentDefinition
    version: int
    changed_at: datetime
    used_by: tuple[str, ...] = ()


def state_of(definition: FlagDefinition, own: Mapping[str, Any]) -> FlagState:
    """The engine's state: the definition's part and the environment's part put together."""
    return FlagState.from_json({**definition.served(), **own}, where=f"flags.{definition.key}")


def flag(access: Access, key: str) -> FlagInEnvironment:
    """One flag in the access's environment."""
    row = Flag.objects.within(access.project).filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no flag {key} in {access.project.name}.")
    own = FlagRow.objects.within(access.environment).filter(flag=row).first()
    return _in_environment(FlagDefinition.from_json(row.document), row.version, own)


def flag_definition(access: Access, key: str) -> tuple[FlagDefinition, int]:
    """A flag's definition and its version."""
    row = Flag.objects.within(access.project).filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no flag {key} in {access.project.name}.")
    return FlagDefinition.from_json(row.document), row.version


def flag_everywhere(access: Access, key: str) -> FlagLine:
    """One flag in every environment of the project."""
    lines = _lines(access, Flag.objects.within(access.project).filter(key=key))
    if not lines:
        raise NotFound(f"There is no flag {key} in {access.project.name}.")
    return lines[0]


def flag_definitions(access: Access) -> list[FlagDefinition]:
    """The project's flags that are not archived, by key, without how they stand anywhere."""
    rows = Flag.objects.within(access.project).filter(document__archived=False)
    return [
        FlagDefinition.from_json(document)
        for document in rows.order_by("key").values_list("document", flat=True)
    ]


def flag_page(  # noqa: PLR0913 - one keyword per way to cut the list
    access: Access,
    *,
    search: str = "",
    tag: str = "",
    archived: bool = False,
    after: str = "",
    first: int = 0,
    most: int = 100,
) -> FlagPage:
    """A piece of the flags list. Only the states of the flags shown are read and parsed.

    With `after`, the list begins behind that key, and all counts are of what is left.
    """
    listed = Flag.objects.within(access.project).order_by("key").values_list("id", "document")
    if after:
        listed = listed.filter(key__gt=after)
    documents = dict(listed)
    words = search.lower().split()
    found = [
        row_id
        for row_id, document in documents.items()
        if document["archived"] == archived
        and (not tag or tag in document["tags"])
        and _has_words(document, words)
    ]
    shown = Flag.objects.within(access.project).filter(id__in=found[first : first + most])
    return FlagPage(
        lines=_lines(access, shown.order_by("key")),
        total=len(found),
        tags=tuple(sorted({name for document in documents.values() for name in document["tags"]})),
        archived=sum(document["archived"] for document in documents.values()),
    )


def tags_of(project: Project, keys: Sequence[str]) -> set[str]:
    """The tags some flags carry."""
    rows = Flag.objects.within(project).filter(key__in=keys).values_list("document", flat=True)
    return {tag for document in rows for tag in document.get("tags", ())}


def flag_keys(access: Access) -> list[str]:
    """The keys of the project's flags that are not archived."""
    rows = Flag.objects.within(access.project).filter(document__archived=False)
    return list(rows.order_by("key").values_list("key", flat=True))


def _has_words(document: Mapping[str, Any], words: Sequence[str]) -> bool:
    text = f"{document['key']} {document['name']} {document['description']}".lower()
    return all(word in text for word in words)


def _lines(access: Access, rows: QuerySet[Any]) -> list[FlagLine]:
    flags = list(rows)
    environments = list(Environment.objects.within(access.project))
    states: dict[tuple[Any, Any], FlagRow] = {
        (own.flag_id, own.environment_id): own
        for own in FlagRow.objects.within(access.project).filter(flag__in=flags)
    }
    lines = []
    for row in flags:
        definition = FlagDefinition.from_json(row.document)
        here = {
            environment.key: _in_environment(
                definition, row.version, states.get((row.id, environment.id))
            )
            for environment in environments
        }
        lines.append(FlagLine(definition, row.version, here))
    return lines


def _in_environment(
    definition: FlagDefinition, definition_version: int, own: FlagRow | None
) -> FlagInEnvironment:
    if own is None:
        initial = definition.initial()
        return FlagInEnvironment(definition, definition_version, initial, 0, None, "")
    return FlagInEnvironment(
        definition,
        definition_version,
        own.document,
        own.version,
        own.changed_at,
        own.changed_by,
    )


def segment(access: Access, key: str) -> SegmentView:
    """One segment, and who asks for it."""
    row = Segment.objects.within(access.project).filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no segment {key} in {access.project.name}.")
    definition = SegmentDefinition.from_json(row.document)
    return SegmentView(definition, row.version, row.changed_at, _users_of(access.project, key))


def segment_list(access: Access, *, archived: bool = False) -> list[SegmentView]:
    """The project's segments by key."""
    rows = Segment.objects.within(access.project).filter(document__archived=archived)
    return [
        SegmentView(SegmentDefinition.from_json(row.document), row.version, row.changed_at)
        for row in rows.order_by("key")
    ]


def _users_of(project: Project, segment_key: str) -> tuple[str, ...]:
    used: set[str] = set()
    for own in FlagRow.objects.within(project).select_related("flag", "environment"):
        if _names_segment(own.document, segment_key):
            used.add(f"flag {own.flag.key} in {own.environment.name}")
    for row in Segment.objects.within(project).exclude(key=segment_key):
        if _names_segment(row.document, segment_key):
            used.add(f"segment {row.key}")
    return tuple(sorted(used))


def _names_segment(document: object, key: str) -> bool:
    if isinstance(document, Mapping):
        if document.get("op") == "in_segment" and key in document.get("values", ()):
            return True
        return any(_names_segment(value, key) for value in document.values())
    if isinstance(document, list):
        return any(_names_segment(value, key) for value in document)
    return False


def unit_types(project: Project) -> tuple[UnitTypes, int]:
    """What the project randomizes, and the version of that list."""
    row = UnitTypesRow.objects.within(project).first()
    return (UnitTypes.from_json(row.document), row.version) if row else (DEFAULT_UNITS, 0)


def holdouts(project: Project) -> list[HoldoutDefinition]:
    """The project's holdouts."""
    rows = Holdout.objects.within(project).order_by("key")
    return [HoldoutDefinition.from_json(row.document) for row in rows]


def layers(project: Project) -> list[LayerDefinition]:
    """The project's layers."""
    rows = Layer.objects.within(project).order_by("key")
    return [LayerDefinition.from_json(row.document) for row in rows]


def snapshot(environment: Environment) -> Snapshot | None:
    """What SDKs are served at this moment, parsed; None before the first publication."""
    head = SnapshotHead.objects.within(environment).first()
    if head is None or not head.version:
        return None
    row = SnapshotRow.objects.within(environment).get(epoch=head.epoch, version=head.version)
    return parse_snapshot(bytes(row.document))


def history(access: Access, kind: str, key: str, *, most: int = 50) -> Sequence[Change]:
    """The newest changes of one target; `flags.histories` goes as far back as there is any."""
    rows = touched(access, kind, key).select_related("change", "change__author")
    return [row.change for row in rows.order_by("-id")[:most]]


def touched(access: Access, kind: str, key: str) -> QuerySet[ChangedTarget]:
    """The index of one target's changes; of a flag's state only those of this environment."""
    rows: QuerySet[ChangedTarget] = ChangedTarget.objects.within(access.project)
    rows = rows.filter(kind=kind, key=key)
    return rows.filter(environment=access.environment) if kind in _OWN else rows


def waiting_targets(access: Access, keys: Sequence[str]) -> dict[tuple[str, object], int]:
    """The newest request that waits on each flag: by key and environment id, None for all."""
    rows = ChangedTarget.objects.within(access.project).filter(
        kind__in=("state", "definition"), key__in=keys, change__status__in=WAITING
    )
    numbers = rows.order_by("id").values_list("key", "environment_id", "change__number")
    return {(key, environment): number for key, environment, number in numbers if number}


def change(access: Access, change_id: object) -> Change:
    """One change of this project; drafts are their author's alone."""
    found: Change | None = Change.objects.within(access.project).filter(id=change_id).first()
    if found is None or (
        (found.status == Change.Status.DRAFT or _is_overtaken_draft(found))
        and found.author_id != getattr(access.actor.user, "pk", "")
    ):
        raise NotFound("There is no such change.")
    return found


def _is_overtaken_draft(found: Change) -> bool:
    """A draft that led nowhere any more stays its author's: nobody else was ever shown it."""
    return found.status == Change.Status.SUPERSEDED and not found.content_hash


def connections(environment: Environment) -> list[SdkConnection]:
    """SDKs seen within the last 90 seconds, newest first."""
    fresh = timezone.now() - CONNECTION_FRESH
    rows = SdkConnection.objects.within(environment).filter(seen_at__gte=fresh)
    return list(rows.order_by("-connected_at"))


def head_version(environment: Environment) -> tuple[int, int]:
    """The newest (epoch, version)."""
    head = SnapshotHead.objects.within(environment).first()
    return (head.epoch, head.version) if head else (1, 0)
