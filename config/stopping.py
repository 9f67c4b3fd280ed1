"""Ctrl-C and SIGTERM end a process in good order: exit code 0, a sentence, no traceback."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from config.workplace import CannotStart, say

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The person pressed Ctrl-C, or the system asked us to end."""


class _Asked:
    """Whether somebody asked us to end.

    The exception alone is not enough: one raised while a finalizer runs, or inside a library's
    `except BaseException`, is lost there. So the wish is kept as well, and looked at between steps.
    """

    stop = False


def until_stopped(work: Callable[[], None]) -> int:
    """Do the work until it ends or somebody ends it; the exit code."""
    _Asked.stop = False
    sys.unraisablehook = _quietly
    for number in SIGNALS:
        signal.signal(number, _stop)
    try:
        work()
    except CannotStart as reason:
        if not _Asked.stop:
            sys.stderr.write(f"{reason}\n")
            return 1
    except Stopped:
        ignore_signals()
    say("\nWayfork has stopped.")
    return 0


def stop_if_asked() -> None:
    """Between two steps of a start: end here if somebody asked for it and was not heard."""
    if _Asked.stop:
        raise Stopped


def call_when_stopped(stop: Callable[[], None]) -> None:
    """From here on a signal calls `stop` instead of raising.

    For event loops, before they run: an exception raised inside one may end in a task and be lost.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        _Asked.stop = True
        ignore_signals()
        stop()

    for number in SIGNALS:
        signal.signal(number, handle)
    stop_if_asked()


def ignore_signals() -> None:
    """From here on things are being stopped: a second Ctrl-C must not interrupt that."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _quietly(unraisable: "sys.UnraisableHookArgs") -> None:
    """A wish lost in a finalizer is no error to report: it is kept, and heard a moment later."""
    if not isinstance(unraisable.exc_value, Stopped):
        sys.__unraisablehook__(unraisable)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    # Signals stay on: if this exception is lost, pressing again must still end us.
    _Asked.stop = True
    raise Stopped
