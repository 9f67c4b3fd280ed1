"""Building, proving and publishing the immutable document each environment's SDKs receive."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.errors import DomainError
from accounts.models import Environment, Project
from flags.edits import FlagDefinition, SegmentDefinition
from flags.edits.documents import DEFAULT_UNITS, HoldoutDefinition, LayerDefinition, UnitTypes
from flags.models import Change, SnapshotHead
from flags.models import Snapshot as SnapshotRow
from flags.models.state import Flag, FlagRow, Holdout, Layer, Segment
from flags.models.state import UnitTypes as UnitTypesRow
from wayfork.engine import (
    SCHEMA,
    FlagState,
    ParseError,
    Rule,
    Snapshot,
    compile_snapshot,
    parse_snapshot,
    problems,
)
from wayfork.engine.document import canonical_json, checksum_of, sealed

Document = dict[str, Any]
# What all flags lean on.
SHARED = ("segments", "holdouts", "units")

SHRUNK_SHARE = 0.2
# Attributes a smoke evaluation offers; what matters is that every closure runs once.
SMOKE_CONTEXT: Mapping[str, object] = {"userId": "smoke", "targetingKey": "smoke"}


class UnservableSnapshot(DomainError):
    """The edits would lead to a document that SDKs could not load; nothing was changed."""

    code = "unservable"
    status = 422

    def __init__(self, message: str, *, where: str = "") -> None:
        text = f"{where}: {message}" if where else message
        super().__init__(text, hint="Nothing was changed. Mend the place named.", where=where)
        self.where = where


class SnapshotTooLarge(DomainError):
    """The environment's document would exceed its limit; nothing was changed."""

    code = "snapshot_too_large"
    status = 422
    hint = "Archive flags that are no longer asked for, or shorten long lists of ids."


@dataclass(frozen=True, slots=True)
class Overlay:
    """Documents in place of what the tables hold, by key: for trying a change without writing it."""

    definitions: Mapping[str, FlagDefinition] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    segments: Mapping[str, SegmentDefinition] = field(default_factory=dict)
    holdouts: Mapping[str, HoldoutDefinition] = field(default_factory=dict)
    layers: Mapping[str, LayerDefinition] = field(default_factory=dict)
    units: UnitTypes | None = None


NOTHING = Overlay()


@dataclass(frozen=True, slots=True)
class Published:
    """A version SDKs may have now."""

    environment: Environment
    epoch: int
    version: int
    changed_keys: tuple[str, ...]
    size: int

    @property
    def is_near_limit(self) -> bool:
        """From 70 % of the limit on, people are warned."""
        return bool(self.size > 0.7 * settings.SNAPSHOT_LIMIT_BYTES)


def lock_heads(environments: Iterable[Environment]) -> list[SnapshotHead]:
    """Lock the heads in id order: the only lock on flag state, taken before anything is read."""
    wanted = list(environments)
    ids = {environment.pk for environment in wanted}
    known = set(
        SnapshotHead.across_tenants.filter(environment_id__in=ids).values_list("pk", flat=True)
    )
    missing = [SnapshotHead(environment_id=pk) for pk in sorted(ids - known)]
    if missing:
        SnapshotHead.objects.bulk_create(missing, ignore_conflicts=True)
    heads: list[SnapshotHead] = list(
        SnapshotHead.across_tenants.select_for_update()
        .filter(environment_id__in=ids)
        .order_by("environment_id")
    )
    by_id = {environment.pk: environment for environment in wanted}
    for head in heads:
        head.environment = by_id[head.environment_id]
    return heads


def publish(head: SnapshotHead, change: Change | None) -> Published | None:
    """Write the environment's next snapshot, or None when what is served did not change.

    What changed, and all it is tied to, is validated as untrusted input would be, compiled and
    asked once by the engine that SDKs run: what would not load is refused here, not at the edge.
    The rest was proved when the version before was published.
    """
    before = _current(head)
    content = _content(head.environment, before)
    content_hash = hashlib.sha256(_bytes(content)).hexdigest()
    if content_hash == head.content_hash:
        return None
    keys = changed_keys(before, content)
    prove({**content, "flags": _reach(content["flags"], keys)})
    now = timezone.now()
    document = _sized(
        sealed(
            {
                **content,
                "epoch": head.epoch,
                "version": head.version + 1,
                "publishedAt": now.isoformat(timespec="milliseconds"),
                **({"shrunk": True} if _is_shrunk(before, content) else {}),
            }
        ),
        head.environment,
    )
    checksum = checksum_of(document)
    SnapshotRow.objects.create(
        environment=head.environment,
        epoch=head.epoch,
        version=head.version + 1,
        checksum=checksum,
        document=document,
        size=len(document),
        changed_keys=list(keys),
        change=change,
        published_at=now,
    )
    head.version += 1
    head.checksum = checksum
    head.content_hash = content_hash
    head.save()
    return Published(head.environment, head.epoch, head.version, keys, len(document))


