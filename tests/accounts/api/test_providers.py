"""REST: how an organization's people sign in, from adding a provider to requiring it."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts import domain_records
from accounts.actions import domains
from accounts.models import ClaimedDomain, IdentityProvider, Membership
from accounts.sealing import unseal
from tests.api import Answer, Api
from tests.identity_provider.hostile import Hostile, hostile_provider
from tests.identity_provider.visitors import Browser, owner_of
from tests.world.cast import World

pytestmark = pytest.mark.django_db
HOME = "/api/v1/organizations/solar"
SECRET = "hush-hush-of-the-client"


@pytest.fixture
def okta(settings: Any) -> Iterator[Hostile]:
    """A provider that answers."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with hostile_provider() as found:
        yield found


@pytest.fixture
def api(world: World) -> Api:
    return Api.of(world.olivia)


def version(answer: Answer) -> str:
    return answer.etag.strip('"')


def add(api: Api, okta: Hostile) -> str:
    """A provider with a client id and a secret; its address."""
    made = api.post(f"{HOME}/providers", {"name": "Okta", "issuer": okta.issuer})
    assert made.status == 201, made.body
    here = f"{HOME}/providers/{made.body['key']}"
    change(api, here, client_id="wayfork", client_secret=SECRET)
    return here


def change(api: Api, here: str, **changed: Any) -> Answer:
    answer = api.patch(here, changed, version=version(api.get(here)))
    assert answer.status == 200, answer.body
    return answer


def prove(api: Api, monkeypatch: pytest.MonkeyPatch, key: str) -> str:
    """solar.example carries its record and leads to the provider; the domain's address."""
    made = api.post(f"{HOME}/domains", {"domain": "Solar.example", "provider": key})
    assert (made.status, made.body["domain"], made.body["proved_at"]) == (
        201,
        "solar.example",
        None,
    )
    here = f"{HOME}/domains/{made.body['id']}"
    monkeypatch.setattr(domain_records, "texts", lambda _domain: [made.body["record"]])
    assert api.post(f"{here}/prove").body["proved_by"] == "DNS"
    return here


def test_company_sign_in_is_set_up_by_rest_until_somebody_comes_in(
    world: World, api: Api, okta: Hostile, monkeypatch: pytest.MonkeyPatch
):
    here = add(api, okta)
    read = api.get(here)
    key = read.body["key"]
    assert read.body["redirect_uri"] == f"http://127.0.0.1:8000/sso/{key}/callback"
    assert (read.body["is_enabled"], read.body["has_client_secret"]) == (False, True)
    changed = change(api, here, default_role="viewer", session_hours=8, groups_claim="")
    assert (changed.body["default_role"], changed.body["session_hours"]) == ("viewer", 8)
    assert changed.body["client_id"] == "wayfork", "what is left out stays"
    assert api.put(f"{here}/enabled", {}).body["is_enabled"] is True
    prove(api, monkeypatch, key)
    browser = Browser(okta)
    assert browser.sign_in(key).status_code == 302
    assert browser.person is not None
    assert [one["key"] for one in api.get(f"{HOME}/providers").body["items"]] == [key]
    assert api.delete(here, version=version(api.get(here))).status == 204
    assert api.get(here).status == 404
    assert browser.client.get("/sso/").status_code == 401
    acts = [line.action for line in world.ledger()]
    for act in ("provider.added", "provider.changed", "provider.enabled", "provider.deleted"):
        assert act in acts


def test_a_client_secret_goes_in_and_never_comes_out(world: World, api: Api, okta: Hostile):
    here = add(api, okta)
    row = IdentityProvider.objects.within(world.organization).get()
    assert unseal(bytes(row.client_secret)) == SECRET
    change(api, here, name="New", client_secret="")
    row.refresh_from_db()
    assert unseal(bytes(row.client_secret)) == SECRET, "an empty one leaves it"
    said = [api.get(here).body, api.get(f"{HOME}/providers").body, api.get(f"{HOME}/history").body]
    assert SECRET not in str(said)
    assert SECRET not in str([(line.before, line.after) for line in world.ledger()])


def test_a_change_names_the_version_it_was_made_against(api: Api, okta: Hostile):
    here = add(api, okta)
    seen = version(api.get(here))
    assert api.patch(here, {"name": "One"}).status == 428
    assert api.patch(here, {"name": "One"}, version=seen).status == 200
    stale = api.patch(here, {"name": "Two"}, version=seen)
    assert (stale.status, stale.body["code"]) == (409, "stale_version")
    assert stale.body["current"]["name"] == "One"
    assert api.delete(here, version=seen).status == 409
    assert api.get(here).status == 200


def test_reading_the_document_again_makes_no_version_stale(api: Api, okta: Hostile):
    here = add(api, okta)
    seen = version(api.get(here))
    assert api.post(f"{here}/discover").status == 200
    assert api.patch(here, {"name": "One"}, version=seen).status == 200


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "Okta", "issuer": "http://10.0.0.1/"}, "cannot_discover"),
        ({"name": "Okta", "issuer": "javascript:alert(1)"}, "cannot_discover"),
        ({"name": "Okta"}, "invalid_input"),
        ({"name": "Okta", "issuer": "https://id.example", "client_id": "x"}, "invalid_input"),
    ],
)
def test_what_is_no_provider_is_refused_by_its_code(api: Api, given: dict[str, str], code: str):
    answer = api.post(f"{HOME}/providers", given)
    assert (answer.status, answer.body["code"]) == (422, code)


