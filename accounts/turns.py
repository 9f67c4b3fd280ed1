"""Work of many owners in few threads: of each owner so much at a time, the rest waits in line."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from uuid import UUID


class Turns:
    """Threads in which `act` is called with ids, each queued once until its turn is over.

    An owner with a hundred slow ids holds `each` threads and no more. The next of its line starts
    when one of its turns ends, behind whatever others queued meanwhile: nobody is left out.
    """

    def __init__(self, act: Callable[[UUID], object], *, width: int, each: int, name: str) -> None:
        self._act, self._each = act, each
        self._threads = ThreadPoolExecutor(width, thread_name_prefix=name)
        self._lock = Lock()
        self._known: set[UUID] = set()
        self._lines: defaultdict[UUID, deque[UUID]] = defaultdict(deque)
        self._running: Counter[UUID] = Counter()

    @property
    def are_over(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self._known

    def add(self, owner: UUID, one: UUID) -> None:
        """Queue an id of an owner, unless it waits or runs already."""
        with self._lock:
            if one in self._known:
                return
            self._known.add(one)
            self._lines[owner].append(one)
            self._start_next(owner)

    def _start_next(self, owner: UUID) -> None:
        line = self._lines[owner]
        while line and self._running[owner] < self._each:
            self._running[owner] += 1
            self._threads.submit(self._run, owner, line.popleft())
        if not self._running[owner]:
            del self._lines[owner], self._running[owner]

    def _run(self, owner: UUID, one: UUID) -> None:
        try:
            self._act(one)
        finally:
            with self._lock:
                self._known.discard(one)
                self._running[owner] -= 1
                self._start_next(owner)
