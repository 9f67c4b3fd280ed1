"""The same roads at two certified OpenID Connect providers, as people would travel them."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from accounts.actions import providers
from accounts.models import FederatedIdentity, IdentityProvider, User
from accounts.sso.options import signed_out_address
from tests.identity_provider.hostile import Hostile
from tests.identity_provider.journeys import NINA, connect, go_there
from tests.identity_provider.running import RealProvider, Visit
from tests.identity_provider.visitors import Browser, last_cause, owner_of
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world


@pytest.fixture
def row(world: World, north: RealProvider) -> IdentityProvider:
    north.has_accounts(nina=NINA)
    return connect(world, north, name="North", domain="solar.example")


def test_somebody_comes_in_through_a_certified_provider(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    north.next_is("nina")
    client = Client()
    answer = go_there(client, Visit(), f"/sso/{row.key}/login?next=/sso/")
    assert answer.headers["Location"] == "/sso/"
    identity = FederatedIdentity.objects.within(world.organization).get()
    assert (identity.subject, identity.user.email) == ("nina", "nina@solar.example")
    assert identity.sessions.get().sid
    assert client.get("/sso/").status_code == 200


def test_whoever_the_provider_turns_away_reads_why(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    north.next_is("nobody")
    answer = go_there(Client(), Visit(), f"/sso/{row.key}/login")
    assert answer.status_code == 403
    assert "did not let you in" in answer.content.decode()


def test_an_unverified_address_is_refused(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    north.has_accounts(nina={**NINA, "email_verified": False})
    north.next_is("nina")
    assert go_there(Client(), Visit(), f"/sso/{row.key}/login").status_code == 403
    assert last_cause(world) == "email_unverified"


def test_silent_renewal_knows_who_is_still_there_and_who_was_removed(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    north.next_is("nina")
    client, visit = Client(), Visit()
    go_there(client, visit, f"/sso/{row.key}/login")
    renewed = go_there(client, visit, f"/sso/{row.key}/renew?next=/sso/")
    assert renewed.headers["Location"] == "/sso/"
    north.has_accounts()
    ended = go_there(client, visit, f"/sso/{row.key}/renew?next=/sso/")
    assert ended.status_code == 403
    assert "_auth_user_id" not in client.session


def test_an_answer_of_one_certified_provider_is_refused_at_the_other(
    world: World, north: RealProvider, south: RealProvider, row: IdentityProvider
) -> None:
    other = connect(world, south, name="South")
    north.next_is("nina")
    client = Client()
    led = client.get(f"/sso/{row.key}/login")
    back = Visit().follow(led.headers["Location"], settings.WAYFORK_URL)
    stolen = parse_qs(urlsplit(back).query)
    assert stolen["iss"] == [north.issuer]
    moved = client.get(
        f"/sso/{other.key}/callback", {name: texts[0] for name, texts in stolen.items()}
    )
    assert moved.status_code == 403
    assert "_auth_user_id" not in client.session


def test_an_answer_mixed_up_on_the_way_is_refused(
    world: World, north: RealProvider, south: RealProvider, row: IdentityProvider
) -> None:
    """The journey began at North; South's answer is put in its place (RFC 9207)."""
    other = connect(world, south, name="South")
    south.has_accounts(nina=NINA)
    client = Client()
    asked = parse_qs(urlsplit(client.get(f"/sso/{row.key}/login").headers["Location"]).query)
    south.next_is("nina")
    led = Client().get(f"/sso/{other.key}/login")
    answer = parse_qs(urlsplit(Visit().follow(led.headers["Location"], settings.WAYFORK_URL)).query)
    mixed = {"code": answer["code"][0], "iss": answer["iss"][0], "state": asked["state"][0]}
    assert client.get(f"/sso/{row.key}/callback", mixed).status_code == 403
    assert last_cause(world) == "mixed_up"


