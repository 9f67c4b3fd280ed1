"""Taking the history out: not too often, and not by a link a browser follows."""

import pytest
from django.test import Client

from accounts.actions import exports
from accounts.filters import Wanted
from accounts.limits import TooOften
from tests.api import ROOT
from tests.world.cast import World

ORGANIZATION = "/api/v1/organizations/solar"


def test_a_person_takes_the_history_out_so_often_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "EXPORTS_AN_HOUR", 2)
    for environment in ("production", "staging"):
        exports.export_history(world.vera.at(environment), Wanted(), "csv")
    before = len(world.ledger())
    with pytest.raises(TooOften):
        exports.export_history(world.vera.at(), Wanted(), "jsonl")
    token = {"Authorization": f"Bearer {world.vera.token()}"}
    refused = Client().get(f"{ROOT}/history/export", headers=token)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_often")
    assert 0 < int(refused["Retry-After"]) <= 3600
    # The token was made, and nothing else was written.
    assert [line.action for line in world.ledger()[before:]] == ["token.created"]
    exports.export_history(world.rita.at(), Wanted(), "csv")


@pytest.mark.parametrize("place", [ROOT, ORGANIZATION])
def test_a_link_followed_by_a_signed_in_browser_takes_nothing_out(world: World, place: str) -> None:
    browser = Client()
    browser.force_login(world.olivia.user)
    lines = len(world.ledger())
    refused = browser.get(f"{place}/history/export")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert "button" in refused.json()["hint"]
    assert len(world.ledger()) == lines
    assert browser.get(f"{place}/history").status_code == 200
