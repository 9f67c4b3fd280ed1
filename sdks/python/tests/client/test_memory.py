"""The last known good snapshot on disk and the bundled bootstrap: what counts when nobody answers."""

import json
import os
import stat
import time
from typing import Any

import pytest

from sdks.python.tests.client.loopback import until
from sdks.python.tests.client.snapshots import document, flags, snapshot
from wayfork.client import persistence

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "flags.json"


def stored(path, content: bytes):
    persistence.write(path, content)
    return path


def test_what_the_server_sent_is_on_disk_for_its_owner_alone(server, make_client, path):
    client = make_client(server.url, snapshot_path=path)
    assert client.wait_ready(5)
    until(path.exists)
    assert path.read_bytes() == document(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    until(lambda: client.status().state == "streaming")
    server.publish(document(2, value=True))
    until(lambda: path.read_bytes() == document(2, value=True))


def test_a_cold_start_without_a_server_answers_from_the_disk_at_once(make_client, path):
    stored(path, document(3, value=True))
    began = time.monotonic()
    client = make_client(NOWHERE, snapshot_path=str(path))
    assert client.bool("checkout", False) is True
    assert time.monotonic() - began < 0.1
    status = client.status()
    assert (status.source, status.version, status.stale) == ("disk", 3, True)
    assert client.wait_ready(0.1) is False


def test_a_stored_snapshot_that_is_current_is_not_fetched_again(server, make_client, path):
    client = make_client(server.url, snapshot_path=stored(path, document(1)))
    assert client.wait_ready(5)
    assert client.status().source == "live"
    assert [status for *_, status in server.seen.fetches] == [304]


def test_the_server_replaces_an_older_stored_snapshot(server, make_client, path):
    server.document = document(4, value=True)
    client = make_client(server.url, snapshot_path=stored(path, document(3)))
    assert client.wait_ready(5)
    assert client.bool("checkout", False) is True


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        document(1)[:-1],
        document(1).replace(b"Hello", b"Hallo"),
        document(1, environment="staging"),
        document(1) + b" " * 5_000_000,
        b"[" * 100_000,
    ],
    ids=["empty", "brace", "binary", "truncated", "checksum", "environment", "huge", "deep"],
)
def test_a_stored_snapshot_that_is_not_right_is_ignored(server, make_client, path, content):
    heard: list[Any] = []
    stored(path, content)
    cold = make_client(NOWHERE, snapshot_path=path, on_error=heard.append)
    assert cold.bool("checkout", True) is True
    assert cold.status().source == "none"
    assert cold.status().rejected_snapshots == 1
    assert "disk snapshot is ignored" in str(heard[0])
    warm = make_client(server.url, snapshot_path=path)
    assert warm.wait_ready(5)
    until(lambda: path.read_bytes() == document(1))


def test_a_path_that_cannot_be_read_or_written_harms_nobody(server, make_client, tmp_path):
    heard: list[Any] = []
    client = make_client(server.url, snapshot_path=tmp_path, on_error=heard.append)
    assert client.wait_ready(5)
    assert client.int("limit", 0) == 7
    until(lambda: len(heard) >= 2)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_snapshot_never_reaches_the_disk(server, make_client, path):
    client = make_client(server.url, snapshot_path=path)
    assert client.wait_ready(5)
    until(path.exists)
    until(lambda: client.status().state == "streaming")
    server.publish(document(2, value=True).replace(b"Hello", b"Hallo"))
    until(lambda: server.seen.said("nack"))
    assert path.read_bytes() == document(1)


def test_a_crash_while_writing_leaves_the_old_snapshot(path, monkeypatch):
    stored(path, b"old")

    def crash(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        persistence.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("form", ["mapping", "bytes", "text path", "path"])
def test_a_bootstrap_answers_until_something_better_comes(make_client, server, path, form):
    stored(path, document(1, value=True, environment="bundled"))
    given = {
        "mapping": json.loads(path.read_bytes()),
        "bytes": path.read_bytes(),
        "text path": str(path),
        "path": path,
    }[form]
    cold = make_client(NOWHERE, bootstrap=given)
    assert cold.bool("checkout", False) is True
    assert cold.status().source == "bootstrap"
    warm = make_client(server.url, bootstrap=given)
    assert warm.wait_ready(5)
    assert warm.bool("checkout", True) is False


def test_the_disk_beats_the_bootstrap(make_client, path):
    stored(path, document(1, value=True))
    client = make_client(NOWHERE, snapshot_path=path, bootstrap=document(1))
    assert client.bool("checkout", False) is True
    assert client.status().source == "disk"


def test_a_broken_disk_falls_back_to_the_bootstrap(make_client, path):
    stored(path, b"broken")
    client = make_client(NOWHERE, snapshot_path=path, bootstrap=snapshot(value=True).to_json())
    assert client.bool("checkout", False) is True
    assert client.status().source == "bootstrap"


@pytest.mark.parametrize(
    "bad", ["/no/such/file", "\0", b"broken", {}, {"schema": 1}, {"schema": 2}, 42]
)
def test_a_broken_bootstrap_is_ignored(make_client, bad):
    client = make_client(NOWHERE, bootstrap=bad)
    assert client.bool("checkout", True) is True
    assert client.status().source == "none"


def test_an_empty_answer_does_not_replace_a_bootstrap_of_the_same_environment(server, make_client):
    server.document = document(2, flags={})
    client = make_client(server.url, bootstrap=document(1, value=True))
    until(lambda: client.status().rejected_snapshots >= 1)
    assert client.bool("checkout", False) is True
    assert len(flags()) == 10
