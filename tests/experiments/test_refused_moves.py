"""A start, stop or decision whose change is refused: the experiment is as before, and not stuck."""

from datetime import timedelta

import pytest
import time_machine

from experiments import decisions, lifecycle, queries
from experiments.design import Choice, State
from experiments.lifecycle import WrongState
from experiments.views import standing
from flags import changes, docket, requests
from flags import queries as flag_queries
from flags.changes import Pending, Target
from flags.edits import AddRule, EditKind, RemoveRule, ReplaceRule, SetLayer, SetReviewRules
from flags.guards import Objected
from flags.models import Change
from tests.experiments.factories import FLAG, KEY, STARTED, a_plan, make_draft, make_running
from tests.flags.requests.steps import number_of
from tests.world.factories import submit

LATER = STARTED + timedelta(days=2)
REFUSALS = [Change.Status.REJECTED, Change.Status.WITHDRAWN, Change.Status.SUPERSEDED]


def ask_for_review(world, approvals=1):
    target = Target(EditKind.POLICY, "production")
    rules = SetReviewRules(approvals=approvals)
    changes.submit(world.ada.at(), target, [rules], expected_version=0)


def refuse(outcome, status):
    assert isinstance(outcome, Pending)
    Change.across_tenants.filter(pk=outcome.change.pk).update(status=status)


def state_of(world):
    return queries.experiment(world.max.at(), KEY).state


def rule_of(world):
    (rule,) = flag_queries.flag(world.max.at(), FLAG).state.rules
    return rule


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refused_start_leaves_a_draft_that_can_be_revised_and_started(world, status):
    make_draft(world.max.at())
    ask_for_review(world)
    refuse(lifecycle.start(world.max.at(), KEY), status)
    lifecycle.revise(world.max.at(), KEY, a_plan(name="Shorter still"), expected_version=1)
    assert queries.experiment(world.max.at(), KEY).started_at is None
    assert isinstance(lifecycle.start(world.max.at(), KEY), Pending)


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refused_stop_leaves_it_running_and_can_be_asked_for_again(world, status):
    make_running(world.max.at())
    ask_for_review(world)
    refuse(lifecycle.stop(world.max.at(), KEY, reason="enough"), status)
    assert state_of(world) == State.RUNNING
    assert isinstance(lifecycle.stop(world.max.at(), KEY, reason="really"), Pending)


def test_a_stop_that_waits_is_not_asked_for_twice(world):
    make_running(world.max.at())
    ask_for_review(world)
    lifecycle.stop(world.max.at(), KEY, reason="enough")
    with pytest.raises(WrongState, match="waits for review"):
        lifecycle.stop(world.max.at(), KEY, reason="enough")


@pytest.mark.parametrize("status", REFUSALS)
def test_after_a_refused_decision_another_one_can_be_taken(world, status):
    make_running(world.max.at())
    ask_for_review(world)
    _, outcome = decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="on", reason="more")
    refuse(outcome, status)
    assert state_of(world) == State.RUNNING
    decision, outcome = decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="less")
    assert isinstance(outcome, Pending)
    assert (decision.choice, decision.arm) == (Choice.ROLL_BACK, "off")
    assert queries.experiment(world.max.at(), KEY).stop_change == decision.change


def test_after_a_refused_stop_nobody_takes_the_split_out_by_hand(world):
    make_running(world.max.at())
    ask_for_review(world)
    refuse(lifecycle.stop(world.max.at(), KEY, reason="enough"), Change.Status.REJECTED)
    with pytest.raises(Objected, match="is running on this rule"):
        submit(world.max.at(), FLAG, RemoveRule(rule_of(world).id))


def test_while_a_stop_waits_the_split_may_go_but_not_change(world):
    make_running(world.max.at())
    ask_for_review(world)
    lifecycle.stop(world.max.at(), KEY, reason="enough")
    rule = rule_of(world)
    with pytest.raises(Objected):
        submit(
            world.max.at(),
            FLAG,
            ReplaceRule(type(rule).from_json({**rule.to_json(), "serve": "on"})),
        )
    assert isinstance(submit(world.max.at(), FLAG, RemoveRule(rule.id)), Pending)


def test_a_second_rule_in_a_running_experiments_name_is_refused(world):
    make_running(world.max.at())
    forged = type(rule_of(world)).from_json(
        {**rule_of(world).to_json(), "id": "forged", "serve": "on"}
    )
    with pytest.raises(Objected):
        submit(world.max.at(), FLAG, AddRule(forged, position=0))


def test_a_layer_does_not_move_the_units_of_a_running_experiment(world):
    experiment = make_running(world.max.at())
    slots = {experiment.rule_id: [[0, 10_000]]}
    layer = SetLayer("checkout", "Checkout", "user", slots)
    target = Target(EditKind.LAYER, "checkout")
    with pytest.raises(Objected, match="on this slot"):
        changes.submit(world.max.at(), target, [layer], expected_version=0)


# --- moves that wait for a while


def settle(world, outcome):
    """Others approve it, and it is applied two days after it was asked for."""
    number = number_of(outcome.change)
    found = docket.request(world.rita.at(), number)
    with time_machine.travel(LATER, tick=False):
        requests.approve(world.rita.at(), number, content_hash=found.content_hash)
        requests.apply(world.max.at(), number)


