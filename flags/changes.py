"""The door: the one path by which anything an SDK is served can change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.access import Access
from accounts.errors import NotFound, ReasonMissing
from accounts.models import Environment
from accounts.permissions import Permission
from flags import (
    acts,
    announcements,
    guards,
    matters,
    queries,
    quorums,
    records,
    review,
    snapshots,
    subjects,
    witnesses,
)
from flags.drafting import (
    OWN,
    SINGLE,
    TABLES,
    Draft,
    EnvironmentArchived,
    Part,
    StaleVersion,
    Target,
    authorize,
    draft,
    environments_of,
    load,
    part_json,
    refuse_archived,
)
from flags.edits import (
    Edit,
    EditKind,
    Kill,
    Restore,
    RestoreDefinition,
    RestoreSegment,
    RestoreState,
    check_storable,
)
from flags.matters import Matter
from flags.models.change import Change
from flags.models.state import FlagRow, ReviewPolicy
from flags.models.state import Stewards as StewardsRow
from flags.models.state import UnitTypes as UnitTypesRow
from flags.review import Verdict
from flags.snapshots import Published

__all__ = [
    "Applied",
    "EnvironmentArchived",
    "Outcome",
    "Part",
    "Pending",
    "Proposal",
    "ReasonMissing",
    "StaleVersion",
    "Target",
    "Unchanged",
    "bypass_all",
    "definition",
    "kill",
    "roll_back",
    "segment",
    "state",
    "submit",
    "submit_all",
    "way_back",
]

# What has a way back that asks nobody (docs/adr/0019).
RESTORES: Final[Mapping[EditKind, type[Restore]]] = {
    EditKind.STATE: RestoreState,
    EditKind.DEFINITION: RestoreDefinition,
    EditKind.SEGMENT: RestoreSegment,
}


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


@dataclass(frozen=True, slots=True)
class Proposal:
    """Edits that were permitted and computed while the heads are locked; nothing is written yet."""

    access: Access
    environments: tuple[Environment, ...]
    heads: tuple[Any, ...]
    drafts: tuple[Draft, ...]
    comment: str

    @property
    def changed(self) -> list[Draft]:
        """The parts that lead somewhere else."""
        return [one for one in self.drafts if one.is_change]


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
    experiment: str = "",
) -> Outcome:
    """Change one target. See `submit_all`, and `Part` for the experiment."""
    part = Part(target, tuple(edits), expected_version, experiment)
    return submit_all(access, [part], comment=comment)


def submit_all(access: Access, parts: Sequence[Part], *, comment: str = "") -> Outcome:
    """Authorize, lock, compute, review, write, record, publish, announce: all parts or none.

    Raises NotPermitted, StaleVersion, InvalidEdit, Objected, CodeFreeze, UnservableSnapshot or
    SnapshotTooLarge; then nothing was written.
    """
    with transaction.atomic():
        proposal = propose(access, parts, comment)
        if not proposal.changed:
            return Unchanged(proposal.drafts[0].version)
        hear_objections(proposal)
        judged = matters.of_drafts(proposal.changed)
        review.check_freeze(access, proposal.environments, judged)
        verdict = review.verdict(access, proposal.environments, judged)
        if verdict.needs_approval:
            try_out(proposal)
            return Pending(store_request(proposal, verdict))
        return carry_out(proposal, past_review=_goes_past_review(proposal, judged))


def _goes_past_review(proposal: Proposal, judged: Sequence[Matter]) -> bool:
    """Whether others would be asked, were it not a kill or a roll back: they are told instead."""
    if not any(edit.urgent for one in proposal.changed for edit in one.part.edits):
        return False
    ordinary = [replace(matter, edits=None) for matter in judged]
    return review.verdict(proposal.access, proposal.environments, ordinary).needs_approval


def roll_back(
    access: Access, target: Target, *, to: Change, reason: str, expected_version: int | None = None
) -> Outcome:
    """Bring a flag's state, its definition or a segment back to what it was after an earlier
    change: a new, higher version, past any review and freeze.

    Without an expected version it is rolled back from wherever it stands.
    """
    edit = way_back(access, target, to)
    return _at_once(access, target, edit, reason, expected_version)


def way_back(access: Access, target: Target, to: Change) -> Restore:
    """The edit that brings back what a change left; it must have been in force here."""
    here = queries.touched(access, target.kind, target.key).filter(change=to)
    part = next((one for one in to.parts if one["target"] == target.to_json()), None)
    if part is None or to.status != Change.Status.APPLIED or not here.exists():
        raise NotFound(f"No change of this {target.noun} here led to that.")
    return RESTORES[target.kind](part["after"], part["applied_version"])


def kill(
    access: Access, flag_key: str, *, reason: str, expected_version: int | None = None
) -> Outcome:
    """Turn a flag off here, from wherever it stands, past any review and freeze."""
    return _at_once(access, state(flag_key), Kill(), reason, expected_version)


def _at_once(
    access: Access, target: Target, edit: Edit, reason: str, expected_version: int | None
) -> Outcome:
    with transaction.atomic():
        snapshots.lock_heads(environments_of(access, [Part(target, (edit,), 0)]))
        row = load(access, target)
        expected = row.version if expected_version is None else expected_version
        return submit(access, target, [edit], expected_version=expected, comment=reason)


def bypass_all(access: Access, parts: Sequence[Part], *, reason: str) -> Outcome:
    """Apply at once in an emergency: past review and freeze, by nobody's eyes but one's own.

    Everything else holds: rights, versions, objections, what SDKs can load. Somebody else has to
    look at it afterwards.
    """
    access.require(Permission.BYPASS_REVIEW)
    require_reason(reason, "Going past review asks for a reason.")
    with transaction.atomic():
        proposal = propose(access, parts, reason)
        if not proposal.changed:
            return Unchanged(proposal.drafts[0].version)
        hear_objections(proposal)
        return carry_out(proposal, bypassed=True)


def require_reason(reason: str, sentence: str) -> None:
    """Refuse an act that has to be explained and is not."""
    check_storable(reason, "reason")
    if not reason.strip():
        raise ReasonMissing(sentence)


# --- the steps


def propose(access: Access, parts: Sequence[Part], comment: str) -> Proposal:
    """Authorize, lock, compute. Call it inside a transaction."""
    authorize(access, parts, comment)
    environments = environments_of(access, parts)
    # The heads are locked first: two edits of different flags must not publish
    # snapshots that each miss the other's edit.
    heads = snapshots.lock_heads(environments)
    refuse_archived(environments)
    drafts = [draft(access, part) for part in parts]
    review.narrow(access, matters.of_drafts(drafts))
    review.check_teams(access, drafts)
    quorums.check(access.project, drafts)
    return Proposal(access, tuple(environments), tuple(heads), tuple(drafts), comment)


def hear_objections(proposal: Proposal) -> None:
    """Let the other rooms object; raises Objected with every sentence."""
    heard = [
        sentence
        for one in proposal.changed
        for sentence in guards.objections(
            guards.Proposed(
                proposal.access,
                proposal.environments,
                one.kind,
                one.key,
                one.part.edits,
                one.before,
                one.after,
            )
        )
    ]
    if heard:
        raise guards.Objected(" ".join(heard), objections=heard)


def try_out(proposal: Proposal) -> None:
    """Publish and take it back: what SDKs could not load is not worth anybody's review."""
    with transaction.atomic():
        _publish(proposal, None)
        transaction.set_rollback(True)


