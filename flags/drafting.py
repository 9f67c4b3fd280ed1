"""Edits on their way: permitted, loaded, computed and compared; nothing is written here."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final

from accounts.access import Access
from accounts.errors import AlreadyExists, DomainError, NotFound, ReasonMissing
from accounts.models import Environment
from flags.edits import (
    CopyState,
    CreateFlag,
    CreateSegment,
    Edit,
    EditKind,
    FlagDefinition,
    HoldoutDefinition,
    InvalidEdit,
    LayerDefinition,
    Restore,
    ReviewRules,
    SegmentDefinition,
    SetHoldoutDefinition,
    SetLayer,
    Stewards,
    UnitTypes,
    check_storable,
    parse_all,
    to_json,
)
from flags.edits.documents import DEFAULT_UNITS
from flags.edits.state import own_part
from flags.models.state import Flag, FlagRow, Holdout, Layer, ReviewPolicy, Segment
from flags.models.state import Stewards as StewardsRow
from flags.models.state import UnitTypes as UnitTypesRow
from flags.queries import state_of, touched

# Kinds that belong to one environment; the others are shared by all of a project's.
OWN: Final = frozenset({EditKind.STATE, EditKind.POLICY})
# Kinds of which there is one, whatever key it is called by.
SINGLE: Final = frozenset({EditKind.UNITS, EditKind.POLICY, EditKind.STEWARDS})
# The edits that may be given a document that is not there yet.
_CREATING: Final = (CreateFlag, CreateSegment, SetHoldoutDefinition, SetLayer)

TABLES: Final[Mapping[EditKind, tuple[Any, Any]]] = {
    EditKind.DEFINITION: (Flag, FlagDefinition),
    EditKind.SEGMENT: (Segment, SegmentDefinition),
    EditKind.HOLDOUT: (Holdout, HoldoutDefinition),
    EditKind.LAYER: (Layer, LayerDefinition),
}


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


class EnvironmentArchived(DomainError):
    """An archived environment takes no changes."""

    code = "environment_archived"
    status = 409
    hint = "Bring the environment back from the archive first."


@dataclass(frozen=True, slots=True)
class Target:
    """What the edits are for: a kind and a key. A flag's state is meant in the access's environment."""

    kind: EditKind
    key: str

    @property
    def noun(self) -> str:
        """What people call it: a state and a definition are both of a flag."""
        return "flag" if self.kind in {EditKind.STATE, EditKind.DEFINITION} else str(self.kind)

    def to_json(self) -> dict[str, str]:
        """As a change's parts name it."""
        return {"kind": str(self.kind), "key": self.key}


@dataclass(frozen=True, slots=True)
class Part:
    """The edits of one target, made against one version of it (0: it does not exist yet).

    `experiment` names the one they start, stop or decide. It is said by that experiment's own verbs
    and stays with the change: whoever looks after the experiment is asked, whatever the edits are.
    """

    target: Target
    edits: tuple[Edit, ...]
    expected_version: int
    experiment: str = ""


@dataclass(slots=True)
class Row:
    """A table's row (None: not there yet), its version and the document parsed from it."""

    row: Any
    version: int
    document: Any
    flag: Any = None


@dataclass(slots=True)
class Draft:
    """One target on its way: its row, where it was, and where the edits lead."""

    part: Part
    row: Row
    before: Any
    after: Any

    @property
    def kind(self) -> EditKind:
        return self.part.target.kind

    @property
    def key(self) -> str:
        return self.part.target.key

    @property
    def version(self) -> int:
        return self.row.version

    @property
    def is_change(self) -> bool:
        """Compared as JSON: to Python, true equals 1; to what SDKs are served it does not."""
        return not is_same_json(self.before_json, self.after_json)

    @property
    def before_json(self) -> Any:
        return json_of(self.kind, self.before)

    @property
    def after_json(self) -> Any:
        return json_of(self.kind, self.after)


