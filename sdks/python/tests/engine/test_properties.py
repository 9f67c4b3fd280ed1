"""What must hold for every snapshot and every context, and not just for those we thought of."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdks.python.tests.engine.cases import EVALUATIONS, load
from sdks.python.tests.engine.murmur3 import bucket as reference_bucket
from wayfork.engine import (
    Allocation,
    Clause,
    Evaluation,
    FlagState,
    Holdout,
    Prerequisite,
    Rule,
    Segment,
    Snapshot,
    Split,
    Unit,
    bucket,
    compile_snapshot,
    document_bytes,
    parse_snapshot,
    problems,
    reasons,
    seed_of,
    unit_id,
    verify_checksum,
)
from wayfork.engine.bucketing import HASHES
from wayfork.engine.operators import OPERATOR_NAMES

STEPS = 100_000
UNITS = (Unit("user", ("userId", "targetingKey")), Unit("organization", ("organizationId",)))
FLAGS = ("a", "b", "c")
SEGMENTS = ("s", "t")

text = st.text(max_size=8)
whole_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    text,
    st.sampled_from(["DE", "1.2.3", "2026-01-01", "10.0.0.1", "u-1", "\ud83d", "^a+$"]),
)
values = st.one_of(
    scalars, st.lists(scalars, max_size=3), st.dictionaries(text, scalars, max_size=2)
)
attributes = st.sampled_from(["userId", "targetingKey", "organizationId", "country", "plan"])
contexts = st.dictionaries(attributes, values, max_size=5)

clauses = st.builds(
    Clause,
    st.one_of(st.none(), attributes),
    st.sampled_from([*sorted(OPERATOR_NAMES), "sounds_like"]),
    st.lists(st.one_of(values, st.sampled_from(SEGMENTS)), max_size=3).map(tuple),
    st.booleans(),
    st.booleans(),
)
units = st.sampled_from(["user", "organization", "vehicle"])
hashes = st.one_of(st.none(), st.none(), st.sampled_from([*sorted(HASHES), "rot13"]))
ranges = st.lists(st.tuples(st.integers(0, STEPS), st.integers(0, STEPS)), max_size=2).map(
    lambda pairs: tuple(sorted((min(pair), max(pair)) for pair in pairs))
)
whole_ranges = st.one_of(ranges, st.just(((0, STEPS),)))
allocations = st.builds(Allocation, units, text, whole_ranges, hashes)
weights = st.one_of(
    st.integers(1, STEPS - 1).map(lambda edge: (("on", edge), ("off", STEPS - edge))),
    st.just((("on", STEPS),)),
    st.just((("gone", STEPS),)),
)
splits = st.builds(Split, units, text, weights, hashes)
serves = st.one_of(st.sampled_from(["on", "off", "gone"]), splits)
rules = st.builds(
    Rule,
    text,
    text,
    st.lists(clauses, max_size=2).map(tuple),
    serves,
    st.one_of(st.none(), allocations),
    st.one_of(st.none(), text),
)
flags = st.builds(
    FlagState,
    st.sampled_from(["boolean", "boolean", "json", "integer", "shade"]),
    st.booleans(),
    st.just({"on": True, "off": False}),
    st.sampled_from(["off", "on"]),
    serves,
    assignments=st.dictionaries(
        units, st.dictionaries(text, st.sampled_from(["on", "off"]), max_size=2), max_size=2
    ),
    prerequisites=st.lists(
        st.builds(Prerequisite, st.sampled_from([*FLAGS, "gone"]), st.just(("on",))), max_size=1
    ).map(tuple),
    holdout=st.one_of(st.none(), st.none(), st.sampled_from(["h", "gone"])),
    rules=st.lists(rules, max_size=3).map(tuple),
)
segments = st.builds(
    Segment,
    units,
    st.lists(text, max_size=2).map(tuple),
    st.lists(text, max_size=2).map(tuple),
    st.lists(st.lists(clauses, max_size=2).map(tuple), max_size=2).map(tuple),
)
snapshots = st.builds(
    Snapshot,
    schema=st.just(1),
    project=whole_text,
    environment=whole_text,
    epoch=st.integers(0, 9),
    version=st.integers(0, 10**6),
    published_at=st.just("2026-01-01T00:00:00Z"),
    units=st.just(UNITS),
    flags=st.dictionaries(st.sampled_from(FLAGS), flags, min_size=1),
    segments=st.dictionaries(st.sampled_from(SEGMENTS), segments),
    holdouts=st.dictionaries(st.just("h"), st.builds(Holdout, units, text, whole_ranges)),
    shrunk=st.booleans(),
)
thorough = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same(one: object, other: object) -> bool:
    # NaN is not equal to itself, and True is equal to 1; repr knows better in both cases.
    return repr(one) == repr(other)


@thorough
@given(snapshots, contexts)
def test_evaluation_never_raises_and_says_why(snapshot, context):
    ready = compile_snapshot(snapshot)
    for key in [*FLAGS, "gone"]:
        for wanted in (None, "boolean", "float", "shade"):
            found = ready.evaluate(key, "default", context, wanted)
            assert type(found) is Evaluation
            assert found.reason in reasons.REASONS
            assert (found.error_code is not None) == (found.reason == reasons.ERROR)
            assert found.error_code is None or found.value == "default"
            assert found.version == snapshot.version
            assert found.error_code != reasons.GENERAL


@thorough
@given(snapshots, contexts)
def test_the_trace_and_the_table_agree_with_the_evaluation(snapshot, context):
    ready = compile_snapshot(snapshot)
    for key in snapshot.flags:
        found = ready.evaluate(key, None, context)
        assert same(ready.trace(key, context).evaluation, found)
        assert same(tuple(ready.table()[key](context, None)), tuple(found))


@thorough
@given(snapshots)
def test_what_is_written_is_read_again(snapshot):
    faults = problems(snapshot)
    unwritable = {"lone surrogate", "not finite", "beyond", "must be one of"}
    if any(word in str(fault) for fault in faults for word in unwritable):
        return
    document = document_bytes(snapshot)
    assert verify_checksum(document)
    assert parse_snapshot(document) == snapshot
    assert document_bytes(parse_snapshot(document)) == document
    assert json.loads(document)["checksum"] == parse_snapshot(document).checksum


@thorough
@given(snapshots)
def test_a_broken_flag_is_always_a_problem_to_its_publisher(snapshot):
    if compile_snapshot(snapshot).broken:
        assert problems(snapshot)


def test_the_published_snapshots_come_back_from_their_documents():
    for name in EVALUATIONS:
        for document in load(name)["snapshots"].values():
            snapshot = parse_snapshot(document)
            readable = replace(snapshot, broken={})
            if all("\ud83d" not in repr(flag) for flag in readable.flags.values()):
                assert parse_snapshot(document_bytes(readable)) == readable


@given(st.text(max_size=40), st.text(max_size=40))
def test_buckets_are_those_of_the_reference_hash(salt, unit):
    def clean(given: str) -> str:
        return given.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    found = bucket(seed_of(salt), unit)
    assert 0 <= found < STEPS
    assert found == reference_bucket(clean(salt), clean(unit))


def chi_square(observed: list[int], expected: list[float]) -> float:
    return sum((seen - due) ** 2 / due for seen, due in zip(observed, expected, strict=True))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(whole_text)
def test_sequential_ids_fall_evenly_on_all_buckets(salt):
    seed = seed_of(salt)
    tally = Counter(bucket(seed, f"user-{number}") * 20 // STEPS for number in range(20_000))
    # 19 degrees of freedom: beyond 55 lies one salt in a hundred thousand.
    assert chi_square([tally[part] for part in range(20)], [1000.0] * 20) < 55


@settings(max_examples=20, deadline=None, derandomize=True)
@given(whole_text, whole_text)
def test_two_salts_are_independent(one, other):
    if one == other:
        return
    first, second = seed_of(one), seed_of(other)
    tally = Counter(
        (
            bucket(first, f"user-{number}") < STEPS // 2,
            bucket(second, f"user-{number}") < STEPS // 2,
        )
        for number in range(20_000)
    )
    # 3 degrees of freedom: beyond 26 lies one pair in a hundred thousand.
    cells = [tally[left, right] for left in (True, False) for right in (True, False)]
    assert chi_square(cells, [5000.0] * 4) < 26


def rollout(share: int, hash_name: str | None = None) -> Snapshot:
    allocation = Allocation("user", "salt", ((0, share),), hash_name)
    split = Split("user", "other", (("on", STEPS // 2), ("off", STEPS - STEPS // 2)), hash_name)
    rule = Rule("r", "", (), split, allocation)
    flag = FlagState(
        "boolean",
        enabled=True,
        variations={"on": True, "off": False, "no": False},
        off="no",
        fallthrough="no",
        rules=(rule,),
    )
    return Snapshot(1, "p", "e", 1, 1, "", UNITS, {"f": flag}, {}, {})


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, STEPS),
    st.integers(0, STEPS),
    st.sampled_from([None, *sorted(HASHES)]),
    st.lists(whole_text, min_size=1, max_size=50),
)
def test_growing_an_allocation_keeps_everyone_and_their_variation(one, other, hash_name, people):
    before = compile_snapshot(rollout(min(one, other), hash_name))
    after = compile_snapshot(rollout(max(one, other), hash_name))
    for person in people:
        had = before.evaluate("f", None, {"userId": person})
        has = after.evaluate("f", None, {"userId": person})
        if had.reason == reasons.SPLIT:
            assert has == had


@given(st.one_of(values, st.binary(max_size=3)))
def test_a_unit_id_is_text_or_nothing(value: Any):
    found = unit_id(value)
    assert found is None or (type(found) is str and found)
    if isinstance(value, bool | list | dict | bytes) or value in (None, ""):
        assert found is None


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_is_the_same_unit_with_and_without_a_fraction(number):
    assert unit_id(number) == unit_id(float(number)) == str(number)