def carry_out(
    proposal: Proposal,
    change: Change | None = None,
    *,
    bypassed: bool = False,
    by_itself: bool = False,
    past_review: bool = False,
) -> Applied:
    """Write, record, publish, announce: the proposal is in force. With a request, as that one."""
    drafts = proposal.changed
    if change is None:
        change = _new_change(proposal, Change.Status.APPLIED)
        if bypassed:
            # Somebody has to look at it afterwards: it is found as a request is.
            records.number(change)
    _mark_applied(proposal, change, bypassed=bypassed)
    published = _publish(proposal, change)
    if bypassed:
        audit.record(
            records.at_change(proposal.access, change),
            "change.bypassed",
            records.named(change),
            after=records.facts(change),
            reason=proposal.comment,
            subjects=subjects.of_applied(change, published),
        )
    ways = {"bypassed": bypassed, "by_itself": by_itself, "past_review": past_review}
    taken = [way for way, was_taken in ways.items() if was_taken]
    _record(proposal, change, published, taken)
    witnesses.tell(proposal.access, change, by_itself=by_itself)
    for snapshot in published:
        transaction.on_commit(partial(_announce, snapshot))
    return Applied(change, drafts[0].version + 1, published)


def store_request(
    proposal: Proposal, verdict: Verdict, *, supersedes: Change | None = None, **fields: Any
) -> Change:
    """Keep the proposal as a change request, with a number of its own and its first revision."""
    change = _new_change(proposal, Change.Status.OPEN, supersedes=supersedes, **fields)
    records.submitted(proposal.access, change, verdict)
    return change


