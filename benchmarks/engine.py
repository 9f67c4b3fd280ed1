"""What an evaluation costs, against the same decision written by hand as a closure.

Run `python benchmarks/engine.py`. Engine, public client and floor take turns in one process, so that a
noisy neighbor slows all of them; the figures are medians of the rounds.
"""

import argparse
import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import mmh3

from wayfork.engine import (
    Allocation,
    Clause,
    FlagState,
    Rule,
    Snapshot,
    Split,
    Unit,
    compile_snapshot,
    document_bytes,
)

try:
    from wayfork.client import Client
except ImportError:  # the client is optional here
    Client = None  # type: ignore[assignment, misc]

Person = Mapping[str, object]
Evaluate = Callable[[Person], object]

PEOPLE: Final = 1000
LISTED: Final = 10_000
FLAGS: Final = 200
HALF: Final = 50_000

# Nine audiences nobody in the benchmark belongs to, so that all of them are tried.
AUDIENCES: Final[tuple[tuple[str, str, tuple[object, ...]], ...]] = (
    ("country", "in", ("US", "CA", "GB")),
    ("plan", "in", ("enterprise",)),
    ("version", "semver_gte", ("3.0.0",)),
    ("age", "gt", (65,)),
    ("emailDomain", "in", ("corp.example", "test.example", "qa.example", "ops.example")),
    ("device", "in", ("tablet",)),
    ("city", "in", ("Paris", "Rome", "Oslo", "Madrid", "Lima")),
    ("version", "semver_lt", ("2.0.0",)),
    ("company", "in", ("acme",)),
)


def people() -> list[Person]:
    """A thousand different visitors: no memo of one person's answer can win."""
    draw = random.Random(7)
    return [
        {
            "userId": f"user-{draw.randrange(10**8):08d}",
            "country": "DE",
            "plan": "pro",
            "version": "2.4.1",
            "age": 34,
            "emailDomain": "example.org",
            "device": "phone",
            "city": "Berlin",
            "company": "initech",
        }
        for _ in range(PEOPLE)
    ]


# ------------------------------------------------------------------ flags


def boolean(rules: tuple[Rule, ...] = (), *, enabled: bool = True, rest: str = "on") -> FlagState:
    values = {"on": True, "off": False}
    return FlagState(
        "boolean", enabled=enabled, variations=values, off="off", fallthrough=rest, rules=rules
    )


def rollout(key: str) -> FlagState:
    share = Allocation("user", f"{key}/share", ((0, 30_000),))
    return boolean((Rule("r", "30 %", (), "on", share),), rest="off")


def audiences(key: str, count: int) -> FlagState:
    rules = [
        Rule(f"r{index}", "", (Clause(attribute, op, values),), "off")
        for index, (attribute, op, values) in enumerate(AUDIENCES[:count])
    ]
    split = Split("user", f"{key}/split", (("a", HALF), ("b", HALF)))
    rules.append(Rule("split", "", (Clause("country", "in", ("DE", "FR", "NL")),), split))
    values = {"a": "a", "b": "b", "off": "off"}
    return FlagState(
        "string", enabled=True, variations=values, off="off", fallthrough="off", rules=tuple(rules)
    )