@pytest.mark.parametrize(
    "given",
    [
        {"signing_algorithm": "HS256"},
        {"signing_algorithm": "ES256"},
        {"scopes": "email"},
        {"refresh_seconds": 5},
        {"session_hours": 0},
        {"tokens_wait_after_days": 366},
        {"tokens_wait_after_days": None},
        {"default_role": "owner"},
        {"issuer": "https://other.example"},
        {"is_enabled": True},
    ],
    ids=str,
)
def test_what_makes_no_sense_changes_nothing(api: Api, okta: Hostile, given: dict[str, Any]):
    here = add(api, okta)
    before = api.get(here)
    assert api.patch(here, given, version=version(before)).status == 422
    assert api.get(here).body == before.body


def test_nothing_is_switched_on_before_it_is_set_up_nor_required_before_somebody_can_get_in(
    world: World, api: Api, okta: Hostile, monkeypatch: pytest.MonkeyPatch
):
    made = api.post(f"{HOME}/providers", {"name": "Okta", "issuer": okta.issuer})
    here = f"{HOME}/providers/{made.body['key']}"
    assert api.put(f"{here}/enabled", {}).body["code"] == "provider_not_set_up"
    change(api, here, client_id="wayfork")
    api.put(f"{here}/enabled", {})
    assert api.put(f"{here}/required", {}).body["code"] == "cannot_require_sign_in"
    prove(api, monkeypatch, made.body["key"])
    assert api.put(f"{here}/required", {}).body["code"] == "cannot_require_sign_in"
    olivia = Membership.objects.within(world.organization).get(user=world.olivia.user)
    assert api.put(f"{HOME}/members/{olivia.pk}/break-glass", {}).status == 204
    assert api.put(f"{here}/required", {}).body["is_required"] is True
    assert api.delete(f"{HOME}/members/{olivia.pk}/break-glass").status == 409
    assert api.delete(f"{here}/required").body["is_required"] is False
    assert api.delete(f"{HOME}/members/{olivia.pk}/break-glass").status == 204
    assert api.delete(f"{here}/enabled").body["is_enabled"] is False


def test_groups_bring_roles_and_places_in_teams(api: Api, okta: Hostile):
    here = add(api, okta)
    given = {"group": "devs", "project": "shop", "role": "editor"}
    made = api.post(f"{here}/groups", given)
    assert (made.status, made.body["role"], made.body["team"]) == (201, "editor", None)
    assert api.post(f"{here}/groups", given).status == 409
    assert api.post(f"{here}/groups", {"group": "devs"}).status == 422
    (line,) = api.get(f"{here}/groups").body["items"]
    assert api.delete(f"{here}/groups/{line['id']}").status == 204
    assert api.get(f"{here}/groups").body["items"] == []


def test_a_domain_is_claimed_proved_led_elsewhere_and_given_up(
    world: World, api: Api, okta: Hostile, monkeypatch: pytest.MonkeyPatch
):
    key = add(api, okta).rpartition("/")[2]
    here = prove(api, monkeypatch, key)
    read = api.get(here)
    assert (read.body["provider"], read.body["proved_at"] is not None) == (key, True)
    led = api.patch(here, {"provider": ""}, version=version(read))
    assert (led.status, led.body["provider"]) == (200, None)
    stale = api.patch(here, {"provider": key}, version=version(read))
    assert (stale.status, stale.body["code"]) == (409, "stale_version")
    assert api.patch(here, {"provider": "nobodys"}, version=version(led)).status == 404
    assert api.delete(here).status == 428
    assert api.delete(here, version=version(led)).status == 204
    assert not ClaimedDomain.objects.within(world.organization).exists()


def test_a_domain_is_not_proved_by_asking(world: World, api: Api, monkeypatch: pytest.MonkeyPatch):
    made = api.post(f"{HOME}/domains", {"domain": "solar.example"})
    here = f"{HOME}/domains/{made.body['id']}"
    monkeypatch.setattr(domain_records, "texts", lambda _domain: ["v=spf1 -all"])
    refused = api.post(f"{here}/prove")
    assert (refused.status, refused.body["code"]) == (409, "domain_not_proved")

    def silence(domain: str) -> list[str]:
        raise domain_records.CannotLookUp(f"{domain} cannot be looked up.")

    monkeypatch.setattr(domain_records, "texts", silence)
    assert api.post(f"{here}/prove").body["code"] == "cannot_look_up"
    theirs = owner_of(world, "stranger")
    domains.claim(theirs, "solar.example")
    domains.prove_by_operator(theirs, "solar.example")
    taken = api.post(f"{here}/prove")
    assert (taken.status, taken.body["code"]) == (409, "domain_taken")
    for domain in ("solar", "a b.example", "@", "x" * 300):
        assert api.post(f"{HOME}/domains", {"domain": domain}).status == 422


def test_providers_of_another_organization_are_not_found_by_their_keys(
    world: World, api: Api, okta: Hostile
):
    key = add(api, okta).rpartition("/")[2]
    stan = Api.of(world.stan)
    there = f"/api/v1/organizations/stranger/providers/{key}"
    assert stan.get(there).status == 404
    assert stan.patch(there, {"name": "Mine"}, version="1").status == 404
    assert stan.put(f"{there}/enabled", {}).status == 404
    claimed = stan.post(
        "/api/v1/organizations/stranger/domains", {"domain": "a.example", "provider": key}
    )
    assert claimed.status == 404
    for person in (world.ada, world.max):
        refused = Api.of(person).get(f"{HOME}/providers")
        assert (refused.status, refused.body["code"]) == (403, "not_permitted")
