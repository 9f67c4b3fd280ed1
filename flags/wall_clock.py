"""Moments as people write them: a wall clock's time in a time zone, twice a year not so clear."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accounts.errors import DomainError, InvalidInput


class UnclearTime(DomainError):
    """The clocks are changed then: this time does not exist, or comes twice."""

    code = "unclear_time"
    hint = "Choose another time, or send the moment with its offset."


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            f"There is no time zone {name[:64]!r}.",
            hint="Use an IANA name like Europe/Berlin.",
            where="time_zone",
        ) from None


def moment(wall: datetime, time_zone: str) -> datetime:
    """The moment a wall clock in this zone shows a time; one with an offset is taken as it is."""
    there = zone(time_zone)
    if not 2000 <= wall.year < 3000:
        raise InvalidInput("That year is too far away.", hint="Choose a nearer time.", where="at")
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    first = wall.replace(tzinfo=there, fold=0)
    second = wall.replace(tzinfo=there, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    shown = f"{wall:%Y-%m-%d %H:%M}"
    if first.astimezone(UTC).astimezone(there).replace(tzinfo=None) != wall:
        later = first.astimezone(UTC).astimezone(there)
        raise UnclearTime(
            f"There is no {shown} in {time_zone}: the clocks jump over it, to {later:%H:%M}.",
            where="at",
        )
    raise UnclearTime(
        f"{shown} comes twice in {time_zone}, at {first:%z} and at {second:%z}.",
        where="at",
        moments=[first.isoformat(), second.isoformat()],
    )
