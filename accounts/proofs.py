"""Proves that an organization's ledger is whole: hashes, order, end, and heads kept elsewhere."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit, chains
from accounts.chains import Anchors, Broken, Place
from accounts.models import AuditEntry, AuditHead, AuditProof, AuditSubject, Organization

log = logging.getLogger(__name__)

NO_ANCHORS: Final = Anchors()
BEGINNING: Final = Place()


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found: so many lines hold together up to a place, or where the first does not."""

    checked: int
    upto: Place
    problem: str = ""
    broken_at: int | None = None


def prove(
    organization: Organization, *, anchors: Anchors = NO_ANCHORS, start: Place = BEGINNING
) -> Proof:
    """Walk the chain from a place on, and name the first line at which it breaks."""
    head = _head(organization)
    rows = AuditEntry.objects.within(organization)
    at = start
    try:
        for piece in chains.pieces(rows, start, head.sequence, anchors):
            _check_seam(at, piece.start)
            at = piece.upto
            if piece.broken is not None:
                raise piece.broken
        _check_end(organization, rows, at, head, anchors)
    except Broken as broken:
        return Proof(at.sequence - start.sequence, at, str(broken), broken.sequence)
    return Proof(at.sequence - start.sequence, at)


def _head(organization: Organization) -> Place:
    found = AuditHead.objects.filter(organization=organization).first()
    return Place(found.sequence, found.hash) if found else Place()


def _check_seam(at: Place, start: Place) -> None:
    """A piece begins with the line at which the one before it ended."""
    if at.sequence < start.sequence:
        raise Broken(at.sequence + 1, f"line {at.sequence + 1} is missing")
    if at != start:
        raise Broken(at.sequence, f"line {at.sequence} was changed after it was written")


def _check_end(
    organization: Organization,
    rows: QuerySet[AuditEntry],
    at: Place,
    head: Place,
    anchors: Anchors,
) -> None:
    """The last line is the head's, none stands behind it, and no anchor names a later one."""
    if at.sequence < head.sequence:
        raise Broken(at.sequence + 1, f"line {at.sequence + 1} is missing at the end")
    if at != head:
        raise Broken(at.sequence, f"line {at.sequence} is not the one the head names")
    # In this order: a line written meanwhile moves the head as well.
    last = rows.order_by("-sequence").values_list("sequence", flat=True).first() or 0
    now = _head(organization)
    if last > now.sequence:
        raise Broken(now.sequence + 1, f"line {now.sequence + 1} stands behind the head")
    if anchors.last > now.sequence:
        raise Broken(now.sequence + 1, f"lines up to {anchors.last} were anchored and are missing")


def check_index(organization: Organization) -> str:
    """A sentence if the index of subjects lacks rows or has some too many; it proves nothing else."""
    head = _head(organization)
    rows = AuditEntry.objects.within(organization).filter(sequence__lte=head.sequence)
    kept = rows.values_list("subjects", flat=True).iterator(chunk_size=chains.CHUNK)
    wanted = sum(len(audit.terms(subjects)) for subjects in kept)
    indexed = AuditSubject.objects.within(organization).filter(sequence__lte=head.sequence)
    found = indexed.count()
    return "" if found == wanted else f"the index holds {found} of {wanted} subjects"


# --- heads kept outside the database


def anchor(path: Path, *, only_moved: bool = False) -> int:
    """Append the head of every chain to a file; returns how many were written."""
    known = read_anchors(path) if only_moved and path.exists() else {}
    heads = AuditHead.objects.select_related("organization").order_by("organization__key")
    moved = [
        head for head in heads if known.get(head.organization.pk, Anchors()).last != head.sequence
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for head in moved:
            line = anchor_line(head)
            file.write(line + "\n")
            # Where logs are collected, the head is kept there as well.
            log.info("audit anchor %s", line)
    return len(moved)


def anchor_line(head: AuditHead) -> str:
    """A head as one line of JSON."""
    kept = {
        "at": timezone.now().isoformat(timespec="seconds"),
        "organization": str(head.organization.pk),
        "key": head.organization.key,
        "sequence": head.sequence,
        "hash": head.hash,
    }
    return json.dumps(kept)


class BadAnchor(ValueError):
    """A line of the file is no anchor."""


def read_anchors(path: Path) -> dict[UUID, Anchors]:
    """The anchors in a file, by organization."""
    found: dict[UUID, dict[int, str]] = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                kept = json.loads(line)
                organization, place = UUID(kept["organization"]), (kept["sequence"], kept["hash"])
            except (ValueError, KeyError, TypeError) as error:
                raise BadAnchor(f"{path}, line {number} is no anchor") from error
            found.setdefault(organization, {})[int(place[0])] = str(place[1])
    return {organization: Anchors(hashes) for organization, hashes in found.items()}


# --- who could get past the triggers


def overpowered_role() -> str:
    """The role of this connection, if it owns the ledger or may change its lines; else empty.

    An owner can switch the triggers off (docs/operations/database-roles.md).
    """
    if connection.vendor != "postgresql":
        return ""
    tables = [AuditEntry._meta.db_table, AuditSubject._meta.db_table]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user FROM pg_class WHERE relname = ANY(%s)"
            " AND (pg_has_role(relowner, 'MEMBER') OR has_table_privilege(oid, 'UPDATE, DELETE'))",
            [tables],
        )
        found = cursor.fetchone()
    return str(found[0]) if found else ""


# --- what the pages show


def keep_proofs(path: Path, *, whole: bool) -> list[AuditProof]:
    """Prove every chain, from where it was last proved or from its beginning; keep what was found."""
    anchors = read_anchors(path) if path.exists() else {}
    return [
        _keep(organization, anchors.get(organization.pk, Anchors()), whole=whole)
        for organization in Organization.objects.order_by("key")
    ]


def _keep(organization: Organization, anchors: Anchors, *, whole: bool) -> AuditProof:
    before = AuditProof.objects.filter(organization=organization).first()
    # What was broken once is looked at from the beginning until it is mended.
    known = before is not None and not before.problem and not whole
    start = Place(before.sequence, before.hash) if known and before is not None else Place()
    found = prove(organization, anchors=anchors, start=start)
    if found.problem:
        log.error("the audit history of %s is broken: %s", organization.key, found.problem)
    kept, _ = AuditProof.objects.update_or_create(
        organization=organization,
        defaults={
            "sequence": found.upto.sequence,
            "hash": found.upto.hash,
            "at": timezone.now(),
            "problem": found.problem,
        },
    )
    return kept
