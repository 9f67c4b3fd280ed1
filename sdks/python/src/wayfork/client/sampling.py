"""A few of the contexts evaluations are asked with, so that a change can be tried on them beforehand.

Nothing is watched while the door is shut, which is nearly always: asking a flag costs what it did.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from wayfork.client import rest
from wayfork.client.errors import ClientFault
from wayfork.client.identity import Identity, fresh_id
from wayfork.client.options import Options
from wayfork.engine import Compiled, unit_id
from wayfork.samples import asked, unit_hash

# Each time the door opens it lets so many different contexts in, and looks at no more than so many.
MOST_NEW: Final = 5
MOST_SEEN: Final = 50
MOST_HELD: Final = 50
SEND_EVERY: Final = 10.0
AFTER_A_FAULT: Final = 60.0
WHEN_UNWANTED: Final = 3600.0
LONGEST_TEXT: Final = 1000
LONGEST_LIST: Final = 50
LARGEST_NUMBER: Final = 2**63

Sample = dict[str, Any]


class Sampler:
    """Holds the contexts of the last seconds, stripped of all that may not leave the process."""

    def __init__(self, options: Options, door: Callable[[bool], None]) -> None:
        self._private = frozenset(options.private)
        self._allowed = frozenset(options.allow_attributes)
        self._is_wanted = options.sample_contexts
        self._door = door
        self._lock = threading.Lock()
        self._held: list[Sample] = []
        self._new = self._seen = 0
        self._plain: tuple[str, ...] = ()
        self._units: tuple[str, ...] = ()
        self._place: tuple[str, str] | None = None
        self._due = time.monotonic() + SEND_EVERY
        self._rests_until = 0.0

    def follow(self, compiled: Compiled) -> None:
        """Look for the attributes the rules of this snapshot ask for, and its units."""
        snapshot = compiled.snapshot
        found = asked(snapshot)
        allowed = found.plain | (self._allowed - found.units)
        self._plain = tuple(sorted(allowed - self._private))
        self._units = tuple(sorted(found.units - self._private))
        self._place = (snapshot.project, snapshot.environment)

    def see(self, context: Mapping[str, object]) -> None:
        """Take a context in if it is not here yet; shut the door behind the last one wanted."""
        sample = self._sample(context)
        with self._lock:
            self._seen += 1
            recent = self._held[-MOST_NEW:]
            if sample is not None and not any(_is_same(sample, known) for known in recent):
                self._held.append(sample)
                self._new += 1
            is_enough = self._new >= MOST_NEW or self._seen >= MOST_SEEN
        if is_enough:
            self._door(False)  # noqa: FBT003 - a door is open or not

    def tell(
        self, connection: rest.Connection, identity: Identity, *, is_urgent: bool
    ) -> Exception | None:
        """Send what is held when it is time to, and open the door; the fault, if there was one.

        A sample that could not be delivered is no loss, and is not tried again.
        """
        now = time.monotonic()
        fault = None
        if self._is_wanted and (is_urgent or now >= self._due) and now >= self._rests_until:
            self._due = now + SEND_EVERY
            with self._lock:
                held, self._held = self._held, []
            fault = self._deliver(connection, identity, held) if held else None
        self._open(now)
        return fault

    def _open(self, now: float) -> None:
        with self._lock:
            self._new = self._seen = 0
            has_room = len(self._held) < MOST_HELD
        is_resting = now < self._rests_until or self._place is None
        self._door(self._is_wanted and has_room and not is_resting)

    def _deliver(
        self, connection: rest.Connection, identity: Identity, held: Sequence[Sample]
    ) -> Exception | None:
        body = {"sdk": identity.to_json(), "contexts": held}
        try:
            raw = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
            answer = rest.send_contexts(connection, raw)
        except (ClientFault, ValueError) as fault:
            self._rest(AFTER_A_FAULT)
            return fault
        if answer.status == 404 or answer.status in {401, 403} or not _is_welcome(answer):
            # An older server, a key that may not, or samples are switched off there.
            self._rest(WHEN_UNWANTED)
        elif answer.status not in {200, 202}:
            self._rest(AFTER_A_FAULT)
        return None

    def _rest(self, seconds: float) -> None:
        self._rests_until = time.monotonic() + seconds

    def _sample(self, context: Mapping[str, object]) -> Sample | None:
        place = self._place
        if place is None:
            return None
        units: dict[str, str] = {}
        for name in self._units:
            found = unit_id(context.get(name))
            if found is not None:
                units[name] = unit_hash(*place, found)
        attributes: dict[str, object] = {}
        for name in self._plain:
            value = context.get(name)
            if value is not None and _is_fit(value):
                attributes[name] = value
        now = int(time.time() * 1000)
        return {"id": fresh_id(), "at": now, "units": units, "attributes": attributes}


def _is_same(one: Sample, other: Sample) -> bool:
    return bool(one["units"] == other["units"] and one["attributes"] == other["attributes"])


def _is_fit(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= LONGEST_LIST and all(_is_simple(item) for item in value)
    return _is_simple(value)


def _is_simple(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and abs(value) < LARGEST_NUMBER


def _is_welcome(answer: rest.Answer) -> bool:
    try:
        return json.loads(answer.body).get("enabled") is not False
    except (ValueError, AttributeError, RecursionError):
        return True
