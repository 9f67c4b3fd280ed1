"""Objections other rooms may raise before a change: the registry they register in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from accounts.access import Access
from accounts.errors import DomainError
from accounts.models import Environment
from flags.edits import Edit, EditKind


class Objected(DomainError):
    """Another room has a reason why this may not happen now."""

    code = "objected"
    status = 409
    hint = "Settle what is named here first, then try again."


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a guard looks at: the documents the edits lead from and to, and where."""

    access: Access
    environments: tuple[Environment, ...]
    kind: EditKind
    key: str
    edits: tuple[Edit, ...]
    before: object
    after: object


Guard = Callable[[Proposed], Iterator[str]]

_GUARDS: Final[list[Guard]] = []


def register(guard: Guard) -> None:
    """Called from another room's `apps.ready()`, once."""
    if guard not in _GUARDS:
        _GUARDS.append(guard)


def objections(proposed: Proposed) -> list[str]:
    """Every sentence any guard has against this."""
    return [sentence for guard in _GUARDS for sentence in guard(proposed)]
