"""The client for tests: what is declared is answered, what is undeclared fails a strict test."""

from typing import Any

import pytest

from sdks.python.tests.client.snapshots import ANN, snapshot
from wayfork.testing import TestClient, UndeclaredFlag


def test_declared_values_of_every_type_are_answered():
    client = TestClient({"on": True, "title": "Hi", "limit": 3, "ratio": 0.5, "layout": {"a": 1}})
    assert client.wait_ready()
    assert client.bool("on", False) is True
    assert client.string("title", "") == "Hi"
    assert client.int("limit", 0) == 3
    assert client.float("ratio", 0.0) == 0.5
    assert client.json("layout", None) == {"a": 1}
    assert client.bool("other", True) is True


def test_a_strict_client_fails_on_what_nobody_declared():
    client = TestClient({"on": True}, strict=True)
    assert client.bool("on", False) is True
    for ask in (client.bool, client.peek, client.details):
        with pytest.raises(UndeclaredFlag, match="unheard-of"):
            ask("unheard-of", default=False)


def test_values_can_be_set_later_and_listeners_hear_of_it():
    client = TestClient({"on": False})
    heard: list[Any] = []
    client.on_change("on", heard.append)
    client.set({"on": True})
    assert client.bool("on", False) is True
    assert len(heard) == 1


def test_overrides_work_as_they_do_in_production():
    client = TestClient({"on": False}, strict=True)
    with client.override({"on": True}):
        assert client.bool("on", False) is True
    assert client.bool("on", True) is False


def test_an_assigned_arm_is_served_and_its_exposure_asserted():
    client = TestClient()
    client.assign("price", experiment="price-test", arm="high", value=12)
    client.assert_not_exposed("price-test")
    with pytest.raises(AssertionError, match="nobody was exposed"):
        client.assert_exposed("price-test")
    assert client.peek("price", 0, ANN) == 12
    client.assert_not_exposed("price-test")
    assert client.int("price", 0, ANN) == 12
    client.assert_exposed("price-test", arm="high", unit="ann")
    with pytest.raises(AssertionError, match="nobody was exposed to price-test low"):
        client.assert_exposed("price-test", arm="low")
    with pytest.raises(AssertionError, match="exposed to price-test"):
        client.assert_not_exposed("price-test")
    client.clear()
    client.assert_not_exposed("price-test")
    client.int("price", 0, ANN)
    assert len(client.exposures) == 1


def test_tracked_events_can_be_asserted():
    client = TestClient()
    client.track("purchase", ANN, value=12.5, currency="EUR")
    client.assert_tracked("purchase", currency="EUR")
    assert client.events[0].units == {"user": "ann"}
    with pytest.raises(AssertionError, match="was not tracked"):
        client.assert_tracked("purchase", currency="USD")


def test_a_real_snapshot_can_be_the_ground():
    client = TestClient({"limit": 8}, bootstrap=snapshot().to_json(), strict=True)
    assert client.int("limit", 0) == 8
    assert client.string("title", "") == "Hello"
    assert client.int("price", 0, ANN) in {9, 12}
    client.assert_exposed("price-test", unit="ann")
