"""Which snapshots may be used: the rules a document must pass before it replaces the one in use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wayfork.client.errors import SnapshotRejected
from wayfork.engine import (
    SCHEMA,
    Compiled,
    ParseError,
    compile_snapshot,
    parse_snapshot,
    verify_checksum,
)

# A fifth of the flags gone at once is taken for a fault unless the publisher says it was meant.
SHRINK_LIMIT: Final = 0.8


@dataclass(frozen=True, slots=True)
class Accepted:
    """A snapshot fit for use, with the very bytes it came as (None when it was never bytes)."""

    compiled: Compiled
    document: bytes | None


def accept(document: bytes, current: Compiled | None, limit: int) -> Accepted:
    """Judge bytes from the server or the disk against what is in use; SnapshotRejected says why not."""
    if len(document) > limit:
        raise SnapshotRejected(f"{len(document)} bytes is over the limit of {limit}")
    found = _decoded(document)
    _check_schema(found)
    if not verify_checksum(document):
        raise SnapshotRejected("the checksum does not match the document")
    return Accepted(_fit(found, current), document)


def accept_mapping(found: Mapping[str, object], current: Compiled | None) -> Accepted:
    """The same for a bootstrap that is a mapping already; it has no bytes to check."""
    _check_schema(found)
    return Accepted(_fit(found, current), None)


def _decoded(document: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(document)
    except (ValueError, RecursionError) as fault:
        raise SnapshotRejected(f"not JSON: {fault}") from fault
    if not isinstance(found, dict):
        raise SnapshotRejected("not a JSON object")
    return found


def _check_schema(found: Mapping[str, object]) -> None:
    schema = found.get("schema")
    if isinstance(schema, bool) or schema != SCHEMA:
        raise SnapshotRejected(f"schema {schema!r} is not {SCHEMA}, the one this SDK knows")


def _fit(found: Mapping[str, object], current: Compiled | None) -> Compiled:
    try:
        compiled = compile_snapshot(parse_snapshot(found))
    except ParseError as fault:
        raise SnapshotRejected(f"not a snapshot: {fault}") from fault
    except Exception as fault:
        # Whatever a hostile document does to the compiler, the snapshot in use stays.
        raise SnapshotRejected(f"cannot be compiled: {fault!r}") from fault
    if current is not None and _same_environment(compiled, current):
        _check_progress(compiled, current)
    return compiled


def _same_environment(new: Compiled, old: Compiled) -> bool:
    one, other = new.snapshot, old.snapshot
    return (one.project, one.environment) == (other.project, other.environment)


def _check_progress(new: Compiled, old: Compiled) -> None:
    if (new.epoch, new.version) < (old.epoch, old.version):
        raise SnapshotRejected(
            f"version {new.epoch}.{new.version} is older than {old.epoch}.{old.version}"
        )
    # Flags this SDK cannot read are there all the same.
    before, after = len(old.table()), len(new.table())
    if before and after <= before * SHRINK_LIMIT and not new.snapshot.shrunk:
        raise SnapshotRejected(f"{after} flags where there were {before}, and not marked as shrunk")
