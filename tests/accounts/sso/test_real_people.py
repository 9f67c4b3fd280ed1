"""Who certified providers may sign in, as whom, and how often: their answers used in bad ways."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from accounts.actions import domains, members
from accounts.errors import AlreadyExists
from accounts.models import (
    AuditEntry,
    ClaimedDomain,
    FederatedIdentity,
    IdentityProvider,
    Membership,
    User,
)
from tests.identity_provider.journeys import NINA, answer_of, connect, go_there, led_to
from tests.identity_provider.running import RealProvider, Visit
from tests.identity_provider.visitors import kept_in, last_cause, owner_of
from tests.world.cast import World


@pytest.fixture
def row(world: World, north: RealProvider) -> IdentityProvider:
    north.has_accounts(nina=NINA)
    return connect(world, north, name="North", domain="solar.example")


@pytest.fixture
def theirs(world: World, south: RealProvider) -> IdentityProvider:
    """The other organization's provider, which proved a domain of its own."""
    return connect(world, south, name="South", domain="stranger.example", organization="stranger")


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def asked(address: str) -> dict[str, str]:
    return {name: texts[0] for name, texts in parse_qs(urlsplit(address).query).items()}


def with_other(address: str, **changed: str) -> str:
    """The same request to a provider, but for some parameters."""
    parts = urlsplit(address)
    return parts._replace(query=urlencode({**asked(address), **changed})).geturl()


def sign_in(client: Client, real: RealProvider, row: IdentityProvider, sub: str = "nina") -> int:
    real.next_is(sub)
    status: int = go_there(client, Visit(), f"/sso/{row.key}/login").status_code
    return status


def last_cause_at(world: World, organization: str) -> str:
    lines = AuditEntry.objects.within(owner_of(world, organization).organization)
    return str(kept_in(lines.order_by("-sequence")[0])["cause"])


# --- answers used twice


