"""The engine answers every published case as the specification says."""

import pytest

from sdks.python.tests.engine.cases import EVALUATIONS, FOLDER, compiled, load, told
from sdks.python.tests.engine.murmur3 import bucket as reference_bucket
from sdks.python.tests.engine.murmur3 import murmur3
from wayfork.engine import (
    ParseError,
    bucket,
    checksum_of,
    compile_snapshot,
    parse_snapshot,
    problems,
    reasons,
    seed_of,
    verify_checksum,
)
from wayfork.engine.bucketing import HASHES
from wayfork.engine.operators import OPERATOR_NAMES


@pytest.mark.parametrize("name", EVALUATIONS)
def test_every_evaluation_is_as_the_specification_says(name):
    file = load(name)
    ready = compiled(file)
    wrong = []
    for case in file["cases"]:
        given = (case["flag"], case["default"], case["context"], case.get("wanted"))
        found = told(ready[case["snapshot"]].evaluate(*given))
        # repr tells 1 from True and 10 from 10.0, which == does not.
        if repr(sorted(found.items())) != repr(sorted(case["expect"].items())):
            wrong.append((case["name"], found))
    assert wrong == []


@pytest.mark.parametrize("name", EVALUATIONS)
def test_the_table_of_runners_answers_the_same(name):
    file = load(name)
    ready = compiled(file)
    for case in file["cases"]:
        run = ready[case["snapshot"]].table(case.get("wanted")).get(case["flag"])
        if run is None:
            assert case["expect"]["errorCode"] in {"FLAG_NOT_FOUND", "TYPE_MISMATCH"}
            continue
        found = run(case["context"], case["default"])
        names = ("value", "variation", "reason", "rule", "bucket", "experiment")
        assert {each: found[at] for at, each in enumerate(names)} == {
            each: case["expect"][each] for each in names
        }, case["name"]


@pytest.mark.parametrize("name", EVALUATIONS)
def test_the_trace_ends_in_the_same_evaluation(name):
    file = load(name)
    ready = compiled(file)
    for case in file["cases"]:
        snapshot = ready[case["snapshot"]]
        traced = snapshot.trace(case["flag"], case["context"])
        assert traced.evaluation == snapshot.evaluate(case["flag"], None, case["context"])
        assert traced.steps, case["name"]


def test_the_cases_reach_every_operator_reason_and_error_code():
    files = [load(name) for name in EVALUATIONS]
    expected = [case["expect"] for file in files for case in file["cases"]]
    used = {
        clause["op"]
        for file in files
        for snapshot in file["snapshots"].values()
        for flag in snapshot["flags"].values()
        if isinstance(flag, dict)
        for rule in flag.get("rules", ())
        for clause in rule.get("when", ())
    }
    assert used >= OPERATOR_NAMES
    assert {each["reason"] for each in expected} == reasons.REASONS
    assert {each["errorCode"] for each in expected} | {reasons.GENERAL, None} == {
        *reasons.ERROR_CODES,
        None,
    }
    assert len(expected) > 1000


def test_names_of_cases_are_unique():
    for path in sorted(FOLDER.glob("*.json")):
        names = [case.get("name") for case in load(path.name)["cases"]]
        named = [name for name in names if name is not None]
        assert len(named) == len(set(named)), path.name


def test_the_reference_hash_gives_the_published_vectors():
    for vector in load("murmur3.json")["cases"]:
        assert murmur3(vector["text"].encode(), vector["seed"]) == vector["hash"]


def test_the_engine_hashes_as_the_published_vectors():
    for vector in load("murmur3.json")["cases"]:
        if vector["seed"] == 0:
            assert seed_of(vector["text"]) == vector["hash"]
        assert bucket(vector["seed"], vector["text"]) == vector["hash"] * 100_000 >> 32


def test_seeds_and_buckets_are_as_published():
    for vector in load("bucketing.json")["cases"]:
        assert reference_bucket(vector["salt"], vector["id"]) == vector["bucket"]
        assert seed_of(vector["salt"]) == vector["seed"]
        assert bucket(vector["seed"], vector["id"]) == vector["bucket"]


def test_imported_hashes_give_the_buckets_of_the_systems_they_come_from():
    seen = set()
    for vector in load("hashes.json")["cases"]:
        salted = getattr(HASHES[vector["hash"]], vector["use"])
        assert salted(vector["salt"])(vector["id"]) == vector["bucket"], vector
        seen.add(vector["hash"])
    assert seen == set(HASHES)


@pytest.mark.parametrize("case", load("snapshots.json")["cases"], ids=lambda case: case["name"])
def test_a_document_is_refused_or_read_with_its_broken_flags_alone(case):
    document = case["document"].encode()
    if "error" in case:
        with pytest.raises(ParseError) as caught:
            parse_snapshot(document)
        assert caught.value.where == case["error"]
    else:
        ready = compile_snapshot(parse_snapshot(document))
        assert sorted(ready.broken) == case["broken"]
        for key in ready.snapshot.flags:
            code = ready.evaluate(key, "default", {"userId": "u-1"}).error_code
            assert (code == reasons.PARSE_ERROR) == (key in case["broken"])


@pytest.mark.parametrize("case", load("problems.json")["cases"], ids=lambda case: case["name"])
def test_what_a_publisher_refuses_is_named_by_its_place(case):
    found = problems(parse_snapshot(case["snapshot"]))
    assert sorted(fault.where for fault in found) == case["problems"], [str(each) for each in found]


@pytest.mark.parametrize("case", load("checksums.json")["cases"], ids=lambda case: case["name"])
def test_a_checksum_is_of_the_documents_own_bytes(case):
    document = case["document"].encode()
    assert checksum_of(document) == case["checksum"]
    assert verify_checksum(document) is case["valid"]
