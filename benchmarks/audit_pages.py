"""The part of benchmarks.audit that runs where Django knows the database."""

import resource
import statistics
import time
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any
from urllib.parse import urlencode

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from accounts import access as tickets
from accounts import audit, ledger, proofs
from accounts.audit import Subject
from accounts.models import AuditEntry
from benchmarks import audit as plan
from benchmarks import audit_filling as history
from benchmarks.audit_filling import Ground
from benchmarks.shop import cpu_seconds
from config import garbage

ROUNDS_OF_A_PAIR = 6


def run(lines: int, rounds: int, parts: tuple[str, ...]) -> None:
    """Fill the ledger, and measure the parts asked for."""
    call_command("migrate", verbosity=0)
    ground = history.lay()
    began = time.perf_counter()
    history.fill(ground, lines)
    print(f"{lines:,} lines made in {time.perf_counter() - began:.0f} s\n", flush=True)
    # As every process that serves does (config.asgi).
    garbage.settle()
    if "pages" in parts:
        look(ground, lines, rounds)
    if "pairs" in parts:
        look_at_pairs(ground, lines)
    if "proof" in parts:
        prove(ground)
    if "export" in parts:
        export(ground)
    if "writing" in parts:
        write(ground)


# --- the pages


def look(ground: Ground, lines: int, rounds: int) -> None:
    """Every filter alone, some together, and far back."""
    client = _browser(ground)
    line = AuditEntry.across_tenants.filter(project__key="project-0", sequence__gt=1_000)
    sequence = line.values_list("sequence", flat=True).order_by("sequence")[0]
    single = {f"{where}: one line": f"{root}{sequence}/" for where, root in ROOTS.items()}
    print("| page | p50 ms | p95 ms | busy ms |\n|---|--:|--:|--:|")
    for name, address in {**dict(_pages(questions(lines))), **single}.items():
        began = _busy()
        found = plan.timed(partial(_ask, client, address), rounds)
        # The first one is left out of the times, and not of this.
        print(plan.told(name, found, (_busy() - began) / (rounds + 1)), flush=True)


