"""Events: what is sent, once, in which batches, and what happens when the server does not take them."""

import logging
import time
from typing import Any

import pytest

from sdks.python.tests.client.loopback import Loopback, until
from sdks.python.tests.client.snapshots import ANN, KEY, document, flags, priced, snapshot
from wayfork import __version__
from wayfork.client import Client, exposures, outbox


def test_an_exposure_names_who_met_which_arm(server, client):
    arm = {9: "low", 12: "high"}[client.int("price", 0, ANN)]
    assert client.flush(5)
    [event] = server.seen.events("exposure")
    assert event.pop("id")
    assert abs(event.pop("at") / 1000 - time.time()) < 60
    assert event == {
        "kind": "exposure",
        "experiment": "price-test",
        "variation": arm,
        "unitType": "user",
        "unitId": "ann",
        "flag": "price",
        "version": 1,
    }


def test_a_unit_is_exposed_once_a_minute_however_often_it_asks(server, client, monkeypatch):
    for _ in range(50):
        client.int("price", 0, ANN)
        client.int("price", 0, {"userId": "bob"})
    assert client.flush(5)
    assert sorted(e["unitId"] for e in server.seen.events("exposure")) == ["ann", "bob"]
    monkeypatch.setattr(exposures, "REPEAT_AFTER", 0.0)
    client.int("price", 0, ANN)
    assert client.flush(5)
    assert len(server.seen.events("exposure")) == 3


def test_what_was_exposed_is_remembered_within_bounds(client, monkeypatch):
    monkeypatch.setattr(exposures, "REMEMBERED", 100)
    for number in range(500):
        client.int("price", 0, {"userId": f"u-{number}"})
    assert len(client._crew.exposures._seen) == 100


def test_peeking_and_asking_for_all_expose_and_count_nothing(server, client):
    assert client.peek("price", 0, ANN) in {9, 12}
    assert client.peek.int("price", 0, ANN) in {9, 12}
    assert client.peek.bool("checkout", True, ANN) is False
    assert client.peek.string("title", "", ANN) == "Hello"
    assert client.peek.float("ratio", 0.0, ANN) == 0.5
    assert client.peek.json("layout", None, ANN) == {"columns": 2}
    assert client.all(ANN)["price"] in {9, 12}
    assert client.bootstrap(ANN)["flags"].keys() == {"layout"}
    client.flush(5)
    assert server.seen.events("exposure") == server.seen.events("evaluations") == []


def test_expose_after_peek_counts_as_an_exposure(server, client):
    client.peek("price", 0, ANN)
    client.expose("price", ANN)
    client.expose("checkout", ANN)
    client.expose("no-such-flag", ANN)
    assert client.flush(5)
    assert [e["unitId"] for e in server.seen.events("exposure")] == ["ann"]


def test_people_reached_by_a_custom_assignment_are_never_exposed(server, client):
    until(lambda: client.status().state == "streaming")
    assigned = priced(assignments={"user": {"ann": "high"}})
    server.publish(document(2, flags={**flags(), "price": assigned}))
    until(lambda: client.status().version == 2)
    assert client.int("price", 0, ANN) == 12
    client.int("price", 0, {"country": "DE"})
    assert client.flush(5)
    assert server.seen.events("exposure") == []


def test_only_chosen_attributes_travel_with_an_exposure_and_private_ones_never(server, make_client):
    client = make_client(
        server.url,
        dimensions=["country", "email", "missing"],
        allow_attributes=["plan"],
        private=["email", "card"],
    )
    assert client.wait_ready(5)
    canary = {**ANN, "email": "CANARY", "card": "CANARY", "city": "CANARY"}
    client.int("price", 0, canary)
    client.track("purchase", canary, card="CANARY", currency="EUR")
    assert client.flush(5)
    [exposure] = server.seen.events("exposure")
    assert exposure["attributes"] == {"country": "DE", "plan": "pro"}
    [tracked] = server.seen.events("track")
    assert tracked["properties"] == {"currency": "EUR"}
    assert "CANARY" not in repr(server.seen.batches)


