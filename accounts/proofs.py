"""Proves that an organization's ledger is whole: hashes, order, end, and heads kept elsewhere."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import DateTimeField, F, Func, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, AuditHead, AuditProof, AuditSubject, Organization

log = logging.getLogger(__name__)

# Read at once: more lines would not be faster, and lines may be long.
CHUNK: Final = 5_000
SEQUENCE: Final = audit.HASHED.index("sequence")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a chain: the line up to which all is known, and its hash."""

    sequence: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Heads of one organization's chain that were kept outside the database, by sequence."""

    hashes: Mapping[int, str] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return max(self.hashes, default=0)

    def contradicts(self, place: Place) -> bool:
        """Whether a line is another than it was when its hash was kept."""
        return self.hashes.get(place.sequence, place.hash) != place.hash


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found: so many lines hold together up to a place, or where the first does not."""

    checked: int
    upto: Place
    problem: str = ""
    broken_at: int | None = None


class _Broken(Exception):
    """The chain does not hold at a line."""

    def __init__(self, sequence: int, sentence: str) -> None:
        super().__init__(sentence)
        self.sequence = sequence


def prove(
    organization: Organization, *, anchors: Anchors = Anchors(), start: Place = Place()
) -> Proof:
    """Walk the chain from a place on, and name the first line at which it breaks."""
    head = _head(organization)
    rows = AuditEntry.objects.within(organization)
    at = start
    try:
        for place in _walk(rows, start, head.sequence, anchors):
            at = place
        _check_end(organization, rows, at, head, anchors)
    except _Broken as broken:
        return Proof(at.sequence - start.sequence, at, str(broken), broken.sequence)
    return Proof(at.sequence - start.sequence, at)


def _head(organization: Organization) -> Place:
    found = AuditHead.objects.filter(organization=organization).first()
    return Place(found.sequence, found.hash) if found else Place()


def _walk(rows: QuerySet[AuditEntry], start: Place, end: int, anchors: Anchors) -> Iterator[Place]:
    at = start
    for content, previous_hash, kept_hash in _lines(rows, start, end):
        at = _check_line(at, content, previous_hash, kept_hash)
        if anchors.contradicts(at):
            raise _Broken(at.sequence, f"line {at.sequence} is not the one that was anchored")
        yield at


def _lines(
    rows: QuerySet[AuditEntry], start: Place, end: int
) -> Iterator[tuple[Sequence[object], str, str]]:
    """The hashed fields of each line, with the hash before it and its own."""
    wanted = rows.filter(sequence__gt=start.sequence, sequence__lte=end).order_by("sequence")
    if connection.vendor == "postgresql":
        # Taken as text, as the hash covers them: read into objects and written again, a million
        # lines take four times as long.
        texts = {f"{name}_text": TEXTS.get(name, _as_text)(name) for name in audit.HASHED}
        lines = wanted.annotate(**texts).values_list(*texts, "previous_hash", "hash")
        for *content, previous_hash, kept_hash in lines.iterator(chunk_size=CHUNK):
            yield content, previous_hash, kept_hash
        return
    for values in wanted.values_list(*audit.HASHED, "previous_hash", "hash").iterator(CHUNK):
        named = zip(audit.HASHED, values, strict=False)
        content = [
            audit.as_text(value) if name in audit.DOCUMENTS else audit.plain(value)
            for name, value in named
        ]
        yield content, values[-2], values[-1]


def _as_text(name: str) -> Any:
    return Cast(name, TextField())


def _as_moment(name: str) -> Any:
    in_utc = Func(Value("UTC"), F(name), function="timezone", output_field=DateTimeField())
    form = Value('YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
    return Func(in_utc, form, function="to_char", output_field=TextField())


TEXTS: Final[Mapping[str, Any]] = {"sequence": F, "at": _as_moment}


def _check_line(
    before: Place, content: Sequence[object], previous_hash: str, kept_hash: str
) -> Place:
    sequence = before.sequence + 1
    if content[SEQUENCE] != sequence:
        raise _Broken(sequence, f"line {sequence} is missing")
    if previous_hash != before.hash:
        raise _Broken(sequence, f"line {sequence} does not follow the line before it")
    if audit.chained(previous_hash, content) != kept_hash:
        raise _Broken(sequence, f"line {sequence} was changed after it was written")
    return Place(sequence, kept_hash)


def _check_end(
    organization: Organization,
    rows: QuerySet[AuditEntry],
    at: Place,
    head: Place,
    anchors: Anchors,
) -> None:
    """The last line is the head's, none stands behind it, and no anchor names a later one."""
    if at.sequence < head.sequence:
        raise _Broken(at.sequence + 1, f"line {at.sequence + 1} is missing at the end")
    if at != head:
        raise _Broken(at.sequence, f"line {at.sequence} is not the one the head names")
    # In this order: a line written meanwhile moves the head as well.
    last = rows.order_by("-sequence").values_list("sequence", flat=True).first() or 0
    now = _head(organization)
    if last > now.sequence:
        raise _Broken(now.sequence + 1, f"line {now.sequence + 1} stands behind the head")
    if anchors.last > now.sequence:
        raise _Broken(now.sequence + 1, f"lines up to {anchors.last} were anchored and are missing")


def check_index(organization: Organization) -> str:
    """A sentence if the index of subjects lacks rows or has some too many; it proves nothing else."""
    head = _head(organization)
    rows = AuditEntry.objects.within(organization).filter(sequence__lte=head.sequence)
    kept = rows.values_list("subjects", flat=True).iterator(chunk_size=CHUNK)
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
