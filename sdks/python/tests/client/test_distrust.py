"""Broken transports and mutilated snapshots: whatever arrives, the good snapshot stays and answers."""

import contextlib
import copy
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdks.python.tests.client.loopback import until
from sdks.python.tests.client.snapshots import ANN, document, snapshot
from wayfork.client import rest
from wayfork.client.acceptance import accept
from wayfork.client.errors import SnapshotRejected, Unreachable
from wayfork.engine import checksum_of, compile_snapshot, parse_snapshot

LIMIT = 4 * 1024 * 1024
GOOD = compile_snapshot(snapshot())
BOMB = gzip.compress(b"\0" * 50_000_000)


def answering(*pieces: bytes, pause: float = 0.0) -> tuple[str, threading.Event]:
    """A peer that says these bytes to whoever connects."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def talk() -> None:
        with contextlib.suppress(OSError):
            while not done.is_set():
                peer, _ = listener.accept()
                with contextlib.suppress(OSError), peer:
                    peer.recv(65_536)
                    for piece in pieces:
                        peer.sendall(piece)
                        done.wait(pause)

    threading.Thread(target=talk, daemon=True).start()

    def close() -> None:
        done.wait()
        listener.close()

    threading.Thread(target=close, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}", done


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


BROKEN = {
    "nothing": (b"",),
    "not http": (b"SSH-2.0-OpenSSH_9.0\r\n",),
    "cut in the body": (http(document(2), length=100_000),),
    "cut in the head": (b"HTTP/1.1 200 OK\r\nContent-Le",),
    "html": (http(b"<html>Please sign in</html>"),),
    "redirect": (http(b"", "Location: http://127.0.0.1:9/", status="302 Found"),),
    "gzip that is none": (http(document(2), "Content-Encoding: gzip"),),
    "gzip cut short": (http(gzip.compress(document(2))[:-30], "Content-Encoding: gzip"),),
    "gzip bomb": (http(BOMB, "Content-Encoding: gzip"),),
    "declares a terabyte": (http(b"{", length=2**40),),
    "endless head": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200,),
    "error page": (http(b"oops", status="500 Internal Server Error"),),
    "nested": (http(b"[" * 200_000),),
    "empty 304": (http(b"", status="304 Not Modified"),),
}


@pytest.mark.parametrize("pieces", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_changes_nothing(make_client, pieces):
    url, done = answering(*pieces)
    heard: list[Exception] = []
    kept = snapshot(value=True).to_json()
    client = make_client(url, bootstrap=kept, on_error=heard.append, request_timeout=0.5)
    until(lambda: heard)
    assert client.bool("checkout", False, ANN) is True
    assert (client.status().version, client.status().source) == (1, "bootstrap")
    done.set()


def test_a_trickling_answer_ends(monkeypatch):
    monkeypatch.setattr(rest, "PATIENCE", 1)
    url, done = answering(http(b"", length=1000), *[b"x"] * 100, pause=0.05)
    connection = rest.Connection(url, {}, 0.3)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="trickles"):
        rest.fetch_snapshot(connection, None, LIMIT)
    assert time.monotonic() - began < 2
    done.set()


def test_a_chunked_answer_is_read_whole():
    raw = document(2)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(raw[i : i + 700]), raw[i : i + 700]) for i in range(0, len(raw), 700)
    )
    url, done = answering(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )
    assert rest.fetch_snapshot(rest.Connection(url, {}, 2), None, LIMIT).document == raw
    done.set()


def test_while_the_server_hangs_asking_costs_nothing(server, make_client):
    server.faults.slow = 1.0
    client = make_client(server.url, bootstrap=snapshot(value=True).to_json())
    worst = 0.0
    for _ in range(20_000):
        began = time.perf_counter()
        client.bool("checkout", False, ANN)
        worst = max(worst, time.perf_counter() - began)
    # A bound for waiting, not for speed: threads share two busy cores.
    assert worst < 0.4


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_flipped_byte_is_always_noticed(data):
    raw = bytearray(document(2))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SnapshotRejected):
        accept(bytes(raw), GOOD, LIMIT)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from places(inner, (*path, key))


WHOLE = json.loads(document(2))
PLACES = [path for path in places(WHOLE) if path]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", 0, -1, 2**70, 1.5, True, [], {}, [[]], "x" * 300, {"a": None}]
)


@given(path=st.sampled_from(PLACES), odd=ODD)
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_anything_anywhere_is_refused_or_answers_without_a_fault(path, odd):
    mutant = copy.deepcopy(WHOLE)
    inside = mutant
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = odd
    mutant["checksum"] = ""
    draft = json.dumps(mutant, separators=(",", ":"), sort_keys=True).encode()
    sealed = draft.replace(b'"checksum":""', b'"checksum":"%s"' % checksum_of(draft).encode(), 1)
    try:
        compiled = accept(sealed, GOOD, LIMIT).compiled
    except SnapshotRejected:
        return
    for key in WHOLE["flags"]:
        compiled.evaluate(key, None, ANN)


def test_the_unharmed_snapshot_is_taken():
    assert accept(document(2), GOOD, LIMIT).compiled.version == 2
    assert parse_snapshot(document(2)).version == 2
