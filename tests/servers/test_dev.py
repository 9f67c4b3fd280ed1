"""`make dev`: the production shape starts, answers on both ports, and falls and stops as one."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from config.loopback_servers import free_port
from tests.servers.processes import health, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def _children_of(parent: int) -> dict[int, str]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                found[int(folder.name)] = " ".join(words)
    return found


def test_it_serves_people_and_sdks_and_stops_on_ctrl_c(open_folder: Path) -> None:
    port, delivery = free_port(), free_port()
    with started(
        "config.dev", open_folder, port, DELIVERY_PORT=str(delivery), WAYFORK_DEMO="0"
    ) as terminal:
        terminal.wait_for("SDKs use")
        assert health(port) == 200
        assert health(delivery) == 200
        children = _children_of(terminal.process.pid).values()
        assert len(children) == 6
        servers = [command for command in children if "uvicorn" in command]
        assert [command.count("--ws-max-size 65536") for command in servers] == [1, 1]
        terminal.press(signal.SIGINT)
        assert terminal.exit_code(within=30) == 0, terminal.transcript()
    assert terminal.complained == []


def test_a_part_that_dies_is_named_and_takes_the_rest_along(open_folder: Path) -> None:
    with started(
        "config.dev", open_folder, free_port(), DELIVERY_PORT=str(free_port()), WAYFORK_DEMO="0"
    ) as terminal:
        terminal.wait_for("SDKs use")
        children = _children_of(terminal.process.pid)
        clock = next(pid for pid, command in children.items() if "beat" in command)
        os.kill(clock, signal.SIGKILL)
        assert terminal.exit_code(within=30) == 1, terminal.transcript()
    assert "beat ended by itself (exit code -9); the others have been stopped." in (
        terminal.complained
    )
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
