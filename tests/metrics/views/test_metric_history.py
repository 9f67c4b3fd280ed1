"""The history tab of a metric: its own lines of the ledger, nobody else's."""

from metrics.actions import definitions
from metrics.actions.definitions import MetricPlan
from tests.experiments.factories import make_metrics
from tests.world.cast import World

PLAN = MetricPlan("Orders", "proportion", "submitted")


def shown(world: World, path: str) -> str:
    answer = world.vera.client.get(world.url(path))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_metric_tells_who_defined_and_changed_it(world: World) -> None:
    make_metrics(world.max.at())
    definitions.redefine_metric(world.ada.at(), "submit-rate", PLAN, expected_version=1)
    definitions.archive_metric(world.ada.at(), "revenue")
    page = shown(world, "metrics/submit-rate/history")
    assert "defined metric" in page
    assert "changed metric" in page
    assert "ada@solar.example" in page
    assert "archived metric" not in page
    assert "revenue" not in page
    assert "metrics/submit-rate/history" in shown(world, "metrics/submit-rate/")


def test_a_long_history_of_a_metric_is_paged(world: World) -> None:
    make_metrics(world.max.at())
    for version in range(1, 52):
        definitions.redefine_metric(world.max.at(), "submit-rate", PLAN, expected_version=version)
    page = shown(world, "metrics/submit-rate/history")
    assert page.count("changed metric") == 50
    cursor = page.partition('href="?before=')[2].partition('"')[0]
    older = shown(world, f"metrics/submit-rate/history?before={cursor}")
    assert older.count("changed metric") == 1
    assert "defined metric" in older


def test_the_history_of_a_metric_is_its_projects_alone(world: World) -> None:
    make_metrics(world.max.at())
    assert world.mia.client.get(world.url("metrics/submit-rate/history")).status_code == 404
    assert world.stan.client.get(world.url("metrics/submit-rate/history")).status_code == 404
    assert world.vera.client.get(world.url("metrics/nothing/history")).status_code == 404
    at_home = world.stan.client.get("/o/stranger/shop/production/metrics/submit-rate/history")
    assert at_home.status_code == 404


def test_pages_of_objects_lead_to_their_lines_in_the_audit_history(world: World) -> None:
    make_metrics(world.max.at())
    page = shown(world, "metrics/submit-rate/")
    assert "audit/?kind=metric&amp;key=submit-rate" in page
    assert "defined metric" in shown(world, "audit/?kind=metric&key=submit-rate")
