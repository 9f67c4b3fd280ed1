"""How often something may be done: counted in windows of time, refused with the time to wait."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache as cached
from typing import Final
from zlib import crc32

import redis
from django.conf import settings
from django.core.cache import cache

from accounts.errors import DomainError

log = logging.getLogger(__name__)

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
# Nobody waits longer than this for a counter.
PATIENCE: Final = 0.5
# Above this the next larger unit is said: 90 seconds, but 2 minutes.
ENOUGH_OF_ONE: Final = 90


class TooOften(DomainError):
    """The same was done too many times in a short while; `wait` seconds later it goes again."""

    code = "too_often"
    status = 429

    def __init__(self, message: str = "", *, wait: int) -> None:
        super().__init__(message, hint=f"Try again in {in_words(wait)}.", wait=wait)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Limit:
    """`what` may be done by (or to) `who` `most` times in so many seconds."""

    what: str
    who: str
    most: int
    seconds: int
    # What is told instead of the figures, where those would say nothing to the reader.
    sentence: str = ""

    def place(self, now: float) -> tuple[str, int]:
        """The counter's name in the present window, and the seconds until the window ends.

        Windows follow each other on the clock, shifted by the name: not all end at the full hour.
        """
        name = f"wayfork:limit:{self.what}:{self.who}"
        window, gone = divmod(int(now) + crc32(name.encode()) % self.seconds, self.seconds)
        return f"{name}:{window}", self.seconds - gone

    def refusal(self, wait: int) -> TooOften:
        """What is said to whoever goes past it."""
        times = f"more than {self.most:,} times in {in_words(self.seconds)}"
        return TooOften(self.sentence or f"That was done {times}.", wait=wait)


def count(what: str, who: str, *, most: int, seconds: int, by: int = 1) -> None:
    """Note that somebody does it (`by` times); raises `TooOften` past `most` in the window."""
    count_all([Limit(what, who, most, seconds)], by=by)


def count_all(limits: Sequence[Limit], *, by: int = 1) -> None:
    """Count by several limits in one step; of those that are passed the longest wait is told."""
    now = time.time()
    places = [limit.place(now) for limit in limits]
    counted = zip(limits, places, _counted(places, by), strict=True)
    passed = [(left, limit) for limit, (_name, left), so_far in counted if so_far > limit.most]
    if passed:
        wait, limit = max(passed, key=lambda one: one[0])
        raise limit.refusal(wait)


def in_words(seconds: int) -> str:
    """A stretch of time as people say it, rounded up: 40 seconds, 12 minutes, 24 hours."""
    amount, unit = seconds, "second"
    for larger, size in (("minute", 60), ("hour", 60)):
        if amount <= ENOUGH_OF_ONE and amount != size:
            break
        amount, unit = -(-amount // size), larger
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"


def _counted(places: Sequence[tuple[str, int]], by: int) -> list[int]:
    if not settings.REDIS_URL:
        return [_counted_here(name, left, by) for name, left in places]
    try:
        with _redis(settings.REDIS_URL).pipeline(transaction=False) as line:
            for name, left in places:
                line.incrby(name, by)
                line.expire(name, left + 1)
            return [int(found) for found in line.execute()[::2]]
    except redis.RedisError:
        # What is limited works without Redis; it is not refused because nobody can count.
        log.warning("limits are not counted: Redis does not answer")
        return [0 for _place in places]


def _counted_here(name: str, left: int, by: int) -> int:
    cache.add(name, 0, left + 1)
    try:
        return cache.incr(name, by)
    except ValueError:
        # Made room for others in between.
        cache.set(name, by, left + 1)
        return by


@cached
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
