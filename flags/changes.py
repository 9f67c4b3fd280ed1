"""The door: the one path by which anything an SDK is served can change."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.access import Access
from accounts.errors import AlreadyExists, DomainError, NotFound
from accounts.models import Environment
from flags import announcements, guards, review, snapshots
from flags.edits import (
    CreateFlag,
    CreateSegment,
    Edit,
    EditKind,
    FlagDefinition,
    HoldoutDefinition,
    InvalidEdit,
    LayerDefinition,
    RestoreState,
    ReviewRules,
    SegmentDefinition,
    SetHoldoutDefinition,
    SetLayer,
    UnitTypes,
    check_storable,
    to_json,
)
from flags.edits.documents import DEFAULT_UNITS
from flags.edits.state import own_part
from flags.models.change import Change, ChangedTarget
from flags.models.state import Flag, FlagRow, Holdout, Layer, ReviewPolicy, Segment
from flags.models.state import UnitTypes as UnitTypesRow
from flags.queries import state_of
from flags.snapshots import Published


class StaleVersion(DomainError):
    """Somebody else changed this since it was read; both versions are named, nothing is lost."""

    code = "stale_version"
    status = 409
    hint = "Look at what changed, then send your edit again with the newer version."

    def __init__(self, key: str, *, expected: int, actual: int) -> None:
        super().__init__(
            f"{key} is at version {actual}; your edit was made against version {expected}.",
            expected=expected,
            actual=actual,
        )
        self.expected = expected
        self.actual = actual


class ReasonMissing(DomainError):
    """This act asks for a reason."""

    code = "reason_missing"
    hint = "Say in a sentence why; it is kept in the audit history."


@dataclass(frozen=True, slots=True)
class Target:
    """What the edits are for: a kind and a key. A flag's state is meant in the access's environment."""

    kind: EditKind
    key: str


@dataclass(frozen=True, slots=True)
class Part:
    """The edits of one target, made against one version of it (0: it does not exist yet)."""

    target: Target
    edits: tuple[Edit, ...]
    expected_version: int


@dataclass(frozen=True, slots=True)
class Applied:
    """The change is in force."""

    change: Change
    version: int
    published: tuple[Published, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """The change waits for other eyes."""

    change: Change


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The edits lead to what is there already; nothing was written."""

    version: int


Outcome = Applied | Pending | Unchanged


def state(flag_key: str) -> Target:
    """A flag as it stands in the access's environment."""
    return Target(EditKind.STATE, flag_key)


def definition(flag_key: str) -> Target:
    """A flag as the project defines it."""
    return Target(EditKind.DEFINITION, flag_key)


def segment(key: str) -> Target:
    """A segment of the project."""
    return Target(EditKind.SEGMENT, key)


def submit(
    access: Access,
    target: Target,
    edits: Sequence[Edit],
    *,
    expected_version: int,
    comment: str = "",
) -> Outcome:
    """Change one target. See `submit_all`."""
    return submit_all(access, [Part(target, tuple(edits), expected_version)], comment=comment)


def submit_all(access: Access, parts: Sequence[Part], *, comment: str = "") -> Outcome:
    """Authorize, lock, compute, review, write, record, publish, announce: all parts or none.

    Raises NotPermitted, StaleVersion, InvalidEdit, Objected, CodeFreeze, UnservableSnapshot or
    SnapshotTooLarge; then nothing was written.
    """
    for part in parts:
        _authorize(access, part, comment)
    _refuse_twice(parts)
    with transaction.atomic():
        environments = _environments(access, parts)
        # The heads are locked first: two edits of different flags must not publish
        # snapshots that each miss the other's edit.
        heads = snapshots.lock_heads(environments)
        drafts = [_draft(access, part) for part in parts]
        changed = [draft for draft in drafts if draft.is_change]
        if not changed:
            return Unchanged(drafts[0].version)
        _hear_objections(access, environments, changed)
        edits = [edit for draft in changed for edit in draft.part.edits]
        verdict = review.verdict(environments, edits)
        if verdict.needs_approval:
            with transaction.atomic():
                _apply(access, heads, changed, None)
                transaction.set_rollback(True)
            return Pending(_store_pending(access, changed, verdict.approvals, comment))
        change = _store(access, changed, Change.Status.APPLIED, comment)
        published = _apply(access, heads, changed, change)
        _record(access, change, changed, comment)
        for snapshot in published:
            transaction.on_commit(partial(_announce, snapshot))
    return Applied(change, changed[0].version + 1, published)


