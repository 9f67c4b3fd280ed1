"""How long to wait before trying again, so that a thousand processes do not come back together."""

import random
from email.utils import parsedate_to_datetime
from typing import Final

DEFAULT_WINDOW: Final = 30.0
LONGEST: Final = 300.0
LONGEST_HINT: Final = 3600.0

# Not the shared generator: applications seed that one, and forked workers would all wait equally long.
_random: Final = random.SystemRandom()


def full(window: float) -> float:
    """Full jitter: anywhere in the window."""
    return _random.uniform(0.0, max(window, 0.0))


def around(interval: float) -> float:
    """An interval give or take a fifth, so that pollers drift apart."""
    return interval * _random.uniform(0.8, 1.2)


def growing(failures: int, first: float = 1.0, longest: float = LONGEST) -> float:
    """Full jitter over a window that doubles with every failure."""
    return full(min(longest, first * 2.0 ** min(failures, 16)))


def hinted(retry_after: str | None, now: float) -> float | None:
    """Seconds asked for by a Retry-After header (a number or a date), within reason."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    if seconds != seconds:  # noqa: PLR0124 - "nan" parses as a float
        return None
    return min(max(seconds, 0.0), LONGEST_HINT)
