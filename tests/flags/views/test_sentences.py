"""Flags say in a sentence what they serve to whom."""

from typing import Any

import pytest
from django.utils.html import strip_tags

from flags.views.sentences import OPERATORS, clause_words, flag_sentence, pill
from wayfork.engine import Allocation, Clause, FlagState, Prerequisite, Rule, Split
from wayfork.engine.operators import OPERATOR_NAMES

BOOLEAN = {"on": True, "off": False}
HALVES = Split("user", "salt", (("on", 50_000), ("off", 50_000)))


def flag(**fields: Any) -> FlagState:
    given: dict[str, Any] = {
        "type": "boolean",
        "enabled": True,
        "variations": BOOLEAN,
        "off": "off",
    }
    return FlagState(**{**given, "fallthrough": "off", **fields})


def rule(**fields: Any) -> Rule:
    given: dict[str, Any] = {
        "id": "r1",
        "name": "",
        "when": (Clause("country", "in", ("DE", "FR")),),
    }
    return Rule(**{**given, "serve": "on", **fields})


def said(state: FlagState) -> str:
    return strip_tags(flag_sentence(state, "Production"))


def test_every_operator_of_the_engine_has_words_and_no_other_does():
    assert set(OPERATORS) == set(OPERATOR_NAMES)


def test_a_flag_that_is_off_says_what_everyone_gets():
    assert said(flag(enabled=False)) == "Off in Production: everyone gets off."


def test_a_flag_without_rules_says_what_everyone_gets():
    assert said(flag(fallthrough="on")) == "On in Production: everyone gets on."


def test_a_partial_rollout_names_its_share_its_people_and_the_rest():
    state = flag(rules=(rule(allocation=Allocation("user", "s", ((0, 25_000),))),))
    assert said(state) == (
        "On in Production: 25 % of those whose country is one of DE, FR get on;"
        " everyone else gets off."
    )


def test_a_segment_is_something_people_are_in():
    inside = (Clause(None, "in_segment", ("employees",)), Clause("country", "in", ("DE",)))
    outside = (Clause(None, "in_segment", ("employees",), negate=True),)
    state = flag(rules=(rule(when=inside), rule(id="r2", when=outside)))
    assert said(state) == (
        "On in Production: all who are in segment employees and whose country is one of DE get on;"
        " all who are not in segment employees get on; everyone else gets off."
    )


def test_a_split_names_its_shares():
    assert "a split by user: 50 % on, 50 % off" in said(flag(fallthrough=HALVES))


def test_an_experiment_is_named_instead_of_its_split():
    state = flag(rules=(rule(when=(), serve=HALVES, experiment="short-form"),))
    assert "everyone takes part in short-form" in said(state)


def test_many_rules_are_counted_instead_of_listed():
    state = flag(rules=tuple(rule(id=f"r{n}") for n in range(3)))
    assert said(state) == "On in Production: 3 rules decide; everyone else gets off."


def test_prerequisites_holdouts_and_assignments_are_mentioned():
    state = flag(
        prerequisites=(Prerequisite("parent", ("on",)),),
        holdout="global",
        assignments={"user": {"u-1": "on", "u-2": "on"}},
    )
    text = said(state)
    assert "Only where parent allows it." in text
    assert "Never for holdout global." in text
    assert "2 ids have variations of their own." in text


def test_names_in_a_sentence_are_escaped():
    state = flag(rules=(rule(when=(Clause("country", "in", ("<b>",)),)),))
    assert "<b>" not in flag_sentence(state, "Production")


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        (Clause("country", "in", ("DE",)), "country is one of DE"),
        (Clause("country", "in", ("DE",), negate=True), "country is none of DE"),
        (Clause("age", "gte", (18,)), "age is at least 18"),
        (Clause(None, "in_segment", ("staff",)), "the unit is in segment staff"),
        (Clause("plan", "exists", ()), "plan is known"),
        (
            Clause("id", "in", tuple("abcdefgh")),
            "id is one of a, b, c, d, e, f and 2 more",
        ),
    ],
)
def test_a_condition_reads_as_a_sentence(clause, words):
    assert clause_words(clause) == words


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (flag(enabled=False), ("off", "off")),
        (flag(fallthrough="on"), ("on", "on")),
        (flag(fallthrough="off"), ("rules", "on, serves off")),
        (flag(fallthrough=HALVES), ("share", "50 %")),
        (
            flag(rules=(rule(when=(), allocation=Allocation("user", "s", ((0, 37_000),))),)),
            ("share", "37 %"),
        ),
        (flag(rules=(rule(),)), ("rules", "by rules")),
        (
            flag(
                type="string",
                variations={"a": "A", "b": "B"},
                fallthrough=Split("user", "s", (("a", 50_000), ("b", 50_000))),
            ),
            ("share", "split"),
        ),
        (flag(type="string", variations={"a": "A"}, fallthrough="a"), ("on", "a")),
    ],
)
def test_a_pill_says_how_a_flag_stands(state, shown):
    told = pill(state)
    assert (told.state, told.text) == shown
