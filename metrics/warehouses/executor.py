"""One interface over every engine: columns of a query, rows of a query, close."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from metrics.warehouses.connections import Limits
from metrics.warehouses.dialects import Column, Dialect
from metrics.warehouses.errors import ResultTooLarge

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement returned, and how long it took."""

    rows: tuple[Row, ...]
    seconds: float


class Executor(Protocol):
    """An open, read-only road to one database. Everything seen through it is one point in time
    where the engine can do that."""

    dialect: Dialect

    def columns(self, sql: str) -> tuple[Column, ...]:
        """Names and types of what a checked SELECT returns, without running it through."""

    def run(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one SELECT; raises a `WarehouseError` that names the cause."""

    def close(self) -> None:
        """Let go of the database."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def gather(rows: Iterable[Sequence[object]], limits: Limits) -> tuple[Row, ...]:
    """Take rows one by one, and stop at the limits instead of filling the memory."""
    taken: list[Row] = []
    size = 0
    for row in rows:
        if len(taken) >= limits.rows:
            raise ResultTooLarge(f"The query returns more than {limits.rows:,} rows.")
        size += sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)
        if size > limits.bytes:
            raise ResultTooLarge(f"The query returns more than {limits.bytes:,} bytes.")
        taken.append(tuple(row))
    return tuple(taken)


@contextmanager
def watchdog(seconds: float, stop: Callable[[], None]) -> Iterator[threading.Event]:
    """Call `stop` from a thread of its own if the block is not left in time; the event tells."""
    fired = threading.Event()

    def bite() -> None:
        fired.set()
        stop()

    timer = threading.Timer(seconds, bite)
    timer.daemon = True
    timer.start()
    try:
        yield fired
    finally:
        timer.cancel()


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start
