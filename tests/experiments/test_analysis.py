"""The analysis pipeline over SDK events: from what visitors did to a stored result."""

from datetime import timedelta

import pytest

from experiments import analysis, jobs, queries
from experiments.lifecycle import ArmPlan, WrongState
from experiments.models import Job, Result
from tests.experiments.factories import (
    ENDED,
    KEY,
    STARTED,
    a_clear_winner,
    happen,
    make_draft,
    make_running,
    visit,
)


def metric(result: Result, key: str) -> dict:
    return next(one for one in result.document["metrics"] if one["metric"] == key)


def outcome(result: Result, key: str) -> dict:
    return metric(result, key)["comparisons"][0]["outcome"]


def test_a_proportion_is_counted_per_unit_and_tested_against_the_control(world):
    experiment = make_running(world.max.at())
    a_clear_winner(world.max.at())
    result = analysis.run(experiment, asked_by=world.max.user, cut=ENDED)
    arms = metric(result, "submit-rate")["arms"]
    assert {arm: (one["units"], one["nonzero"]) for arm, one in arms.items()} == {
        "off": (400, 60),
        "on": (400, 120),
    }
    effect = outcome(result, "submit-rate")
    assert effect["difference"] == pytest.approx(0.15)
    assert effect["lift"] == pytest.approx(1.0)
    # Pooled score test: z = 0.15 / sqrt(0.225 * 0.775 * 2 / 400).
    assert effect["p_value"] == pytest.approx(3.77e-7, rel=0.02)
    assert metric(result, "submit-rate")["comparisons"][0]["verdict"] == "better"
    assert result.document["units"] == {"off": 400, "on": 400}


def test_a_sum_and_a_duration_are_means_over_all_units(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 4)
    visit(world.max.at(), "on", 4)
    later = STARTED + timedelta(hours=5)
    happen(
        world.max.at(),
        "purchase",
        [("off-0", later, 10.0), ("on-0", later, 30.0), ("on-1", later, 10.0)],
    )
    happen(
        world.max.at(), "time", [("off-0", later, 2.0), ("off-0", later, 4.0), ("on-1", later, 1.0)]
    )
    result = analysis.run(experiment, cut=ENDED)
    assert metric(result, "revenue")["arms"]["on"]["mean"] == pytest.approx(10.0)
    assert metric(result, "revenue")["arms"]["off"]["mean"] == pytest.approx(2.5)
    # Six minutes of one unit among four, in seconds.
    assert metric(result, "minutes")["arms"]["off"]["mean"] == pytest.approx(90.0)


def test_less_is_better_where_the_metric_says_so(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 50)
    visit(world.max.at(), "on", 50)
    later = STARTED + timedelta(hours=5)
    slow = [(f"off-{n}", later, 9.0 + n % 3) for n in range(50)]
    quick = [(f"on-{n}", later, 3.0 + n % 3) for n in range(50)]
    happen(world.max.at(), "time", [*slow, *quick])
    result = analysis.run(experiment, cut=ENDED)
    assert outcome(result, "minutes")["difference"] == pytest.approx(-360.0)
    assert metric(result, "minutes")["comparisons"][0]["verdict"] == "better"


def test_what_happened_before_the_exposure_does_not_count(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 2)
    visit(world.max.at(), "on", 2)
    happen(world.max.at(), "form submitted", [("on-1", STARTED - timedelta(hours=1), None)])
    result = analysis.run(experiment, cut=ENDED)
    assert metric(result, "submit-rate")["arms"]["on"]["nonzero"] == 0


def test_what_happened_after_the_cut_is_not_read(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 2)
    happen(world.max.at(), "form submitted", [("off-1", ENDED + timedelta(hours=1), None)])
    result = analysis.run(experiment, cut=ENDED)
    assert metric(result, "submit-rate")["arms"]["off"]["nonzero"] == 0


