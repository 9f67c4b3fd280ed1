"""The exposures pipeline: cohort growth per arm and day."""

from datetime import date, timedelta

import pytest
import time_machine
from django.utils import timezone

from experiments import exposures, jobs, lifecycle, queries
from experiments.lifecycle import WrongState
from experiments.models import Job
from flags import changes
from flags.changes import Target
from flags.edits import EditKind, SetReviewRules
from metrics.definitions import ArmAggregate, Exposures
from tests.experiments.factories import KEY, STARTED, make_draft, make_running, visit
from tests.world.factories import past_exposure

CUT = STARTED + timedelta(days=3)


def growth(world):
    counts = queries.growth(queries.experiment(world.max.at(), KEY))
    return {
        day: {arm: (one.new_units, one.total_units) for arm, one in per_arm.items()}
        for day, per_arm in counts.items()
    }


def test_units_are_counted_on_the_day_of_their_first_exposure(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 3)
    visit(world.max.at(), "on", 2, start=STARTED + timedelta(days=2))
    exposures.count(experiment, until=CUT)
    assert growth(world) == {
        date(2026, 3, 2): {"off": (3, 3), "on": (0, 0)},
        date(2026, 3, 3): {"off": (0, 3), "on": (0, 0)},
        date(2026, 3, 4): {"off": (0, 3), "on": (2, 2)},
        date(2026, 3, 5): {"off": (0, 3), "on": (0, 2)},
    }


def test_counting_twice_changes_nothing_and_late_events_are_taken_in(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 3)
    exposures.count(experiment, until=CUT)
    before = growth(world)
    exposures.count(experiment, until=CUT)
    assert growth(world) == before
    visit(world.max.at(), "on", 1)
    exposures.count(experiment, until=CUT)
    assert growth(world)[date(2026, 3, 2)] == {"off": (3, 3), "on": (1, 1)}


def test_a_unit_seen_in_two_arms_is_left_out(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 3)
    visit(world.max.at(), "on", 3)
    for arm in ("off", "on"):
        past_exposure(world.max.at(), KEY, "torn", arm, STARTED + timedelta(hours=1))
    exposures.count(experiment, until=CUT)
    assert growth(world)[date(2026, 3, 2)] == {"off": (3, 3), "on": (3, 3)}


def test_without_exposures_there_is_no_growth(world):
    experiment = make_running(world.max.at())
    assert exposures.count(experiment, until=CUT) == 0
    assert growth(world) == {}


def test_exposures_before_the_start_and_in_other_environments_do_not_count(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 2, start=STARTED - timedelta(days=1))
    visit(world.max.at("staging"), "off", 2)
    assert exposures.count(experiment, until=CUT) == 0


def test_every_running_experiment_is_counted_once_a_day(world):
    make_running(world.max.at())
    visit(world.max.at(), "off", 2)
    assert jobs.count_all() == 1
    assert jobs.count_all() == 0
    assert growth(world)[date(2026, 3, 2)]["off"] == (2, 2)


def test_a_job_is_done_once_however_often_the_bell_rings(world):
    make_running(world.max.at())
    visit(world.max.at(), "off", 2)
    job = jobs.ask(world.vera.at(), KEY, Job.Kind.EXPOSURES)
    assert jobs.ask(world.max.at(), KEY, Job.Kind.EXPOSURES) == job
    jobs.work_off(job.id)
    finished = Job.across_tenants.get(id=job.id)
    jobs.work_off(job.id)
    assert finished.status == Job.Status.DONE
    assert Job.across_tenants.get(id=job.id).finished_at == finished.finished_at


def test_the_last_day_of_an_ended_experiment_is_counted_when_it_is_over(world):
    make_running(world.max.at())
    visit(world.max.at(), "off", 2)
    with time_machine.travel(STARTED + timedelta(hours=1), tick=False):
        jobs.count_all()
        lifecycle.stop(world.max.at(), KEY, reason="enough")
    visit(world.max.at(), "on", 3, start=STARTED + timedelta(minutes=90))
    with time_machine.travel(STARTED + timedelta(days=1), tick=False):
        assert jobs.count_all() == 1
    assert growth(world)[date(2026, 3, 2)]["on"] == (3, 3)
    with time_machine.travel(STARTED + timedelta(days=4), tick=False):
        assert jobs.count_all() == 0


def test_a_record_of_the_year_one_does_not_fill_the_table(world):
    experiment = make_running(world.max.at())
    old, new = date(1, 1, 1), date(2026, 3, 2)
    arm = ArmAggregate(3, ((old, 1), (new, 2)))
    found = Exposures({"off": arm, "on": arm}, 0, {}, None, None, (), CUT)
    assert exposures.store(experiment, found, CUT) == 2
    assert growth(world)[new]["off"] == (2, 3)


def test_a_job_that_never_comes_to_an_end_is_given_up(world):
    make_running(world.max.at())
    job = jobs.ask(world.max.at(), KEY, Job.Kind.EXPOSURES)
    Job.across_tenants.filter(id=job.id).update(
        status=Job.Status.RUNNING, started_at=timezone.now() - timedelta(minutes=20)
    )
    assert jobs.forgotten() == []
    Job.across_tenants.filter(id=job.id).update(
        status=Job.Status.RUNNING, asked_at=timezone.now() - timedelta(hours=2)
    )
    assert jobs.forgotten() == []
    given_up = Job.across_tenants.get(id=job.id)
    assert (given_up.status, given_up.finished_at is not None) == (Job.Status.FAILED, True)


def test_a_start_that_waits_for_review_has_nothing_to_read_yet(world):
    make_draft(world.max.at())
    target = Target(EditKind.POLICY, "production")
    changes.submit(world.ada.at(), target, [SetReviewRules(1)], expected_version=0)
    lifecycle.start(world.max.at(), KEY)
    with pytest.raises(WrongState):
        jobs.ask(world.max.at(), KEY, Job.Kind.ANALYSIS)
