"""The pages of metrics and facts as people meet them."""

import pytest
from django.utils import timezone

from metrics import queries
from metrics.actions import definitions
from metrics.actions.definitions import FactPlan, MetricPlan
from metrics.views import spans
from tests.world.factories import past_event


def page(person, world, path="metrics/", status=200):
    response = person.client.get(world.url(path))
    assert response.status_code == status
    return response.content.decode()


@pytest.fixture
def purchase(world):
    definitions.define_fact(world.max.at(), "purchase", FactPlan("Purchase", event_name="purchase"))
    return world


def metric_form(**changed):
    return {
        "name": "Revenue",
        "key": "revenue",
        "fact": "purchase",
        "kind": "sum",
        "direction": "up",
        "unit": "EUR",
        "delay": "",
        "window": "7 d",
        "description": "Per visitor.",
        **changed,
    }


def fact_form(**changed):
    return {
        "name": "Big purchase",
        "key": "big-purchase",
        "event_name": "purchase",
        "value_property": "amount",
        "filter_rows": "2",
        "filter-0-property": "amount",
        "filter-0-comparison": "at_least",
        "filter-0-value": "100",
        "filter-1-property": "",
        "filter-1-comparison": "is",
        "filter-1-value": "",
        **changed,
    }


def test_without_facts_the_list_says_what_comes_first(world):
    text = page(world.max, world)
    assert "first say which events count" in text
    assert "facts/-/new" in text


def test_a_viewer_reads_metrics_and_is_offered_no_way_to_change_them(purchase):
    definitions.define_metric(
        purchase.max.at(), "revenue", MetricPlan("Revenue", "sum", "purchase", unit="EUR")
    )
    assert "metrics/-/new" not in page(purchase.vera, purchase)
    assert 'type="submit">Save' not in page(purchase.vera, purchase, "metrics/revenue/")
    refused = purchase.vera.client.post(purchase.url("metrics/revenue/"), metric_form(version="1"))
    assert refused.status_code == 403


def test_a_metric_is_defined_from_the_form(purchase):
    response = purchase.max.client.post(purchase.url("metrics/-/new"), metric_form())
    assert response.status_code == 303
    metric = queries.metric(purchase.max.at(), "revenue")
    assert (metric.kind, metric.unit, metric.window_seconds) == ("sum", "EUR", 7 * 86_400)
    assert metric.owner == purchase.max.user
    assert purchase.ledger()[-1].action == "metric.defined"
    assert "from exposure for 7 d" in page(purchase.vera, purchase)


@pytest.mark.parametrize(
    ("changed", "status", "sentence"),
    [
        ({"window": "a week"}, 422, "Write a length such as 7 d"),
        ({"window": "0 d"}, 422, "A window is longer than 0"),
        ({"kind": "duration", "unit": "EUR"}, 422, "A duration says which unit"),
        ({"kind": "median"}, 422, "Select a valid choice"),
        ({"key": "no spaces"}, 422, "cannot be a key"),
        ({"name": ""}, 422, "This field is required."),
    ],
)
def test_a_metric_that_cannot_be_accepted_comes_back_with_a_sentence(
    purchase, changed, status, sentence
):
    response = purchase.max.client.post(purchase.url("metrics/-/new"), metric_form(**changed))
    assert response.status_code == status
    assert sentence in response.content.decode()
    assert "Per visitor." in response.content.decode()
    assert queries.metric_list(purchase.max.at()) == []


def test_a_metric_key_is_taken_once(purchase):
    client = purchase.max.client
    client.post(purchase.url("metrics/-/new"), metric_form())
    response = client.post(purchase.url("metrics/-/new"), metric_form(name="Other"))
    assert response.status_code == 409
    assert "There is a metric revenue already." in response.content.decode()


def test_a_stale_metric_form_shows_both_versions_and_loses_nothing(purchase):
    client = purchase.max.client
    client.post(purchase.url("metrics/-/new"), metric_form())
    address = purchase.url("metrics/revenue/")
    assert client.post(address, metric_form(version="1", direction="down")).status_code == 303
    response = client.post(address, metric_form(version="1", name="My own name"))
    text = response.content.decode()
    assert response.status_code == 409
    assert "You began at version 1; it is at version 2 now." in text
    assert "My own name" in text
    assert "less is better" in text
    assert queries.metric(purchase.max.at(), "revenue").name == "Revenue"


def test_an_archived_metric_leaves_the_list_and_stays_readable(purchase):
    client = purchase.max.client
    client.post(purchase.url("metrics/-/new"), metric_form())
    client.post(purchase.url("metrics/revenue/archive"))
    assert "metrics/revenue/" not in page(purchase.vera, purchase)
    assert "metrics/revenue/" in page(purchase.vera, purchase, "metrics/?archived=1")


def test_a_fact_keeps_its_conditions_with_numbers_as_numbers(world):
    response = world.max.client.post(world.url("facts/-/new"), fact_form())
    assert response.status_code == 303
    fact = queries.fact(world.max.at(), "big-purchase")
    assert fact.filters == [["amount", "at_least", 100.0]]
    assert fact.value_property == "amount"
    text = page(world.max, world, "facts/big-purchase/")
    assert 'value="100"' in text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"filter-0-value": "much"}, "This comparison needs a number."),
        ({"filter-0-value": "inf"}, "This comparison needs a number."),
        ({"filter-0-value": ""}, "Say which value."),
        ({"filter-0-property": ""}, "Say which property."),
        ({"event_name": ""}, "This field is required."),
    ],
)
def test_a_condition_that_cannot_be_read_comes_back(world, changed, sentence):
    response = world.max.client.post(world.url("facts/-/new"), fact_form(**changed))
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert queries.fact_list(world.max.at()) == []


def test_events_that_arrived_lately_are_offered_by_name(world):
    past_event(world.max.at(), "form submitted", "u-1", timezone.now())
    assert '<option value="form submitted">' in page(world.max, world, "facts/-/new")


def test_people_of_other_organizations_find_no_metric(purchase):
    purchase.max.client.post(purchase.url("metrics/-/new"), metric_form())
    for path in ("metrics/", "metrics/revenue/", "facts/purchase/", "sources/"):
        page(purchase.stan, purchase, path, status=404)
        page(purchase.mia, purchase, path, status=404)


def test_the_catalog_asks_the_database_no_more_for_many_metrics(
    purchase, django_assert_max_num_queries
):
    for number in range(12):
        plan = MetricPlan(f"Revenue {number}", "sum", "purchase")
        definitions.define_metric(purchase.max.at(), f"revenue-{number}", plan)
    client = purchase.max.client
    # The first request of a session writes the session.
    client.get(purchase.url("metrics/"))
    with django_assert_max_num_queries(18):
        assert client.get(purchase.url("metrics/")).status_code == 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7 d", 604_800), ("24h", 86_400), ("30 minutes", 1_800), (" 90 s ", 90), ("1 Day", 86_400)],
)
def test_lengths_of_time_are_read_as_people_write_them(text, seconds):
    assert spans.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "-1 d", "7 weeks", "1.5 h", "99999999 d"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(spans.NotASpan):
        spans.parse(text)


def test_lengths_of_time_are_shown_in_the_largest_unit_that_fits():
    assert [spans.show(n) for n in (604_800, 5_400, 61, 0, None)] == [
        "7 d",
        "90 min",
        "61 s",
        "",
        "",
    ]