def authorize(access: Access, parts: Sequence[Part], comment: str) -> None:
    """Refuse edits without their right, urgent ones without a reason, and what cannot be kept."""
    for index, part in enumerate(parts):
        check_storable(part.target.key, f"parts[{index}].target.key")
        for edit in part.edits:
            access.require(edit.permission)
            if edit.kind != part.target.kind:
                raise NotFound(f"{edit.name} is no edit of a {part.target.kind}")
            if edit.urgent and not comment.strip():
                raise ReasonMissing("A roll back asks for a reason.")
            # Forms make edits without `parse`.
            check_storable(to_json(edit), f"{part.target.key}.{edit.name}")
    check_storable(comment, "comment")
    _refuse_twice(parts)


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
    """Keys are taken in any case of letters; of units, policies and stewards there is one each."""
    return Target(target.kind, target.key.lower() if target.kind not in SINGLE else "")


def environments_of(access: Access, parts: Sequence[Part]) -> list[Environment]:
    """Where the parts may change what is served; archived environments are left as they are."""
    if any(part.target.kind in OWN for part in parts) and access.environment.archived_at:
        raise EnvironmentArchived(f"{access.environment.name} is archived: it takes no changes.")
    if all(part.target.kind in OWN for part in parts):
        return [access.environment]
    return living(access)


def refuse_archived(environments: Sequence[Environment]) -> None:
    """Once the heads are locked: one may have been archived while we waited for them."""
    ids = [environment.pk for environment in environments]
    rows = Environment.across_tenants.filter(pk__in=ids, archived_at__isnull=False)
    gone = rows.values_list("name", flat=True).first()
    if gone is not None:
        raise EnvironmentArchived(f"{gone} was archived a moment ago: it takes no changes.")


def living(access: Access) -> list[Environment]:
    """The project's environments that are not archived."""
    found = Environment.objects.within(access.project).filter(archived_at=None)
    return list(found.select_related("project__organization"))


def draft(access: Access, part: Part) -> Draft:
    """Where one part's edits lead, from the version they were made against."""
    row = load(access, part.target, creating=part.expected_version == 0)
    if row.version != part.expected_version:
        # A state nobody has touched is at version 0 without being new.
        if part.expected_version == 0 and part.target.kind in TABLES:
            raise AlreadyExists(
                f"The key {part.target.key} is taken, perhaps by something archived."
            )
        raise StaleVersion(part.target.key, expected=part.expected_version, actual=row.version)
    if row.document is None:
        if not isinstance(next(iter(part.edits), None), _CREATING):
            raise NotFound(
                f"There is no {part.target.kind} {part.target.key} in {access.project.name}."
            )
        part = replace(part, edits=tuple(edit.settled() for edit in part.edits))
    _check_restored(access, part)
    after = reduce(lambda document, edit: edit.apply(document), part.edits, row.document)
    if getattr(after, "key", part.target.key) != part.target.key:
        raise InvalidEdit(f"{after.key} is not {part.target.key}", where="key")
    return Draft(part, row, row.document, after)


def _check_restored(access: Access, part: Part) -> None:
    """What is brought back or copied must be what was in force: a roll back is never reviewed, and
    the sentence of a copy names its source."""
    for edit in part.edits:
        if isinstance(edit, Restore) and not _stood(access, part.target, edit):
            raise InvalidEdit(
                f"the {part.target.noun} never stood so at version {edit.version}",
                where="state",
            )
        if isinstance(edit, CopyState) and not _stood_elsewhere(access, part.target, edit):
            raise InvalidEdit(
                f"the flag never stood so in {edit.source} at version {edit.version}", where="state"
            )


def _stood_elsewhere(access: Access, target: Target, edit: CopyState) -> bool:
    rows = Environment.objects.within(access.project).select_related("project")
    source = rows.filter(key=edit.source).first()
    if source is None:
        return False
    there = access.at(source)
    now = load(there, target)
    is_now = now.version == edit.version and is_same_json(
        json_of(target.kind, now.document), edit.state
    )
    return is_now or _stood(there, target, edit)


