"""Sampled contexts: what is noted, what never leaves the process, and that asking stays as it was."""

import json
import time

import pytest

from sdks.python.tests.client.loopback import until
from sdks.python.tests.client.snapshots import KEY, document, flag, flags
from wayfork.client import Client, sampling
from wayfork.engine import Clause, Rule, Segment
from wayfork.samples import unit_hash

CONTEXT = {
    "userId": "ann",
    "organizationId": 7,
    "country": "DE",
    "plan": "pro",
    "email": "ann@example.org",
    "unasked": "for",
}


def asking() -> bytes:
    """A snapshot whose rules look at a country, and whose segment looks at a plan."""
    german = Rule("de", "Germany", (Clause("country", "in", ("DE",)),), "on")
    pro = Segment(
        "user", (), (), ((Clause("plan", "in", ("pro",)), Clause("email", "exists", ())),)
    )
    return document(1, flags={**flags(), "checkout": flag(rules=(german,))}, segments={"pro": pro})


@pytest.fixture
def asked(server):
    """The server asks for country, plan and e-mail address."""
    server.document = asking()
    return server


def sampled(client: Client, context=CONTEXT) -> None:
    """Ask until the context was noted, then send it."""
    until(lambda: client._is_sampling)
    client.bool("checkout", False, context)
    assert client.flush(5)


def ready(make_client, server, **options) -> Client:
    client = make_client(server.url, **options)
    assert client.wait_ready(5)
    return client


def test_a_sample_holds_what_rules_ask_for_and_ids_only_as_hashes(asked, make_client):
    sampled(ready(make_client, asked))
    [sample] = asked.seen.contexts()
    assert sample["attributes"] == {"country": "DE", "plan": "pro", "email": "ann@example.org"}
    assert sample["units"] == {
        "userId": unit_hash("shop", "production", "ann"),
        "organizationId": unit_hash("shop", "production", "7"),
    }
    assert abs(sample["at"] / 1000 - time.time()) < 60
    told = json.dumps(asked.seen.samples)
    assert '"ann"' not in told
    assert "unasked" not in told


def test_private_attributes_never_leave_not_even_as_hashes(asked, make_client):
    sampled(ready(make_client, asked, private=["email", "userId"], allow_attributes=["email"]))
    [sample] = asked.seen.contexts()
    assert sample["attributes"] == {"country": "DE", "plan": "pro"}
    assert sample["units"].keys() == {"organizationId"}
    assert unit_hash("shop", "production", "ann") not in json.dumps(asked.seen.samples)


def test_allowed_attributes_are_sampled_though_no_rule_asks(asked, make_client):
    sampled(ready(make_client, asked, allow_attributes=["unasked", "userId"]))
    [sample] = asked.seen.contexts()
    assert sample["attributes"]["unasked"] == "for"
    assert "userId" not in sample["attributes"]


def test_switched_off_nothing_is_sampled(asked, make_client):
    client = ready(make_client, asked, sample_contexts=False)
    for _ in range(20):
        client.bool("checkout", False, CONTEXT)
        client.flush(5)
    assert not client._is_sampling
    assert asked.seen.samples == []


def test_the_door_shuts_after_a_few_contexts_however_many_pass(asked, make_client):
    client = ready(make_client, asked, flush_interval=30.0)
    client.flush(5)
    until(lambda: client._is_sampling)
    for number in range(1000):
        client.bool("checkout", False, {"userId": f"u-{number}"})
    assert not client._is_sampling
    # The plain way is open again.
    assert "checkout" in client._booleans
    client.flush(5)
    assert len(asked.seen.contexts()) == sampling.MOST_NEW


def test_one_context_asked_again_and_again_is_one_sample(asked, make_client):
    client = ready(make_client, asked, flush_interval=30.0)
    client.flush(5)
    until(lambda: client._is_sampling)
    for _ in range(1000):
        client.bool("checkout", False, CONTEXT)
    assert not client._is_sampling
    client.flush(5)
    assert len(asked.seen.contexts()) == 1


def test_answers_and_counts_are_the_same_while_contexts_are_sampled(asked, make_client):
    client = ready(make_client, asked)
    until(lambda: client._is_sampling)
    assert client.bool("checkout", False, {"country": "DE"}) is True
    assert client.bool("checkout", True, {"country": "FR"}) is False
    assert client.int("limit", 0) == 7
    assert client.flush(5)
    counted = sum(event["count"] for event in asked.seen.events("evaluations"))
    assert counted == 3


def test_a_snapshot_that_arrives_while_contexts_are_sampled_is_used_at_once(asked, make_client):
    client = ready(make_client, asked)
    until(lambda: client._is_sampling and client.status().state == "streaming")
    asked.publish(document(2, value=True))
    until(lambda: client.status().version == 2)
    assert client.bool("checkout", False) is True
    client.flush(5)
    for number in range(sampling.MOST_SEEN + 1):
        client.bool("checkout", False, {"userId": f"u-{number}"})
    assert client.bool("checkout", False) is True


def test_an_override_holds_while_contexts_are_sampled(asked, make_client):
    client = ready(make_client, asked)
    until(lambda: client._is_sampling)
    with client.override({"checkout": True}):
        assert client.bool("checkout", False) is True
    assert client.bool("checkout", True) is False


def test_a_server_that_knows_no_samples_is_left_alone(asked, make_client):
    asked.faults.contexts_status = 404
    client = ready(make_client, asked)
    sampled(client)
    sent = len(asked.seen.samples)
    until(lambda: not client._is_sampling)
    client.flush(5)
    assert not client._is_sampling
    assert len(asked.seen.samples) == sent
    assert client.status().last_error is None


def test_a_server_that_wants_no_samples_gets_none(asked, make_client):
    asked.faults.contexts_enabled = False
    client = ready(make_client, asked)
    sampled(client)
    client.flush(5)
    assert not client._is_sampling


def test_a_context_that_cannot_be_read_hurts_nobody(asked, make_client):
    class Hostile(dict):
        def get(self, *_):
            raise RuntimeError("no")

    client = ready(make_client, asked)
    until(lambda: client._is_sampling)
    assert client.bool("checkout", True, Hostile()) is True
    assert "RuntimeError" in str(client.status().last_error)


def test_values_that_are_no_plain_data_are_left_out(asked, make_client):
    client = ready(make_client, asked)
    context = {"country": object(), "plan": "x" * 2000, "email": ["a", "b"]}
    sampled(client, context)
    [sample] = asked.seen.contexts()
    assert sample["attributes"] == {"email": ["a", "b"]}


def test_events_are_delivered_whatever_becomes_of_samples(asked, make_client):
    asked.faults.contexts_status = 500
    client = ready(make_client, asked)
    until(lambda: client._is_sampling)
    client.bool("checkout", False, CONTEXT)
    client.track("bought", CONTEXT)
    assert client.flush(5)
    assert [event["event"] for event in asked.seen.events("track")] == ["bought"]


def test_the_key_of_the_tests_is_of_the_place_the_hashes_are_salted_with():
    assert "production" in KEY
    assert unit_hash("shop", "production", "ann") != unit_hash("shop", "staging", "ann")
