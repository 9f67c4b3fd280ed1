"""What will happen by itself: the registry other rooms tell their coming events in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.access import Access
from accounts.models import Environment


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Something with a moment: what it is called, in a sentence, and where to look at it."""

    at: datetime
    environment: Environment
    kind: str
    title: str
    detail: str
    url: str


Source = Callable[[Access], Iterator[Upcoming]]

_SOURCES: Final[list[Source]] = []


def register(source: Source) -> None:
    """Called from another room's `apps.ready()`, once."""
    if source not in _SOURCES:
        _SOURCES.append(source)


def upcoming(access: Access) -> list[Upcoming]:
    """All that other rooms expect in the access's environment, soonest first."""
    found = [one for source in _SOURCES for one in source(access)]
    return sorted(found, key=lambda one: one.at)
