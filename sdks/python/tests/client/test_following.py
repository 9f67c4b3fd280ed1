"""How a client keeps up with its server, and what it does when the server misbehaves."""

import logging
import threading
import time
from typing import Any

import pytest

from sdks.python.tests.client.loopback import Loopback, free_port, serving, until
from sdks.python.tests.client.snapshots import ANN, document, flag, snapshot
from wayfork.client import Change, KeyRefused, SnapshotRejected
from wayfork.engine import document_bytes


def streaming(client) -> bool:
    return until(lambda: client.status().state == "streaming")


def test_without_a_server_the_defaults_are_served_at_once(make_client):
    began = time.monotonic()
    client = make_client()
    assert client.bool("checkout", True, ANN) is True
    assert client.string("title", "plain") == "plain"
    assert time.monotonic() - began < 0.5
    assert client.wait_ready(0.2) is False
    assert client.details("checkout", default=True).error_code == "PROVIDER_NOT_READY"
    until(lambda: client.status().state == "disconnected")
    assert client.status().source == "none"


def test_a_client_becomes_ready_and_answers_every_type(client):
    assert client.bool("checkout", True, ANN) is False
    assert client.string("title", "-") == "Hello"
    assert client.int("limit", 0) == 7
    assert client.float("ratio", 0.0) == 0.5
    assert client.float("limit", 0.0) == 7
    assert client.json("layout", None) == {"columns": 2}
    status = client.status()
    assert (status.source, status.epoch, status.version, status.stale) == ("live", 1, 1, False)


@pytest.mark.parametrize("inline", [True, False])
def test_a_change_arrives_within_a_second(server, client, inline):
    streaming(client)
    arrived = threading.Event()
    client.on_change("checkout", lambda change: arrived.set())
    began = time.monotonic()
    server.publish(document(2, value=True), inline=inline)
    assert arrived.wait(1)
    assert client.bool("checkout", False, ANN) is True
    assert time.monotonic() - began < 1
    until(lambda: {"type": "ack", "epoch": 1, "version": 2} in server.seen.messages)
    assert len(server.seen.fetches) == (1 if inline else 2)


def test_the_stream_says_who_is_there(server, make_client):
    client = make_client(server.url, app="shop")
    streaming(client)
    headers = server.seen.streams[0]
    assert headers["wayfork-app"] == "shop"
    assert headers["wayfork-sdk"].startswith("python/")
    assert headers["wayfork-instance"] == client.status().instance


def test_a_server_ping_is_answered_and_keeps_the_client_fresh(server, client):
    streaming(client)
    time.sleep(0.1)
    before = client.status().age
    server.say({"type": "ping"})
    until(lambda: server.seen.said("pong"))
    assert client.status().age < before


def test_unknown_messages_are_ignored(server, client):
    streaming(client)
    for message in ({"type": "weather"}, {"type": "changed"}, {"type": "hello", "epoch": "x"}):
        server.say(message)
    server.publish(document(2, value=True))
    until(lambda: client.bool("checkout", False))


def test_a_dropped_stream_comes_back_within_the_window_and_catches_up(server, client):
    streaming(client)
    server.document = document(2, value=True)
    server.close_streams(1012)
    until(lambda: client.bool("checkout", False), 3)
    until(lambda: len(server.seen.streams) == 2)


def test_a_goodbye_is_followed_by_a_return_within_its_window(server, client):
    streaming(client)
    server.say({"type": "goodbye", "reason": "moved", "window": 0.1})
    until(lambda: len(server.seen.streams) == 2)
    streaming(client)


def test_where_streams_do_not_get_through_the_client_polls(server, make_client):
    server.faults.drop_streams = True
    client = make_client(server.url, poll_interval=0.1)
    assert client.wait_ready(5)
    until(lambda: client.status().state == "polling", 15)
    server.document = document(2, value=True)
    until(lambda: client.bool("checkout", False), 2)
    server.faults.drop_streams = False
    until(lambda: client.status().state == "streaming", 30)


