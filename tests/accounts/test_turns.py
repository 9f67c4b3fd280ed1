"""Turns of several owners in few threads: each gets its own, and none is forgotten."""

import threading
import time
from uuid import UUID, uuid4

from accounts.turns import Turns

PATIENCE_SECONDS = 20


class Work:
    """Something that takes until it is let go, and remembers what was done in which order."""

    def __init__(self) -> None:
        self.done: list[UUID] = []
        self.go_on = threading.Event()

    def __call__(self, one: UUID) -> None:
        self.done.append(one)
        self.go_on.wait(PATIENCE_SECONDS)


def wait_until(turns: Turns) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not turns.are_over and time.monotonic() < ends:
        time.sleep(0.01)
    assert turns.are_over


def wait_for(work: Work, number: int) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while len(work.done) < number and time.monotonic() < ends:
        time.sleep(0.01)
    assert len(work.done) == number


def test_an_owner_holds_no_more_threads_than_its_own() -> None:
    work = Work()
    turns = Turns(work, width=3, each=2, name="test")
    busy, quiet = uuid4(), uuid4()
    many, one = [uuid4() for _ in range(6)], uuid4()
    for each in many:
        turns.add(busy, each)
    turns.add(quiet, one)
    wait_for(work, 3)
    assert set(work.done) == {many[0], many[1], one}
    work.go_on.set()
    wait_until(turns)
    assert sorted(work.done) == sorted([*many, one])


def test_what_waits_is_queued_once_and_may_come_again_afterwards() -> None:
    work = Work()
    turns = Turns(work, width=1, each=1, name="test")
    owner, one = uuid4(), uuid4()
    for _ in range(3):
        turns.add(owner, one)
    work.go_on.set()
    wait_until(turns)
    turns.add(owner, one)
    wait_until(turns)
    assert work.done == [one, one]


def test_a_turn_that_breaks_ends_as_any_other() -> None:
    def broken(_one: UUID) -> None:
        raise RuntimeError

    turns = Turns(broken, width=1, each=1, name="test")
    owner = uuid4()
    for _ in range(3):
        turns.add(owner, uuid4())
    wait_until(turns)
