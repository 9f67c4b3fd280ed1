"""Wayfork for Python: evaluate feature flags and experiments inside your own process."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wayfork.client import Client as Client

__version__: Final = "0.1.0"
__all__ = ["Client", "__version__"]

_CLIENT_NAMES: Final = frozenset({"AsyncClient", "Client"})


def __getattr__(name: str) -> object:
    """Load the client on first use, so that importing the engine alone stays light."""
    if name not in _CLIENT_NAMES:
        raise AttributeError(f"module 'wayfork' has no attribute {name!r}")
    found: object = getattr(import_module("wayfork.client"), name)
    globals()[name] = found
    return found
