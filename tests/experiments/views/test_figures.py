"""A stored result as a page shows it."""

import json

import pytest

from experiments.stats import frequentist, srm
from experiments.stats.outcomes import Effect, Interval, Method, Reason, Undetermined
from experiments.stats.samples import Proportion, Sample
from experiments.views import axis, figures, numbers

MINUS, NB = numbers.MINUS, numbers.SPACE


def counted(units, mean):
    return {"units": units, "mean": mean, "nonzero": 0}


def a_metric(outcome, verdict, **fields):
    return {
        "metric": "m",
        "name": "Forms sent",
        "kind": "proportion",
        "role": "primary",
        "direction": "up",
        "unit": "",
        "arms": {"off": counted(44_700, 0.1902013), "on": counted(45_489, 0.182)},
        "comparisons": [{"arm": "on", "outcome": outcome.to_json(), "verdict": verdict}],
        **fields,
    }


def a_document(*metrics, units=(44_700, 45_489)):
    document = {
        "plan": {
            "arms": [{"variation": "off", "weight": 50_000}, {"variation": "on", "weight": 50_000}]
        },
        "control": "off",
        "units": dict(zip(("off", "on"), units, strict=True)),
        "srm": srm.chi_square(list(units), [0.5, 0.5]).to_json(),
        "metrics": list(metrics),
    }
    return json.loads(json.dumps(document))


def effect(**fields):
    given = {
        "difference": 0.02,
        "difference_interval": Interval(0.01, 0.03),
        "lift": 0.1,
        "lift_interval": Interval(0.05, 0.15),
        "p_value": 0.001,
        "statistic": 3.3,
        "degrees": None,
        "confidence": 0.95,
        "method": Method.SCORE,
    }
    return Effect(**{**given, **fields})


def only_line(document):
    (section,) = figures.sections(document)
    return section.metrics[0].lines[1]


def test_published_figures_read_as_they_were_published():
    outcome = frequentist.score_test(Proportion(44_700, 8_502), Proportion(45_489, 8_279))
    line = only_line(a_document(a_metric(outcome, "worse")))
    assert line.units == "45,489"
    assert line.mean == f"18.200{NB}%"
    assert line.difference == f"{MINUS}0.820{NB}pp"
    assert line.lift == f"{MINUS}4.3{NB}%"
    assert line.p == "0.00155"
    assert (line.mark, line.word) == ("worse", "worse")


def test_the_control_stands_first_without_a_comparison():
    document = a_document(a_metric(effect(), "better"))
    (section,) = figures.sections(document)
    control = section.metrics[0].lines[0]
    assert control.arm.is_control
    assert control.mean == f"19.020{NB}%"
    assert control.forest is None
    assert control.p == ""


def test_sections_follow_the_roles_and_empty_roles_are_left_out():
    document = a_document(
        a_metric(effect(), "better", role="guardrail", metric="g"),
        a_metric(effect(), "better", metric="p"),
    )
    assert [section.role for section in figures.sections(document)] == ["primary", "guardrail"]


def test_an_outcome_that_cannot_be_determined_is_a_sentence_and_no_number():
    outcome = Undetermined(Reason.TOO_FEW_UNITS, missing=212)
    line = only_line(a_document(a_metric(outcome, "undetermined")))
    assert line.sentence == "Needs 212 more units."
    assert (line.word, line.mark) == ("not known yet", "open")
    assert line.p == line.lift == line.difference == ""
    assert line.forest is None


def test_a_lift_without_a_bounded_interval_says_why_and_draws_nothing():
    outcome = effect(lift_interval=Undetermined(Reason.BASELINE_NEAR_ZERO))
    line = only_line(a_document(a_metric(outcome, "better")))
    assert "cannot be told from zero" in line.lift_range
    assert line.lift == f"+10.0{NB}%"
    assert line.forest is None


def test_a_control_of_zero_has_a_difference_and_no_lift():
    outcome = effect(lift=None, lift_interval=Undetermined(Reason.ZERO_BASELINE))
    line = only_line(a_document(a_metric(outcome, "better")))
    assert line.difference == f"+2.000{NB}pp"
    assert line.lift == numbers.DASH


