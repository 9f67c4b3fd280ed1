"""An experiment from its plan to its decision: visitors ask the SDK, events travel over HTTP."""

import random
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from experiments import decisions, exposures, jobs, lifecycle, queries
from experiments.design import Choice, MetricRole, State
from experiments.lifecycle import ArmPlan, Plan
from experiments.models import Experiment, Job
from flags import queries as flag_queries
from flags.changes import Applied
from metrics.actions import definitions
from metrics.actions.definitions import FactPlan, MetricPlan
from metrics.models import Event, Exposure
from metrics.tasks import drain_events
from tests.journeys.people import application, until
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_flag
from wayfork import Client

VISITORS = 400
KEY = "guided-form"


@pytest.fixture
def shop(live: LiveServer) -> World:
    """A flag with two forms, on; two metrics over what applications report."""
    world = make_world()
    make_flag(
        world.max.at(),
        on=True,
        type="string",
        variations={"classic": "classic", "guided": "guided"},
        off="classic",
        fallthrough="classic",
    )
    definitions.define_fact(world.max.at(), "sent", FactPlan("Form sent", event_name="form sent"))
    definitions.define_fact(world.max.at(), "paid", FactPlan("Paid", event_name="purchase"))
    definitions.define_metric(
        world.max.at(), "sent-rate", MetricPlan("Forms sent", "proportion", "sent")
    )
    definitions.define_metric(
        world.max.at(), "revenue", MetricPlan("Revenue", "sum", "paid", unit="EUR")
    )
    return world


def plan() -> Plan:
    return Plan(
        name="Guided form",
        hypothesis="If we ask one thing at a time, more visitors send the form.",
        flag_key="quote-form",
        arms=(ArmPlan("classic", 50_000, is_control=True), ArmPlan("guided", 50_000)),
        metrics=(("sent-rate", MetricRole.PRIMARY), ("revenue", MetricRole.SECONDARY)),
    )


def visit(app: Client, number: int, dice: random.Random) -> tuple[str, bool]:
    """One visitor: sees a form, may send it, may pay. The guided form is much better."""
    context = {"userId": f"visitor-{number}"}
    form = app.string("quote-form", "classic", context)
    sends = dice.random() < (0.6 if form == "guided" else 0.2)
    if sends:
        app.track("form sent", context)
        app.track("purchase", context, value=120.0)
    return form, sends


def stored(world: World) -> tuple[int, int]:
    """Exposures and events that arrived; with Redis they wait in a stream to be copied."""
    if settings.REDIS_URL:
        drain_events()
    here = world.production
    return Exposure.objects.within(here).count(), Event.objects.within(here).count()


@dataclass
class Crowd:
    """What the visitors saw and did, by our own count."""

    forms: list[str]
    sends: list[bool]

    @property
    def arms(self) -> dict[str, int]:
        """How many saw each form."""
        return {form: self.forms.count(form) for form in ("classic", "guided")}

    def share(self, form: str) -> float:
        """How many of those who saw this form sent it."""
        sent = [sends for seen, sends in zip(self.forms, self.sends, strict=True) if seen == form]
        return sum(sent) / len(sent)


def traffic(app: Client, world: World) -> Crowd:
    """All visitors come; some come back and see the same; everything is reported."""
    dice = random.Random(11)  # noqa: S311 - a simulation
    seen = [visit(app, number, dice) for number in range(VISITORS)]
    crowd = Crowd([form for form, _ in seen], [sends for _, sends in seen])
    again = [app.string("quote-form", "-", {"userId": f"visitor-{n}"}) for n in range(50)]
    assert again == crowd.forms[:50]
    assert app.flush(10)
    wanted = (VISITORS, 2 * sum(crowd.sends))
    until(lambda: stored(world) == wanted)
    assert app.status().rejected_events == 0
    return crowd


def two_weeks_pass(world: World) -> None:
    """The past has no verb. Before its planned end an experiment is read more carefully."""
    rows = Experiment.objects.within(world.production).filter(key=KEY)
    rows.update(start_asked_at=timezone.now() - timedelta(days=14, minutes=1))


