"""Exposures: one event per experiment, unit and variation a minute, however often the flag is read."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from wayfork.engine.evaluation import Answer

REPEAT_AFTER: Final = 60.0
REMEMBERED: Final = 20_000

Item = dict[str, object]


class Exposures:
    """Turns evaluations into exposure events and leaves out what was said within the last minute."""

    def __init__(self, send: Callable[[Item], None], shared: tuple[str, ...]) -> None:
        self._send = send
        self._shared = shared
        self._lock = threading.Lock()
        self._seen: dict[tuple[str | None, str | None, str | None, str | None], float] = {}

    def add(self, answer: Answer, flag: str, context: Mapping[str, object]) -> None:
        """Note that this unit was served this variation of an experiment."""
        _, variation, _, _, _, experiment, _, _, _, unit_type, unit = answer
        if unit is None or variation is None:
            return
        told = (experiment, unit, variation, unit_type)
        now = time.monotonic()
        last = self._seen.get(told)
        if last is not None and now - last < REPEAT_AFTER:
            return
        if self._is_news(told, now):
            self._send(self._item(answer, flag, context))

    def forget(self) -> None:
        """Start over: everybody is news again."""
        with self._lock:
            self._seen.clear()

    def _is_news(
        self, told: tuple[str | None, str | None, str | None, str | None], now: float
    ) -> bool:
        with self._lock:
            seen = self._seen
            last = seen.pop(told, None)
            # Re-inserted at the end, so the first entry is always the one told longest ago.
            if last is not None and now - last < REPEAT_AFTER:
                seen[told] = last
                return False
            seen[told] = now
            if len(seen) > REMEMBERED:
                del seen[next(iter(seen))]
            return True

    def _item(self, answer: Answer, flag: str, context: Mapping[str, object]) -> Item:
        _, variation, _, _, _, experiment, version, _, _, unit_type, unit = answer
        item: Item = {
            "kind": "exposure",
            "experiment": experiment,
            "variation": variation,
            "unitType": unit_type,
            "unitId": unit,
            "flag": flag,
            "version": version,
        }
        attributes = {name: context[name] for name in self._shared if name in context}
        if attributes:
            item["attributes"] = attributes
        return item
