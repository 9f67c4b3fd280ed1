"""What the cases cannot say: hostile input, limits of time, and what stays as it was."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

import pytest

from sdks.python.tests.engine.cases import load
from wayfork.engine import (
    Clause,
    FlagState,
    ParseError,
    Rule,
    Snapshot,
    Unit,
    compile_snapshot,
    parse_snapshot,
    problems,
    reasons,
)
from wayfork.engine.pattern_safety import compile_pattern
from wayfork.engine.patterns import BadPattern


def snapshot(**flags: FlagState) -> Snapshot:
    return Snapshot(1, "p", "e", 1, 3, "", (Unit("user", ("userId",)),), flags, {}, {})


def audience(*clauses: Clause) -> FlagState:
    rule = Rule("r", "", clauses, "on")
    return FlagState(
        "boolean",
        enabled=True,
        variations={"on": True, "off": False},
        off="off",
        fallthrough="off",
        rules=(rule,),
    )


class Hostile(Mapping[str, object]):
    """A context that fails whenever it is asked."""

    def __getitem__(self, key: str) -> object:
        raise RuntimeError("card 4111-1111")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("card 4111-1111")

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("context", [Hostile(), None, 5, "text", [1]])
def test_a_context_that_cannot_be_read_gives_the_default_and_quotes_nothing(context):
    ready = compile_snapshot(snapshot(f=audience(Clause("a", "in", ("x",)))))
    found = ready.evaluate("f", "default", context)
    assert (found.value, found.reason, found.error_code) == ("default", "ERROR", reasons.GENERAL)
    assert "4111" not in str(found.error_message)
    assert ready.trace("f", context).evaluation.error_code == reasons.GENERAL


@pytest.mark.parametrize("key", [None, 5, [], {}, ("f",)])
def test_a_key_that_is_no_text_gives_the_default(key):
    ready = compile_snapshot(snapshot(f=audience()))
    assert ready.evaluate(key, "default", {}).value == "default"
    assert ready.value(key, "default", {}) == "default"


def test_values_that_pretend_to_be_others_do_not_break_the_evaluation():
    class Text(str):
        """Text whose own methods are traps."""

        __slots__ = ()

        def __str__(self) -> str:
            raise RuntimeError

        def lower(self) -> str:
            raise RuntimeError

    ready = compile_snapshot(snapshot(f=audience(Clause("a", "in", ("X",), ignore_case=True))))
    assert ready.evaluate("f", None, {"a": Text("x")}).value is True


def test_half_a_character_in_an_id_does_not_end_the_process():
    file = load("evaluation-shares.json")
    script = (
        "import json, sys; from wayfork.engine import *;"
        "c = compile_snapshot(parse_snapshot(json.load(sys.stdin)));"
        r"print(c.evaluate('full', None, {'userId': '\ud83d'}).variation)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(file["snapshots"]["shares"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "on"), done.stderr


def test_a_long_list_costs_what_a_short_one_costs():
    def seconds(count: int) -> float:
        ids = tuple(f"u-{number}" for number in range(count))
        evaluate = compile_snapshot(snapshot(f=audience(Clause("userId", "in", ids)))).evaluate
        best = 1.0
        for _ in range(20):
            started = time.perf_counter()
            for _ in range(500):
                evaluate("f", None, {"userId": "u-5"})
            best = min(best, time.perf_counter() - started)
        return best

    assert seconds(10_000) < 5 * seconds(10)


def test_a_chain_of_prerequisites_of_any_length_never_raises():
    flags = load("problems.json")
    chain = next(case for case in flags["cases"] if case["name"] == "a chain of fifty-one")
    one = chain["snapshot"]["flags"]["f00"]
    many = {
        f"f{number}": {**one, "prerequisites": [{"flag": f"f{number + 1}", "variations": ["on"]}]}
        for number in range(3000)
    }
    ready = compile_snapshot(parse_snapshot({**chain["snapshot"], "flags": many}))
    assert ready.evaluate("f0", "default", {}).error_code in (None, reasons.GENERAL)
    assert ready.evaluate("f2999", "default", {}).reason == reasons.PREREQUISITE_FAILED


def test_segments_nested_beyond_reason_break_their_flags_alone():
    document = load("problems.json")["cases"][0]["snapshot"]
    inner = {"unit": "user", "included": [], "excluded": []}
    segments = {
        f"s{n}": {**inner, "rules": [[{"op": "in_segment", "values": [f"s{n + 1}"]}]]}
        for n in range(3000)
    }
    segments["s3000"] = {**inner, "rules": []}
    clause = {"op": "in_segment", "values": ["s0"]}
    uses = {
        **document["flags"]["on"],
        "rules": [{"id": "r", "name": "", "when": [clause], "serve": "on"}],
    }
    ready = compile_snapshot(
        parse_snapshot(
            {**document, "segments": segments, "flags": {**document["flags"], "uses": uses}}
        )
    )
    assert ready.evaluate("on", None, {}).error_code is None
    assert ready.evaluate("uses", "default", {}).value == "default"


# Accepted patterns are run against what would make a backtracking engine despair.
SUBJECTS = [
    "a" * 5000,
    "ab" * 2500,
    "1" * 5000,
    "a.a." * 1250,
    "@" * 5000,
    "foo" * 1700,
    "/" * 5000,
]
ACCEPTED = [
    case["snapshot"]["flags"]["f"]["rules"][0]["when"][0]["values"][0]
    for case in load("problems.json")["cases"]
    if case["name"].endswith("is safe")
]


@pytest.mark.parametrize("pattern", [*ACCEPTED, "a*a?a?b", "[a-z]+[0-9]?!", "(?:ab|a)?b*c"])
def test_an_accepted_pattern_takes_no_time(pattern):
    ready = compile_snapshot(snapshot(f=audience(Clause("a", "matches", (pattern,)))))
    assert not ready.broken
    for subject in SUBJECTS:
        started = time.perf_counter()
        ready.evaluate("f", None, {"a": subject + "!"})
        assert time.perf_counter() - started < 0.25


@pytest.mark.parametrize("pattern", ["(" * 200, "[" * 200, "\\", "a{99999}", "(?:" * 80 + ")" * 80])
def test_a_pattern_made_to_break_the_reader_is_refused(pattern):
    with pytest.raises(BadPattern):
        compile_pattern(pattern)


def test_a_disabled_flag_says_so_in_its_trace():
    off = FlagState("boolean", False, {"off": False}, "off", "off")  # noqa: FBT003 - positional
    traced = compile_snapshot(snapshot(f=off)).trace("f", {})
    assert [(step.kind, step.passed) for step in traced.steps] == [("enabled", False)]


def test_a_trace_tells_each_clause_with_what_it_found():
    flag = audience(Clause("country", "in", ("DE",)), Clause("age", "gt", (18,)))
    traced = compile_snapshot(snapshot(f=flag)).trace("f", {"country": "DE", "age": 17})
    rule = next(step for step in traced.steps if step.kind == "rule")
    clauses = rule.data["clauses"]
    assert isinstance(clauses, list)
    assert rule.passed is False
    assert [(c["attribute"], c["actual"], c["expected"], c["passed"]) for c in clauses] == [
        ("country", "DE", ["DE"], True),
        ("age", 17, [18], False),
    ]


def test_problems_name_the_place_to_the_value():
    flag = audience(Clause("a", "in", ("x",)), Clause("a", "near", ("x",)))
    (fault,) = problems(snapshot(checkout=flag))
    assert isinstance(fault, ParseError)
    assert fault.where == "flags.checkout.rules[0].when[1].op"
    assert str(fault).startswith(f"{fault.where}: ")


def test_importing_the_engine_leaves_the_client_alone():
    script = "import sys, wayfork.engine; print([m for m in sys.modules if m.startswith('wayfork.client')])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
