"""The audit history when it is long: python -m benchmarks.audit [pages|pairs|proof|export|writing]

Starts a PostgreSQL of its own on loopback, fills the ledger with 1,000,000 chained lines of three
years, and measures one part, or all: the pages as a browser asks for them (the whole request,
without the network), filters in pairs, the proof of the chain, an export of a tenth of it, and what a
line costs to write. `--lines` makes it shorter, `--rounds` more exact.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import django

from config.loopback_servers import postgres

PARTS = ("pages", "pairs", "proof", "export", "writing")
GOAL_MS = 200.0
GOAL_PROOF_SECONDS = 15.0


def main() -> None:
    """Start the server, and do the rest in a process whose settings know it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("part", nargs="?", choices=PARTS)
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.inside:
        run(given.lines, given.rounds, (given.part,) if given.part else PARTS)
        return
    with postgres() as url, tempfile.TemporaryDirectory(prefix="wayfork-benchmark-") as folder:
        ground = {**os.environ, "DATABASE_URL": url, "WAYFORK_DATA": folder}
        ground |= {"DJANGO_SETTINGS_MODULE": "config.settings", "WAYFORK_LOG_LEVEL": "ERROR"}
        ground.pop("REDIS_URL", None)
        command = [sys.executable, "-m", "benchmarks.audit", "--inside", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=ground, check=False).returncode)


def run(lines: int, rounds: int, parts: tuple[str, ...]) -> None:
    """Fill, and measure."""
    django.setup()
    from benchmarks import audit_pages  # noqa: PLC0415 - Django had to be up

    audit_pages.run(lines, rounds, parts)


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


def told(name: str, found: list[float], busy: float) -> str:
    """A row of the table; `busy` are the milliseconds of processor time of one."""
    p50, p95 = statistics.median(found), percentile(found, 0.95)
    mark = "" if p95 < GOAL_MS else "  <- too slow"
    return f"| {name} | {p50:.0f} | {p95:.0f} | {busy:.0f} |{mark}"


if __name__ == "__main__":
    main()