def _stood(access: Access, target: Target, edit: Restore | CopyState) -> bool:
    if isinstance(edit, CopyState) and edit.version == 0:
        # Nobody had touched it there yet: it stood as the flag is defined.
        flag = Flag.objects.within(access.project).get(key=target.key)
        defined = FlagDefinition.from_json(flag.document)
        initial = own_part(state_of(defined, defined.initial()))
        return is_same_json(edit.state, initial)
    rows = touched(access, target.kind, target.key).filter(version=edit.version)
    states = [
        stored["after"]
        for row in rows.select_related("change")
        for stored in row.change.parts
        if stored["target"] == target.to_json()
    ]
    return any(is_same_json(edit.state, state) for state in states)


# --- documents as JSON


def json_of(kind: EditKind, document: Any) -> Any:
    """A document as it is stored: of a flag's state only the environment's part."""
    if document is None:
        return None
    return own_part(document) if kind == EditKind.STATE else document.to_json()


def is_same_json(one: object, other: object) -> bool:
    """Whether two documents say the same."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def part_json(draft: Draft, *, applied: bool) -> dict[str, Any]:
    """A part as the change keeps it: enough to show, replay and invert it."""
    return {
        "target": draft.part.target.to_json(),
        "edits": [to_json(edit) for edit in draft.part.edits],
        "sentences": [edit.sentence_from(draft.before) for edit in draft.part.edits],
        "base_version": draft.version,
        "applied_version": draft.version + 1 if applied else None,
        "before": draft.before_json,
        "after": draft.after_json,
        **({"experiment": draft.part.experiment} if draft.part.experiment else {}),
    }


def parts_of(stored: Sequence[Mapping[str, Any]]) -> list[Part]:
    """The parts a change keeps, as edits again."""
    return [
        Part(
            Target(EditKind(part["target"]["kind"]), part["target"]["key"]),
            parse_all(part["edits"], f"parts[{index}].edits"),
            part["base_version"],
            part.get("experiment", ""),
        )
        for index, part in enumerate(stored)
    ]


def content_hash(stored: Sequence[Mapping[str, Any]], *, environment: object, revision: int) -> str:
    """What an approval names: SHA-256 over what would change, from which versions to what, where."""
    named = ("target", "edits", "base_version", "after")
    content = {
        "environment": str(environment) if environment else None,
        "revision": revision,
        "parts": [{name: part[name] for name in named} for part in stored],
    }
    written = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


# --- rows and the documents in them


def load(access: Access, target: Target, *, creating: bool = False) -> Row:
    """A target's row and document; one that is about to be created may be missing."""
    if target.kind == EditKind.STATE:
        return _load_state(access, target.key)
    if target.kind in SINGLE:
        return _load_single(access, target.kind)
    table, parsed = TABLES[target.kind]
    rows = table.objects.within(access.project)
    row = rows.filter(key__iexact=target.key).first()
    if row is not None and (creating or row.key == target.key):
        return Row(row, row.version, parsed.from_json(row.document))
    if creating:
        return Row(None, 0, None)
    raise NotFound(f"There is no {target.kind} {target.key} in {access.project.name}.")


def _load_single(access: Access, kind: EditKind) -> Row:
    row: Any
    document: Any
    if kind == EditKind.UNITS:
        row = UnitTypesRow.objects.within(access.project).first()
        document = UnitTypes.from_json(row.document) if row else DEFAULT_UNITS
    elif kind == EditKind.STEWARDS:
        row = StewardsRow.objects.within(access.project).first()
        document = Stewards.from_json(row.document) if row else Stewards()
    else:
        row = ReviewPolicy.objects.within(access.environment).first()
        document = ReviewRules.from_json(row.document) if row else ReviewRules()
    return Row(row, row.version if row else 0, document)


def _load_state(access: Access, key: str) -> Row:
    flag = Flag.objects.within(access.project).filter(key=key).first()
    if flag is None:
        raise NotFound(f"There is no flag {key} in {access.project.name}.")
    definition = FlagDefinition.from_json(flag.document)
    own = FlagRow.objects.within(access.environment).filter(flag=flag).first()
    document = state_of(definition, own.document if own else definition.initial())
    return Row(own, own.version if own else 0, document, flag)
