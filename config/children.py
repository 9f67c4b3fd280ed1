"""Child processes: start them so that they die with us, show their lines, stop them by name."""

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.workplace import HOME, say

SIMULATOR = HOME / "sdks" / "python" / "examples" / "solar_flare.py"

# Runs in the child before the real program: drop rights, ask the kernel for a signal when the
# parent dies (Linux), become the program. `preexec_fn` would do the same and may deadlock as
# soon as the parent has threads.
_LAUNCH = """
import ctypes, os, sys
uid, gid, signal_on_death = (int(word) for word in sys.argv[1:4])
if uid >= 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal_on_death)
os.execv(sys.argv[4], sys.argv[4:])
"""
_KEEP_RIGHTS = (-1, -1)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: an absolute path first, then its arguments."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(slots=True)
class Child:
    """A running program of ours."""

    program: Program
    process: subprocess.Popen[str]
    is_stopping: bool = False

    @property
    def name(self) -> str:
        """What its lines are marked with."""
        return self.program.name

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll()

    def ask_to_stop(self) -> None:
        """Send the signal on which it ends in good order."""
        self.is_stopping = True
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.program.stop_signal)

    def stop(self, *, patience: float = 10.0) -> None:
        """Ask it to end, wait, and kill it when it does not."""
        self.ask_to_stop()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(program: Program, *, log: Path | None = None) -> Child:
    """Start a program in a session of its own, so that the terminal's Ctrl-C reaches only us.

    Its output goes to `log`, or to us, line by line under its name.
    """
    uid, gid = _rights_of(program.user)
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH]
    rights = [str(uid), str(gid), str(int(program.stop_signal))]
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(log.open("ab")) if log else subprocess.PIPE
        process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
            [*launch, *rights, *program.command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=dict(program.environment) if program.environment is not None else None,
            cwd="/" if program.user else None,
            start_new_session=True,
        )
    child = Child(program, process)
    if log is None:
        threading.Thread(target=_show_lines, args=(child,), daemon=True).start()
    return child


def stop_all(children: Sequence[Child], *, patience: float = 10.0) -> None:
    """Ask all of them at once, then wait for each."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + patience
    for child in children:
        child.stop(patience=max(0.1, deadline - time.monotonic()))


@contextlib.contextmanager
def running(program: Program, *, log: Path | None = None) -> Iterator[Child]:
    """The program, for as long as the block lasts."""
    child = start(program, log=log)
    try:
        yield child
    finally:
        child.stop()


def _rights_of(user: str | None) -> tuple[int, int]:
    """Whom to become; only root can and need."""
    if user is None or os.geteuid() != 0:
        return _KEEP_RIGHTS
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def _show_lines(child: Child) -> None:
    if child.process.stdout is None:
        return
    for line in child.process.stdout:
        say(f"{child.name:>9} | {line.rstrip()}")
    code = child.process.wait()
    if not child.is_stopping:
        say(f"{child.name:>9} | ended by itself (exit code {code})")


def simulator(url: str, demo: Mapping[str, Any]) -> Program | None:
    """The demo shop's visitors: an ordinary application that uses the Python SDK."""
    key = demo.get("keys", {}).get("production", {}).get("server")
    if not key or not SIMULATOR.exists():
        return None
    environment = {**os.environ, "WAYFORK_URL": url, "WAYFORK_KEY": key, "PYTHONUNBUFFERED": "1"}
    return Program("visitors", [sys.executable, str(SIMULATOR)], environment)
