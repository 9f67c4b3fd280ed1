"""Outcomes: stored and read back exactly, never without a reason, never with a NaN."""

import json
import math
from typing import Any

import pytest

from experiments.stats.outcomes import (
    SENTENCES,
    Effect,
    Interval,
    Level,
    MalformedOutcome,
    Method,
    Reason,
    Srm,
    Undetermined,
    effect_from_json,
    srm_from_json,
)


def make_effect(**changes):
    values: dict[str, Any] = {
        "difference": 0.1 + 0.2,
        "difference_interval": Interval(5e-324, 1 / 3),
        "lift": 1e22,
        "lift_interval": Interval(-1.0, None),
        "p_value": 1.2345678901234567e-308,
        "statistic": 7.0,
        "degrees": None,
        "confidence": 0.95,
        "method": Method.SCORE,
    }
    return Effect(**(values | changes))


def stored(outcome):
    return json.loads(json.dumps(outcome.to_json(), allow_nan=False))


@pytest.mark.parametrize(
    "outcome",
    [
        make_effect(),
        make_effect(lift=None, degrees=17.25, method=Method.WELCH),
        make_effect(lift_interval=Undetermined(Reason.BASELINE_NEAR_ZERO, lift=3.0)),
        Undetermined(Reason.TOO_FEW_UNITS, 212, 0.1, None),
    ],
)
def test_an_effect_comes_back_from_storage_exactly(outcome):
    assert effect_from_json(stored(outcome)) == outcome


@pytest.mark.parametrize(
    "outcome",
    [
        Srm(0.1 + 0.2, 6.9, 1, (44700, 45489), (45094.5, 45094.5)),
        Srm(1.0, -3.5, None, (1, 2), (1.5, 1.5)),
        Undetermined(Reason.ONE_ARM),
    ],
)
def test_a_split_check_comes_back_from_storage_exactly(outcome):
    assert srm_from_json(stored(outcome)) == outcome


def test_a_whole_number_from_the_database_is_the_same_float():
    document = stored(make_effect()) | {"lift": 10**22}
    assert effect_from_json(document) == make_effect()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_outcome_holds_a_number_that_is_not_finite(value):
    for make in (
        lambda: make_effect(difference=value),
        lambda: make_effect(statistic=value),
        lambda: make_effect(lift=value),
        lambda: Interval(value, None),
        lambda: Undetermined(Reason.NO_VARIATION, difference=value),
        lambda: Srm(0.5, value, 1, (1,), (1.0,)),
    ):
        with pytest.raises(ValueError, match="finite"):
            make()


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_a_p_value_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match="p-value"):
        make_effect(p_value=value)


def test_an_interval_cannot_run_backward():
    with pytest.raises(ValueError, match="backward"):
        Interval(1.0, 0.0)


def test_an_unbounded_interval_contains_all_on_that_side():
    assert Interval(None, 2.0).contains(-1e300)
    assert Interval(2.0, None).contains(1e300)
    assert Interval(2.0, 2.0).contains(2.0)
    assert not Interval(2.0, None).contains(1.9)
    assert not Interval(None, 2.0).contains(2.1)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "srm"},
        {"difference": "0.3"},
        {"difference": None},
        {"p_value": True},
        {"method": "guess"},
        {"lift_interval": None},
        {"difference_interval": {"kind": "undetermined"}},
    ],
)
def test_a_document_that_was_not_written_here_is_refused(change):
    with pytest.raises(MalformedOutcome):
        effect_from_json(stored(make_effect()) | change)


def test_an_unknown_reason_is_refused():
    with pytest.raises(MalformedOutcome, match="no idea"):
        Undetermined.from_json({"kind": "undetermined", "reason": "no idea"})


@pytest.mark.parametrize("observed", [None, "12", [1, "2"]])
def test_a_malformed_list_of_units_is_refused(observed):
    document = stored(Srm(0.5, 1.0, 1, (1, 2), (1.5, 1.5))) | {"observed": observed}
    with pytest.raises(MalformedOutcome):
        srm_from_json(document)


def test_every_reason_has_a_sentence():
    assert set(SENTENCES) == set(Reason)
    for reason in Reason:
        sentence = Undetermined(reason).sentence
        assert sentence[0].isupper()
        assert sentence.endswith(".")


def test_the_sentence_says_how_much_is_missing():
    assert Undetermined(Reason.TOO_FEW_UNITS, 212).sentence == "Needs 212 more units."
    assert Undetermined(Reason.TOO_FEW_UNITS, 1).sentence == "Needs 1 more unit."
    assert Undetermined(Reason.TOO_FEW_EVENTS, 1200).sentence == "Needs 1,200 more events."


@pytest.mark.parametrize(
    ("p_value", "level"),
    [(0.0009, Level.ALARM), (0.001, Level.NOTE), (0.0099, Level.NOTE), (0.01, Level.OK)],
)
def test_the_level_follows_the_p_value(p_value, level):
    assert Srm(p_value, 1.0, 1, (1, 2), (1.5, 1.5)).level is level


def test_significance_is_measured_against_the_confidence():
    assert make_effect(p_value=0.03, confidence=0.95).is_significant
    assert not make_effect(p_value=0.03, confidence=0.99).is_significant
