"""Clients and processes: a forked child follows the server by itself, an exit loses no event."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sdks.python.tests.client.loopback import until
from sdks.python.tests.client.snapshots import ANN, KEY, document

ROOT = Path(__file__).resolve().parents[4]


def in_child(work) -> int:
    """Run in a forked child; its exit code is 0 when the work returned true."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return child


def ended(child: int, timeout: float = 10.0) -> int:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("the child hangs")


def sees_the_change(client, seconds: float = 2.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if client.bool("checkout", False, ANN):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("how", ["stream", "poll"])
def test_a_forked_child_and_its_parent_both_see_a_change(server, make_client, how):
    client = make_client(server.url, stream=how == "stream", poll_interval=0.1)
    assert client.wait_ready(5)
    until(lambda: client.status().state != "starting")
    before = server.connected

    def work():
        return sees_the_change(client, 5)

    children = [in_child(work) for _ in range(2)]
    if how == "stream":
        until(lambda: server.connected == before + 2)
    server.publish(document(2, value=True))
    assert [ended(child) for child in children] == [0, 0]
    assert sees_the_change(client)


def test_a_child_answers_at_once_from_what_it_inherited(server, client):
    server.stop()
    assert ended(in_child(lambda: client.int("limit", 0, ANN) == 7)) == 0


def test_a_child_is_somebody_else_and_starts_only_when_asked(server, client):
    until(lambda: client.status().state == "streaming")
    mine = client.status().instance
    client.track("parents", ANN)

    def work():
        import threading  # noqa: PLC0415 - counts the child's own threads

        alone = threading.active_count() == 1
        emptied = client._crew.outbox.waiting == 0
        other = client.status().instance != mine
        return alone and emptied and other and threading.active_count() > 1

    assert ended(in_child(work)) == 0
    assert client.flush(5)
    assert len(server.seen.events("track")) == 1


def test_a_child_that_closes_leaves_the_parents_connection_alone(server, client):
    until(lambda: client.status().state == "streaming")

    def work():
        client.bool("checkout", False)
        client.close()
        return True

    assert ended(in_child(work)) == 0
    server.publish(document(2, value=True))
    assert sees_the_change(client)
    assert client.status().state == "streaming"


def test_a_child_delivers_its_own_events(server, client):
    def work():
        client.track("from-child", ANN)
        client.bool("checkout", False, ANN)
        return client.flush(5)

    assert ended(in_child(work)) == 0
    assert len(server.seen.events("track")) == 1
    assert sum(e["count"] for e in server.seen.events("evaluations")) == 1


def test_a_fork_while_every_lock_is_held_does_not_hang_the_child(server, client):
    crew = client._crew
    with client._lock, client._truth._lock, crew.outbox._condition, crew.counting._lock:
        child = in_child(lambda: client.bool("checkout", True, ANN) is False and client.flush(5))
    assert ended(child) == 0


def test_a_child_of_multiprocessing_delivers_its_events_when_it_ends(server, make_client):
    client = make_client(server.url, flush_interval=60)
    assert client.wait_ready(5)

    def work() -> None:
        client.track("from-child", ANN)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(10)
    assert child.exitcode == 0
    until(lambda: len(server.seen.events("track")) == 1)


def test_grandchildren_follow_too(server, client):
    def middle() -> bool:
        return ended(in_child(lambda: sees_the_change(client, 5))) == 0

    child = in_child(middle)
    time.sleep(0.2)
    server.publish(document(2, value=True))
    assert ended(child) == 0


def run(code: str, url: str) -> subprocess.CompletedProcess[str]:
    source = (
        f"from wayfork import Client\nclient = Client({KEY!r}, {url!r}, flush_interval=60)\n{code}"
    )
    paths = {"PYTHONPATH": str(ROOT / "sdks/python/src")}
    return subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, **paths},
        check=False,
    )


def test_a_process_that_just_ends_delivers_its_events(server):
    done = run("client.wait_ready(5); client.track('bye', {'userId': 'ann'})", server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert [event["event"] for event in server.seen.events("track")] == ["bye"]


def test_a_process_that_fails_delivers_its_events_too(server):
    done = run("client.wait_ready(5); client.track('bye', {'userId': 'ann'}); 1 / 0", server.url)
    assert done.returncode == 1
    assert len(server.seen.events("track")) == 1


def test_a_process_without_a_server_ends_quickly_and_quietly():
    began = time.monotonic()
    done = run("client.track('bye', {'userId': 'ann'})", "http://127.0.0.1:9")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 5