def assert_counted(world: World, crowd: Crowd) -> None:
    """The cohort's growth says how many units each arm has."""
    experiment = queries.experiment(world.max.at(), KEY)
    assert exposures.count(experiment) == 1
    growth = queries.growth(experiment)
    assert {arm: row.total_units for arm, row in growth[max(growth)].items()} == crowd.arms


def assert_analyzed(world: World, crowd: Crowd) -> None:
    """The analysis that a person asks for gives the figures we counted ourselves."""
    access = world.max.at()
    job = jobs.ask(access, KEY, Job.Kind.ANALYSIS)
    jobs.work_off(job.id)
    job.refresh_from_db()
    assert (job.status, job.problem) == (Job.Status.DONE, "")
    result = queries.latest_result(queries.experiment(access, KEY))
    assert result is not None
    assert result.document["units"] == crowd.arms
    rate, revenue = result.document["metrics"]
    for arm in crowd.arms:
        assert rate["arms"][arm]["mean"] == pytest.approx(crowd.share(arm))
        assert revenue["arms"][arm]["mean"] == pytest.approx(120 * crowd.share(arm))
    assert rate["comparisons"][0]["outcome"]["p_value"] < 0.001
    assert result.document["srm"]["p_value"] > 0.001


def assert_everybody_gets(app: Client, form: str) -> None:
    """Nobody is split any more."""
    for number in range(VISITORS):
        found = app.details("quote-form", "-", {"userId": f"visitor-{number}"})
        assert (found.value, found.experiment) == (form, None)


def assert_history_names_who_did_what(world: World) -> None:
    access = world.max.at()
    told = {(one.action, one.actor_label) for one in queries.history(access, KEY)}
    who = access.actor.label
    assert {(f"experiment.{act}", who) for act in ("created", "started", "decided")} <= told
    history = flag_queries.history(access, "state", "quote-form")
    assert [change.author for change in history[:2]] == [world.max.user, world.max.user]
    assert "three times as many forms" in history[0].comment


def test_an_experiment_is_started_measured_decided_and_shipped(live: LiveServer, shop: World):
    access = shop.max.at()
    lifecycle.create(access, KEY, plan())
    with application(live, shop.sdk_key()) as app:
        until(lambda: app.status().state == "streaming")
        started = lifecycle.start(access, KEY, comment="agreed")
        assert isinstance(started, Applied)
        assert until(lambda: app.status().version == started.published[0].version) < 1
        two_weeks_pass(shop)
        crowd = traffic(app, shop)
        assert_counted(shop, crowd)
        assert_analyzed(shop, crowd)
        decision, shipped = decisions.decide(
            access, KEY, Choice.SHIP, arm="guided", reason="three times as many forms"
        )
        assert isinstance(shipped, Applied)
        assert decision.change == shipped.change
        assert until(lambda: app.status().version == shipped.published[0].version) < 1
        assert_everybody_gets(app, "guided")
        assert app.flush(10)
    assert queries.experiment(access, KEY).state == State.DECIDED
    assert queries.running(shop.production) == []
    assert stored(shop)[0] == VISITORS, "nobody is exposed to an experiment that ended"
    assert_history_names_who_did_what(shop)


def test_a_stopped_experiment_splits_nobody_and_still_asks_for_its_decision(
    live: LiveServer, shop: World
):
    max_ = shop.max.at()
    lifecycle.create(max_, KEY, plan())
    lifecycle.start(max_, KEY)
    with application(live, shop.sdk_key()) as app:
        until(lambda: app.status().state == "streaming")
        forms = {app.string("quote-form", "-", {"userId": f"v-{n}"}) for n in range(50)}
        assert forms == {"classic", "guided"}
        lifecycle.stop(max_, KEY, reason="the form is broken on phones")

        def served() -> set[str]:
            return {app.string("quote-form", "-", {"userId": f"v-{n}"}) for n in range(50)}

        assert until(lambda: served() == {"classic"}) < 1
    assert queries.experiment(max_, KEY).state == State.STOPPED
