"""Draft, start and stop, through the verbs."""

from dataclasses import replace

import pytest

from accounts.errors import AlreadyExists, DomainError, NotPermitted
from experiments import decisions, lifecycle, queries
from experiments.design import Choice, MetricRole, State
from experiments.lifecycle import ArmPlan, NotReady, WrongState
from experiments.views import standing
from flags import changes
from flags import queries as flag_queries
from flags.changes import Applied, Pending, ReasonMissing, StaleVersion, Target
from flags.edits import EditKind, RemoveRule, SetReviewRules, TurnOff
from flags.guards import Objected
from tests.experiments.factories import FLAG, KEY, a_plan, make_draft, make_metrics, make_running
from tests.world.factories import make_flag, submit
from wayfork.engine import Split


def test_a_draft_changes_nothing_for_anybody(world):
    make_draft(world.max.at())
    experiment = queries.experiment(world.max.at(), KEY)
    assert experiment.state == State.DRAFT
    assert flag_queries.flag(world.max.at(), FLAG).state.rules == ()
    assert world.ledger()[-1].action == "experiment.created"


def test_starting_puts_one_rule_first_into_the_flag(world):
    make_draft(world.max.at(), share_steps=40_000)
    outcome = lifecycle.start(world.max.at(), KEY, comment="go")
    assert isinstance(outcome, Applied)
    rule = flag_queries.flag(world.max.at(), FLAG).state.rules[0]
    assert rule.experiment == KEY
    assert rule.allocation is not None
    assert isinstance(rule.serve, Split)
    assert rule.allocation.ranges == ((0, 40_000),)
    assert rule.serve.weights == (("off", 50_000), ("on", 50_000))
    assert rule.allocation.salt != rule.serve.salt
    assert queries.experiment(world.max.at(), KEY).state == State.RUNNING


def test_only_the_environment_it_was_started_in_is_touched(world):
    make_running(world.max.at())
    assert flag_queries.flag(world.max.at("staging"), FLAG).state.rules == ()


def test_a_viewer_neither_writes_nor_starts_an_experiment(world):
    make_draft(world.max.at())
    with pytest.raises(NotPermitted):
        lifecycle.create(world.vera.at(), "another", a_plan())
    with pytest.raises(NotPermitted):
        lifecycle.start(world.vera.at(), KEY)
    assert queries.experiment(world.max.at(), KEY).started_at is None


def test_a_flag_that_is_off_blocks_the_start_with_a_sentence(world):
    make_draft(world.max.at())
    submit(world.max.at(), FLAG, TurnOff())
    with pytest.raises(NotReady, match="is off in Production"):
        lifecycle.start(world.max.at(), KEY)
    assert queries.experiment(world.max.at(), KEY).state == State.DRAFT


def test_without_a_primary_metric_nothing_starts(world):
    make_draft(world.max.at(), metrics=(("revenue", MetricRole.SECONDARY),))
    with pytest.raises(NotReady, match="primary metric"):
        lifecycle.start(world.max.at(), KEY)


def test_two_experiments_do_not_run_on_one_flag(world):
    make_running(world.max.at())
    lifecycle.create(world.max.at(), "second", a_plan(name="Second"))
    with pytest.raises(NotReady, match=f"Experiment {KEY} is running on this flag"):
        lifecycle.start(world.max.at(), "second")


def test_a_started_experiment_cannot_be_started_again(world):
    make_running(world.max.at())
    with pytest.raises(WrongState):
        lifecycle.start(world.max.at(), KEY)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"flag_key": ""}, "flag_key"),
        ({"share_steps": 0}, "share"),
        ({"planned_days": 0}, "planned_days"),
        ({"unit_type": "household"}, "unit_type"),
        ({"arms": (ArmPlan("off", 100_000, is_control=True),)}, "arms"),
        ({"arms": (ArmPlan("off", 50_000), ArmPlan("on", 50_000))}, "arms"),
        ({"arms": (ArmPlan("off", 60_000, is_control=True), ArmPlan("on", 50_000))}, "arms"),
        ({"arms": (ArmPlan("off", 50_000, is_control=True), ArmPlan("blue", 50_000))}, "arms"),
        ({"metrics": (("nothing", MetricRole.PRIMARY),)}, "metrics"),
        (
            {"audience": ({"attribute": "plan", "op": "in", "values": ["pr\0o"]},)},
            "audience[0]",
        ),
        (
            {"metrics": (("revenue", MetricRole.PRIMARY), ("minutes", MetricRole.PRIMARY))},
            "metrics",
        ),
    ],
)
def test_a_plan_that_could_never_start_is_refused_with_its_place(world, fields, where):
    make_flag(world.max.at(), FLAG, on=True)
    make_metrics(world.max.at())
    with pytest.raises(DomainError) as refused:
        lifecycle.create(world.max.at(), KEY, a_plan(**fields))
    assert refused.value.data["where"] == where
    assert queries.experiment_list(world.max.at()) == []