def test_an_identity_token_for_an_earlier_nonce_is_refused(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    """The provider signs whatever nonce it is asked with: somebody on the way puts an old one in."""
    first = led_to(Client(), f"/sso/{row.key}/login")
    client = Client()
    there = led_to(client, f"/sso/{row.key}/login")
    assert asked(there)["nonce"] != asked(first)["nonce"]
    north.next_is("nina")
    replayed = with_other(there, nonce=asked(first)["nonce"])
    answer = client.get(answer_of(Visit(), replayed))
    assert answer.status_code == 403
    assert last_cause(world) == "nonce"
    assert not is_in(client)
    assert not User.objects.filter(email=NINA["email"]).exists()


def test_an_identity_token_without_a_nonce_is_refused(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    client = Client()
    there = led_to(client, f"/sso/{row.key}/login")
    parts = asked(there)
    del parts["nonce"]
    north.next_is("nina")
    bare = urlsplit(there)._replace(query=urlencode(parts)).geturl()
    assert client.get(answer_of(Visit(), bare)).status_code == 403
    assert last_cause(world) == "nonce"


def test_a_code_for_another_challenge_is_refused(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    """A thief brings somebody else's code to a journey of their own (PKCE)."""
    client, thief = Client(), Client()
    there, thiefs = (led_to(one, f"/sso/{row.key}/login") for one in (client, thief))
    north.next_is("nina")
    stolen = asked(answer_of(Visit(), there))
    moved = {**stolen, "state": asked(thiefs)["state"]}
    assert thief.get(f"/sso/{row.key}/callback", moved).status_code == 403
    assert last_cause(world) == "exchange_refused"
    assert not is_in(thief)


def test_the_same_answer_twice_signs_in_once_and_leaves_the_session_be(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    north.next_is("nina")
    client = Client()
    back = answer_of(Visit(), led_to(client, f"/sso/{row.key}/login"))
    assert client.get(back).status_code == 302
    lines = len(world.ledger())
    again = client.get(back)
    assert again.status_code == 403
    assert "belongs to no sign-in begun in this browser" in again.content.decode()
    assert "Go on as Nina" in again.content.decode()
    assert is_in(client)
    assert len(world.ledger()) == lines
    identity = FederatedIdentity.objects.within(world.organization).get()
    assert identity.sessions.count() == 1
    # In a browser that began nothing it is worth nothing.
    elsewhere = Client()
    assert elsewhere.get(back).status_code == 403
    assert not is_in(elsewhere)


def test_an_answer_is_not_carried_into_another_browser(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    """Nobody is signed in as somebody else by following a link they were sent."""
    north.next_is("nina")
    attacker, victim = Client(), world.vera.client
    back = answer_of(Visit(), led_to(attacker, f"/sso/{row.key}/login"))
    assert victim.get(back).status_code == 403
    assert str(victim.session["_auth_user_id"]) == str(world.vera.user.pk)


# --- people who were let out


def test_a_deactivated_member_stays_out_whatever_a_certified_provider_says(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    client = Client()
    assert sign_in(client, north, row) == 302
    place = Membership.objects.within(world.organization).get(user__email=NINA["email"])
    members.deactivate(owner_of(world), place.pk, "left")
    assert client.get("/sso/").status_code in {302, 401}
    again = Client()
    assert sign_in(again, north, row) == 403
    assert last_cause(world) == "deactivated"
    assert not is_in(again)


def test_a_shut_account_stays_out_too(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    assert sign_in(Client(), north, row) == 302
    User.objects.filter(email=NINA["email"]).update(is_active=False)
    client = Client()
    assert sign_in(client, north, row) == 403
    assert last_cause(world) == "deactivated"
    assert not is_in(client)


# --- addresses and the organizations that speak for them


def test_a_provider_asserts_nobody_of_a_domain_another_organization_proved(
    world: World,
    north: RealProvider,
    south: RealProvider,
    row: IdentityProvider,
    theirs: IdentityProvider,
) -> None:
    """Neither a newcomer, nor somebody who has an account, nor somebody known to the other."""
    assert sign_in(Client(), north, row) == 302
    olivia = {"email": "olivia@solar.example", "email_verified": True}
    new = {"email": "new@solar.example", "email_verified": True}
    south.has_accounts(nina=NINA, olivia=olivia, new=new)
    known = User.objects.count()
    for sub in ("nina", "olivia", "new"):
        client = Client()
        assert sign_in(client, south, theirs, sub) == 403
        assert last_cause_at(world, "stranger") == "domain_unproved"
        assert not is_in(client)
    assert User.objects.count() == known
    assert FederatedIdentity.across_tenants.get().provider == row


def test_the_same_subject_at_two_certified_providers_is_two_people(
    world: World,
    north: RealProvider,
    south: RealProvider,
    row: IdentityProvider,
    theirs: IdentityProvider,
) -> None:
    south.has_accounts(nina={"email": "nina@stranger.example", "email_verified": True})
    one, other = Client(), Client()
    assert (sign_in(one, north, row), sign_in(other, south, theirs)) == (302, 302)
    assert one.session["_auth_user_id"] != other.session["_auth_user_id"]
    assert one.get("/org/stranger/people/").status_code == 404
    assert other.get("/org/solar/people/").status_code == 404


def test_of_two_organizations_that_claim_a_domain_the_one_that_proved_it_speaks_for_it(
    world: World, north: RealProvider, south: RealProvider
) -> None:
    ours = connect(world, north, name="North")
    others = connect(world, south, name="South", organization="stranger")
    kim = {"email": "kim@shared.example", "email_verified": True}
    north.has_accounts(kim=kim)
    south.has_accounts(kim=kim)
    for name, one in (("solar", ours), ("stranger", others)):
        domains.claim(owner_of(world, name), "shared.example", one.key)
    # Claims alone vouch for nobody, at either.
    for real, one in ((north, ours), (south, others)):
        assert sign_in(Client(), real, one, "kim") == 403
    page = Client().post("/accounts/login/", {"login": "kim@shared.example"})
    assert "/sso/" not in page.content.decode()

    domains.prove_by_operator(owner_of(world), "shared.example")
    assert sign_in(Client(), north, ours, "kim") == 302
    assert sign_in(Client(), south, others, "kim") == 403
    assert last_cause_at(world, "stranger") == "domain_unproved"
    with pytest.raises(AlreadyExists):
        domains.prove_by_operator(owner_of(world, "stranger"), "shared.example")
    led = Client().post("/accounts/login/", {"login": "kim@shared.example"}).content.decode()
    assert f"/sso/{ours.key}/login" in led
    assert others.key not in led


def test_a_domain_that_changes_hands_takes_nobody_along(
    world: World,
    north: RealProvider,
    south: RealProvider,
    row: IdentityProvider,
    theirs: IdentityProvider,
) -> None:
    """Stranger buys the domain: its provider does not become the owner of accounts made before."""
    assert sign_in(Client(), north, row) == 302
    claimed = ClaimedDomain.objects.within(world.organization).get()
    domains.give_up(owner_of(world), claimed.pk)
    domains.claim(owner_of(world, "stranger"), "solar.example", theirs.key)
    domains.prove_by_operator(owner_of(world, "stranger"), "solar.example")
    south.has_accounts(nina=NINA)
    client = Client()
    assert sign_in(client, south, theirs) == 409
    assert not is_in(client)
    assert FederatedIdentity.across_tenants.get().provider == row
    # Whoever was connected before is known to the old provider by subject, not by address.
    assert sign_in(Client(), north, row) == 302


def test_a_person_known_by_one_name_is_not_connected_by_a_second(
    world: World, north: RealProvider, row: IdentityProvider
) -> None:
    client = Client()
    assert sign_in(client, north, row) == 302
    north.has_accounts(nina=NINA, other={"email": "other@solar.example", "email_verified": True})
    north.next_is("other")
    led = go_there(client, Visit(), f"/sso/{row.key}/connect")
    answer = client.post(led.headers["Location"])
    assert answer.status_code == 403
    assert last_cause(world) == "subject_changed"
    assert FederatedIdentity.objects.within(world.organization).get().subject == "nina"
