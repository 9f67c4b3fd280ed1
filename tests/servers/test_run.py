"""`make run` as a person meets it: it starts, it answers, it stops, it says what is wrong."""

import json
import os
import signal
import socket
import stat
import time
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from config.loopback_servers import free_port
from tests.servers.processes import health, started

LISTENING = "Wayfork is running at"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_stops_without_a_word_of_error(
    tmp_path: Path, ending: signal.Signals
) -> None:
    port = free_port()
    with started("config.run", tmp_path, port, WAYFORK_DEMO="0") as terminal:
        terminal.wait_for(LISTENING)
        assert health(port) == 200
        terminal.press(ending)
        assert terminal.exit_code(within=60) == 0, terminal.transcript()
    assert terminal.complained == []
    assert terminal.said[-1] == "Wayfork has stopped."


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.2])
def test_ctrl_c_while_it_starts_is_no_traceback(tmp_path: Path, seconds: float) -> None:
    with started("config.run", tmp_path, free_port(), WAYFORK_DEMO="0") as terminal:
        terminal.wait_for("3/5")
        time.sleep(seconds)
        terminal.press(signal.SIGINT)
        assert terminal.exit_code(within=60) == 0, terminal.transcript()
    assert terminal.complained == []


def test_a_second_start_keeps_the_secret_key(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        with started("config.run", tmp_path, free_port(), WAYFORK_DEMO="0") as terminal:
            terminal.wait_for(LISTENING)
            terminal.press(signal.SIGINT)
            assert terminal.exit_code(within=60) == 0, terminal.transcript()
        keys.append((tmp_path / "secret_key").read_text())
    assert keys[0] == keys[1]
    assert len(keys[0]) >= 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started("config.run", tmp_path, port) as terminal:
            assert terminal.exit_code(within=60) == 1
    assert terminal.complained == [
        f"Port {port} is taken by another program. Choose another: PORT={port + 1}."
    ]


def test_two_processes_do_not_share_a_data_folder(tmp_path: Path) -> None:
    with started("config.run", tmp_path, free_port(), WAYFORK_DEMO="0") as first:
        first.wait_for("3/5")
        with started("config.run", tmp_path, free_port(), WAYFORK_DEMO="0") as second:
            assert second.exit_code(within=60) == 1
        assert "Another Wayfork is running on the data folder" in second.complained[0]


@pytest.mark.parametrize("port", ["0", "70000", "http"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    with started("config.run", tmp_path, 1, PORT=port) as terminal:
        assert terminal.exit_code(within=60) == 1
    assert terminal.complained == [f"PORT must be a number from 1 to 65535, not {port!r}."]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with started("config.run", tmp_path / "data", free_port()) as terminal:
        assert terminal.exit_code(within=60) == 1
    assert (
        "cannot be used (Permission denied). Choose another with DATA=." in terminal.complained[0]
    )


def test_an_address_in_the_shell_is_left_alone(tmp_path: Path) -> None:
    elsewhere = f"postgresql://nobody@127.0.0.1:{free_port()}/somebody_elses"
    with started(
        "config.run", tmp_path, free_port(), WAYFORK_DEMO="0", DATABASE_URL=elsewhere
    ) as terminal:
        terminal.wait_for("DATABASE_URL is not used by `make run`")
        terminal.wait_for(LISTENING)
        assert (tmp_path / "wayfork.sqlite3").exists()


def hangs_up_on_a_long_message(port: int, key: str) -> bool:
    """Whether a stream ends at the announcement of a message, of which nothing is sent."""
    address = f"ws://127.0.0.1:{port}/api/v1/sdk/stream"
    with connect(address, additional_headers={"Authorization": f"Bearer {key}"}) as stream:
        assert "hello" in str(stream.recv(timeout=10))
        stream.socket.sendall(b"\x81\xff" + (100_000).to_bytes(8, "big") + bytes(4))
        try:
            while True:
                stream.recv(timeout=5)
        except ConnectionClosed:
            return True
        except TimeoutError:
            return False


def test_the_demo_is_made_once_and_its_visitors_come(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        port = free_port()
        with started("config.run", tmp_path, port) as terminal:
            terminal.wait_for(LISTENING)
            terminal.wait_for("sign in as   olivia@solarflare.example")
            keys.append(terminal.wait_for("SDK keys     production"))
            terminal.wait_for("visitors | ")
            page = httpx.get(f"http://127.0.0.1:{port}/", follow_redirects=True)
            assert page.status_code == 200
            known = json.loads((tmp_path / "demo.json").read_text(encoding="utf-8"))
            assert hangs_up_on_a_long_message(port, known["keys"]["production"]["server"])
            terminal.press(signal.SIGINT)
            assert terminal.exit_code(within=60) == 0, terminal.transcript()
        assert terminal.complained == []
        assert not [line for line in terminal.said if "ended by itself" in line]
    assert keys[0] == keys[1]
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
