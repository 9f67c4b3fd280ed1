"""When Python's cycle collector may pause a process that serves."""

import gc

# Telling a thousand sockets of a change makes some ten thousand objects that live for a moment. At
# Python's usual 700 they are looked at in the middle of it, taken for old, and soon make a full
# collection due: with a thousand sockets a pause of 75 ms on two slow cores, every few changes.
YOUNG = 10_000


def settle() -> None:
    """Call when everything is loaded: it stays for good and need not be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