def test_a_client_told_not_to_stream_polls_and_uses_304(server, make_client):
    client = make_client(server.url, stream=False, poll_interval=0.05)
    assert client.wait_ready(5)
    until(lambda: [status for *_, status in server.seen.fetches].count(304) >= 3)
    assert server.seen.fetches[1][1] == f'"{client._truth.compiled.snapshot.checksum}"'
    assert client.status().state == "polling"
    server.document = document(2, value=True)
    until(lambda: client.bool("checkout", False))
    assert [status for *_, status in server.seen.fetches].count(200) == 2
    assert server.seen.streams == []


def test_retry_after_is_honored(server, make_client):
    server.faults.fetch_status, server.faults.retry_after = 503, "1"
    client = make_client(server.url, stream=False, poll_interval=0.05)
    until(lambda: server.seen.fetches)
    server.faults.fetch_status = 0
    assert client.wait_ready(5)
    first, second = server.seen.fetches[:2]
    assert second[0] - first[0] >= 1


def test_a_server_that_starts_later_is_found(make_client):
    port = free_port()
    client = make_client(f"http://127.0.0.1:{port}")
    until(lambda: client.status().state == "disconnected")
    with serving(document(1, value=True), port=port):
        assert client.wait_ready(10)
        assert client.bool("checkout", False) is True


def test_an_outage_changes_no_answer_and_the_return_is_noticed(server, client):
    streaming(client)
    server.stop()
    until(lambda: client.status().state == "disconnected")
    assert client.int("limit", 0) == 7
    with serving(document(2, value=True), port=server.port):
        until(lambda: client.bool("checkout", False), 10)


def test_a_silent_stream_is_left_and_made_anew(server, make_client):
    client = make_client(server.url, idle_timeout=0.3)
    streaming(client)
    until(lambda: len(server.seen.streams) >= 2)
    assert client.int("limit", 0) == 7


# Refusing snapshots


def corrupt(document: bytes) -> bytes:
    return document.replace(b'"Hello"', b'"Hallo"')


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (corrupt(document(2, value=True)), "checksum"),
        (document(2, value=True)[:-20], "JSON"),
        (b"[]", "object"),
        (document_bytes(snapshot(2, value=True, schema=2)), "schema"),
        (document(2, flags={}), "0 flags"),
        (document(2, flags={"checkout": flag(value=True)}), "1 flags"),
        (document(0, value=True), "older"),
        (document(5, value=True, epoch=0), "older"),
        (document(2, value=True) + b" " * 70_000, "limit"),
    ],
    ids=[
        "checksum",
        "truncated",
        "array",
        "schema",
        "empty",
        "shrunk",
        "older",
        "epoch",
        "oversize",
    ],
)
@pytest.mark.parametrize("inline", [True, False])
def test_a_bad_snapshot_is_refused_and_the_good_one_kept(server, make_client, bad, why, inline):
    heard: list[Any] = []
    client = make_client(server.url, on_error=heard.append, max_snapshot_bytes=60_000)
    streaming(client)
    server.document = bad
    server.say({"type": "changed", "epoch": 1, "version": 2} if not inline else {"type": "pong"})
    if inline:
        server.publish(bad, keep=True)
    if inline and why == "limit":
        # Too big for a frame: the stream itself ends, as for any frame over the limit.
        until(lambda: len(server.seen.streams) >= 2)
    else:
        until(lambda: server.seen.said("nack"))
        assert why in server.seen.said("nack")[0]["reason"]
        assert client.status().rejected_snapshots + any(why == "limit" for _ in "x") >= 1
        assert any(isinstance(fault, SnapshotRejected) for fault in heard)
    assert client.bool("checkout", True) is False
    assert client.status().version == 1


def test_a_snapshot_marked_as_shrunk_is_taken(server, client):
    streaming(client)
    server.publish(document(2, flags={"checkout": flag(value=True)}, shrunk=True))
    until(lambda: client.bool("checkout", False))
    assert client.string("title", "gone") == "gone"


def test_a_restored_backup_with_a_lower_version_is_taken(server, client):
    streaming(client)
    server.publish(document(0, value=True, epoch=2))
    until(lambda: client.bool("checkout", False))


