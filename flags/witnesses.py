"""What other rooms write down when a change has come into force: the registry they register in."""

from collections.abc import Callable
from typing import Final

from accounts.access import Access
from flags.models import Change

# Who put it in force, the change, and whether nobody pressed anything for it.
Witness = Callable[[Access, Change, bool], None]

_WITNESSES: Final[list[Witness]] = []


def register(witness: Witness) -> None:
    """Called from another room's `apps.ready()`, once."""
    if witness not in _WITNESSES:
        _WITNESSES.append(witness)


def tell(access: Access, change: Change, *, by_itself: bool) -> None:
    """Within the change's transaction, after its own ledger line. A witness writes to the ledger
    and nowhere else: what it knows of the change it can read (docs/adr/0010-derived-state.md)."""
    for witness in _WITNESSES:
        witness(access, change, by_itself)