def _bytes(content: Document) -> bytes:
    try:
        return sealed(content)
    except ValueError as error:
        # What JSON cannot say; `problems` knows the place.
        place = next(iter(problems(parse_snapshot(content))), None)
        where = place.where if place else ""
        raise UnservableSnapshot(place.message if place else str(error), where=where) from error


def _sized(document: bytes, environment: Environment) -> bytes:
    if len(document) > settings.SNAPSHOT_LIMIT_BYTES:
        raise SnapshotTooLarge(
            f"The document for {environment.key} would be {len(document):,} bytes;"
            f" the limit is {settings.SNAPSHOT_LIMIT_BYTES:,}.",
            size=len(document),
            limit=settings.SNAPSHOT_LIMIT_BYTES,
        )
    return document


def prove(document: Document) -> None:
    """Find the reason why a document must not be published, if there is one."""
    try:
        snapshot = parse_snapshot(document)
        found = problems(snapshot)
        if found:
            raise UnservableSnapshot(found[0].message, where=found[0].where)
        compiled = compile_snapshot(snapshot)
    except ParseError as error:
        raise UnservableSnapshot(error.message, where=error.where) from error
    for key in snapshot.flags:
        answer = compiled.evaluate(key, None, SMOKE_CONTEXT)
        if answer.error_code in {"PARSE_ERROR", "GENERAL"}:
            raise UnservableSnapshot(answer.error_message or "cannot be evaluated", where=key)


def _reach(flags: Mapping[str, Any], keys: Iterable[str]) -> Document:
    """The flags a change of some can break or be broken by: those that ask for them, however far
    up, and everything any of these asks for."""
    needs = {key: [needed["flag"] for needed in flags[key]["prerequisites"]] for key in flags}
    askers: dict[str, list[str]] = {}
    for key, needed in needs.items():
        for other in needed:
            askers.setdefault(other, []).append(key)
    reached = closed(closed(set(keys), askers), needs)
    return {key: flags[key] for key in flags if key in reached}


def closed(found: set[str], ties: Mapping[str, Sequence[str]]) -> set[str]:
    """What was found, and all that hangs on it by these ties, however far. Adds to `found`."""
    waiting = list(found)
    while waiting:
        for other in ties.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def served(environment: Environment) -> Document:
    """What SDKs are served now, as JSON; before the first publication, what they would be."""
    head = SnapshotHead.objects.within(environment).first()
    return (_current(head) if head else None) or _content(environment, None)


def proposed(environment: Environment, before: Document, overlay: Overlay) -> Document:
    """What would be served with other documents in the place of some; nothing is written."""
    return _content(environment, before, overlay)


def _content(
    environment: Environment, before: Document | None, overlay: Overlay = NOTHING
) -> Document:
    """What should be served, as the document's JSON; version 0, no date.

    A row that says what the version before says is taken as it is: reading a thousand flags into
    objects and writing them again is most of the work of a publication.
    """
    frame = _frame(environment, overlay).to_json()
    layers = _layers(environment.project, overlay)
    in_layers = {rule_id for layer in layers for rule_id in layer.slots}
    old = before["flags"] if before else {}
    flags = {}
    for definition, own in _rows(environment, overlay):
        given = {**definition.served(), **own}
        known = old.get(definition.key)
        if (
            known
            and _is_same(given, known)
            and in_layers.isdisjoint(rule["id"] for rule in known["rules"])
        ):
            flags[definition.key] = known
        else:
            flags[definition.key] = _state(definition, own, layers).to_json()
    return {**frame, "flags": flags}


def build(environment: Environment) -> Snapshot:
    """What this environment should serve by what the tables say now; version 0, no date."""
    layers = _layers(environment.project)
    flags = {
        definition.key: _state(definition, own, layers) for definition, own in _rows(environment)
    }
    return replace(_frame(environment), flags=flags)