def _new_change(proposal: Proposal, status: Change.Status, **fields: Any) -> Change:
    access = proposal.access
    has_own = any(one.kind in OWN for one in proposal.changed)
    return Change(
        project=access.project,
        environment=access.environment if has_own else None,
        author=access.actor.responsible,
        author_label=access.actor.label,
        status=status,
        parts=[part_json(one, applied=False) for one in proposal.changed],
        comment=proposal.comment,
        **fields,
    )


def _mark_applied(proposal: Proposal, change: Change, *, bypassed: bool) -> None:
    now = timezone.now()
    change.status = Change.Status.APPLIED
    change.parts = [part_json(one, applied=True) for one in proposal.changed]
    change.applied_at = change.closed_at = now
    change.applied_by = proposal.access.actor.user
    change.applied_by_label = proposal.access.actor.label
    change.bypassed = bypassed
    change.bypass_reason = proposal.comment if bypassed else ""
    change.save()
    records.name_targets(change)


def _publish(proposal: Proposal, change: Change | None) -> tuple[Published, ...]:
    for one in proposal.changed:
        _write(proposal.access, one)
    published = [snapshots.publish(head, change) for head in proposal.heads]
    return tuple(snapshot for snapshot in published if snapshot is not None)


def _record(
    proposal: Proposal, change: Change, published: Sequence[Published], ways: Sequence[str]
) -> None:
    done = acts.of_drafts(proposal.changed)
    request = {"number": change.number, "revision": change.revision} if change.number else {}
    audit.record(
        records.at_change(proposal.access, change),
        done[0].name,
        acts.named(done),
        before=records.documents(change, "before"),
        after={
            "change": str(change.id),
            **request,
            **({"author": change.author_label} if change.number else {}),
            **dict.fromkeys(ways, True),
            "sentences": records.sentences(change),
            **records.documents(change, "after"),
        },
        reason=proposal.comment,
        subjects=subjects.of_applied(change, published, acts.beside(done)),
    )


def _announce(snapshot: Published) -> None:
    announcements.announce(
        snapshot.environment.pk, snapshot.epoch, snapshot.version, snapshot.changed_keys
    )


# --- the only writes of what SDKs are served

_SINGLES: Mapping[EditKind, Any] = {
    EditKind.UNITS: UnitTypesRow,
    EditKind.STEWARDS: StewardsRow,
}


def _write(access: Access, draft: Draft) -> None:
    kind, row, document = draft.kind, draft.row.row, draft.after_json
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
        table = _SINGLES[kind] if kind in SINGLE else TABLES[kind][0]
        table.objects.create(project=access.project, key=draft.key, version=1, document=document)
