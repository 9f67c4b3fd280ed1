"""An experiment over REST, from the draft to the decision."""

import pytest

from experiments import queries
from tests.api import HERE, ROOT, Api
from tests.experiments.factories import make_metrics
from tests.world.cast import World
from tests.world.factories import make_flag, past_exposure

PLAN = {
    "name": "Shorter form",
    "hypothesis": "If we ask for less, then more people send the form, because it is quicker.",
    "flag": "quote-form",
    "arms": [
        {"variation": "off", "weight": 50_000, "is_control": True},
        {"variation": "on", "weight": 50_000},
    ],
    "metrics": [
        {"metric": "submit-rate", "role": "primary"},
        {"metric": "revenue", "role": "secondary"},
    ],
}
ALL = f"{HERE}/experiments"
ONE = f"{ALL}/shorter"


@pytest.fixture
def api(world: World) -> Api:
    """Max, with a flag that is on and metrics to choose from."""
    make_flag(world.max.at(), on=True)
    make_metrics(world.max.at())
    return Api.of(world.max)


def test_an_experiment_goes_from_draft_to_decision(
    world: World, api: Api, tasks_at_once: None, django_capture_on_commit_callbacks
) -> None:
    made = api.post(ALL, {**PLAN, "key": "shorter"})
    assert (made.status, made.body["state"], made.etag) == (201, "draft", '"1"')
    started = api.post(f"{ONE}/start", {"comment": "Go"}, version=1)
    assert started.status == 200
    assert started.body["experiment"]["state"] == "running"
    assert started.body["outcome"]["status"] == "applied"
    rules = api.get(f"{HERE}/flags/quote-form").body["rules"]
    assert rules[0]["experiment"] == "shorter"

    begun = queries.experiment(world.max.at(), "shorter").started_at
    assert begun is not None
    for number in range(60):
        for arm in ("off", "on"):
            past_exposure(world.max.at(), "shorter", f"{arm}-{number}", arm, begun)
    with django_capture_on_commit_callbacks(execute=True):
        asked = api.post(f"{ONE}/jobs", {"kind": "analysis"})
    assert asked.status == 202
    job = api.get(asked.headers["location"]).body
    assert (job["status"], job["problem"]) == ("done", "")
    line = api.get(f"{ONE}/results").body["items"][0]
    result = api.get(f"{ONE}/results/{line['id']}").body
    assert result["document"]["units"] == {"off": 60, "on": 60}
    assert result["statements"]
    counts = api.get(f"{ONE}/exposures").body["items"]
    assert {row["arm"]: row["total_units"] for row in counts} == {"off": 60, "on": 60}

    decided = api.post(
        f"{ONE}/decide", {"choice": "ship", "arm": "on", "reason": "Twice as many"}, version=1
    )
    assert decided.body["experiment"]["state"] == "decided"
    assert decided.body["experiment"]["decision"]["arm"] == "on"
    flag = api.get(f"{HERE}/flags/quote-form").body
    assert (flag["rules"], flag["fallthrough"]) == ([], "on")


def test_a_draft_is_revised_at_the_version_that_was_read(api: Api) -> None:
    api.post(ALL, {**PLAN, "key": "shorter"})
    revised = api.put(ONE, {**PLAN, "planned_days": 28}, version=1)
    assert (revised.body["planned_days"], revised.etag) == (28, '"2"')
    stale = api.put(ONE, PLAN, version=1)
    assert (stale.status, stale.body["actual"]) == (409, 2)
    assert stale.body["current"]["planned_days"] == 28


def test_a_plan_that_was_revised_meanwhile_is_not_started(api: Api) -> None:
    api.post(ALL, {**PLAN, "key": "shorter"})
    api.put(ONE, {**PLAN, "planned_days": 28}, version=1)
    refused = api.post(f"{ONE}/start", version=1)
    assert (refused.status, refused.body["code"]) == (409, "stale_version")
    assert refused.body["current"]["state"] == "draft"
    assert api.get(f"{HERE}/flags/quote-form").body["rules"] == []


def test_what_blocks_a_start_is_told_one_by_one(api: Api) -> None:
    plan = {**PLAN, "key": "shorter", "metrics": [{"metric": "revenue", "role": "secondary"}]}
    api.post(ALL, plan)
    refused = api.post(f"{ONE}/start", version=1)
    assert (refused.status, refused.body["code"]) == (422, "launch_blocked")
    assert len(refused.body["problems"]) == 1


def test_an_audience_that_is_no_clause_is_refused_when_it_is_written_down(api: Api) -> None:
    plan = {**PLAN, "key": "shorter", "audience": [{"attribute": "country", "values": []}]}
    refused = api.post(ALL, plan)
    assert (refused.status, refused.body["code"]) == (422, "invalid_input")
    assert "audience[0]" in refused.body["where"]


def test_a_stopped_experiment_waits_for_its_decision(api: Api) -> None:
    api.post(ALL, {**PLAN, "key": "shorter"})
    api.post(f"{ONE}/start", version=1)
    assert api.post(f"{ONE}/stop", {"reason": ""}, version=1).status == 422
    stopped = api.post(f"{ONE}/stop", {"reason": "Too slow"}, version=1)
    assert stopped.body["experiment"]["state"] == "stopped"
    again = api.post(f"{ONE}/stop", {"reason": "Too slow"}, version=1)
    assert (again.status, again.body["code"]) == (409, "wrong_state")
    decided = api.post(f"{ONE}/decide", {"choice": "iterate", "reason": "Later"}, version=1)
    assert decided.body["experiment"]["decision"]["choice"] == "iterate"


def test_a_job_needs_a_started_experiment(api: Api) -> None:
    api.post(ALL, {**PLAN, "key": "shorter"})
    refused = api.post(f"{ONE}/jobs", {"kind": "analysis"})
    assert (refused.status, refused.body["code"]) == (409, "wrong_state")


def test_experiments_are_listed_by_flag(api: Api) -> None:
    api.post(ALL, {**PLAN, "key": "shorter"})
    assert [one["key"] for one in api.get(ALL, flag="quote-form").body["items"]] == ["shorter"]
    assert api.get(ALL, flag="other").body["items"] == []


def test_the_flag_under_an_experiment_is_not_archived(api: Api) -> None:
    api.post(ALL, {**PLAN, "key": "shorter"})
    api.post(f"{ONE}/start", version=1)
    edits = {"edits": [{"edit": "archive_flag"}]}
    refused = api.patch(f"{ROOT}/flags/quote-form", edits, version=1)
    assert (refused.status, refused.body["code"]) == (409, "objected")
    assert len(refused.body["objections"]) == 1