def test_a_start_counts_from_the_day_it_came_into_force(world):
    make_draft(world.max.at())
    ask_for_review(world)
    with time_machine.travel(STARTED, tick=False):
        outcome = lifecycle.start(world.max.at(), KEY)
    waiting = queries.experiment(world.max.at(), KEY)
    assert (waiting.started_at, waiting.start_waits) == (None, True)
    assert standing.days_run(waiting, LATER) is None
    settle(world, outcome)
    running = queries.experiment(world.max.at(), KEY)
    assert (running.state, running.started_at, running.start_waits) == (
        State.RUNNING,
        LATER,
        False,
    )
    assert standing.days_run(running, LATER + timedelta(days=3)) == 3


def test_a_stop_counts_from_the_day_it_came_into_force(world):
    make_running(world.max.at())
    ask_for_review(world)
    with time_machine.travel(STARTED + timedelta(days=1), tick=False):
        outcome = lifecycle.stop(world.max.at(), KEY, reason="enough")
    waiting = queries.experiment(world.max.at(), KEY)
    assert (waiting.stopped_at, waiting.stop_waits) == (None, True)
    settle(world, outcome)
    assert queries.experiment(world.max.at(), KEY).stopped_at == LATER


def test_a_decision_ends_an_experiment_whose_stop_still_waits(world):
    make_running(world.max.at())
    ask_for_review(world)
    stop = lifecycle.stop(world.max.at(), KEY, reason="enough")
    _, decided = decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="less")
    settle(world, decided)
    assert isinstance(stop, Pending)
    experiment = queries.experiment(world.max.at(), KEY)
    assert (experiment.state, experiment.stopped_at) == (State.DECIDED, LATER)
    with pytest.raises(requests.NotApproved):
        requests.apply(world.max.at(), number_of(stop.change))


@pytest.mark.parametrize("status", REFUSALS)
def test_after_a_refusal_the_page_offers_the_move_again(world, status):
    make_draft(world.max.at())
    ask_for_review(world)
    page = world.url(f"experiments/{KEY}/")
    start = lifecycle.start(world.max.at(), KEY)
    assert "The start was asked for" in world.max.client.get(page).content.decode()
    refuse(start, status)
    text = world.max.client.get(page).content.decode()
    assert 'id="start-comment"' in text
    assert "The start was" in text
    again = lifecycle.start(world.max.at(), KEY)
    settle(world, again)
    _, outcome = decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="less")
    assert 'id="decide"' not in world.max.client.get(page).content.decode()
    refuse(outcome, status)
    text = world.max.client.get(page).content.decode()
    assert 'id="decide"' in text
    assert "The decision was" in text


# --- what the ledger says of it


def said(world):
    return [line.action for line in world.ledger() if line.action.startswith("experiment.")]


def apply(world, outcome):
    number = number_of(outcome.change)
    seen = docket.request(world.rita.at(), number).content_hash
    requests.approve(world.rita.at(), number, content_hash=seen)
    requests.apply(world.rita.at(), number)


def test_the_ledger_says_that_a_start_was_asked_for_and_no_more_after_a_refusal(world):
    make_draft(world.max.at())
    ask_for_review(world)
    outcome = lifecycle.start(world.max.at(), KEY)
    assert isinstance(outcome, Pending)
    requests.reject(world.rita.at(), number_of(outcome.change), reason="no")
    assert said(world) == ["experiment.created", "experiment.asked_to_start"]


def test_a_start_stop_and_decision_are_in_the_ledger_when_they_are_in_force(world):
    make_draft(world.max.at())
    ask_for_review(world)
    apply(world, lifecycle.start(world.max.at(), KEY))
    started = world.ledger()[-1]
    assert (started.action, started.target, started.actor_label) == (
        "experiment.started",
        KEY,
        world.rita.user.email,
    )
    assert started.environment == world.production
    apply(world, lifecycle.stop(world.max.at(), KEY, reason="enough"))
    _, outcome = decisions.decide(world.max.at(), KEY, Choice.SHIP, arm="off", reason="more")
    assert said(world)[-1] == "experiment.asked_to_decide"
    apply(world, outcome)
    decided = world.ledger()[-1]
    assert decided.reason == "more"
    assert decided.after == {"request": 3, "choice": "ship", "arm": "off"}
    assert said(world) == [
        "experiment.created",
        "experiment.asked_to_start",
        "experiment.started",
        "experiment.asked_to_stop",
        "experiment.stopped",
        "experiment.asked_to_decide",
        "experiment.decided",
    ]


def test_a_decision_that_ends_the_split_is_one_line_and_not_a_stop_beside_it(world):
    make_running(world.max.at())
    ask_for_review(world)
    _, outcome = decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="less")
    apply(world, outcome)
    assert said(world)[-2:] == ["experiment.asked_to_decide", "experiment.decided"]


def test_what_applies_at_once_is_asked_for_nowhere(world):
    make_running(world.max.at())
    lifecycle.stop(world.max.at(), KEY, reason="enough")
    decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="less")
    assert said(world)[-3:] == ["experiment.started", "experiment.stopped", "experiment.decided"]
