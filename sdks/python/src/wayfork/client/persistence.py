"""The last known good snapshot on disk: written whole or not at all, readable by its owner only."""

import os
from pathlib import Path

from wayfork.client.errors import SnapshotRejected


def read(path: Path, limit: int) -> bytes | None:
    """The stored document; None when there is none. Never reads more than the limit allows."""
    try:
        with path.open("rb") as file:
            document = file.read(limit + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise SnapshotRejected(f"{path} cannot be read: {fault}") from fault
    if len(document) > limit:
        raise SnapshotRejected(f"{path} is over the limit of {limit} bytes")
    return document


def write(path: Path, document: bytes) -> None:
    """Replace the stored document in one step, so that a reader or a crash never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
