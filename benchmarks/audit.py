"""The audit pages with a long history, and its proof: python -m benchmarks.audit

Starts a PostgreSQL of its own on loopback, fills the ledger with 1,000,000 chained lines of three
years, asks for the pages as a browser would (the whole request, without the network), and proves
the chain. `--lines` makes it shorter, `--rounds` more exact.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import django

from config.loopback_servers import postgres

GOAL_MS = 200.0
GOAL_PROOF_SECONDS = 15.0
START = datetime(2023, 11, 1, tzinfo=UTC)
YEARS = timedelta(days=3 * 365)
PROJECTS, FLAGS, PEOPLE, TAGS = 10, 2_000, 60, 40
# Things that happened only within the first hundredth of the history, and then no more.
OLD_FLAG, OLD_PERSON, OLD_TAG = "flag-old", "gone@example.org", "tag-old"
ACTS = (
    ("flag.changed", 55),
    ("flag.created", 6),
    ("segment.changed", 8),
    ("change.submitted", 10),
    ("change.approved", 9),
    ("experiment.started", 3),
    ("metric.changed", 3),
    ("sdk_key.created", 2),
    ("role.set", 2),
    ("token.created", 2),
)


def main() -> None:
    """Start the server, and do the rest in a process whose settings know it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.inside:
        run(given.lines, given.rounds)
        return
    with postgres() as url, tempfile.TemporaryDirectory(prefix="wayfork-benchmark-") as folder:
        ground = {**os.environ, "DATABASE_URL": url, "WAYFORK_DATA": folder}
        ground |= {"DJANGO_SETTINGS_MODULE": "config.settings", "WAYFORK_LOG_LEVEL": "ERROR"}
        ground.pop("REDIS_URL", None)
        command = [sys.executable, "-m", "benchmarks.audit", "--inside"]
        counts = ["--lines", str(given.lines), "--rounds", str(given.rounds)]
        sys.exit(subprocess.run([*command, *counts], env=ground, check=False).returncode)


def run(lines: int, rounds: int) -> None:
    """Fill, look, prove."""
    django.setup()
    from benchmarks import audit_pages  # noqa: PLC0415 - Django had to be up

    audit_pages.run(lines, rounds)


def weighted(chance: random.Random, most: int) -> int:
    """A few names are used all the time, most of them seldom."""
    return min(int(chance.paretovariate(0.6)), most) - 1


def moments(lines: int) -> Iterator[datetime]:
    """When each line was written."""
    step = YEARS / lines
    for number in range(lines):
        yield START + step * number


def document(chance: random.Random) -> dict[str, Any]:
    """A flag's state of about 600 bytes."""
    rules = [
        {
            "id": uuid.UUID(int=chance.getrandbits(128)).hex,
            "when": [{"attribute": "country", "op": "in", "values": ["DE", "AT", "CH"]}],
            "serve": chance.choice(["on", "off"]),
            "share": chance.randrange(100_000),
        }
        for _ in range(3)
    ]
    return {"enabled": chance.random() < 0.5, "fallthrough": "on", "rules": rules}


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each call, the first left out."""
    work()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return found


def told(name: str, found: list[float]) -> str:
    """A row of the table."""
    p50, p95 = statistics.median(found), percentile(found, 0.95)
    mark = "" if p95 < GOAL_MS else "  <- too slow"
    return f"| {name} | {p50:.0f} | {p95:.0f} |{mark}"


if __name__ == "__main__":
    main()