def roll_back(
    access: Access, flag_key: str, *, to: Change, reason: str, expected_version: int | None = None
) -> Outcome:
    """Bring a flag's state back to what it was after an earlier change: a new, higher version.

    Without an expected version it is rolled back from wherever it stands.
    """
    part = next(
        (stored for stored in to.parts if stored["target"] == {"kind": "state", "key": flag_key}),
        None,
    )
    if part is None or to.status != Change.Status.APPLIED:
        raise NotFound("That change did not set this flag's state here.")
    here = ChangedTarget.objects.within(access.environment).filter(
        change=to, kind=EditKind.STATE, key=flag_key
    )
    if not here.exists():
        raise NotFound("That change belongs to another environment.")
    with transaction.atomic():
        snapshots.lock_heads([access.environment])
        row = _load(access, state(flag_key))
        edit = RestoreState(part["after"], part["applied_version"])
        expected = row.version if expected_version is None else expected_version
        return submit(access, state(flag_key), [edit], expected_version=expected, comment=reason)


# --- the steps


def _authorize(access: Access, part: Part, comment: str) -> None:
    for edit in part.edits:
        access.require(edit.permission)
        if edit.kind != part.target.kind:
            raise NotFound(f"{edit.name} is no edit of a {part.target.kind}")
        if isinstance(edit, RestoreState) and not comment.strip():
            raise ReasonMissing("A roll back asks for a reason.")
        # Forms make edits without `parse`.
        check_storable(to_json(edit), f"{part.target.key}.{edit.name}")
    check_storable(comment, "comment")


def _refuse_twice(parts: Sequence[Part]) -> None:
    """Each part is computed from what is stored, so the second of two would undo the first."""
    targets = [_identity(part.target) for part in parts]
    for index, target in enumerate(targets):
        if target in targets[:index]:
            raise InvalidEdit(
                f"{target.kind} {target.key} is named twice",
                where=f"parts[{index}]",
                hint="Send all edits of one target together.",
            )


def _identity(target: Target) -> Target:
    """Keys are taken in any case of letters; of units and policies there is one each."""
    return Target(target.kind, target.key.lower() if target.kind not in _SINGLE else "")


def _environments(access: Access, parts: Sequence[Part]) -> list[Environment]:
    if all(part.target.kind in _OWN for part in parts):
        return [access.environment]
    found = Environment.objects.within(access.project).select_related("project__organization")
    return list(found)


@dataclass(slots=True)
class _Draft:
    """One target on its way: its row, where it was, and where the edits lead."""

    part: Part
    row: "_Row"
    before: Any
    after: Any

    @property
    def version(self) -> int:
        return self.row.version

    @property
    def is_change(self) -> bool:
        """Compared as JSON: to Python, true equals 1; to what SDKs are served it does not."""
        kind = self.part.target.kind
        return not _is_same_json(_json(kind, self.before), _json(kind, self.after))


