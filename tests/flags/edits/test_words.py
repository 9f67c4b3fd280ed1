"""What an edit gives and takes is said in words, told from what stood before."""

import pytest

from flags.edits import (
    Edit,
    MoveRule,
    RemoveRule,
    ReviewRules,
    SetReviewRules,
    SetRollout,
    SetSegment,
    SetStewards,
    Stewards,
)
from flags.views.differences import differences
from tests.world.factories import make_rule
from wayfork.engine import FlagState

HOLIDAYS = {
    "from": "2026-12-24T12:00:00+00:00",
    "to": "2026-12-27T08:00:00+00:00",
    "reason": "Holidays",
}
TOLD = "from 2026-12-24 12:00 to 2026-12-27 08:00 UTC (Holidays)"
BEFORE = ReviewRules.from_json({"approvals": 1, "freezes": [HOLIDAYS]})


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (SetReviewRules(1), f"Drop the planned freeze {TOLD}"),
        (SetReviewRules(0), f"Ask for 0 approvals; drop the planned freeze {TOLD}"),
        (SetReviewRules(1, frozen=True, freezes=(HOLIDAYS,)), "Freeze everything"),
        (
            SetReviewRules(1, reviewers=("growth",), freezes=(HOLIDAYS,)),
            "Ask for 1 approval of growth",
        ),
        (
            SetReviewRules(1, freezes=(HOLIDAYS, {**HOLIDAYS, "reason": "Again"})),
            f"Plan a freeze {TOLD.replace('Holidays', 'Again')}",
        ),
    ],
)
def test_review_rules_say_what_comes_and_what_goes(edit: SetReviewRules, sentence: str):
    assert edit.sentence_from(BEFORE) == sentence


def test_a_freeze_that_is_lifted_is_told():
    assert SetReviewRules(0).sentence_from(ReviewRules(frozen=True)) == "End the freeze"


def test_the_first_review_rules_are_told_whole():
    assert SetReviewRules(2).sentence_from(None) == "Ask for 2 approvals"


def test_stewards_say_who_comes_and_who_goes():
    rule = {"kind": "flag", "key": "banner", "editors": ["growth"], "approvals": 1}
    before = Stewards.from_json({"stewards": [{"kind": "tag", "key": "money"}]})
    assert SetStewards((rule,)).sentence_from(before) == (
        "Stewards of flag banner: growth may change it, 1 approval; tag money: no stewards any more"
    )


def test_a_dropped_freeze_stands_in_the_differences_in_words():
    after = SetReviewRules(1).apply(BEFORE).to_json()
    (found,) = differences(BEFORE.to_json(), after)
    assert (found.what, found.before, found.after) == ("Planned freeze", TOLD, "")


def test_stewards_stand_in_the_differences_in_words():
    rule = {"kind": "flag", "key": "banner", "reviewers": ["growth"]}
    after = SetStewards((rule,)).apply(None).to_json()
    (found,) = differences(Stewards().to_json(), after)
    assert (found.what, found.before, found.after) == (
        "Stewards of flag banner",
        "",
        "growth approve",
    )


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (SetSegment("user", ("u-1",), (), ()), "Hold 1 listed"),
        (SetSegment("user", (), ("u-1",), ((),)), "Leave out 1 listed, match 1 rule"),
        (SetSegment("user", (), (), ((), ())), "Match 2 rules"),
        (SetSegment("user", (), (), ()), "Hold nobody"),
    ],
)
def test_a_segment_says_whom_it_holds_without_zeros(edit: SetSegment, sentence: str):
    assert edit.sentence() == sentence


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (RemoveRule("r1"), "Remove rule Germany first"),
        (MoveRule("r1", 1), "Move rule Germany first to position 2"),
        (SetRollout("r1", 25_000), "Roll rule Germany first out to 25 %"),
        (RemoveRule("r2"), "Remove rule r2"),
    ],
)
def test_a_rule_is_called_by_its_name_and_by_its_id_where_it_has_none(edit: Edit, sentence: str):
    rules = (make_rule(rule_id="r1"), make_rule(rule_id="r2", name=""))
    before = FlagState(
        type="boolean",
        variations={"on": True, "off": False},
        enabled=True,
        off="off",
        fallthrough="off",
        rules=rules,
    )
    assert edit.sentence_from(before) == sentence
    assert edit.sentence_from(None) == edit.sentence()
