"""The end of an experiment: ship, roll back, iterate, and what happens to the flag."""

import pytest

from accounts.errors import InvalidInput, NotPermitted
from experiments import analysis, decisions, queries
from experiments.decisions import AlarmUnread
from experiments.design import Choice, State
from experiments.lifecycle import WrongState
from flags import queries as flag_queries
from flags.changes import Applied, ReasonMissing
from tests.experiments.factories import ENDED, FLAG, KEY, a_clear_winner, make_running, visit
from wayfork.engine import Clause


def state_of(world):
    return flag_queries.flag(world.max.at(), FLAG).state


def test_shipping_serves_the_arm_to_everybody_and_ends_the_split(world):
    make_running(world.max.at())
    decision, outcome = decisions.decide(
        world.max.at(), KEY, Choice.SHIP, arm="on", reason="more forms"
    )
    assert isinstance(outcome, Applied)
    assert state_of(world).rules == ()
    assert state_of(world).fallthrough == "on"
    assert decision.change == outcome.change
    assert queries.experiment(world.max.at(), KEY).state == State.DECIDED


def test_an_experiment_with_an_audience_ships_to_that_audience(world):
    clause = Clause("country", "in", ("DE",)).to_json()
    make_running(world.max.at(), audience=(clause,))
    decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="off", reason="for Germany")
    (rule,) = state_of(world).rules
    assert rule.serve == "off"
    assert rule.when == (Clause("country", "in", ("DE",)),)
    assert rule.experiment is None
    assert state_of(world).fallthrough == "on"


def test_rolling_back_serves_the_control(world):
    make_running(world.max.at())
    decision, _ = decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="worse")
    assert decision.arm == "off"
    assert state_of(world).fallthrough == "off"


def test_iterating_ends_the_split_and_leaves_the_rest(world):
    make_running(world.max.at())
    decisions.decide(world.max.at(), KEY, Choice.ITERATE, reason="another shape")
    assert state_of(world).rules == ()
    assert state_of(world).fallthrough == "on"


def test_a_decision_asks_for_a_reason_and_an_arm(world):
    make_running(world.max.at())
    with pytest.raises(ReasonMissing):
        decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="on", reason="")
    with pytest.raises(InvalidInput, match="which arm"):
        decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="blue", reason="nice")
    assert queries.experiment(world.max.at(), KEY).state == State.RUNNING


def test_a_decision_is_taken_once(world):
    make_running(world.max.at())
    decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="on", reason="more forms")
    with pytest.raises(WrongState):
        decisions.decide(world.ada.at(), KEY, Choice.ROLL_BACK, reason="no")


def test_a_viewer_decides_nothing(world):
    make_running(world.max.at())
    with pytest.raises(NotPermitted):
        decisions.decide(world.vera.at(), KEY, Choice.SHIP, arm="on", reason="I like it")
    assert state_of(world).rules != ()


def test_the_decision_remembers_the_result_it_stood_on(world):
    experiment = make_running(world.max.at())
    a_clear_winner(world.max.at())
    result = analysis.run(experiment, cut=ENDED)
    decision, _ = decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="on", reason="clear")
    assert decision.result == result
    assert world.ledger()[-1].action == "experiment.decided"
    assert world.ledger()[-1].after == {"choice": "ship", "arm": "on", "over_alarm": False}


def test_an_alarm_about_the_split_blocks_until_somebody_has_read_it(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 300)
    visit(world.max.at(), "on", 150)
    analysis.run(experiment, cut=ENDED)
    with pytest.raises(AlarmUnread):
        decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="broken")
    assert state_of(world).rules != ()
    decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="broken", alarm_read=True)
    assert world.ledger()[-1].after["over_alarm"] is True
