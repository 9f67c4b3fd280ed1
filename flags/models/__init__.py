"""The tables of flags, changes and snapshots.

`flags.models.state` is imported so that Django finds its tables, but its classes are not offered
here: only changes, queries and snapshots may touch them.
"""

import flags.models.state as _state  # noqa: F401
from flags.models.change import Change, ChangeComment, ChangeRevision, Review
from flags.models.connection import SdkConnection
from flags.models.context import ContextSample
from flags.models.snapshot import Snapshot, SnapshotHead

__all__ = [
    "Change",
    "ChangeComment",
    "ChangeRevision",
    "ContextSample",
    "Review",
    "SdkConnection",
    "Snapshot",
    "SnapshotHead",
]
