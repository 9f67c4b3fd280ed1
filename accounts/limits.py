"""How often something may be done: counted for a time, refused with the time to wait."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache as cached
from math import ceil
from typing import Final, Protocol

import redis
from django.conf import settings
from django.core.cache import cache

from accounts.access import Access
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
    """`what` may be done by (or to) `who` `most` times in so many seconds, from the first on."""

    what: str
    who: str
    most: int
    seconds: int
    # How many times at once.
    by: int = 1
    # What is told instead of the figures, where those would say nothing to the reader.
    sentence: str = ""

    @property
    def name(self) -> str:
        """Under which it is counted."""
        return f"wayfork:limit:{self.what}:{self.who}"

    def refusal(self, wait: int) -> TooOften:
        """What is said to whoever goes past it."""
        times = f"more than {self.most:,} times in {in_words(self.seconds)}"
        return TooOften(self.sentence or f"That was done {times}.", wait=wait)


def count(what: str, who: str, *, most: int, seconds: int, by: int = 1) -> None:
    """Note that somebody does it (`by` times), or raise `TooOften` past `most` in the time."""
    count_all([Limit(what, who, most, seconds, by)])


def count_all(limits: Sequence[Limit]) -> None:
    """Count by several limits in one step; of those that are passed the longest wait is told.

    What is refused uses up nothing: one who is past a limit of their own leaves others theirs.
    """
    counters = _counters()
    counted = counters.raised(limits)
    passed = [one for one, so_far in zip(limits, counted, strict=True) if so_far > one.most]
    if passed:
        counters.raised([replace(one, by=-one.by) for one in limits])
        wait, limit = max(((counters.left(one), one) for one in passed), key=lambda found: found[0])
        raise limit.refusal(min(max(wait, 1), limit.seconds))


def person_of(access: Access) -> str:
    """Whom it counts for, in whichever organization: more tokens bring nobody more."""
    person = access.actor.responsible
    return str(person.pk) if person else f"{access.organization.pk}:{access.actor.label}"


def in_words(seconds: int) -> str:
    """A stretch of time as people say it, rounded up: 40 seconds, 12 minutes, 24 hours."""
    amount, unit = seconds, "second"
    for larger, size in (("minute", 60), ("hour", 60)):
        if amount <= ENOUGH_OF_ONE and amount != size:
            break
        amount, unit = -(-amount // size), larger
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"


# --- where it is counted


class Counters(Protocol):
    """Numbers that fall to nothing when their time is up."""

    def raised(self, limits: Sequence[Limit]) -> list[int]:
        """The numbers after adding to them; the first addition begins the time."""

    def left(self, limit: Limit) -> int:
        """The seconds until a number falls to nothing."""


class InMemory:
    """In the cache of this process; the end of the time stands beside the number."""

    def raised(self, limits: Sequence[Limit]) -> list[int]:
        return [self._raised(limit) for limit in limits]

    def _raised(self, limit: Limit) -> int:
        if cache.add(limit.name, 0, limit.seconds):
            cache.set(f"{limit.name}:end", time.time() + limit.seconds, limit.seconds)
        try:
            return int(cache.incr(limit.name, limit.by))
        except ValueError:
            # It ended in between.
            return limit.by

    def left(self, limit: Limit) -> int:
        ends = float(cache.get(f"{limit.name}:end", 0))
        return ceil(ends - time.time())


class InRedis:
    """For all processes together, in one round trip."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
        )

    def raised(self, limits: Sequence[Limit]) -> list[int]:
        try:
            with self._client.pipeline(transaction=False) as line:
                for limit in limits:
                    line.incrby(limit.name, limit.by)
                    line.expire(limit.name, limit.seconds, nx=True)
                return [int(found) for found in line.execute()[::2]]
        except redis.RedisError:
            # What is limited works without Redis: nobody is refused because nobody can count.
            log.warning("limits are not counted: Redis does not answer")
            return [0 for _limit in limits]

    def left(self, limit: Limit) -> int:
        try:
            return int(self._client.ttl(limit.name))
        except redis.RedisError:
            return limit.seconds


def _counters() -> Counters:
    return _in_redis(settings.REDIS_URL) if settings.REDIS_URL else InMemory()


@cached
def _in_redis(url: str) -> InRedis:
    return InRedis(url)
