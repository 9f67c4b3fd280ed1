"""Clients and the life of their process: a fork takes the threads away, an exit cuts them short."""

import atexit
import os
import sys
import weakref
from typing import Final, Protocol


class Mortal(Protocol):
    """What a client must know about processes."""

    def wake_in_child(self) -> None:
        """Called in a forked child, where none of the parent's threads runs."""

    def leave(self) -> None:
        """Called before the process ends."""


_alive: Final[weakref.WeakSet[Mortal]] = weakref.WeakSet()


def watch(client: Mortal) -> None:
    """Tell this client about forks and the end."""
    _alive.add(client)


def unwatch(client: Mortal) -> None:
    """This client is closed."""
    _alive.discard(client)


def leave_with_multiprocessing() -> None:
    """Children of `multiprocessing` end without atexit, but run its own finalizers."""
    # Looked up, not imported: it would cost a third of our import time to those who do not use it.
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, _leave, exitpriority=100)


def _after_fork_in_child() -> None:
    for client in list(_alive):
        client.wake_in_child()


def _leave() -> None:
    for client in list(_alive):
        client.leave()


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_leave)
