"""What other rooms do when an environment opens, and have against its archiving: where they
register."""

from collections.abc import Callable, Iterator
from typing import Final

from accounts.models import Environment

Opening = Callable[[Environment], None]
Objection = Callable[[Environment], Iterator[str]]

_OPENINGS: Final[list[Opening]] = []
_OBJECTIONS: Final[list[Objection]] = []
_REVIEWS: Final[list[Objection]] = []


def call_on_opening(opening: Opening) -> None:
    """Called from another room's `apps.ready()`, once. Openings run in the verb's transaction."""
    if opening not in _OPENINGS:
        _OPENINGS.append(opening)


def ask_before_archiving(objection: Objection) -> None:
    """Likewise."""
    if objection not in _OBJECTIONS:
        _OBJECTIONS.append(objection)


def ask_for_review(question: Objection) -> None:
    """Likewise; what these say, whoever may bypass review can pass by with a reason."""
    if question not in _REVIEWS:
        _REVIEWS.append(question)


def opened(environment: Environment) -> None:
    """An environment was made, or came back from the archive."""
    for opening in _OPENINGS:
        opening(environment)


def objections(environment: Environment) -> list[str]:
    """Every sentence any room has against archiving it."""
    return [sentence for objection in _OBJECTIONS for sentence in objection(environment)]


def reviews(environment: Environment) -> list[str]:
    """Every sentence about other eyes that archiving it, or bringing it back, asks for."""
    return [sentence for question in _REVIEWS for sentence in question(environment)]
