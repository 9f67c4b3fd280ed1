"""A shop to measure: a database of its own, an environment with flags, a key, running servers."""

import importlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
HOME = Path(__file__).resolve().parent.parent
SWITCH = "switch"


@dataclass(frozen=True)
class Shop:
    """What a measurement needs: who may change flags, and the key an SDK shows."""

    owner: Any
    key: str


@contextmanager
def scratch(**addresses: str) -> Iterator[Path]:
    """A data folder of its own; the settings of this process and its children point there."""
    with tempfile.TemporaryDirectory(prefix="wayfork-benchmark-") as folder:
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        os.environ.update(
            {
                "WAYFORK_DATA": folder,
                "WAYFORK_SECRET_KEY": secrets.token_hex(24),
                "WAYFORK_LOG_LEVEL": "WARNING",
                # Counted, as everywhere, but never used up.
                "WAYFORK_SDK_CALLS_PER_KEY": "1000000",
                "DJANGO_SETTINGS_MODULE": "config.settings",
                **addresses,
            }
        )
        yield Path(folder)


def open_shop(flags: int) -> Shop:
    """Migrate, and make an organization whose production serves this many flags, half with rules."""
    importlib.import_module("django").setup()
    from django.core.management import call_command  # noqa: PLC0415 - Django must be up

    from accounts import access  # noqa: PLC0415
    from accounts.actions import credentials, organizations  # noqa: PLC0415
    from accounts.models import User  # noqa: PLC0415
    from flags import changes  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("owner@example.org", secrets.token_hex(8))
    organizations.create_organization("shop", "Shop", user)
    organizations.create_project(access.of_member(user, "shop"), "web", "Web")
    owner = access.of_member(user, "shop", "web", "production")
    parts = [_definition(number) for number in range(flags)]
    changes.submit_all(owner, parts)
    changes.submit_all(owner, [_state(number) for number in range(1, flags)])
    key = credentials.create_sdk_key(owner, "server", "benchmark").secret
    return Shop(owner, key)


def _definition(number: int) -> Any:
    from flags import changes  # noqa: PLC0415
    from flags.edits import CreateFlag  # noqa: PLC0415

    key = _name(number)
    variations = {"on": True, "off": False}
    edit = CreateFlag(key, key, "boolean", variations, "off", "on", tags=("benchmark",))
    return changes.Part(changes.definition(key), (edit,), 0)


def _state(number: int) -> Any:
    from flags import changes  # noqa: PLC0415
    from flags.edits import AddRule, SetFallthrough, TurnOn  # noqa: PLC0415
    from wayfork.engine import Allocation, Clause, Rule, Split  # noqa: PLC0415

    countries = Clause("country", "in", ("DE", "FR", "ES"))
    share = Allocation("user", f"share-{number}", ((0, 30_000),))
    rule = Rule(f"r{number}", "Three countries", (countries,), "on", share)
    split = Split("user", f"split-{number}", (("on", 50_000), ("off", 50_000)))
    edits = (TurnOn(), SetFallthrough(split), *([AddRule(rule)] if number % 2 else []))
    return changes.Part(changes.state(_name(number)), edits, 0)


def _name(number: int) -> str:
    return SWITCH if number == 0 else f"flag-{number:04d}"


@contextmanager
def uvicorn(application: str, port: int, **more: str) -> Iterator[int]:
    """One uvicorn process, started as in production; yields its process id."""
    command = [sys.executable, "-m", "uvicorn", application, "--host", HOST, "--port", str(port)]
    manners = ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "1"]
    manners += ["--ws-max-size", "65536"]
    environment: Mapping[str, str] = {**os.environ, **more}
    with subprocess.Popen([*command, *manners], cwd=HOME, env=environment) as process:
        try:
            wait_until_serving(port)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_serving(port: int) -> None:
    """Until something answers there."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("a server did not answer within a minute")


def free_port() -> int:
    """A port nobody listens on right now."""
    from config.loopback_servers import free_port as found  # noqa: PLC0415 - the path is set late

    return found()


def cpu_seconds(process: int) -> float:
    """What a process has used of the processor so far (Linux)."""
    parts = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """The machine in a line, for whoever reads the figures later."""
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else ""
    load = os.getloadavg()[0]
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{os.cpu_count()} cores {model}, Python {version}, load {load:.1f} before the start"
