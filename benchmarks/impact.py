"""How long it takes to try a change on 10,000 recent contexts; the goal is two seconds.

Run `python -m benchmarks.impact`. The environment has 500 flags, half of them with rules; the edits are an
ordinary rollout, one of a hundred flags at once, a segment on which twenty flags lean, and a list of
10,000 ids.
"""

import argparse
import hashlib
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.shop import open_shop, scratch

GOAL_SECONDS = 2.0
COUNTRIES = ("DE", "FR", "NL", "PL", "US")


def main() -> None:
    """Print the median and the worst of some rounds of each edit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, default=10_000)
    parser.add_argument("--flags", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with scratch(WAYFORK_CONTEXT_SLOTS=str(given.contexts)):
        access = open_shop(given.flags).owner
        _fill(access, given.contexts)
        print(f"{given.contexts:,} contexts, {given.flags} flags")
        for name, parts in _edits(access).items():
            _measure(name, access, parts, given.rounds)


def _measure(name: str, access: Any, parts: Callable[[], list[Any]], rounds: int) -> None:
    from flags import impact  # noqa: PLC0415 - Django must be up

    took, busy = [], []
    for _ in range(rounds):
        began, began_busy = time.perf_counter(), time.process_time()
        found = impact.forecast(access, parts())
        took.append(time.perf_counter() - began)
        busy.append(time.process_time() - began_busy)
    place = next(one for one in found.places if one.environment == access.environment)
    verdict = "within the goal" if statistics.median(took) <= GOAL_SECONDS else "TOO SLOW"
    print(
        f"{name:34} median {statistics.median(took):5.2f} s  worst {max(took):5.2f} s"
        f"  busy {statistics.median(busy):5.2f} s"
        f"  flags {len(place.flags):3}  tried {place.tried:6,}  changed {place.share:6.1%}  {verdict}"
    )


def _fill(access: Any, number: int) -> None:
    from django.utils import timezone  # noqa: PLC0415

    from flags.models import ContextSample  # noqa: PLC0415

    chance = random.Random(1)
    now = timezone.now()
    rows = [
        ContextSample(
            environment=access.environment,
            slot=slot,
            attributes={
                "userId": hashlib.sha256(str(slot).encode()).hexdigest()[:32],
                "country": chance.choice(COUNTRIES),
                "plan": chance.choice(("free", "pro")),
                "age": chance.randrange(90),
            },
            seen_at=now,
        )
        for slot in range(number)
    ]
    ContextSample.objects.bulk_create(rows, batch_size=2_000)


def _edits(access: Any) -> dict[str, Callable[[], list[Any]]]:
    from flags import changes, queries  # noqa: PLC0415
    from flags.drafting import Part  # noqa: PLC0415
    from flags.edits import AddRule, CreateSegment, SetSegment, TurnOn  # noqa: PLC0415
    from wayfork.engine import Allocation, Clause, Rule  # noqa: PLC0415

    made = CreateSegment(key="beta", segment_name="Beta", included=())
    changes.submit(access, changes.segment("beta"), [made], expected_version=0)
    keys = queries.flag_keys(access)[:21]
    member = Rule("beta", "Beta", (Clause(None, "in_segment", ("beta",)),), "on")
    for key in keys[1:]:
        version = queries.flag(access, key).version
        edits = [TurnOn(), AddRule(member)]
        changes.submit(access, changes.state(key), edits, expected_version=version)
    country = Clause("country", "in", ("DE", "FR"))
    rollout = Rule("new", "New", (country,), "on", Allocation("user", "s", ((0, 25_000),)))
    ids = tuple(f"user-{number}" for number in range(10_000))

    def state() -> list[Any]:
        version = queries.flag(access, keys[0]).version
        return [Part(changes.state(keys[0]), (TurnOn(), AddRule(rollout)), version)]

    def release() -> list[Any]:
        many = queries.flag_keys(access)[100:200]
        return [
            Part(changes.state(key), (AddRule(rollout),), queries.flag(access, key).version)
            for key in many
        ]

    def segment() -> list[Any]:
        german = ((Clause("country", "in", ("DE",)),),)
        return [Part(changes.segment("beta"), (SetSegment("user", (), (), german),), 1)]

    def listed() -> list[Any]:
        return [Part(changes.segment("beta"), (SetSegment("user", ids, (), ()),), 1)]

    return {
        "a rule of one flag": state,
        "a rule of a hundred flags": release,
        "a segment of twenty flags": segment,
        "a list of 10,000 ids": listed,
    }


if __name__ == "__main__":
    main()