def _busy() -> float:
    """Milliseconds of processor time so far: this process's, and PostgreSQL's for it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return 1000 * (time.process_time() + sum(cpu_seconds(pid) for (pid,) in cursor.fetchall()))


def look_at_pairs(ground: Ground, lines: int) -> None:
    """Each filter with each other one, from the newest line and from the middle; the slowest ten."""
    client = _browser(ground)
    pairs = {
        f"{one} + {other}": {**single[one], **single[other]}
        for single in [alone()]
        for one, other in combinations(single, 2)
        if not single[one].keys() & single[other].keys()
    }
    pairs |= {
        f"{name}, far back": {**asked, "before": lines // 2}
        for name, asked in pairs.items()
        if "until" not in asked
    }
    took = {}
    for name, address in _pages(pairs):
        found = plan.timed(partial(_ask, client, address), ROUNDS_OF_A_PAIR)
        # The machine has other work: the median of few rounds.
        took[name] = statistics.median(found)
    ranked = sorted(took.items(), key=lambda one: -one[1])
    slow = sum(value >= plan.GOAL_MS for value in took.values())
    print(f"\n{len(took)} pairs, {slow} above {plan.GOAL_MS:.0f} ms; the slowest:\n")
    print("| pair | median ms |\n|---|--:|")
    for name, value in ranked[:10]:
        print(f"| {name} | {value:.0f} |", flush=True)


def _browser(ground: Ground) -> Client:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(ground.owner)
    return client


def _ask(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200, f"{address}: {response.status_code}"


ROOTS = {"project": "/o/bench/project-0/production/audit/", "organization": "/org/bench/audit/"}


def _pages(asked: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """What is asked for, and its address: in a project, and in the whole organization."""
    for where, root in ROOTS.items():
        for name, query in asked.items():
            yield f"{where}: {name}", f"{root}?{urlencode(query)}"


def alone() -> dict[str, dict[str, Any]]:
    """Each filter by itself, by something frequent, something long gone, something that is not."""
    return {
        "a busy person": {"person": "person-0@example.org"},
        "a person busy once": {"person": history.BUSY_ONCE_PERSON},
        "a robot": {"person": history.ROBOT},
        "part of a name": {"person": "person-1"},
        "a frequent act": {"action": "flag.changed"},
        "all acts on flags": {"action": "flag.*"},
        "a rare act": {"action": "token.created"},
        "a busy flag": {"kind": "flag", "key": "flag-0"},
        "a flag busy once": {"kind": "flag", "key": history.BUSY_ONCE_FLAG},
        "part of a key": {"key": "flag-19"},
        "a kind of object": {"kind": "metric"},
        "a frequent tag": {"tag": "tag-0"},
        "a tag busy once": {"tag": history.BUSY_ONCE_TAG},
        "an environment": {"environment": "staging"},
        "a week long ago": {"since": "2023-12-01", "until": "2023-12-07"},
        "the last year": {"since": "2025-11-01"},
    }


def questions(lines: int) -> dict[str, dict[str, Any]]:
    """The filters of each row."""
    old = {"person": history.OLD_PERSON}
    return {
        "everything": {},
        "far back": {"before": lines // 100},
        **alone(),
        "a person long gone": old,
        "a flag long left alone": {"kind": "flag", "key": history.OLD_FLAG},
        "a tag no longer used": {"tag": history.OLD_TAG},
        "until long ago": {"until": "2023-11-10"},
        "from today": {"since": "2026-10-30"},
        "person, act and week": {
            "person": "person-3@example.org",
            "action": "change.approved",
            "since": "2024-06-01",
            "until": "2024-06-07",
        },
        "flag, tag and environment": {
            "kind": "flag",
            "key": "flag-3",
            "tag": "tag-2",
            "environment": "production",
        },
        "person and act that never met": {"person": history.ROBOT, "action": "flag.changed"},
        "all at once": {
            "person": "person-0",
            "action": "flag.*",
            "key": "flag-0",
            "tag": "tag-0",
            "environment": "production",
            "since": "2024-01-01",
        },
        "nobody of that name": {"person": "nobody at all"},
        "no such object": {"key": "no such object"},
    }


# --- the rest


def prove(ground: Ground) -> None:
    """The whole chain, as `verify_audit` walks it."""
    began = time.perf_counter()
    found = proofs.prove(ground.organization)
    took = time.perf_counter() - began
    assert not found.problem, found.problem
    mark = "" if took <= plan.GOAL_PROOF_SECONDS else "  <- too slow"
    print(f"\n{found.checked:,} lines proved in {took:.1f} s{mark}", flush=True)


def export(ground: Ground) -> None:
    """All that one person did, a tenth of everything, as JSON lines, piece by piece."""
    client = _browser(ground)
    before, began, size = _memory(), time.perf_counter(), 0
    asked = {"format": "jsonl", "person": history.ROBOT}
    for piece in client.post(f"{ROOTS['organization']}export", asked):
        size += len(piece)
    took = time.perf_counter() - began
    grown = _memory() - before
    print(f"\n{size / 1e6:,.0f} MB exported in {took:.0f} s, memory grew by {grown:.0f} MB")


def _memory() -> float:
    """The most this process ever used, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(ground: Ground, number: int = 2_000) -> None:
    """One line after the other, each with two subjects, in transactions of a hundred."""
    access = tickets.of_member(ground.owner, "bench", "project-0", "production")
    about = [Subject("flag", "flag-0"), Subject("tag", "tag-0")]
    took = []
    for _ in range(number // 100):
        began = time.perf_counter()
        with transaction.atomic():
            for _ in range(100):
                audit.record(access, "flag.changed", "flag-0", after={"on": True}, subjects=about)
        took.append((time.perf_counter() - began) * 10)
    print(f"\na line is written in {statistics.median(took):.2f} ms")


assert ledger.PAGE == 50, "the pages measured hold 50 lines"