def _is_same_json(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _draft(access: Access, part: Part) -> _Draft:
    row = _load(access, part.target, creating=part.expected_version == 0)
    if row.version != part.expected_version:
        # A state nobody has touched is at version 0 without being new.
        if part.expected_version == 0 and part.target.kind in _TABLES:
            raise AlreadyExists(
                f"The key {part.target.key} is taken, perhaps by something archived."
            )
        raise StaleVersion(part.target.key, expected=part.expected_version, actual=row.version)
    if row.document is None and not isinstance(next(iter(part.edits), None), _CREATING):
        raise NotFound(
            f"There is no {part.target.kind} {part.target.key} in {access.project.name}."
        )
    _check_restored(access, part)
    after = reduce(lambda document, edit: edit.apply(document), part.edits, row.document)
    if getattr(after, "key", part.target.key) != part.target.key:
        raise InvalidEdit(f"{after.key} is not {part.target.key}", where="key")
    return _Draft(part, row, row.document, after)


def _check_restored(access: Access, part: Part) -> None:
    """A roll back is never reviewed, so it may only bring back what was in force here."""
    for edit in part.edits:
        if not isinstance(edit, RestoreState):
            continue
        rows = ChangedTarget.objects.within(access.environment).filter(
            kind=part.target.kind, key=part.target.key, version=edit.version
        )
        states = [
            stored["after"]
            for row in rows.select_related("change")
            for stored in row.change.parts
            if stored["target"] == {"kind": part.target.kind, "key": part.target.key}
        ]
        if not any(_is_same_json(edit.state, state) for state in states):
            raise InvalidEdit(f"the flag never stood so at version {edit.version}", where="state")


def _hear_objections(
    access: Access, environments: Sequence[Environment], drafts: Sequence[_Draft]
) -> None:
    heard = [
        sentence
        for draft in drafts
        for sentence in guards.objections(
            guards.Proposed(
                access,
                tuple(environments),
                draft.part.target.kind,
                draft.part.target.key,
                draft.part.edits,
                draft.before,
                draft.after,
            )
        )
    ]
    if heard:
        raise guards.Objected(" ".join(heard), objections=heard)


def _apply(
    access: Access,
    heads: Sequence[Any],
    drafts: Sequence[_Draft],
    change: Change | None,
) -> tuple[Published, ...]:
    for draft in drafts:
        _write(access, draft)
    published = [snapshots.publish(head, change) for head in heads]
    return tuple(snapshot for snapshot in published if snapshot is not None)


def _store_pending(
    access: Access, drafts: Sequence[_Draft], approvals: int, comment: str
) -> Change:
    change = _store(access, drafts, Change.Status.OPEN, comment, approvals)
    targets = ", ".join(draft.part.target.key for draft in drafts)
    audit.record(
        access,
        "change.submitted",
        targets,
        after={"change": str(change.id), "parts": change.parts},
        reason=comment,
    )
    return change


def _store(
    access: Access,
    drafts: Sequence[_Draft],
    status: Change.Status,
    comment: str,
    approvals: int = 0,
) -> Change:
    applied = status == Change.Status.APPLIED
    in_environment = _is_state(drafts)
    change: Change = Change.objects.create(
        project=access.project,
        environment=access.environment if in_environment else None,
        author=access.actor.user,
        author_label=access.actor.label,
        status=status,
        approvals_needed=approvals,
        parts=[_part_json(draft, applied=applied) for draft in drafts],
        comment=comment,
        applied_at=timezone.now() if applied else None,
    )
    ChangedTarget.objects.bulk_create(
        ChangedTarget(
            change=change,
            project=access.project,
            environment=access.environment if draft.part.target.kind in _OWN else None,
            kind=draft.part.target.kind,
            key=draft.part.target.key,
            version=draft.version + 1 if applied else None,
        )
        for draft in drafts
    )
    return change


def _is_state(drafts: Sequence[_Draft]) -> bool:
    return all(draft.part.target.kind in _OWN for draft in drafts)


def _part_json(draft: _Draft, *, applied: bool) -> dict[str, Any]:
    return {
        "target": {"kind": str(draft.part.target.kind), "key": draft.part.target.key},
        "edits": [to_json(edit) for edit in draft.part.edits],
        "sentences": [edit.sentence() for edit in draft.part.edits],
        "base_version": draft.version,
        "applied_version": draft.version + 1 if applied else None,
        "before": _json(draft.part.target.kind, draft.before),
        "after": _json(draft.part.target.kind, draft.after),
    }


def _json(kind: EditKind, document: Any) -> Any:
    if document is None:
        return None
    return own_part(document) if kind == EditKind.STATE else document.to_json()


def _record(access: Access, change: Change, drafts: Sequence[_Draft], comment: str) -> None:
    first = drafts[0].part.target
    where = access if _is_state(drafts) else replace(access, at_environment=None)
    audit.record(
        where,
        _action(drafts),
        first.key if len(drafts) == 1 else f"{first.key} and {len(drafts) - 1} more",
        before={part["target"]["key"]: part["before"] for part in change.parts},
        after={
            "change": str(change.id),
            "sentences": [sentence for part in change.parts for sentence in part["sentences"]],
            **{part["target"]["key"]: part["after"] for part in change.parts},
        },
        reason=comment,
    )


def _action(drafts: Sequence[_Draft]) -> str:
    kind = drafts[0].part.target.kind
    noun = "flag" if kind in {EditKind.STATE, EditKind.DEFINITION} else str(kind)
    edits = [edit for draft in drafts for edit in draft.part.edits]
    if any(isinstance(edit, RestoreState) for edit in edits):
        return f"{noun}.rolled_back"
    return f"{noun}.created" if drafts[0].before is None else f"{noun}.changed"


def _announce(snapshot: Published) -> None:
    announcements.announce(
        snapshot.environment.pk, snapshot.epoch, snapshot.version, snapshot.changed_keys
    )


# --- rows and the documents in them

# Kinds that belong to one environment; the others are shared by all of a project's.
_OWN: Final = frozenset({EditKind.STATE, EditKind.POLICY})
# Kinds of which there is one, whatever key it is called by.
_SINGLE: Final = frozenset({EditKind.UNITS, EditKind.POLICY})

# The edits that may be given a document that is not there yet.
_CREATING: Final = (CreateFlag, CreateSegment, SetHoldoutDefinition, SetLayer)

_TABLES: Final[Mapping[EditKind, tuple[Any, Any]]] = {
    EditKind.DEFINITION: (Flag, FlagDefinition),
    EditKind.SEGMENT: (Segment, SegmentDefinition),
    EditKind.HOLDOUT: (Holdout, HoldoutDefinition),
    EditKind.LAYER: (Layer, LayerDefinition),
}


@dataclass(slots=True)
class _Row:
    """A table's row (None: not there yet), its version and the document parsed from it."""

    row: Any
    version: int
    document: Any
    flag: Any = None


def _load(access: Access, target: Target, *, creating: bool = False) -> _Row:
    if target.kind == EditKind.STATE:
        return _load_state(access, target.key)
    if target.kind == EditKind.UNITS:
        row = UnitTypesRow.objects.within(access.project).first()
        document = UnitTypes.from_json(row.document) if row else DEFAULT_UNITS
        return _Row(row, row.version if row else 0, document)
    if target.kind == EditKind.POLICY:
        policy = ReviewPolicy.objects.within(access.environment).first()
        rules = ReviewRules.from_json(policy.document) if policy else ReviewRules()
        return _Row(policy, policy.version if policy else 0, rules)
    table, parsed = _TABLES[target.kind]
    rows = table.objects.within(access.project)
    row = rows.filter(key__iexact=target.key).first()
    if row is not None and (creating or row.key == target.key):
        return _Row(row, row.version, parsed.from_json(row.document))
    if creating:
        return _Row(None, 0, None)
    raise NotFound(f"There is no {target.kind} {target.key} in {access.project.name}.")


def _load_state(access: Access, key: str) -> _Row:
    flag = Flag.objects.within(access.project).filter(key=key).first()
    if flag is None:
        raise NotFound(f"There is no flag {key} in {access.project.name}.")
    definition = FlagDefinition.from_json(flag.document)
    own = FlagRow.objects.within(access.environment).filter(flag=flag).first()
    document = state_of(definition, own.document if own else definition.initial())
    return _Row(own, own.version if own else 0, document, flag)


def _write(access: Access, draft: _Draft) -> None:
    kind, row = draft.part.target.kind, draft.row.row
    document = _json(kind, draft.after)
    if row is not None:
        row.document = document
        row.version = draft.version + 1
        if kind == EditKind.STATE:
            row.changed_by = access.actor.label
        row.save()
    elif kind == EditKind.STATE:
        FlagRow.objects.create(
            flag=draft.row.flag,
            environment=access.environment,
            version=1,
            document=document,
            changed_by=access.actor.label,
        )
    elif kind == EditKind.POLICY:
        ReviewPolicy.objects.create(environment=access.environment, version=1, document=document)
    else:
        table = UnitTypesRow if kind == EditKind.UNITS else _TABLES[kind][0]
        table.objects.create(
            project=access.project, key=draft.part.target.key, version=1, document=document
        )
