"""How much one caller may ask of this process: calls, streams, and keys nobody has seen before.

Counted in memory, for this process alone: a call costs a look into a dictionary or two. A server
key is secret, and a whole fleet may stand behind one address: what it asks is counted by the key. A
client key is in everybody's browser: what one visitor asks with it is counted by address as well.
"""

import ipaddress
import time
from collections import Counter
from math import ceil
from typing import Final

from django.conf import settings

from accounts.limits import TooOften

# How many seconds' worth may come at once.
AT_ONCE: Final = 2.0
# Documents that lie ready and streams, of which a process gives many times more than evaluations.
READY: Final = 0.05
# Ten fifths of a second are not quite two.
ROUNDING: Final = 1e-6
# Keys that look right and are unknown, for each address; good ones do not count.
UNKNOWN_KEYS: Final = 20
UNKNOWN_AT_ONCE: Final = 10.0
# Addresses are remembered while they use something up; beyond this many all begin anew.
MOST_NAMES: Final = 20_000
# When whoever found no room for a stream may look again.
ROOM_SECONDS: Final = 30


class Pace:
    """So many a second for each name, and some seconds' worth of them at once.

    One number is kept for each name: the moment when all it has asked for is paid off.
    """

    def __init__(self, at_once: float) -> None:
        self._at_once = at_once
        self._paid_at: dict[str, float] = {}

    def use(self, name: str, per_second: int, cost: float = 1.0) -> float:
        """Note one more; where that is too many, note nothing and tell the seconds to wait."""
        now = time.monotonic()
        paid_at = max(self._paid_at.get(name, now), now) + cost / per_second
        too_early = paid_at - now - self._at_once
        if too_early > ROUNDING:
            return too_early
        if name not in self._paid_at and len(self._paid_at) >= MOST_NAMES:
            self._make_room(now)
        self._paid_at[name] = paid_at
        return 0.0

    def give_back(self, name: str, per_second: int) -> None:
        """What was noted last does not count after all."""
        if name in self._paid_at:
            self._paid_at[name] -= 1 / per_second

    def _make_room(self, now: float) -> None:
        owing = {name: paid_at for name, paid_at in self._paid_at.items() if paid_at > now}
        # Half at least must go, else each newcomer would look through all of them.
        self._paid_at = owing if len(owing) < MOST_NAMES // 2 else {}


class Limits:
    """What the callers of one process have used. An empty address is not counted."""

    def __init__(self) -> None:
        self._keys, self._addresses = Pace(AT_ONCE), Pace(AT_ONCE)
        self._unknown = Pace(UNKNOWN_AT_ONCE)
        self._streams: Counter[str] = Counter()

    def count_call(self, digest: str, address: str, cost: float = 1.0) -> None:
        """Note a call, or raise TooOften. The address first: one visitor uses up no key."""
        most = settings.SDK_CALLS_PER_ADDRESS
        if address and most and (wait := self._addresses.use(neighborhood(address), most, cost)):
            raise TooOften("Too many calls came from this address.", wait=ceil(wait))
        most = settings.SDK_CALLS_PER_KEY
        if most and (wait := self._keys.use(digest, most, cost)):
            raise TooOften("Too many calls came with this key.", wait=ceil(wait))

    def count_unknown_key(self, address: str) -> None:
        """Note that a key must be looked up, or raise TooOften."""
        if wait := self._unknown.use(neighborhood(address), UNKNOWN_KEYS):
            raise TooOften("Too many unknown keys came from this address.", wait=ceil(wait))

    def forgive_unknown_key(self, address: str) -> None:
        """It was a good one, or nobody could tell."""
        self._unknown.give_back(neighborhood(address), UNKNOWN_KEYS)

    def open_stream(self, digest: str, address: str) -> None:
        """A stream begins; raises TooOften where there are as many as may be."""
        address = neighborhood(address)
        bounds = (
            (digest, settings.SDK_STREAMS_PER_KEY, "with this key"),
            (address, settings.SDK_STREAMS_PER_ADDRESS, "from this address"),
        )
        for name, most, how in bounds:
            if name and most and self._streams[name] >= most:
                told = f"No more than {most:,} streams are open {how} at a time."
                raise TooOften(told, wait=ROOM_SECONDS)
        self._streams.update(name for name in (digest, address) if name)

    def close_stream(self, digest: str, address: str) -> None:
        """A stream that began has ended."""
        for name in (digest, neighborhood(address)):
            if self._streams[name] > 1:
                self._streams[name] -= 1
            else:
                del self._streams[name]


def neighborhood(address: str) -> str:
    """What counts as one address: of IPv6, where everybody has billions, a network of /64."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(found) >> 64 << 64))