def test_an_experiment_nobody_met_has_named_states_and_no_numbers(world):
    experiment = make_running(world.max.at())
    result = analysis.run(experiment, cut=ENDED)
    assert outcome(result, "submit-rate")["kind"] == "undetermined"
    assert result.document["recommendation"]["advice"] == "fix"
    assert "No exposures yet" in result.document["recommendation"]["sentence"]


def test_an_uneven_split_raises_the_alarm_before_any_figure(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 300, submitted=10)
    visit(world.max.at(), "on", 150, submitted=100)
    result = analysis.run(experiment, cut=ENDED)
    (finding,) = [one for one in result.document["findings"] if one["check"] == "srm"]
    assert finding["level"] == "alarm"
    assert result.document["recommendation"]["advice"] == "fix"


def test_planned_weights_are_what_the_split_is_held_against(world):
    arms = (ArmPlan("off", 66_667, is_control=True), ArmPlan("on", 33_333))
    experiment = make_running(world.max.at(), arms=arms)
    visit(world.max.at(), "off", 300)
    visit(world.max.at(), "on", 150)
    result = analysis.run(experiment, cut=ENDED)
    assert not [one for one in result.document["findings"] if one["check"] == "srm"]


def test_before_the_planned_end_the_advice_is_to_keep_running(world):
    experiment = make_running(world.max.at())
    a_clear_winner(world.max.at())
    result = analysis.run(experiment, cut=STARTED + timedelta(days=3))
    assert result.document["recommendation"]["advice"] == "keep running"
    assert "day 4 of 14" in result.document["recommendation"]["sentence"]


def test_after_the_planned_end_a_winner_is_to_be_shipped(world):
    experiment = make_running(world.max.at())
    a_clear_winner(world.max.at())
    result = analysis.run(experiment, cut=ENDED)
    assert result.document["recommendation"]["advice"] == "ship"
    assert result.document["recommendation"]["arm"] == "on"
    assert "+100.0\N{NO-BREAK SPACE}%" in result.document["recommendation"]["sentence"]


def test_the_result_keeps_its_sql_and_fills_the_growth_chart(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 5)
    result = analysis.run(experiment, cut=ENDED)
    assert all("SELECT" in one["text"].upper() for one in result.statements)
    counts = queries.growth(experiment)
    assert sum(row.new_units for per_arm in counts.values() for row in per_arm.values()) == 5


def test_a_draft_has_nothing_to_analyze(world):
    make_draft(world.max.at())
    with pytest.raises(WrongState):
        jobs.ask(world.max.at(), KEY, Job.Kind.ANALYSIS)


def test_a_job_stores_a_result_in_the_name_of_who_asked(world):
    make_running(world.max.at())
    visit(world.max.at(), "off", 5)
    job = jobs.ask(world.vera.at(), KEY, Job.Kind.ANALYSIS)
    jobs.work_off(job.id)
    result = queries.latest_result(queries.experiment(world.max.at(), KEY))
    assert result is not None
    assert result.computed_by == world.vera.user


def test_an_early_look_uses_tests_that_stay_right_and_the_last_one_the_sharper_ones(world):
    experiment = make_running(world.max.at())
    a_clear_winner(world.max.at())
    early = analysis.run(experiment, cut=STARTED + timedelta(days=3))
    last = analysis.run(experiment, cut=ENDED)
    assert early.document["early_look"] is True
    assert last.document["early_look"] is False
    assert outcome(early, "submit-rate")["method"] == "always_valid"
    assert outcome(last, "submit-rate")["method"] == "score"
    wide, narrow = (outcome(one, "submit-rate")["difference_interval"] for one in (early, last))
    assert wide["low"] < narrow["low"]
    assert narrow["high"] < wide["high"]


@pytest.mark.parametrize(
    ("units", "days_run", "expected"),
    [(700, 7.0, 1400), (700, 14.0, None), (700, 20.0, None), (0, 0.0, 1), (5, 0.01, 70)],
)
def test_the_plan_is_read_from_the_pace_so_far(units: int, days_run: float, expected: int | None):
    assert analysis.planned_units(units, days_run, 14) == expected