def test_a_tracked_event_carries_its_units_value_and_properties(server, client):
    client.track("purchase", {"userId": 42, "organizationId": "acme"}, value=12.5, currency="EUR")
    assert client.flush(5)
    [batch] = server.seen.batches
    assert batch["sdk"]["name"] == "python"
    assert batch["sdk"]["version"] == __version__
    assert batch["sdk"]["instance"] == client.status().instance
    [event] = server.seen.events("track")
    assert event["units"] == {"user": "42", "organization": "acme"}
    assert (event["event"], event["value"]) == ("purchase", 12.5)
    assert event["properties"] == {"currency": "EUR"}


def test_events_tracked_before_the_first_snapshot_wait_for_its_units(make_client):
    late = Loopback(document(1))
    client = make_client(late.url)
    client.track("purchase", {"organizationId": "acme"})
    time.sleep(0.2)
    late.start()
    until(lambda: late.seen.events("track"), 10)
    assert late.seen.events("track")[0]["units"] == {"organization": "acme"}
    late.stop()


def test_evaluations_are_counted_by_flag_variation_and_version(server, client):
    until(lambda: client.status().state == "streaming")
    for _ in range(30):
        client.bool("checkout", False, ANN)
    client.bool("no-such-flag", False, ANN)
    client.string("checkout", "wrong type", ANN)
    server.publish(document(2, value=True))
    until(lambda: client.status().version == 2)
    for _ in range(12):
        client.bool("checkout", False, ANN)
    assert client.flush(5)
    totals: dict[tuple[str, str, int], int] = {}
    for event in server.seen.events("evaluations"):
        assert event["at"] % 60_000 == 0
        place = (event["flag"], event["variation"], event["version"])
        totals[place] = totals.get(place, 0) + event["count"]
    assert totals == {("checkout", "off", 1): 30, ("checkout", "on", 2): 12}


def test_counts_under_a_replaced_snapshot_are_not_lost(server, client):
    until(lambda: client.status().state == "streaming")
    for version in range(2, 8):
        client.bool("checkout", False, ANN)
        server.publish(document(version))
        until(lambda wanted=version: client.status().version == wanted)
    assert client.flush(5)
    assert sum(e["count"] for e in server.seen.events("evaluations")) == 6


def test_many_events_leave_in_batches_of_at_most_five_hundred(server, client):
    for number in range(1234):
        client.track("click", {"userId": f"u-{number}"})
    assert client.flush(5)
    sizes = [len(batch["events"]) for batch in server.seen.batches]
    assert max(sizes) <= 500
    events = server.seen.events("track")
    assert [event["units"]["user"] for event in events] == [f"u-{n}" for n in range(1234)]
    assert len({event["id"] for event in events}) == 1234


def test_large_events_leave_in_batches_under_a_megabyte(server, client):
    for number in range(60):
        client.track("click", ANN, note="x" * 50_000, number=number)
    assert client.flush(5)
    assert len(server.seen.batches) >= 4
    assert [e["properties"]["number"] for e in server.seen.events("track")] == list(range(60))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_batch_the_server_cannot_take_now_is_sent_again_with_the_same_ids(
    server, make_client, status
):
    server.faults.events_status = status
    client = make_client(server.url)
    assert client.wait_ready(5)
    client.track("purchase", ANN)
    until(lambda: server.seen.posts >= 2)
    server.faults.events_status = 0
    assert client.flush(5) or client.flush(5)
    first, *again = server.seen.batches
    assert all(batch["events"] == first["events"] for batch in again)
    assert client.status().dropped_events == 0


def test_a_server_that_asks_for_patience_gets_it(server, make_client):
    server.faults.events_status, server.faults.retry_after = 503, "60"
    client = make_client(server.url)
    assert client.wait_ready(5)
    client.track("purchase", ANN)
    until(lambda: server.seen.posts)
    time.sleep(0.4)
    assert server.seen.posts == 1


def test_events_survive_an_outage(server, client):
    port = server.port
    server.stop()
    client.track("purchase", ANN)
    assert client.flush(1) is False
    assert client.status().queued_events == 1
    back = Loopback(document(1), port=port).start()
    until(lambda: client.flush(1), 10)
    assert len(back.seen.events("track")) == 1
    back.stop()


