"""What a process needs before Django wakes: a data folder of its own, a secret key, a free port."""

import fcntl
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
HOME = Path(__file__).resolve().parent.parent
DEFAULT_PORT = 8000
# What people's pages and SDKs say on their sockets is short: more is not even read into memory.
SOCKET_MESSAGE_BYTES = 65_536


class CannotStart(Exception):
    """Wayfork cannot start here; the text says why and what to do, for a terminal."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this start keeps its data and where it is reached."""

    folder: Path
    port: int
    demo: bool

    @property
    def url(self) -> str:
        """The address people open."""
        return f"http://{HOST}:{self.port}"

    @property
    def demo_file(self) -> Path:
        """Who may sign in to the demo, and its SDK keys, which are shown in full only here."""
        return self.folder / "demo.json"


def say(text: str) -> None:
    """Tell the terminal, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def place_from(environment: Mapping[str, str], *, default_folder: str) -> Place:
    """Read PORT, DATA and WAYFORK_DEMO."""
    port = port_from(environment, "PORT", default=DEFAULT_PORT)
    folder = Path(environment.get("DATA") or HOME / default_folder).expanduser().resolve()
    demo = environment.get("WAYFORK_DEMO", "1").strip().lower() not in {"0", "false", "no", "off"}
    return Place(folder=folder, port=port, demo=demo)


def port_from(environment: Mapping[str, str], variable: str, *, default: int) -> int:
    """Read a port."""
    given = environment.get(variable) or str(default)
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise CannotStart(f"{variable} must be a number from 1 to 65535, not {given!r}.")
    return int(given)


@contextmanager
def occupied(place: Place) -> Iterator[None]:
    """Hold the data folder: two processes on one folder would not hear of each other's changes."""
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        lock = (place.folder / "lock").open("a+")
    except OSError as error:
        raise CannotStart(
            f"The data folder {place.folder} cannot be used ({error.strerror})."
            " Choose another with DATA=."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"Another Wayfork is running on the data folder {place.folder}."
                " Stop it, or choose another folder with DATA=."
            ) from None
        yield


def require_free(port: int, *, variable: str = "PORT") -> None:
    """Refuse a port on which somebody listens."""
    with socket.socket() as probe:
        # As the servers do, so that connections left over from the last run do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise CannotStart(
                f"Port {port} may not be used by this user. Choose another: {variable}=8001."
            ) from None
        except OSError:
            raise CannotStart(
                f"Port {port} is taken by another program. Choose another: {variable}={port + 1}."
            ) from None


def settle(place: Place, addresses: Mapping[str, str]) -> None:
    """Put into the environment what the settings module reads there."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= addresses
    # Collected files would lie here; none are, and WhiteNoise warns of a missing folder.
    (place.folder / "static").mkdir(exist_ok=True)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["WAYFORK_DATA"] = str(place.folder)
    os.environ["WAYFORK_URL"] = place.url
    if not os.environ.get("WAYFORK_SECRET_KEY"):
        os.environ["WAYFORK_SECRET_KEY_FILE"] = str(secret_key_file(place))
    os.environ.setdefault("WAYFORK_LOG_LEVEL", "WARNING")


def secret_key_file(place: Place) -> Path:
    """The file with this installation's secret key, made once and readable by its owner alone."""
    path = place.folder / "secret_key"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(50))
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