def listed(everyone: list[Person]) -> FlagState:
    ids = [str(person["userId"]) for person in everyone[: PEOPLE // 2]]
    ids += [f"listed-{index:08d}" for index in range(LISTED - len(ids))]
    return boolean((Rule("r", "", (Clause("userId", "in", tuple(ids)),), "on"),), rest="off")


def many() -> dict[str, FlagState]:
    kinds: tuple[Callable[[str], FlagState], ...] = (
        lambda _key: boolean(),
        lambda _key: boolean(),
        lambda _key: boolean(enabled=False),
        rollout,
        lambda key: audiences(key, 2),
    )
    return {f"flag-{index:03d}": kinds[index % 5](f"flag-{index:03d}") for index in range(FLAGS)}


# ------------------------------------------------------------------ the floor, by hand


def by_hand(key: str, flag: FlagState) -> Evaluate:
    """What one would write without a library: no reasons, no types, no lists, no missing units."""
    if not flag.enabled:
        return lambda _person: False
    if not flag.rules:
        return lambda _person: True
    if flag.rules[0].allocation is not None:
        salt, limit, hash32 = f"{key}/", int(0.3 * 2**32), mmh3.hash
        return lambda person: hash32((salt + person["userId"]).encode(), 0, False) < limit  # type: ignore[operator]  # noqa: FBT003
    return _rules_by_hand(key, flag)


def _rules_by_hand(key: str, flag: FlagState) -> Evaluate:
    salt, hash32 = f"{key}/", mmh3.hash

    def halves(person: Person) -> object:
        digest = hash32((salt + person["userId"]).encode(), 0, False)  # type: ignore[operator]  # noqa: FBT003
        return "a" if digest < 2**31 else "b"

    pairs = tuple(
        (
            _clause_by_hand(rule.when[0]),
            halves if isinstance(rule.serve, Split) else _always(flag.variations[rule.serve]),
        )
        for rule in flag.rules
    )
    rest = flag.variations[str(flag.fallthrough)]

    def run(person: Person) -> object:
        for holds, serve in pairs:
            if holds(person):
                return serve(person)
        return rest

    return run


def _always(value: object) -> Evaluate:
    return lambda _person: value


def _version(text: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _clause_by_hand(clause: Clause) -> Callable[[Any], bool]:
    attribute, wanted = clause.attribute, clause.values[0]
    if clause.op == "in":
        values = frozenset(clause.values)
        return lambda person: person.get(attribute) in values
    if clause.op == "gt":
        return lambda person: person.get(attribute, 0) > wanted
    limit = _version(wanted)
    if clause.op == "semver_gte":
        return lambda person: _version(person[attribute]) >= limit
    return lambda person: _version(person[attribute]) < limit


# ------------------------------------------------------------------ measuring


@dataclass(frozen=True, slots=True)
class Workload:
    """Flags, and whether one of them or all are evaluated."""

    title: str
    flags: Mapping[str, FlagState]


def workloads(everyone: list[Person]) -> list[Workload]:
    return [
        Workload("boolean on", {"bool-on": boolean()}),
        Workload("30 % rollout", {"rollout-30": rollout("rollout-30")}),
        Workload("10 rules and a split", {"ten-rules": audiences("ten-rules", 9)}),
        Workload("list of 10,000 ids", {"allow-list": listed(everyone)}),
        Workload("all of 200 flags", many()),
    ]


def floor(workload: Workload) -> Evaluate:
    table = {key: by_hand(key, flag) for key, flag in workload.flags.items()}
    if len(table) > 1:
        items = tuple(table.items())
        return lambda person: {key: run(person) for key, run in items}
    (key,) = table
    # Through the table, as any caller that has more than one flag would go.
    return lambda person: table[key](person)  # noqa: PLW0108 - the look-up is part of the price


def snapshot_of(workload: Workload) -> Snapshot:
    units = (Unit("user", ("userId", "targetingKey")),)
    return Snapshot(
        1, "bench", "production", 1, 1, "2026-01-01T00:00:00Z", units, workload.flags, {}, {}
    )


def engine(workload: Workload) -> Evaluate:
    evaluate = compile_snapshot(snapshot_of(workload)).evaluate
    if len(workload.flags) > 1:
        keys = tuple(workload.flags)
        return lambda person: {key: evaluate(key, False, person).value for key in keys}  # noqa: FBT003
    ((key, flag),) = workload.flags.items()
    default = False if flag.type == "boolean" else ""
    kind = flag.type
    return lambda person: evaluate(key, default, person, kind).value


def client(workload: Workload) -> tuple[Evaluate, Callable[[], object]]:
    public = Client(offline=True, bootstrap=document_bytes(snapshot_of(workload)))
    if len(workload.flags) > 1:
        return public.all, public.close
    ((key, flag),) = workload.flags.items()
    if flag.type == "boolean":
        return (lambda person: public.bool(key, False, person)), public.close
    return (lambda person: public.string(key, "", person)), public.close


def nanoseconds(evaluate: Evaluate, everyone: list[Person], seconds: float) -> float:
    """Time per call, the loop itself taken off."""
    clock = time.perf_counter
    calls, started = 0, clock()
    while (spent := clock() - started) < seconds:
        for person in everyone:
            evaluate(person)
        calls += len(everyone)
    return spent / calls * 1e9 - _loop(everyone)


def _loop(everyone: list[Person]) -> float:
    clock = time.perf_counter
    started = clock()
    for _ in range(20):
        for _person in everyone:
            pass
    return (clock() - started) / (20 * len(everyone)) * 1e9


def measure(workload: Workload, everyone: list[Person], rounds: int, seconds: float) -> list[str]:
    """One row of the table."""
    columns: dict[str, Evaluate] = {"floor": floor(workload), "engine": engine(workload)}
    close: Callable[[], object] = lambda: None  # noqa: E731
    if Client is not None:
        columns["client"], close = client(workload)
    sample = everyone[:50] if len(workload.flags) > 1 else everyone
    for evaluate in columns.values():
        nanoseconds(evaluate, sample, seconds / 4)
    taken: dict[str, list[float]] = {name: [] for name in columns}
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name, evaluate in columns.items():
            taken[name].append(nanoseconds(evaluate, sample, seconds))
    gc.enable()
    close()
    base = statistics.median(taken["floor"])
    row = [workload.title, f"{base:,.0f}"]
    for name in ("engine", "client"):
        if name not in taken:
            row += ["-", "-"]
            continue
        ratio = statistics.median(
            mine / theirs for mine, theirs in zip(taken[name], taken["floor"], strict=True)
        )
        row += [f"{statistics.median(taken[name]):,.0f}", f"{ratio:.2f}"]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--milliseconds", type=float, default=40)
    given = parser.parse_args()
    everyone = people()
    print("| workload | floor ns | engine ns | x floor | client ns | x floor |")
    print("|---|---|---|---|---|---|")
    for workload in workloads(everyone):
        row = measure(workload, everyone, given.rounds, given.milliseconds / 1000)
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