def test_a_full_queue_drops_the_oldest_and_counts_them(server, make_client):
    client = make_client("http://127.0.0.1:9", max_queued_events=100)
    for number in range(250):
        client.track("click", ANN, number=number)
    assert client.status().queued_events == 100
    assert client.status().dropped_events == 150
    assert client._crew.outbox._queue[0]["properties"] == {"number": 150}


def test_events_the_server_refuses_are_counted_and_explained(server, make_client):
    heard: list[Any] = []
    client = make_client(server.url, on_error=heard.append)
    assert client.wait_ready(5)
    client.track("refuse-me", ANN)
    client.track("purchase", ANN)
    assert client.flush(5)
    assert client.status().rejected_events == 1
    assert "No such event." in str(heard[-1])


@pytest.mark.parametrize("status", [400, 413])
def test_a_batch_refused_for_good_is_dropped_and_the_next_one_goes(server, make_client, status):
    server.faults.events_status = status
    client = make_client(server.url)
    assert client.wait_ready(5)
    client.track("one", ANN)
    client.track("two", ANN)
    assert client.flush(5)
    assert client.status().dropped_events == 2
    server.faults.events_status = 0
    client.track("three", ANN)
    assert client.flush(5)
    assert server.seen.batches[-1]["events"][0]["event"] == "three"


def test_a_property_that_cannot_be_written_costs_that_event_alone(server, make_client):
    heard: list[Any] = []
    client = make_client(server.url, on_error=heard.append)
    assert client.wait_ready(5)
    loop: list[object] = []
    loop.append(loop)
    for bad in (object(), loop, float("nan"), "x" * 70_000, {1, 2}):
        client.track("purchase", ANN, bad=bad)
    client.track("", ANN)
    client.track("purchase", ANN, value="twelve")
    client.track("purchase", ANN, value=float("inf"))
    client.track("purchase", None)
    client.track("purchase", ANN, good=1)
    assert client.flush(5)
    assert [e["properties"] for e in server.seen.events("track")] == [{"good": 1}]
    assert len(heard) == 9


def test_a_refused_key_stops_the_events_too(server, make_client, caplog):
    server.faults.refuse_key = True
    with caplog.at_level(logging.CRITICAL):
        client = make_client(server.url)
        client.wait_ready(5)
    client.track("purchase", ANN)
    time.sleep(0.2)
    assert server.seen.posts == 0
    assert client.status().dropped_events == 1


def test_closing_sends_what_is_queued(server, make_client):
    client = make_client(server.url, flush_interval=60)
    assert client.wait_ready(5)
    client.track("purchase", ANN)
    client.bool("checkout", False, ANN)
    client.close()
    assert len(server.seen.events("track")) == 1
    assert len(server.seen.events("evaluations")) == 1


def test_a_full_batch_does_not_wait_for_the_interval(server, make_client):
    client = make_client(server.url, flush_interval=60)
    assert client.wait_ready(5)
    for _ in range(outbox.BATCH_ITEMS):
        client.track("click", ANN)
    until(lambda: len(server.seen.events("track")) == outbox.BATCH_ITEMS)


def test_without_events_nothing_is_sent(server, make_client):
    client = make_client(server.url, events=False)
    assert client.wait_ready(5)
    client.int("price", 0, ANN)
    client.track("purchase", ANN)
    assert client.details("price", 0, ANN).experiment[2] is False
    assert client.flush(1)
    client.close()
    assert server.seen.posts == 0


def test_tracking_costs_the_caller_next_to_nothing_while_the_server_hangs(server, make_client):
    server.faults.slow = 1.0
    client = make_client(server.url, bootstrap=snapshot().to_json())
    client.track("click", ANN)
    time.sleep(0.1)
    began = time.monotonic()
    for _ in range(1000):
        client.track("click", ANN)
        client.int("price", 0, ANN)
    assert time.monotonic() - began < 0.5
    client.close(0.1)


def test_a_key_is_never_shown_by_the_client(client):
    assert KEY not in repr(client._crew.identity)
    assert KEY not in repr(client.status())
    assert isinstance(client, Client)