def test_a_poisoned_snapshot_is_not_fetched_faster_than_the_window(make_client):
    with serving(document(1), window=0.5) as server:
        client = make_client(server.url)
        streaming(client)
        server.document = corrupt(document(2, value=True))
        began = time.monotonic()
        server.say({"type": "changed", "epoch": 1, "version": 2})
        for _ in range(20):
            time.sleep(0.05)
            server.say({"type": "changed", "epoch": 1, "version": 2})
        later = [at for at, *_ in server.seen.fetches if at > began]
        assert 1 <= len(later) <= 3
        server.document = document(2, value=True)
        until(lambda: client.bool("checkout", False))


# A refused key


def test_a_revoked_key_ends_the_stream_and_the_flags_stay(server, make_client, caplog):
    heard: list[Any] = []
    client = make_client(server.url, on_error=heard.append)
    streaming(client)
    server.faults.refuse_key = True
    with caplog.at_level(logging.INFO, logger="wayfork"):
        server.close_streams(4401)
        until(lambda: client.status().state == "refused")
    attempts = len(server.seen.streams) + len(server.seen.fetches)
    time.sleep(0.5)
    assert len(server.seen.streams) + len(server.seen.fetches) == attempts
    assert client.int("limit", 0) == 7
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert client._key not in caplog.text
    assert any(isinstance(fault, KeyRefused) for fault in heard)
    assert client.status().state == "refused"


def test_a_key_refused_from_the_start_ends_the_wait_early(server, make_client, caplog):
    server.faults.refuse_key = True
    client = make_client(server.url)
    began = time.monotonic()
    assert client.wait_ready(5) is False
    assert time.monotonic() - began < 2
    assert client.status().state == "refused"
    assert "No such key. Make one." in client.status().last_error
    assert client.bool("checkout", True) is True


# Telling about changes


def test_listeners_hear_of_their_flag_alone_until_they_stop(server, client):
    streaming(client)
    mine: list[Change] = []
    all_changes: list[Change] = []
    other: list[Change] = []
    stop = client.on_change("checkout", mine.append)
    client.on_change(None, all_changes.append)
    client.on_change("title", other.append)
    server.publish(document(2, value=True))
    until(lambda: all_changes)
    stop()
    server.publish(document(3, value=False))
    until(lambda: len(all_changes) == 2)
    assert mine == [Change(frozenset({"checkout"}), 1, 2)]
    assert other == []


def test_a_listener_that_raises_harms_nobody(server, make_client):
    heard: list[Any] = []
    told: list[Any] = []
    client = make_client(server.url, on_error=heard.append)
    streaming(client)

    def broken(change):
        raise RuntimeError("listener")

    client.on_change(None, broken)
    client.on_change(None, told.append)
    server.publish(document(2, value=True))
    until(lambda: told)
    assert any("listener" in str(fault) for fault in heard)
    until(lambda: client.bool("checkout", False))


def test_an_on_error_that_raises_harms_nobody(make_client):
    def broken(fault):
        raise RuntimeError("on_error")

    client = make_client(on_error=broken)
    until(lambda: client.status().state == "disconnected")
    assert client.bool("checkout", True) is True


# Ending


@pytest.mark.parametrize("state", ["streaming", "polling", "unreachable"])
def test_closing_is_quick_and_the_values_stay(make_client, state):
    running = Loopback(document(1, value=True)).start()
    url = running.url if state != "unreachable" else "http://127.0.0.1:9"
    client = make_client(url, stream=state != "polling")
    if state != "unreachable":
        assert client.wait_ready(5)
    began = time.monotonic()
    client.close()
    client.close()
    assert time.monotonic() - began < 1
    assert client.status().state == "closed"
    assert client.bool("checkout", False) is (state != "unreachable")
    assert not [t for t in threading.enumerate() if t is client._crew.follower._thread]
    running.stop()


def test_closing_does_not_wait_for_a_server_that_hangs(server, make_client):
    server.faults.slow = 2.5
    client = make_client(server.url)
    client.track("purchase", ANN)
    time.sleep(0.2)
    began = time.monotonic()
    client.close(0.5)
    assert time.monotonic() - began < 1.5
