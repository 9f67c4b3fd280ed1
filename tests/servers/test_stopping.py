"""A wish to stop is heard, wherever the exception that carries it gets lost."""

import signal
import sys
from collections.abc import Iterator

import pytest

from config import stopping


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Give the test run its own signal handlers back."""
    hook = sys.unraisablehook
    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}
    yield
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


def press_in_a_finalizer() -> None:
    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    Dying()


def test_a_wish_lost_in_a_finalizer_ends_the_start_at_the_next_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = []

    def work() -> None:
        press_in_a_finalizer()
        steps.append("went on")
        stopping.stop_if_asked()
        steps.append("never here")

    assert stopping.until_stopped(work) == 0
    assert steps == ["went on"]
    said = capsys.readouterr()
    assert said.out.endswith("Wayfork has stopped.\n")
    assert said.err == ""


def test_a_lost_wish_is_found_before_an_event_loop_starts() -> None:
    calls = []

    def work() -> None:
        press_in_a_finalizer()
        stopping.call_when_stopped(lambda: calls.append("stop"))
        calls.append("the loop runs")

    assert stopping.until_stopped(work) == 0
    assert calls == []


def test_pressing_again_works_when_the_first_was_lost() -> None:
    steps = []

    def work() -> None:
        press_in_a_finalizer()
        steps.append("went on")
        signal.raise_signal(signal.SIGINT)
        steps.append("never here")

    assert stopping.until_stopped(work) == 0
    assert steps == ["went on"]


def test_within_an_event_loop_the_wish_is_a_call() -> None:
    calls = []

    def work() -> None:
        stopping.call_when_stopped(lambda: calls.append("stop"))
        signal.raise_signal(signal.SIGTERM)
        calls.append("the loop ends by itself")

    assert stopping.until_stopped(work) == 0
    assert calls == ["stop", "the loop ends by itself"]
