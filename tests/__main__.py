"""`make test`: the suite on SQLite where that can matter, then all of it on PostgreSQL and Valkey."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

from config.loopback_servers import CannotStart, postgres, valkey

SERVERS: Mapping[str, Callable[[], AbstractContextManager[str]]] = {
    "TEST_DATABASE_URL": postgres,
    "TEST_REDIS_URL": valkey,
}
NO_TESTS_COLLECTED = 5
WORKERS = ("-n", os.environ.get("WAYFORK_TEST_WORKERS", "2"), "--durations=10")
# Pure tests and those of the browser gain nothing from a second database. Neither does what speaks
# with identity providers, directories and receivers: its few rows are the same on both, and
# PostgreSQL, which every one of these tests runs on, is the stricter.
# The REST API asks the same queries as the pages, which both databases see, and who is refused is
# decided before most of them.
ELSEWHERE = (
    "accounts/sso",
    "accounts/scim",
    "accounts/local",
    "accounts/test_destinations.py",
    *(f"{room}/api" for room in ("accounts", "flags", "metrics", "experiments")),
)
REFUSALS = (
    "test_what_is_another_tenants_is_not_found_at_home_either",
    "test_a_token_for_reading_writes_nowhere",
)
ON_SQLITE = (
    "-m",
    "database and not browser",
    *(f"--ignore=tests/{part}" for part in ELSEWHERE),
    *(f"--deselect=tests/architecture/test_routes.py::{name}" for name in REFUSALS),
)


def main(arguments: Sequence[str]) -> int:
    """Both runs; the worse exit code."""
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="wayfork-tests-"))
        ground = {**os.environ, "WAYFORK_DATA": scratch}
        # Each worker, and each process a test starts, would compile the whole product again.
        for name in ("DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE"):
            ground.pop(name, None)
        try:
            addresses = {name: _address(name, start, stack) for name, start in SERVERS.items()}
        except CannotStart as error:
            return _without_servers(str(error), ground, arguments)
        ground |= addresses
        real = {
            "DATABASE_URL": addresses["TEST_DATABASE_URL"],
            "REDIS_URL": addresses["TEST_REDIS_URL"],
        }
        first = _run("SQLite, what touches the database", ground, [*ON_SQLITE, *arguments])
        second = _run("PostgreSQL and Valkey, everything", ground | real, arguments)
        return first or second


def _address(name: str, start: Callable[[], AbstractContextManager[str]], stack: ExitStack) -> str:
    return os.environ.get(name) or stack.enter_context(start())


def _without_servers(reason: str, ground: Mapping[str, str], arguments: Sequence[str]) -> int:
    _say(f"PostgreSQL and Valkey could not be started, so nothing is tested on them.\n{reason}")
    if os.environ.get("CI") == "true":
        _say("CI=true promises them: this is a failure.")
        return 1
    return _run("SQLite, everything (no other server could be had)", ground, arguments)


def _run(title: str, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    _say(title)
    command = [sys.executable, "-m", "pytest", *WORKERS, *arguments]
    try:
        code = subprocess.run(command, env=dict(environment), check=False).returncode
    except KeyboardInterrupt:
        return 130
    return 0 if code == NO_TESTS_COLLECTED else code


def _say(text: str) -> None:
    sys.stdout.write(f"\n=== {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