def test_a_code_works_once(world: World, north: RealProvider, row: IdentityProvider) -> None:
    north.next_is("nina")
    client = Client()
    led = client.get(f"/sso/{row.key}/login")
    back = Visit().follow(led.headers["Location"], settings.WAYFORK_URL)
    stolen = parse_qs(urlsplit(back).query)["code"][0]
    assert client.get(back.removeprefix(settings.WAYFORK_URL)).status_code == 302
    thief = Client()
    asked = parse_qs(urlsplit(thief.get(f"/sso/{row.key}/login").headers["Location"]).query)
    answer = thief.get(
        f"/sso/{row.key}/callback",
        {"code": stolen, "state": asked["state"][0], "iss": north.issuer},
    )
    assert answer.status_code == 403
    assert last_cause(world) == "exchange_refused"


def test_a_wrong_client_secret_says_what_to_check(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    plan = providers.ProviderPlan(name="North", client_id=row.client_id)
    providers.set_up(owner_of(world), row.key, plan, "wrong")
    north.next_is("nina")
    answer = go_there(Client(), Visit(), f"/sso/{row.key}/login")
    assert "client id" in answer.content.decode()


def test_a_test_run_shows_what_is_received_and_signs_nobody_in(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    north.next_is("nina")
    client = world.olivia.client
    answer = go_there(client, Visit(), f"/org/solar/sign-in/providers/{row.key}/test")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "would make a new account for nina@solar.example" in page
    assert "email_verified" in page
    assert str(client.session["_auth_user_id"]) == str(world.olivia.user.pk)
    assert not User.objects.filter(email="nina@solar.example").exists()
    assert not FederatedIdentity.objects.within(world.organization).exists()
    assert world.ledger()[-1].action == "provider.tested"


def test_a_test_run_tells_why_somebody_would_not_be_let_in(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    north.has_accounts(guest={"email": "guest@other.example", "email_verified": True})
    north.next_is("guest")
    providers.switch(owner_of(world), row.key, is_enabled=False)
    answer = go_there(world.olivia.client, Visit(), f"/org/solar/sign-in/providers/{row.key}/test")
    assert answer.status_code == 200
    assert "would not be let in" in answer.content.decode()


def test_the_required_way_of_signing_in_is_carried_through(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    plan = providers.ProviderPlan(
        name="North", client_id=row.client_id, required_acr="urn:example:mfa"
    )
    providers.set_up(owner_of(world), row.key, plan)
    north.next_is("nina")
    assert go_there(Client(), Visit(), f"/sso/{row.key}/login").status_code == 403
    north.next_is("nina", acr="urn:example:mfa")
    assert go_there(Client(), Visit(), f"/sso/{row.key}/login").status_code == 302


def test_signing_out_at_the_provider_signs_out_here_by_its_back_channel(
    live: LiveServer, north: RealProvider, hostile: Hostile
) -> None:
    """The provider's own server calls ours: nothing of it passes through the browser."""
    world = make_world()
    north.has_accounts(nina=NINA)
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    row = connect(world, north, name="North", domain="solar.example")
    north.next_is("nina")
    client, visit = Client(), Visit()
    go_there(client, visit, f"/sso/{row.key}/login")
    assert client.get("/sso/").status_code == 200
    farewell = client.post("/accounts/logout/").content.decode()
    again, browser = Client(), Browser(hostile)
    assert browser.person is None
    go_there(again, visit, f"/sso/{row.key}/login")
    assert again.get("/sso/").status_code == 200
    address = re.search(r'content="0;url=([^"]+)"', farewell)
    assert address is not None
    asked = visit.client.get(address[1].replace("&amp;", "&"))
    token = re.search(r'name="xsrf" value="([^"]+)"', asked.text)
    assert token is not None
    done = visit.client.post(
        f"{north.issuer}/session/end/confirm", data={"xsrf": token[1], "logout": "yes"}
    )
    assert done.headers["location"].startswith(signed_out_address(row))
    assert again.get("/sso/").status_code == 302
    assert "sso.logged_out" in [line.action for line in world.ledger()]