def _frame(environment: Environment, overlay: Overlay = NOTHING) -> Snapshot:
    """All of the snapshot but its flags."""
    project = environment.project
    row = UnitTypesRow.objects.within(project).first()
    units = overlay.units or (UnitTypes.from_json(row.document) if row else DEFAULT_UNITS)
    segments = _documents(Segment, SegmentDefinition, project, overlay.segments)
    holdouts = _documents(Holdout, HoldoutDefinition, project, overlay.holdouts)
    return Snapshot(
        schema=SCHEMA,
        project=project.key,
        environment=environment.key,
        epoch=0,
        version=0,
        published_at="",
        units=units.units,
        flags={},
        segments={key: one.segment for key, one in segments.items() if not one.archived},
        holdouts={key: one.holdout for key, one in holdouts.items()},
    )


def _documents(table: Any, parsed: Any, project: Project, instead: Mapping[str, Any]) -> Any:
    """A table's documents by key, those of the overlay in the place of its own."""
    rows = table.objects.within(project).exclude(key__in=list(instead))
    return {**{row.key: parsed.from_json(row.document) for row in rows}, **instead}


def _layers(project: Project, overlay: Overlay = NOTHING) -> list[LayerDefinition]:
    return list(_documents(Layer, LayerDefinition, project, overlay.layers).values())


def _rows(
    environment: Environment, overlay: Overlay = NOTHING
) -> Iterator[tuple[FlagDefinition, Mapping[str, Any]]]:
    """Each flag that is served, with what its row here holds, by key."""
    own = dict(FlagRow.objects.within(environment).values_list("flag_id", "document"))
    instead = dict(overlay.definitions)
    rows = Flag.objects.within(environment.project)
    if not instead:
        rows = rows.filter(document__archived=False)
    for flag_id, document in rows.order_by("key").values_list("id", "document"):
        definition = instead.pop(document["key"], None) or FlagDefinition.from_json(document)
        if not definition.archived:
            mine = overlay.own.get(definition.key) or own.get(flag_id) or definition.initial()
            yield definition, mine
    for definition in instead.values():
        # New ones: they come last, and no SDK cares for the order.
        if not definition.archived:
            yield definition, overlay.own.get(definition.key) or definition.initial()


def _state(
    definition: FlagDefinition, own: Mapping[str, Any], layers: Sequence[LayerDefinition]
) -> FlagState:
    where = f"flags.{definition.key}"
    try:
        state = FlagState.from_json({**definition.served(), **own}, where=where)
    except ParseError as error:
        raise UnservableSnapshot(error.message, where=error.where) from error
    if not layers:
        return state
    return replace(state, rules=tuple(_in_layer(rule, layers) for rule in state.rules))


def _in_layer(rule: Rule, layers: Sequence[LayerDefinition]) -> Rule:
    for layer in layers:
        allocation = layer.allocation(rule.id)
        if allocation is not None:
            return replace(rule, allocation=allocation)
    return rule


def _current(head: SnapshotHead) -> Document | None:
    if not head.version:
        return None
    row = SnapshotRow.objects.within(head.environment).get(epoch=head.epoch, version=head.version)
    document: Document = json.loads(bytes(row.document))
    return document


def _is_shrunk(before: Document | None, after: Document) -> bool:
    """SDKs refuse a document that lost a fifth of its flags unless it says that edits did it."""
    if before is None or not before["flags"]:
        return False
    return len(after["flags"]) <= (1 - SHRUNK_SHARE) * len(before["flags"])


def changed_keys(before: Document | None, after: Document) -> tuple[str, ...]:
    """The flags that are served otherwise than before; all of them if something shared changed.

    Compared as JSON text: to Python, true equals 1.
    """
    if before is None:
        return tuple(after["flags"])
    old, new = before["flags"], after["flags"]
    every = sorted({*old, *new})
    if any(canonical_json(before[part]) != canonical_json(after[part]) for part in SHARED):
        return tuple(every)
    return tuple(key for key in every if not _is_same(old.get(key), new.get(key)))


def _is_same(one: object, other: object) -> bool:
    try:
        return one is other or canonical_json(one) == canonical_json(other)
    except ValueError:
        # What JSON cannot say is found, and named, when the document is written.
        return False
