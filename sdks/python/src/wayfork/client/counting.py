"""Evaluation counts per flag and variation: cheap to add to, read as differences."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wayfork.engine import Compiled

# A thread that was stopped between reading the table and adding to it gets this long to do so.
GRACE: Final = 5.0

Table = dict[str, dict[str | None, int]]


@dataclass(frozen=True, slots=True)
class Tally:
    """So many evaluations since the last look."""

    flag: str
    variation: str
    version: int
    count: int


class SnapshotCounts:
    """The counts under one snapshot.

    The table only ever grows and is never swapped or cleared, so an evaluation adds to it without a
    lock and without a loss; what is new is the difference to what was seen last time. Answers without
    a variation (errors) are added under None and not reported.
    """

    def __init__(self, compiled: Compiled) -> None:
        flags = compiled.snapshot.flags
        self.version = compiled.version
        self.table: Table = {
            key: dict.fromkeys([*(flags[key].variations if key in flags else ()), None], 0)
            for key in compiled.table()
        }
        self.retired_at: float | None = None
        self._reported: dict[tuple[str, str], int] = {}

    def news(self) -> Iterator[Tally]:
        """What was counted since the last call."""
        for flag, row in self.table.items():
            for variation, total in row.items():
                if variation is None or not total:
                    continue
                place = (flag, variation)
                count = total - self._reported.get(place, 0)
                if count:
                    self._reported[place] = total
                    yield Tally(flag, variation, self.version, count)


class Counting:
    """The counts of the snapshot in use and of those just replaced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: list[SnapshotCounts] = []

    def open(self, compiled: Compiled) -> Table:
        """A fresh table for a snapshot that is about to be used."""
        counts = SnapshotCounts(compiled)
        with self._lock:
            for old in self._live:
                old.retired_at = old.retired_at or time.monotonic()
            self._live.append(counts)
        return counts.table

    def news(self) -> list[Tally]:
        """What was counted since the last call, under whichever snapshot."""
        gone = time.monotonic() - GRACE
        with self._lock:
            found = [tally for counts in self._live for tally in counts.news()]
            self._live = [c for c in self._live if c.retired_at is None or c.retired_at > gone]
        return found
