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
# Every page and every address of the REST API is asked once on both, by an owner and by a viewer;
# what is drawn of the answer, and whom else it refuses, is the same. The verbs and the queries
# behind them, the ledger, snapshots, schedules, ingest and analysis are tried in full on both.
ELSEWHERE = (
    "accounts/sso",
    "accounts/scim",
    "accounts/local",
    "accounts/test_admin.py",
    "accounts/test_back_doors.py",
    "accounts/test_destinations.py",
    *(f"{room}/api" for room in ("accounts", "flags", "metrics", "experiments")),
    *(f"{room}/views" for room in ("flags", "metrics", "experiments")),
)
WHO_IS_REFUSED = (
    "test_a_route_answers_the_cast_as_the_table_says",
    "test_what_is_another_tenants_is_not_found_at_home_either",
    "test_a_token_for_reading_writes_nowhere",
)
A_SECOND_LOOK = ("test_an_owner_and_a_viewer_are_answered_on_a_second_database_too",)


def _without_routes(*names: str) -> list[str]:
    return [f"--deselect=tests/architecture/test_routes.py::{name}" for name in names]


EVERYTHING = _without_routes(*A_SECOND_LOOK)
ON_SQLITE = (
    "-m",
    "database and not browser",
    *(f"--ignore=tests/{part}" for part in ELSEWHERE),
    *_without_routes(*WHO_IS_REFUSED),
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
        second = _run("PostgreSQL and Valkey, everything", ground | real, [*EVERYTHING, *arguments])
        return first or second


def _address(name: str, start: Callable[[], AbstractContextManager[str]], stack: ExitStack) -> str:
    return os.environ.get(name) or stack.enter_context(start())


def _without_servers(reason: str, ground: Mapping[str, str], arguments: Sequence[str]) -> int:
    _say(f"PostgreSQL and Valkey could not be started, so nothing is tested on them.\n{reason}")
    if os.environ.get("CI") == "true":
        _say("CI=true promises them: this is a failure.")
        return 1
    everything = [*EVERYTHING, *arguments]
    return _run("SQLite, everything (no other server could be had)", ground, everything)


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