def test_a_key_is_taken_once_whatever_its_case(world):
    make_draft(world.max.at())
    with pytest.raises(AlreadyExists):
        lifecycle.create(world.max.at(), KEY.upper(), a_plan())


def test_a_draft_is_revised_and_the_ledger_keeps_both_plans(world):
    make_draft(world.max.at())
    arms = (ArmPlan("off", 20_000, is_control=True), ArmPlan("on", 80_000))
    plan = replace(a_plan(), arms=arms)
    lifecycle.revise(world.max.at(), KEY, plan, expected_version=1)
    entry = world.ledger()[-1]
    assert [arm["weight"] for arm in entry.before["arms"]] == [50_000, 50_000]
    assert [arm["weight"] for arm in entry.after["arms"]] == [20_000, 80_000]


def test_a_revision_against_an_older_version_is_refused(world):
    make_draft(world.max.at())
    lifecycle.revise(world.max.at(), KEY, a_plan(planned_days=7), expected_version=1)
    with pytest.raises(StaleVersion):
        lifecycle.revise(world.ada.at(), KEY, a_plan(planned_days=21), expected_version=1)
    assert queries.experiment(world.max.at(), KEY).planned_days == 7


def test_what_runs_is_not_rewritten(world):
    make_running(world.max.at())
    with pytest.raises(WrongState):
        lifecycle.revise(world.max.at(), KEY, a_plan(), expected_version=1)


def test_stopping_takes_the_split_out_and_asks_for_a_reason(world):
    make_running(world.max.at())
    with pytest.raises(ReasonMissing):
        lifecycle.stop(world.max.at(), KEY, reason=" ")
    lifecycle.stop(world.max.at(), KEY, reason="the form broke")
    assert flag_queries.flag(world.max.at(), FLAG).state.rules == ()
    assert queries.experiment(world.max.at(), KEY).state == State.STOPPED
    assert world.ledger()[-1].reason == "the form broke"


def test_nobody_removes_a_running_experiments_rule_by_hand(world):
    experiment = make_running(world.max.at())
    flag = flag_queries.flag(world.max.at(), FLAG)
    edits = [RemoveRule(experiment.rule_id)]
    with pytest.raises(Objected, match=f"Experiment {KEY} is running"):
        changes.submit(world.max.at(), changes.state(FLAG), edits, expected_version=flag.version)


def test_people_of_another_organization_see_no_experiment(world):
    make_draft(world.max.at())
    assert queries.experiment_list(world.stan.at()) == []


def ask_for_review(world):
    changes.submit(
        world.ada.at(),
        Target(EditKind.POLICY, "production"),
        [SetReviewRules(approvals=1)],
        expected_version=0,
    )


def test_where_changes_are_reviewed_a_start_waits_as_a_draft(world):
    make_draft(world.max.at())
    ask_for_review(world)
    outcome = lifecycle.start(world.max.at(), KEY)
    assert isinstance(outcome, Pending)
    experiment = queries.experiment(world.max.at(), KEY)
    assert experiment.state == State.DRAFT
    assert standing.pending(experiment) == "The start waits for review."
    assert flag_queries.flag(world.max.at(), FLAG).state.rules == ()


def test_where_changes_are_reviewed_a_stop_and_a_decision_wait_while_it_runs_on(world):
    make_running(world.max.at())
    ask_for_review(world)
    decision, outcome = decisions.decide(
        world.max.at(), KEY, Choice.SHIP, arm="on", reason="more forms"
    )
    assert isinstance(outcome, Pending)
    assert decision.change == outcome.change
    experiment = queries.experiment(world.max.at(), KEY)
    assert experiment.state == State.RUNNING
    assert standing.pending(experiment) == "The decision waits for review."
    assert flag_queries.flag(world.max.at(), FLAG).state.rules != ()
