"""Chains of lines walked from a place on, piece by piece: how far their hashes hold."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from django.db import connection
from django.db.models import DateTimeField, F, Func, QuerySet, TextField, Value
from django.db.models.functions import Cast

from accounts import audit
from accounts.models import AuditEntry

# Read at once: more lines would not be faster, and lines may be long.
CHUNK: Final = 5_000
SEQUENCE: Final = audit.HASHED.index("sequence")
# What walks a chain of many pieces.
THREADS: Final = 2
FEWEST_PIECES: Final = 4

# Hashed fields, the hash before them, their own.
Line: TypeAlias = tuple[Sequence[object], str, str]


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

    def contradicts(self, sequence: int, kept_hash: str) -> bool:
        """Whether a line is another than it was when its hash was kept."""
        return self.hashes.get(sequence, kept_hash) != kept_hash


class Broken(Exception):
    """The chain does not hold at a line."""

    def __init__(self, sequence: int, sentence: str) -> None:
        super().__init__(sentence)
        self.sequence = sequence


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a chain: the line before them, how far they hold, and where they do not."""

    start: Place
    upto: Place
    broken: Broken | None = None


def pieces(rows: QuerySet[AuditEntry], start: Place, end: int, anchors: Anchors) -> Iterator[Piece]:
    """The chain piece by piece, in its order, each from the hash stored before it.

    A long one is walked by several threads: the database writes the lines of one piece as text
    while those of another are hashed. Not within a transaction, whose lines others do not see.
    """

    def walked(after: int) -> Piece:
        known = start if after == start.sequence else _stored(rows, after)
        return _walked(_lines(rows, after, min(after + CHUNK, end)), known, anchors)

    def walked_elsewhere(after: int) -> Piece:
        try:
            return walked(after)
        finally:
            connection.close()

    begins = range(start.sequence, end, CHUNK)
    is_open = connection.vendor == "postgresql" and not connection.in_atomic_block
    if not is_open or len(begins) < FEWEST_PIECES:
        yield from map(walked, begins)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(walked_elsewhere, begins)


def _stored(rows: QuerySet[AuditEntry], sequence: int) -> Place:
    kept = rows.filter(sequence=sequence).values_list("hash", flat=True).first()
    return Place(sequence, kept or "")


def _walked(lines: Iterable[Line], start: Place, anchors: Anchors) -> Piece:
    sequence, hash_ = start.sequence, start.hash
    for content, previous_hash, kept_hash in lines:
        problem = _problem(sequence + 1, hash_, content, previous_hash, kept_hash)
        if problem:
            return Piece(start, Place(sequence, hash_), Broken(sequence + 1, problem))
        sequence, hash_ = sequence + 1, kept_hash
        if anchors.contradicts(sequence, hash_):
            problem = f"line {sequence} is not the one that was anchored"
            return Piece(start, Place(sequence - 1, previous_hash), Broken(sequence, problem))
    return Piece(start, Place(sequence, hash_))


def _problem(
    sequence: int, before: str, content: Sequence[object], previous_hash: str, kept_hash: str
) -> str:
    """Why a line does not follow what is before it, in a sentence; empty if it does."""
    if content[SEQUENCE] != sequence:
        return f"line {sequence} is missing"
    if previous_hash != before:
        return f"line {sequence} does not follow the line before it"
    if audit.chained(previous_hash, content) != kept_hash:
        return f"line {sequence} was changed after it was written"
    return ""


def _lines(rows: QuerySet[AuditEntry], after: int, end: int) -> Iterator[Line]:
    """The hashed fields of each line, with the hash before it and its own.

    Between two sequences: of all lines at once PostgreSQL would sort gigabytes.
    """
    wanted = rows.filter(sequence__gt=after, sequence__lte=end).order_by("sequence")
    if connection.vendor == "postgresql":
        # Taken as text, as the hash covers them: read into objects and written again, a million
        # lines take four times as long.
        texts = {f"{name}_text": TEXTS.get(name, _as_text)(name) for name in audit.HASHED}
        lines = wanted.annotate(**texts).values_list(*texts, "previous_hash", "hash")
        for *content, previous_hash, kept_hash in lines:
            yield content, previous_hash, kept_hash
        return
    for values in wanted.values_list(*audit.HASHED, "previous_hash", "hash"):
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
