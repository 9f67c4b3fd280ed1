"""Reading what a provider publishes: a call to a server of the asker's choice, not too often."""

from typing import Any

import pytest

from accounts import access as tickets
from accounts.actions import discoveries
from accounts.errors import NotPermitted
from tests.accounts.loopback import receiver
from tests.api import Api
from tests.identity_provider.hostile import hostile_provider
from tests.world.cast import World

PROVIDERS = "/api/v1/organizations/solar/providers"


@pytest.fixture(autouse=True)
def few(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback may be called, twice a minute."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    monkeypatch.setattr(discoveries, "READINGS_A_MINUTE", 2)


def test_an_organization_has_providers_read_so_often_and_no_more(world: World) -> None:
    with hostile_provider() as okta:
        api = Api.of(world.olivia)
        made = api.post(PROVIDERS, {"name": "Okta", "issuer": okta.issuer})
        assert made.status == 201
        again = f"{PROVIDERS}/{made.body['key']}/discover"
        assert api.post(again).status == 200
        refused = api.post(again)
        assert (refused.status, refused.body["code"]) == (429, "too_often")
        assert api.post(PROVIDERS, {"name": "New", "issuer": okta.issuer}).status == 429
        stranger = tickets.of_member(world.stan.user, "stranger")
        assert discoveries.read(stranger, okta.issuer).document["issuer"] == okta.issuer


def test_the_pages_count_too(world: World) -> None:
    browser = world.olivia.client
    with receiver() as deaf:
        for _time in range(3):
            answer = browser.post("/org/solar/sign-in/", {"name": "Okta", "issuer": deaf.url})
    assert len({call.path for call in deaf.calls}) == 1
    assert len(deaf.calls) == 2
    assert "Try again in" in answer.content.decode()


def test_nobody_but_owners_makes_us_call(world: World) -> None:
    with receiver() as deaf:
        with pytest.raises(NotPermitted):
            discoveries.read(tickets.of_member(world.ada.user, "solar"), deaf.url)
        assert deaf.calls == []
