"""The same roads at two certified OpenID Connect providers, as people would travel them.

Honest providers give tokens for another application and of another issuer, and both are tried here.
They never give one that is over, unsigned, or signed with a stranger's key: the hostile provider of
test_refusals.py does.
"""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from accounts.actions import providers
from accounts.models import FederatedIdentity, IdentityProvider, User
from accounts.oidc.refusals import Cause, SignInRefused
from accounts.sso.backend import ProviderBackend
from accounts.sso.options import back_channel_address, callback_address, signed_out_address
from tests.identity_provider.hostile import Hostile
from tests.identity_provider.journeys import (
    ELSEWHERE,
    NINA,
    answer_of,
    ask_elsewhere,
    connect,
    go_there,
    led_to,
    sign_out_there,
)
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


def test_a_code_for_another_application_of_the_provider_is_refused(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    other = north.register(redirect_uris=[callback_address(row)])
    client = Client()
    there = led_to(client, f"/sso/{row.key}/login")
    north.next_is("nina")
    swapped = there.replace(row.client_id, other["client_id"])
    assert swapped != there
    assert client.get(answer_of(Visit(), swapped)).status_code == 403
    assert last_cause(world) == "exchange_refused"
    assert "_auth_user_id" not in client.session


def test_a_genuine_identity_token_for_another_application_is_not_for_us(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    other = north.register(redirect_uris=[ELSEWHERE])
    north.next_is("nina")
    token = ask_elsewhere(Visit(), north, other, "n-1")
    assert refused_by(row, token) == Cause.AUDIENCE
    theirs = IdentityProvider(issuer=row.issuer, client_id=other["client_id"], jwks=row.jwks)
    assert ProviderBackend(theirs).verify_token(token, nonce="n-1")["sub"] == "nina"


def test_a_genuine_identity_token_of_another_issuer_is_not_taken_though_its_key_is_known(
    world: World, north: RealProvider, south: RealProvider, row: IdentityProvider
) -> None:
    """Both publish the same keys: the issuer alone tells them apart."""
    other = south.register(redirect_uris=[ELSEWHERE])
    south.has_accounts(nina=NINA)
    south.next_is("nina")
    assert refused_by(row, ask_elsewhere(Visit(), south, other, "n-1")) == Cause.ISSUER


def refused_by(row: IdentityProvider, token: str) -> Cause:
    """Why our own checks refuse the token a provider has just given."""
    with pytest.raises(SignInRefused) as refused:
        ProviderBackend(row).verify_token(token, nonce="n-1")
    return refused.value.cause


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
    done = sign_out_there(visit, address[1].replace("&amp;", "&"))
    assert done.headers["location"].startswith(signed_out_address(row))
    assert again.get("/sso/").status_code == 302
    assert "sso.logged_out" in [line.action for line in world.ledger()]


def test_a_genuine_sign_out_from_another_application_ends_nothing(
    live: LiveServer, north: RealProvider
) -> None:
    """North's own server tells us of a sign-out, in a token made for somebody else."""
    world = make_world()
    north.has_accounts(nina=NINA)
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    row = connect(world, north, name="North", domain="solar.example")
    north.next_is("nina")
    client = Client()
    go_there(client, Visit(), f"/sso/{row.key}/login")
    other = north.register(
        redirect_uris=[ELSEWHERE], backchannel_logout_uri=back_channel_address(row)
    )
    visit = Visit()
    north.next_is("nina")
    token = ask_elsewhere(visit, north, other, "n-1")
    sign_out_there(visit, f"{north.issuer}/session/end?id_token_hint={token}")
    assert last_cause(world) == "audience"
    assert client.get("/sso/").status_code == 200
