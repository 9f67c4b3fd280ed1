"""Events on their way out: a bounded queue, one thread, batches that may be sent twice but count once."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from wayfork.client import jitter, rest
from wayfork.client.counting import Tally
from wayfork.client.errors import ClientFault, EventsRejected, KeyRefused, Unavailable
from wayfork.client.identity import Identity, fresh_id
from wayfork.client.options import Options
from wayfork.client.units import units_in
from wayfork.engine import Unit

Item = dict[str, object]


class Tell(Protocol):
    """Sends sampled contexts when it is time to."""

    def __call__(
        self, connection: rest.Connection, identity: Identity, *, is_urgent: bool
    ) -> Exception | None:
        """The fault, if there was one."""


BATCH_ITEMS: Final = 500
BATCH_BYTES: Final = 900_000
ITEM_BYTES: Final = 64_000
COUNT_INTERVAL: Final = 10.0
PATIENCE_FOR_UNITS: Final = 30.0
LONGEST_RETRY: Final = 60.0
MAX_TALLIES: Final = 20_000


class Outcome(Enum):
    """What became of a batch."""

    DONE = "done"
    AGAIN = "again"
    SPLIT = "split"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Source:
    """What the outbox asks of the rest of the client."""

    units: Callable[[], Sequence[Unit] | None]
    counts: Callable[[], list[Tally]]
    tell_contexts: Tell
    report: Callable[[Exception], None]


class Outbox:
    """Collects events and delivers them from a thread of its own."""

    def __init__(self, options: Options, identity: Identity, source: Source) -> None:
        self._options = options
        self._identity = identity
        self._source = source
        self._connection = rest.Connection(
            options.base, identity.headers(), options.request_timeout
        )
        self._condition = threading.Condition()
        self._queue: deque[Item] = deque()
        self._batches: deque[list[bytes]] = deque()
        self._tallies: dict[tuple[str, str, int, int], int] = {}
        self._thread: threading.Thread | None = None
        self._closing = False
        self._refused = False
        self._asked = 0
        self._answered = 0
        self._failures = 0
        self._not_before = 0.0
        self._counts_due = 0.0
        self._born = time.monotonic()
        self.dropped = 0
        self.rejected = 0

    @property
    def waiting(self) -> int:
        """Events not yet delivered."""
        return len(self._queue) + sum(len(batch) for batch in list(self._batches))

    def add(self, item: Item) -> None:
        """Queue one event; the oldest gives way when the queue is full."""
        item["id"] = fresh_id()
        item["at"] = int(time.time() * 1000)
        with self._condition:
            if self._refused or self._closing:
                self.dropped += 1
                return
            self._queue.append(item)
            if len(self._queue) > self._options.max_queued_events:
                self._queue.popleft()
                self.dropped += 1
            if len(self._queue) == BATCH_ITEMS:
                self._condition.notify_all()

    def start(self) -> None:
        """Deliver in the background from now on."""
        self._thread = threading.Thread(target=self._run, name="wayfork-events", daemon=True)
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Deliver now; whether everything queued so far has left the process."""
        with self._condition:
            if self._thread is None or self._refused:
                return not self.waiting
            self._asked += 1
            mine = self._asked
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._answered >= mine, timeout)
            return self._answered >= mine and not self.waiting

    def close(self, timeout: float) -> bool:
        """Deliver what is left, within the deadline; the rest is dropped and counted."""
        thread = self._thread
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            if thread.is_alive():
                self._connection.abort()
        left = self.waiting
        self.dropped += left
        return not left

    def refuse(self) -> None:
        """The key is not accepted: nothing can be delivered any more."""
        with self._condition:
            self._refused = True
            self.dropped += len(self._queue)
            self._queue.clear()
            self._answered = self._asked
            self._condition.notify_all()

    def forsake(self) -> None:
        """In a forked child: let go of the parent's connection without a word to the server."""
        self._connection.drop()

    def _run(self) -> None:
        while not self._refused:
            with self._condition:
                self._condition.wait_for(self._has_reason, self._options.flush_interval)
                asked, closing = self._asked, self._closing
            try:
                self._round(is_urgent=closing or asked > self._answered)
            except Exception as fault:  # noqa: BLE001 - the thread must outlive whatever happens
                self._failures += 1
                self._not_before = time.monotonic() + jitter.growing(self._failures)
                self._source.report(fault)
            with self._condition:
                self._answered = max(self._answered, asked)
                self._condition.notify_all()
            if closing:
                break
        self._connection.drop()

    def _has_reason(self) -> bool:
        if self._closing or self._refused or self._asked > self._answered:
            return True
        return len(self._queue) >= BATCH_ITEMS and time.monotonic() >= self._not_before

    def _round(self, *, is_urgent: bool) -> None:
        now = time.monotonic()
        self._collect()
        if not is_urgent and now < self._not_before:
            return
        if is_urgent or now >= self._counts_due:
            self._emit_counts(now)
        while self._batches or self._fill():
            match self._deliver(self._batches[0]):
                case Outcome.DONE:
                    self._batches.popleft()
                case Outcome.SPLIT:
                    batch = self._batches.popleft()
                    half = len(batch) // 2
                    self._batches.extendleft([batch[half:], batch[:half]])
                case Outcome.AGAIN:
                    return
                case Outcome.REFUSED:
                    self.dropped += sum(len(batch) for batch in self._batches)
                    self._batches.clear()
                    self.refuse()
                    return
        self._tell_contexts(is_urgent=is_urgent)

    def _tell_contexts(self, *, is_urgent: bool) -> None:
        """Samples come after the events, and only where those could be delivered."""
        if self._failures:
            return
        fault = self._source.tell_contexts(self._connection, self._identity, is_urgent=is_urgent)
        if fault is not None:
            self._source.report(fault)

    def _collect(self) -> None:
        minute = int(time.time() // 60) * 60_000
        for tally in self._source.counts():
            place = (tally.flag, tally.variation, tally.version, minute)
            self._tallies[place] = self._tallies.get(place, 0) + tally.count
        while len(self._tallies) > MAX_TALLIES:
            del self._tallies[next(iter(self._tallies))]
            self.dropped += 1

    def _emit_counts(self, now: float) -> None:
        if self._batches or not self._tallies:
            return
        tallies, self._tallies = self._tallies, {}
        self._counts_due = now + COUNT_INTERVAL
        items: list[Item] = [
            {
                "kind": "evaluations",
                "id": fresh_id(),
                "at": minute,
                "flag": flag,
                "variation": variation,
                "version": version,
                "count": count,
            }
            for (flag, variation, version, minute), count in tallies.items()
        ]
        for start in range(0, len(items), BATCH_ITEMS):
            self._pack(items[start : start + BATCH_ITEMS])

    def _fill(self) -> bool:
        """Pack the next events of the queue; False when there is nothing to send."""
        units = self._source.units()
        waited = time.monotonic() - self._born > PATIENCE_FOR_UNITS
        # Without a snapshot we do not know the project's units; events wait for it a while.
        if units is None and not self._closing and not waited:
            return False
        with self._condition:
            count = min(BATCH_ITEMS, len(self._queue))
            items = [self._queue.popleft() for _ in range(count)]
        for item in items:
            context = item.pop("context", None)
            if isinstance(context, dict):
                item["units"] = units_in(context, units)
        self._pack(items)
        return bool(self._batches)

    def _pack(self, items: Sequence[Item]) -> None:
        batch: list[bytes] = []
        size = 0
        for item in items:
            raw = self._serialized(item)
            if raw is None:
                continue
            if batch and size + len(raw) > BATCH_BYTES:
                self._batches.append(batch)
                batch, size = [], 0
            batch.append(raw)
            size += len(raw) + 1
        if batch:
            self._batches.append(batch)

    def _serialized(self, item: Item) -> bytes | None:
        try:
            raw = json.dumps(item, separators=(",", ":"), allow_nan=False).encode()
        except Exception as fault:  # noqa: BLE001 - a property may be any object, with any repr
            self._unfit(item, f"cannot be written as JSON: {type(fault).__name__}")
            return None
        if len(raw) > ITEM_BYTES:
            self._unfit(item, f"is over the limit of {ITEM_BYTES} bytes")
            return None
        return raw

    def _unfit(self, item: Item, why: str) -> None:
        self.dropped += 1
        self._source.report(EventsRejected(f"a {item.get('kind')} event {why}"))

    def _deliver(self, batch: list[bytes]) -> Outcome:
        sender = json.dumps(self._identity.to_json()).encode()
        body = b'{"sdk":' + sender + b',"events":[' + b",".join(batch) + b"]}"
        try:
            answer = rest.send_events(self._connection, body)
        except ClientFault as fault:
            self._wait(fault, None)
            return Outcome.AGAIN
        return self._judged(answer, batch)

    def _judged(self, answer: rest.Answer, batch: list[bytes]) -> Outcome:
        if answer.status in {200, 202}:
            self._failures, self._not_before = 0, 0.0
            self._hear_refusals(answer)
            return Outcome.DONE
        if answer.status in {401, 403}:
            self._source.report(KeyRefused(rest.problem(answer)))
            return Outcome.REFUSED
        if answer.status == 429 or answer.status >= 500:
            hint = jitter.hinted(answer.headers.get("retry-after"), time.time())
            self._wait(Unavailable(answer.status, hint, rest.problem(answer)), hint)
            return Outcome.AGAIN
        if answer.status == 413 and len(batch) > 1:
            return Outcome.SPLIT
        self.dropped += len(batch)
        self._source.report(EventsRejected(f"a batch was refused: {rest.problem(answer)}"))
        return Outcome.DONE

    def _wait(self, fault: Exception, hint: float | None) -> None:
        self._failures += 1
        backoff = jitter.growing(self._failures, self._options.flush_interval, LONGEST_RETRY)
        self._not_before = time.monotonic() + max(hint or 0.0, backoff)
        self._source.report(fault)

    def _hear_refusals(self, answer: rest.Answer) -> None:
        try:
            refused = json.loads(answer.body).get("rejected") or []
        except (ValueError, AttributeError, RecursionError):
            return
        if not isinstance(refused, list) or not refused:
            return
        self.rejected += len(refused)
        first = refused[0] if isinstance(refused[0], dict) else {}
        words = " ".join(str(first[name]) for name in ("detail", "hint") if first.get(name))
        self._source.report(EventsRejected(f"{len(refused)} events were refused; first: {words}"))
