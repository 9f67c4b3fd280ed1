"""How often something may be done: counted in the cache, refused with the time to wait."""

from django.core.cache import cache

from accounts.errors import DomainError


class TooOften(DomainError):
    """The same was done too many times in a short while."""

    code = "too_often"
    status = 429
    hint = "Wait a while, then try again."


def count(what: str, who: str, *, most: int, seconds: int, by: int = 1) -> None:
    """Note that somebody does it (`by` times); raises `TooOften` past `most` in the time."""
    name = f"wayfork:limit:{what}:{who}"
    cache.add(name, 0, seconds)
    try:
        so_far = cache.incr(name, by)
    except ValueError:
        # It ran out in between.
        cache.set(name, by, seconds)
        so_far = by
    if so_far > most:
        raise TooOften(f"That was done more than {most} times in {seconds // 60} minutes.")