def test_the_picture_of_a_row_stands_where_its_numbers_say():
    line = only_line(a_document(a_metric(effect(), "better")))
    row = line.forest
    assert row.zero == 50
    assert 50 < row.low < row.x < row.high <= 93
    assert row.x - row.low == pytest.approx(row.high - row.x, abs=0.02)
    assert (row.clipped_low, row.clipped_high) == (False, False)
    assert row.description == (
        f"Forms sent, on: +10.0{NB}%, 95% interval +5.0{NB}% to +15.0{NB}%: better"
    )


def test_an_unbounded_end_is_an_arrow_at_the_edge():
    outcome = effect(lift_interval=Interval(0.05, None))
    row = only_line(a_document(a_metric(outcome, "better"))).forest
    assert row.clipped_high
    assert row.high == 93
    assert not row.clipped_low


def test_one_wide_interval_does_not_flatten_the_others():
    wide = effect(lift=5.0, lift_interval=Interval(-90.0, 100.0))
    document = a_document(
        a_metric(effect(), "better", metric="a"),
        a_metric(effect(), "better", metric="b"),
        a_metric(wide, "inconclusive", metric="c"),
    )
    (section,) = figures.sections(document)
    assert section.ticks[-1].label == f"+150{NB}%"
    drawn = [metric.lines[1].forest for metric in section.metrics]
    assert [row.clipped_high for row in drawn if row is not None] == [False, False, True]


def test_ticks_are_round_and_symmetric():
    labels = [tick.label for tick in axis.axis_for([0.037]).ticks]
    assert labels == [f"{MINUS}4{NB}%", f"{MINUS}2{NB}%", "0", f"+2{NB}%", f"+4{NB}%"]


def test_without_an_effect_no_axis_is_drawn():
    outcome = Undetermined(Reason.NO_UNITS)
    (section,) = figures.sections(a_document(a_metric(outcome, "undetermined")))
    assert section.ticks == ()


@pytest.mark.parametrize(
    ("units", "level", "words"),
    [
        ((44_700, 45_489), "note", "a little"),
        ((500, 510), "ok", "as planned"),
        ((300, 150), "alarm", "beyond chance"),
        ((3, 4), "open", "cannot be said yet"),
    ],
)
def test_the_split_is_held_against_the_plan_in_a_sentence(units, level, words):
    split = figures.split(a_document(units=units))
    assert split.level == level
    assert words in split.sentence


def test_the_split_shows_what_was_seen_and_what_was_planned():
    split = figures.split(a_document(units=(300, 150)))
    assert [(line.observed, line.expected) for line in split.lines] == [
        ("300", "225"),
        ("150", "225"),
    ]
    assert split.lines[0].share == f"66.67{NB}%"


def test_nobody_is_divided_by_zero():
    split = figures.split(a_document(units=(0, 0)))
    assert split.lines[0].share == numbers.DASH


def test_the_headline_names_the_primary_metric_and_its_verdict():
    document = a_document(
        a_metric(effect(), "worse", role="guardrail"), a_metric(effect(), "better")
    )
    assert figures.headline(document) == f"Forms sent: on +10.0{NB}%, better"
    assert figures.headline_mark(document) == "better"


def test_the_control_is_gray_and_the_others_have_a_color_each():
    names = figures.arm_names([("x", False), ("c", True), ("y", False)])
    assert [arm.series for arm in names.values()] == ["a", "control", "b"]


def test_welch_is_read_back_from_the_stored_document():
    outcome = frequentist.welch(Sample(100, 10.0, 400.0), Sample(100, 12.0, 400.0))
    metric = a_metric(
        outcome,
        "better",
        kind="mean",
        arms={"off": counted(100, 10.0), "on": counted(100, 12.0)},
    )
    line = only_line(a_document(metric))
    assert line.mean == "12.000"
    assert line.difference == "+2.0000"
    assert line.method == "Welch's t-test"
