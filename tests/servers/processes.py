"""Start Wayfork the way a person does, read its terminal, end it."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from config.workplace import HOME

PATIENCE_SECONDS = 60


@dataclass(slots=True)
class Terminal:
    """A started command with what it has said so far."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    complained: list[str] = field(default_factory=list)
    _lines: queue.Queue[str] = field(default_factory=queue.Queue)
    _readers: list[threading.Thread] = field(default_factory=list)

    def read_on(self) -> None:
        """Keep reading both outputs, so that no pipe fills up."""
        for stream, memory in (
            (self.process.stdout, self.said),
            (self.process.stderr, self.complained),
        ):
            reader = threading.Thread(target=self._read, args=(stream, memory), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read(self, stream: Iterator[str], memory: list[str]) -> None:
        for line in stream:
            memory.append(line.rstrip())
            if memory is self.said:
                self._lines.put(line.rstrip())

    def wait_for(self, text: str) -> str:
        """The next line that contains the text."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(queue.Empty):
                line = self._lines.get(timeout=0.1)
                if text in line:
                    return line
            if self.process.poll() is not None and self._lines.empty():
                break
        raise AssertionError(f"it never said {text!r}:\n{self.transcript()}")

    def press(self, number: signal.Signals) -> None:
        """Ctrl-C, or what the system sends."""
        self.process.send_signal(number)

    def exit_code(self, *, within: float) -> int:
        """Wait for the end."""
        code = self.process.wait(within)
        for reader in self._readers:
            reader.join(5)
        return code

    def transcript(self) -> str:
        """Everything, for the message of a failing test."""
        return "\n".join([*self.said, "--- errors", *self.complained])


@contextmanager
def started(module: str, data: Path, port: int, **environment: str) -> Iterator[Terminal]:
    """`python -m module` on a data folder and a port; killed at the end if it still runs."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        and not name.startswith("WAYFORK_")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=HOME,
        env=inherited | {"DATA": str(data), "PORT": str(port)} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    terminal = Terminal(process)
    terminal.read_on()
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def health(port: int) -> int:
    """The status of /healthz."""
    return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code
