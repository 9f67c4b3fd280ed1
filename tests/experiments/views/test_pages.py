"""The pages of experiments as people meet them."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from experiments import analysis, decisions, jobs, queries
from experiments.design import Choice
from experiments.models import Experiment, Job
from experiments.views import numbers
from flags import queries as flag_queries
from tests.experiments.factories import (
    ENDED,
    FLAG,
    KEY,
    STARTED,
    a_clear_winner,
    make_draft,
    make_metrics,
    make_running,
    visit,
)
from tests.world.factories import make_flag

NB = numbers.SPACE


def page(person, world, path="", status=200):
    response = person.client.get(world.url(f"experiments/{path}"))
    assert response.status_code == status
    return response.content.decode()


def form(**changed):
    return {
        "flag": FLAG,
        "query": "",
        "name": "Shorter form",
        "key": KEY,
        "hypothesis": "If we ask for less, then more people send the form.",
        "planned_days": "14",
        "arm_choice": "1",
        "arm_used": ["0", "1"],
        "arm_variation": ["off", "on"],
        "arm_weight": ["50", "50"],
        "arm_control": "0",
        "unit_type": "user",
        "share": "40",
        "clause_rows": "1",
        "clause-0-attribute": "country",
        "clause-0-op": "in",
        "clause-0-values": "DE, FR",
        "clause-0-negate": "",
        "role-submit-rate": "primary",
        "role-revenue": "secondary",
        "role-minutes": "",
        **changed,
    }


@pytest.fixture
def ready(world):
    make_flag(world.max.at(), FLAG, on=True)
    make_metrics(world.max.at())
    return world


# --- the list


def test_an_empty_list_says_so_and_offers_the_first_experiment(world):
    text = page(world.max, world)
    assert "No experiment has been written down here yet." in text
    assert "experiments/-/new" in text


def test_a_viewer_is_offered_no_new_experiment(world):
    assert "experiments/-/new" not in page(world.vera, world)


def test_the_list_shows_state_day_units_and_what_the_primary_metric_says(world):
    experiment = make_running(world.max.at())
    a_clear_winner(world.max.at())
    analysis.run(experiment, cut=ENDED)
    with time_machine.travel(ENDED - timedelta(days=12), tick=False):
        text = page(world.vera, world)
    assert "running" in text
    assert "day 4 of 14" in text
    assert f"Form submitted: on +100.0{NB}%, better" in text
    assert "800" in text
    assert "decide now" not in text


def test_planned_days_that_have_passed_are_a_reminder_and_stop_nothing(world):
    make_running(world.max.at())
    assert "The 14 planned days have passed: decide now." in page(world.max, world)
    assert queries.experiment(world.max.at(), KEY).state == "running"


def test_the_list_asks_the_database_no_more_for_many_experiments(
    world, django_assert_max_num_queries
):
    make_draft(world.max.at())
    for number in range(8):
        Experiment(
            environment=world.production, key=f"copy-{number}", name="Copy", flag_key=FLAG
        ).save()
    client = world.max.client
    # The first request of a session writes the session.
    client.get(world.url("experiments/"))
    with django_assert_max_num_queries(23):
        response = client.get(world.url("experiments/"))
    assert response.content.decode().count("copy-") == 8


@pytest.mark.parametrize("path", ["", f"{KEY}/", f"{KEY}/plan", f"{KEY}/sql", f"{KEY}/history"])
def test_people_of_other_organizations_find_nothing(world, path):
    make_draft(world.max.at())
    page(world.stan, world, path, status=404)
    page(world.mia, world, path, status=404)


# --- writing it down


def test_the_first_step_asks_who_assigns(ready):
    text = page(ready.max, ready, "-/new")
    assert FLAG in text
    assert "No assignment query is defined yet." in text


def test_the_form_offers_the_flags_variations_with_even_weights(ready):
    text = page(ready.max, ready, f"-/new?flag={FLAG}")
    assert text.count('name="arm_weight" value="50"') == 2
    assert 'name="arm_control" value="0" checked' in text


def test_a_filled_form_becomes_a_draft(ready):
    response = ready.max.client.post(ready.url("experiments/-/new"), form())
    assert response.status_code == 303
    assert response["Location"] == ready.url(f"experiments/{KEY}/")
    experiment = queries.experiment(ready.max.at(), KEY)
    assert experiment.share_steps == 40_000
    assert experiment.audience == [{"attribute": "country", "op": "in", "values": ["DE", "FR"]}]
    assert [(arm.variation, arm.weight) for arm in experiment.arms.all()] == [
        ("off", 50_000),
        ("on", 50_000),
    ]
    assert [one.role for one in experiment.chosen_metrics.all()] == ["primary", "secondary"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"arm_weight": ["60", "50"]}, "sum to 100 %"),
        ({"arm_weight": ["half", "50"]}, "A weight is a number of percent"),
        ({"arm_weight": ["inf", "50"]}, "A weight is a number of percent"),
        ({"arm_used": ["0"]}, "at least two arms"),
        ({"arm_variation": ["off", "o" * 101]}, "at most 100 characters"),
        ({"clause-0-op": "gt", "clause-0-values": "nan"}, "This operator compares numbers."),
        ({"planned_days": "0"}, "1 to 365 days"),
        ({"planned_days": "two weeks"}, "Enter a whole number"),
        ({"share": "0"}, "above 0 %"),
        ({"role-revenue": "primary"}, "One metric is primary"),
        ({"key": "no spaces please"}, "cannot be a key"),
        ({"clause-0-values": ""}, "Say which values."),
        ({"clause-0-op": "gt"}, "This operator compares numbers."),
        ({"name": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_accepted_comes_back_with_a_sentence_and_all_that_was_typed(
    ready, changed, sentence
):
    response = ready.max.client.post(ready.url("experiments/-/new"), form(**changed))
    text = response.content.decode()
    assert response.status_code == 422
    assert sentence in text
    assert "If we ask for less" in text
    assert queries.experiment_list(ready.max.at()) == []


def test_a_key_that_is_taken_is_told_at_the_key(ready):
    client = ready.max.client
    client.post(ready.url("experiments/-/new"), form())
    response = client.post(ready.url("experiments/-/new"), form(name="Another"))
    assert response.status_code == 409
    assert "There is an experiment shorter-form here already." in response.content.decode()


def test_a_viewer_cannot_write_an_experiment_down(ready):
    response = ready.vera.client.post(ready.url("experiments/-/new"), form())
    assert response.status_code == 403
    assert queries.experiment_list(ready.max.at()) == []


def test_a_draft_is_edited_and_a_stale_form_loses_nothing(ready):
    client = ready.max.client
    client.post(ready.url("experiments/-/new"), form())
    edit = ready.url(f"experiments/{KEY}/edit")
    assert client.post(edit, form(version="1", planned_days="21")).status_code == 303
    response = client.post(edit, form(version="1", name="My own name"))
    text = response.content.decode()
    assert response.status_code == 409
    assert "You began at version 1; it is at version 2 now." in text
    assert "My own name" in text
    assert 'name="version" value="2"' in text
    assert queries.experiment(ready.max.at(), KEY).planned_days == 21


# --- launch


def test_the_launch_check_names_what_is_missing_and_locks_the_button(world):
    make_draft(world.max.at(), metrics=())
    text = page(world.max, world, f"{KEY}/")
    assert "Choose a primary metric: the one that decides." in text
    assert 'type="submit" disabled' in text


def test_starting_from_the_page_puts_the_split_into_the_flag(world):
    make_draft(world.max.at())
    assert "Everything is settled." in page(world.max, world, f"{KEY}/")
    response = world.max.client.post(
        world.url(f"experiments/{KEY}/start"), {"comment": "all ready"}, follow=True
    )
    assert "The experiment is running." in response.content.decode()
    assert flag_queries.flag(world.max.at(), FLAG).state.rules[0].experiment == KEY
    assert world.ledger()[-1].reason == "all ready"


def test_a_viewer_cannot_start_it(world):
    make_draft(world.max.at())
    assert 'action="' + world.url(f"experiments/{KEY}/start") not in page(
        world.vera, world, f"{KEY}/"
    )
    response = world.vera.client.post(world.url(f"experiments/{KEY}/start"))
    assert response.status_code == 403


# --- results


def test_before_any_analysis_the_page_says_what_to_do(world):
    make_running(world.max.at())
    text = page(world.vera, world, f"{KEY}/")
    assert "No analysis has been run yet." in text
    assert "Run the analysis" in text


def test_results_show_every_number_without_any_script(world):
    experiment = make_running(world.max.at())
    a_clear_winner(world.max.at())
    analysis.run(experiment, cut=ENDED)
    text = page(world.vera, world, f"{KEY}/")
    assert f"15.000{NB}%" in text
    assert f"30.000{NB}%" in text
    assert f"+15.000{NB}pp" in text
    assert f"+100.0{NB}%" in text
    assert "Ship on: Form submitted" in text
    assert "The split is as planned" in text
    assert 'class="forest-row is-better"' in text
    assert 'id="growth-chart-table"' in text
    assert "nan" not in text.lower().replace("finance", "")


def test_what_cannot_be_determined_is_a_sentence(world):
    experiment = make_running(world.max.at())
    analysis.run(experiment, cut=ENDED)
    text = page(world.vera, world, f"{KEY}/")
    assert "An arm has no units yet." in text
    assert "not known yet" in text


def test_an_older_result_is_drawn_again_at_its_own_address(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 200, submitted=20)
    visit(world.max.at(), "on", 200, submitted=20)
    older = analysis.run(experiment, cut=ENDED - timedelta(days=10))
    analysis.run(experiment, cut=ENDED)
    text = page(world.vera, world, f"{KEY}/results/{older.id}")
    assert "This is an older result" in text
    assert "day 6 of 14" in text


def test_a_result_of_another_organization_is_not_found(world):
    experiment = make_running(world.max.at())
    result = analysis.run(experiment, cut=ENDED)
    page(world.stan, world, f"{KEY}/results/{result.id}", status=404)


def test_the_sql_tab_shows_the_statements(world):
    experiment = make_running(world.max.at())
    analysis.run(experiment, cut=ENDED)
    text = page(world.vera, world, f"{KEY}/sql")
    assert "metrics_exposure" in text
    assert "Statement 1" in text


def test_the_history_tab_shows_who_did_what(world):
    make_running(world.max.at())
    text = page(world.vera, world, f"{KEY}/history")
    assert "experiment.started" in text
    assert world.max.user.email in text


def test_a_cohort_of_one_day_is_told_in_words(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 3)
    analysis.run(experiment, cut=STARTED + timedelta(hours=9))
    text = page(world.vera, world, f"{KEY}/growth")
    assert "All units entered on 2026-03-02" in text
    assert 'text-start">3</dd>' in text


def test_growth_can_be_looked_at_per_day(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 3)
    analysis.run(experiment, cut=ENDED)
    cumulative = page(world.vera, world, f"{KEY}/growth")
    daily = page(world.vera, world, f"{KEY}/growth?growth=daily")
    assert cumulative.count('data-value="3"') > 1
    assert daily.count('data-value="3"') == 1


# --- work on demand


def test_running_the_analysis_rings_the_worker_and_comes_back(
    world, tasks_at_once, django_capture_on_commit_callbacks
):
    make_running(world.max.at())
    a_clear_winner(world.max.at())
    with (
        time_machine.travel(ENDED, tick=False),
        django_capture_on_commit_callbacks(execute=True),
    ):
        response = world.vera.client.post(world.url(f"experiments/{KEY}/ask/analysis"))
    assert response.status_code == 303
    result = queries.latest_result(queries.experiment(world.max.at(), KEY))
    assert result is not None
    assert result.computed_by == world.vera.user


def test_the_box_polls_while_the_job_waits_and_then_brings_the_result(world):
    make_running(world.max.at())
    a_clear_winner(world.max.at())
    job = jobs.ask(world.vera.at(), KEY, Job.Kind.ANALYSIS)
    address = world.url(f"experiments/{KEY}/jobs/{job.id}")
    client = world.vera.client
    waiting = client.get(address, headers={"HX-Request": "true"})
    assert 'hx-trigger="every 1s"' in waiting.content.decode()
    with time_machine.travel(ENDED, tick=False):
        jobs.work_off(job.id)
    done = client.get(address, headers={"HX-Request": "true"})
    assert done["HX-Retarget"] == "#results"
    assert "Ship on" in done.content.decode()
    assert "every 1s" not in done.content.decode()


def test_a_job_that_failed_says_why_and_stops_polling(world):
    make_running(world.max.at())
    job = jobs.ask(world.vera.at(), KEY, Job.Kind.ANALYSIS)
    Job.across_tenants.filter(id=job.id).update(
        status=Job.Status.FAILED, problem="The host is unknown.", finished_at=timezone.now()
    )
    text = page(world.vera, world, f"{KEY}/jobs/{job.id}")
    assert "The host is unknown." in text
    assert "every 1s" not in text


def test_counting_now_brings_the_chart(world):
    make_running(world.max.at())
    visit(world.max.at(), "off", 3)
    job = jobs.ask(world.vera.at(), KEY, Job.Kind.EXPOSURES)
    jobs.work_off(job.id)
    response = world.vera.client.get(
        world.url(f"experiments/{KEY}/jobs/{job.id}"), headers={"HX-Request": "true"}
    )
    assert response["HX-Retarget"] == "#growth"
    assert 'id="growth-chart-table"' in response.content.decode()


def test_unknown_work_is_refused(world):
    make_running(world.max.at())
    response = world.max.client.post(world.url(f"experiments/{KEY}/ask/magic"))
    assert response.status_code == 422


# --- the end


def test_a_decision_without_a_reason_comes_back(world):
    make_running(world.max.at())
    response = world.max.client.post(
        world.url(f"experiments/{KEY}/decide"), {"choice": "ship:on", "reason": ""}
    )
    assert response.status_code == 422
    assert "Say in a sentence why" in response.content.decode()
    assert queries.experiment(world.max.at(), KEY).state == "running"


def test_shipping_from_the_page_changes_the_flag_and_shows_who_and_why(world):
    make_running(world.max.at())
    response = world.max.client.post(
        world.url(f"experiments/{KEY}/decide"),
        {"choice": "ship:on", "reason": "Twice the forms."},
        follow=True,
    )
    text = response.content.decode()
    assert "Decision: ship on" in text
    assert "Twice the forms." in text
    assert "Shipped on." in text
    assert flag_queries.flag(world.max.at(), FLAG).state.fallthrough == "on"
    assert 'id="decide"' not in text


def test_an_alarm_about_the_split_locks_the_decision_until_it_is_read(world):
    experiment = make_running(world.max.at())
    visit(world.max.at(), "off", 300)
    visit(world.max.at(), "on", 150)
    analysis.run(experiment, cut=ENDED)
    address = world.url(f"experiments/{KEY}/decide")
    given = {"choice": "roll back:", "reason": "The logging is broken."}
    client = world.max.client
    refused = client.post(address, given)
    assert refused.status_code == 409
    assert "The logging is broken." in refused.content.decode()
    assert client.post(address, {**given, "alarm_read": "on"}).status_code == 303


def test_stopping_asks_for_a_reason_and_then_for_a_decision(world):
    make_running(world.max.at())
    address = world.url(f"experiments/{KEY}/stop")
    client = world.max.client
    assert client.post(address, {"stop-reason": ""}).status_code == 422
    response = client.post(address, {"stop-reason": "It broke."}, follow=True)
    assert "It is stopped and has no decision yet: decide now." in response.content.decode()


def test_a_viewer_sees_no_buttons_of_the_end_and_is_refused(world):
    make_running(world.max.at())
    assert "Record the decision" not in page(world.vera, world, f"{KEY}/")
    response = world.vera.client.post(
        world.url(f"experiments/{KEY}/decide"), {"choice": "ship:on", "reason": "please"}
    )
    assert response.status_code == 403


def test_a_decided_experiment_stays_readable(world):
    experiment = make_running(world.max.at())
    a_clear_winner(world.max.at())
    analysis.run(experiment, cut=ENDED)
    decisions.decide(world.max.at(), KEY, Choice.ROLL_BACK, reason="not now")
    text = page(world.vera, world, f"{KEY}/")
    assert "Rolled back to off." in text
    assert "the result it was based on" in text


# --- fragments of other pages


def test_a_flags_page_lists_its_experiments(world):
    make_running(world.max.at())
    text = page(world.vera, world, f"-/on-flag/{FLAG}")
    assert "Shorter form" in text
    assert "<html" not in text


def test_the_metrics_list_learns_how_often_each_metric_is_used(world):
    make_draft(world.max.at())
    text = page(world.vera, world, "-/metric-uses")
    assert text.count("1 experiment<") == 3
    assert text.count('hx-swap-oob="true"') == 3


def test_an_experiment_leads_to_its_lines_in_the_audit_history(world):
    make_draft(world.max.at())
    shown = page(world.vera, world, f"{KEY}/")
    query = f"?kind=experiment&amp;key={KEY}"
    assert query in shown
    lines = world.vera.client.get(world.url("audit/") + query.replace("&amp;", "&"))
    assert "created experiment" in lines.content.decode()
