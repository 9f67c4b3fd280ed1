"""What is believed now: the snapshot in use, where it came from, and how fresh that is."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from wayfork.client import persistence
from wayfork.client.acceptance import Accepted, accept, accept_mapping
from wayfork.client.changes import Change, Listener, changed_keys
from wayfork.client.errors import ListenerFailed, SnapshotRejected
from wayfork.client.options import Options
from wayfork.engine import Compiled, Unit

Source = Literal["none", "bootstrap", "disk", "live"]
Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Belief:
    """A compiled snapshot and its origin; `confirmed` is when the server last vouched for it."""

    compiled: Compiled
    source: Source
    confirmed: float


class Truth:
    """Holds one belief and replaces it only by a snapshot that passes every rule."""

    def __init__(
        self,
        options: Options,
        environment: str | None,
        use: Callable[[Compiled], None],
        report: Callable[[Exception], None],
    ) -> None:
        self._options = options
        self._environment = environment
        self._use = use
        self._report = report
        self._listeners: list[tuple[str | None, Listener]] = []
        self.belief: Belief | None = None
        self.rejected = 0
        self.revive()

    def revive(self) -> None:
        """Fresh locks: those inherited over a fork may be held by a thread that is not here."""
        self._lock = threading.Lock()
        self.settled = threading.Event()
        if self.is_live:
            self.settled.set()

    @property
    def compiled(self) -> Compiled | None:
        """The snapshot in use."""
        return self.belief.compiled if self.belief else None

    @property
    def is_live(self) -> bool:
        """Whether the server itself sent or confirmed what is in use."""
        return self.belief is not None and self.belief.source == "live"

    @property
    def position(self) -> Position:
        """(epoch, version) in use, as far as it can be compared with the server's."""
        belief = self.belief
        if belief is None or belief.source == "bootstrap":
            return (0, -1)
        return (belief.compiled.epoch, belief.compiled.version)

    @property
    def etag(self) -> str | None:
        """What to show the server so that it need not send again what we have."""
        belief = self.belief
        if belief is None or belief.source == "bootstrap" or not belief.compiled.snapshot.checksum:
            return None
        return f'"{belief.compiled.snapshot.checksum}"'

    def units(self) -> Sequence[Unit] | None:
        """The project's units; None while nobody has told us."""
        return self.belief.compiled.snapshot.units if self.belief else None

    def age(self) -> float | None:
        """Seconds since the server last vouched for what is in use; None when it never did."""
        belief = self.belief
        return time.monotonic() - belief.confirmed if belief and belief.confirmed else None

    def remember(self) -> None:
        """Start from the disk, else from the bundled bootstrap; whatever is wrong there is ignored."""
        for source, load in (("disk", self._from_disk), ("bootstrap", self._from_bootstrap)):
            try:
                accepted = load()
            except SnapshotRejected as fault:
                self.rejected += 1
                self._report(SnapshotRejected(f"the {source} snapshot is ignored: {fault}"))
                continue
            if accepted is not None:
                self._use(accepted.compiled)
                origin: Source = "disk" if source == "disk" else "bootstrap"
                self.belief = Belief(accepted.compiled, origin, 0.0)
                return

    def take(self, document: bytes) -> None:
        """Use a snapshot the server sent; SnapshotRejected when it must not be used."""
        with self._lock:
            before = self.compiled
            try:
                accepted = accept(document, before, self._options.max_snapshot_bytes)
            except SnapshotRejected:
                self.rejected += 1
                raise
            self._believe(accepted.compiled)
        self._store(document)
        self._tell(before, accepted.compiled)

    def adopt(self, compiled: Compiled) -> None:
        """Use a snapshot made in this process: there is nothing to distrust."""
        before = self.compiled
        self._believe(compiled)
        self._tell(before, compiled)

    def confirm(self) -> None:
        """The server says that what we have is current."""
        if self.belief is not None:
            self.belief = replace(self.belief, source="live", confirmed=time.monotonic())
            self.settled.set()

    def listen(self, key: str | None, listener: Listener) -> Callable[[], None]:
        """Call the listener on each change (of that flag); returns how to stop."""
        entry = (key, listener)
        self._listeners = [*self._listeners, entry]

        def stop() -> None:
            self._listeners = [known for known in self._listeners if known is not entry]

        return stop

    def _believe(self, compiled: Compiled) -> None:
        self._use(compiled)
        self.belief = Belief(compiled, "live", time.monotonic())
        self.settled.set()

    def _tell(self, before: Compiled | None, after: Compiled) -> None:
        if not self._listeners:
            return
        keys = changed_keys(before.snapshot if before else None, after.snapshot)
        if not keys:
            return
        change = Change(keys, after.epoch, after.version)
        for key, listener in self._listeners:
            if key is not None and key not in keys:
                continue
            try:
                listener(change)
            except Exception as fault:  # noqa: BLE001 - a listener is not ours
                failed = ListenerFailed(f"a change listener raised {fault!r}")
                failed.__cause__ = fault
                self._report(failed)

    def _from_disk(self) -> Accepted | None:
        path = self._options.snapshot_path
        if path is None:
            return None
        document = persistence.read(Path(path), self._options.max_snapshot_bytes)
        if document is None:
            return None
        accepted = accept(document, None, self._options.max_snapshot_bytes)
        found = accepted.compiled.snapshot.environment
        if self._environment is not None and found != self._environment:
            raise SnapshotRejected(f"it is of {found!r}, the key is for {self._environment!r}")
        return accepted

    def _from_bootstrap(self) -> Accepted | None:
        given = self._options.bootstrap
        match given:
            case None:
                return None
            case bytes():
                return accept(given, None, self._options.max_snapshot_bytes)
            case str() | Path():
                document = persistence.read(Path(given), self._options.max_snapshot_bytes)
                if document is None:
                    raise SnapshotRejected(f"{given} does not exist")
                return accept(document, None, self._options.max_snapshot_bytes)
            case Mapping():
                return accept_mapping(given, None)
            case _:
                raise SnapshotRejected(f"a bootstrap cannot be a {type(given).__name__}")

    def _store(self, document: bytes) -> None:
        path = self._options.snapshot_path
        if path is None:
            return
        try:
            persistence.write(Path(path), document)
        except OSError as fault:
            self._report(fault)
