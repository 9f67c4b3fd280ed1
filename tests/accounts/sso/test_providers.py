"""How owners set company sign-in up: discovery, secrets, domains, and the pages for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, UDPServer
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.urls import reverse

from accounts import domain_records, identities
from accounts.actions import domains, providers
from accounts.errors import InvalidInput
from accounts.models import ClaimedDomain, IdentityProvider
from accounts.oidc import discovery
from accounts.sealing import unseal
from tests.api import Api
from tests.identity_provider.hostile import Hostile, published
from tests.identity_provider.visitors import Browser, make_provider, owner_of
from tests.world.cast import World


def page(route: str, *names: object) -> str:
    return reverse(f"accounts:{route}", args=["solar", *names])


# --- discovery


def test_an_owner_adds_a_provider_by_its_issuer_and_sets_it_up(
    world: World, hostile: Hostile
) -> None:
    client = world.olivia.proven
    made = client.post(page("providers"), {"name": "Our Okta", "issuer": hostile.issuer})
    assert made.headers["Location"] == page("provider", "solar-our-okta")
    shown = client.get(page("provider", "solar-our-okta")).content.decode()
    assert "http://127.0.0.1:8000/sso/solar-our-okta/callback" in shown
    assert f"{hostile.issuer}/token" in shown
    form = {
        "name": "Our Okta",
        "client_id": "wayfork",
        "client_secret": "hush-hush-secret",
        "signing_algorithm": "RS256",
        "scopes": "openid email groups",
        "groups_claim": "groups",
        "refresh_minutes": "5",
        "session_hours": "8",
        "tokens_wait_after_days": "",
        "sign_out_stops_tokens": "on",
    }
    assert client.post(page("provider", "solar-our-okta"), form).status_code == 302
    row = IdentityProvider.objects.within(world.organization).get()
    assert (row.refresh_seconds, row.session_hours, row.is_enabled) == (300, 8, False)
    assert (row.tokens_wait_after_days, row.sign_out_stops_tokens) == (0, True)
    form = {**form, "client_secret": "", "tokens_wait_after_days": "30"}
    del form["sign_out_stops_tokens"]
    client.post(page("provider", "solar-our-okta"), form)
    row.refresh_from_db()
    assert (row.tokens_wait_after_days, row.sign_out_stops_tokens) == (30, False)
    client.post(page("provider-switch", row.key), {"on": "true"})
    row.refresh_from_db()
    assert row.is_enabled


def test_the_client_secret_is_kept_sealed_and_never_shown_or_recorded(
    world: World, okta: IdentityProvider
) -> None:
    secret = "s3cret-of-the-client"
    assert secret.encode() not in bytes(okta.client_secret)
    assert unseal(bytes(okta.client_secret)) == secret
    assert secret not in world.olivia.client.get(page("provider", okta.key)).content.decode()
    assert secret not in str([(line.before, line.after) for line in world.ledger()])
    plan = providers.ProviderPlan("Okta", "wayfork")
    providers.set_up(owner_of(world), okta.key, plan)
    okta.refresh_from_db()
    assert unseal(bytes(okta.client_secret)) == secret


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"issuer": "https://elsewhere.example"}, "calls itself"),
        ({"issuer": None}, "calls itself"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"jwks_uri": ["x"]}, "jwks_uri"),
        ({"response_types_supported": ["id_token"]}, "authorization code"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "signs by no method"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "client secret"),
        ({"token_endpoint_auth_methods_supported": 5}, "no list of names"),
        ({"token_endpoint_auth_methods_supported": [[]]}, "no list of names"),
        ({"response_types_supported": 5}, "no list of names"),
        ({"response_types_supported": "code"}, "no list of names"),
        ({"scopes_supported": {"a": 1}}, "no list of names"),
        ({"token_endpoint": "https://["}, "no address"),
        ({"anything": "a\0b"}, "can be kept"),
        ({"anything": "a\ud800b"}, "can be kept"),
    ],
)
def test_a_document_that_cannot_be_used_says_why(
    world: World, hostile: Hostile, document: dict[str, Any], said: str
) -> None:
    hostile.document |= document
    with pytest.raises(discovery.CannotDiscover, match=said):
        discovery.read(hostile.issuer)


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "okta",
        "ftp://x.example",
        "https://x.example/?a=b",
        "https://x.example/#a",
        "https://",
        "https://[",
    ],
)
def test_an_issuer_that_is_no_address_is_refused(issuer: str) -> None:
    with pytest.raises(discovery.CannotDiscover):
        discovery.read(issuer)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"\xff\xfe", b"[" * 64_000])
def test_a_page_in_place_of_a_document_is_refused(hostile: Hostile, answer: Any) -> None:
    hostile.document = answer
    with pytest.raises(discovery.CannotDiscover):
        discovery.read(hostile.issuer)


def test_an_issuer_on_a_private_network_is_not_called(
    world: World, hostile: Hostile, settings: Any
) -> None:
    settings.OUTBOUND_ALLOW = []
    asked = len(hostile.asked)
    form = {"name": "Inside", "issuer": hostile.issuer}
    answer = world.olivia.client.post(page("providers"), form)
    assert answer.status_code == 422
    assert hostile.issuer in answer.content.decode()  # what was typed is kept
    assert len(hostile.asked) == asked
    assert not IdentityProvider.objects.within(world.organization).exists()


def test_only_the_providers_own_methods_can_be_chosen(world: World, okta: IdentityProvider) -> None:
    for algorithm in ("HS256", "none", "ES256"):
        plan = providers.ProviderPlan("Okta", "wayfork", signing_algorithm=algorithm)
        with pytest.raises(InvalidInput):
            providers.set_up(owner_of(world), okta.key, plan)


def test_two_organizations_may_call_their_providers_alike(world: World, hostile: Hostile) -> None:
    first = make_provider(owner_of(world), hostile.issuer, domain="")
    second = make_provider(owner_of(world), hostile.second, domain="")
    theirs = make_provider(owner_of(world, "stranger"), hostile.issuer, domain="")
    assert len({first.key, second.key, theirs.key}) == 3


def test_an_organization_trusts_an_issuer_once(
    world: World, okta: IdentityProvider, hostile: Hostile
) -> None:
    """By two rows one subject could stand for two accounts, which approve each other."""
    with pytest.raises(providers.IssuerTaken):
        make_provider(owner_of(world), hostile.issuer, name="Okta two", domain="")
    form = {"name": "Okta two", "issuer": hostile.issuer}
    answer = world.olivia.client.post(page("providers"), form)
    assert answer.status_code == 422
    said = answer.content.decode()
    assert "Okta is the provider of this issuer already." in said
    assert "Okta two" in said
    asked = Api.of(world.olivia).post("/api/v1/organizations/solar/providers", form)
    assert (asked.status, asked.body["code"]) == (409, "issuer_taken")
    assert make_provider(owner_of(world, "stranger"), hostile.issuer, domain="").is_enabled
    assert IdentityProvider.objects.within(world.organization).count() == 1


def test_the_table_holds_an_issuer_once_too(world: World, okta: IdentityProvider) -> None:
    """Two owners who add it at the same moment both find it missing."""
    with pytest.raises(IntegrityError):
        IdentityProvider.objects.create(
            organization=world.organization, key="twin", issuer=okta.issuer, client_secret=b""
        )


def test_a_wrong_form_says_what_to_do_and_keeps_what_was_entered(
    world: World, okta: IdentityProvider
) -> None:
    form = {
        "name": "Okta",
        "client_id": "wayfork",
        "signing_algorithm": "RS256",
        "scopes": "email only",
        "refresh_minutes": "15",
        "session_hours": "12",
    }
    answer = world.olivia.client.post(page("provider", okta.key), form)
    assert answer.status_code == 422
    said = answer.content.decode()
    assert "openid" in said
    assert "email only" in said


def test_a_provider_without_a_client_id_is_not_switched_on(world: World, hostile: Hostile) -> None:
    row = providers.add(owner_of(world), "New", discovery.read(hostile.issuer))
    with pytest.raises(providers.NotSetUp):
        providers.switch(owner_of(world), row.key, is_enabled=True)


def test_discovery_is_read_again_after_a_day_and_an_outage_changes_nothing(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    IdentityProvider.across_tenants.update(discovered_at="2020-01-01T00:00:00Z")
    hostile.document = {}
    assert browser.sign_in(okta.key).status_code == 302
    hostile.reset()
    # A minute later: until then an outage is not asked about again.
    cache.clear()
    hostile.document["authorization_endpoint"] = f"{hostile.issuer}/moved"
    hostile.keys = [published("first")]
    led = browser.client.get(f"/sso/{okta.key}/login")
    assert led.headers["Location"].startswith(f"{hostile.issuer}/moved?")


# --- domains


class NameServer(BaseRequestHandler):
    """Answers TXT questions from what the test wrote down."""

    records: dict[str, list[str]]

    def handle(self) -> None:
        data, socket = self.request
        asked = dns.message.from_wire(data)
        name = asked.question[0].name
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.AA
        texts = self.records.get(name.to_text().rstrip("."), [])
        if texts:
            written = [f'"{text}"' for text in texts]
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *written))
        socket.sendto(answer.to_wire(), self.client_address)


@contextmanager
def name_server(records: dict[str, list[str]]) -> Iterator[str]:
    """Where to ask."""
    listener = type("Listener", (NameServer,), {"records": records})
    with UDPServer(("127.0.0.1", 0), listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_domain_is_proved_by_its_own_record(world: World, settings: Any) -> None:
    records: dict[str, list[str]] = {"solar.example": ["v=spf1 -all"]}
    claimed = domains.claim(owner_of(world), "Solar.Example.")
    assert claimed.domain == "solar.example"
    client = world.olivia.client
    with name_server(records) as server:
        settings.DNS_SERVERS = [server]
        answer = client.post(page("domain-prove", claimed.pk))
        assert answer.status_code == 409
        assert "TXT record" in answer.content.decode()
        records["solar.example"].append(f"wayfork-verification={claimed.token}")
        assert client.post(page("domain-prove", claimed.pk)).status_code == 302
    claimed.refresh_from_db()
    assert (claimed.proved_at is not None, claimed.proved_by) == (True, "DNS")


def test_the_record_of_another_organization_proves_nothing(world: World, settings: Any) -> None:
    ours = domains.claim(owner_of(world), "solar.example")
    theirs = domains.claim(owner_of(world, "stranger"), "solar.example")
    assert ours.token != theirs.token
    records = {"solar.example": [f"wayfork-verification={ours.token}"]}
    with name_server(records) as server:
        settings.DNS_SERVERS = [server]
        with pytest.raises(domains.NotProved):
            domains.prove(owner_of(world, "stranger"), theirs.pk)
        domains.prove(owner_of(world), ours.pk)
        records["solar.example"].append(f"wayfork-verification={theirs.token}")
        with pytest.raises(domains.ProvedElsewhere):
            domains.prove(owner_of(world, "stranger"), theirs.pk)


def test_a_domain_proved_elsewhere_cannot_be_claimed(world: World, okta: IdentityProvider) -> None:
    with pytest.raises(domains.ProvedElsewhere):
        domains.claim(owner_of(world, "stranger"), "solar.example")
    with pytest.raises(CommandError):
        call_command("prove_domain", "stranger", "solar.example")


def test_a_name_server_that_does_not_answer_is_told_from_a_missing_record(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DNS_SERVERS = ["127.0.0.1:9"]
    monkeypatch.setattr(domain_records, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(domain_records.CannotLookUp):
        domain_records.is_published("solar.example", "x")


@pytest.mark.parametrize(
    "domain",
    ["", "solar", "-a.example", "a b.example", "1.2.3.4", "http://x.example", "a..b", "*.x.io"],
)
def test_what_is_no_domain_is_refused_and_kept_in_the_form(world: World, domain: str) -> None:
    answer = world.olivia.client.post(page("domains"), {"domain": domain})
    assert answer.status_code == 422
    assert not ClaimedDomain.objects.within(world.organization).exists()


def test_an_operator_proves_a_domain_at_the_terminal(
    world: World, hostile: Hostile, capsys: pytest.CaptureFixture[str]
) -> None:
    row = make_provider(owner_of(world), hostile.issuer, domain="")
    call_command("prove_domain", "solar", "solar.example")
    assert "Solar's own" in capsys.readouterr().out
    assert identities.provider_for("x@solar.example") == row
    assert world.ledger()[-1].after == {"by": "operator"}


def test_a_domain_given_up_leads_nobody_any_more(world: World, okta: IdentityProvider) -> None:
    domain = ClaimedDomain.objects.within(world.organization).get()
    world.olivia.client.post(page("domain-give-up", domain.pk))
    assert identities.provider_for("x@solar.example") is None


def test_a_domain_can_be_led_to_another_provider_or_to_passwords(
    world: World, okta: IdentityProvider, hostile: Hostile
) -> None:
    second = make_provider(owner_of(world), hostile.second, name="Second", domain="")
    domain = ClaimedDomain.objects.within(world.organization).get()
    client = world.olivia.client
    client.post(page("domain-route", domain.pk), {"provider": second.key})
    assert identities.provider_for("x@solar.example") == second
    client.post(page("domain-route", domain.pk), {"provider": ""})
    assert identities.provider_for("x@solar.example") is None
    theirs = make_provider(owner_of(world, "stranger"), hostile.issuer, name="T", domain="")
    answer = client.post(page("domain-route", domain.pk), {"provider": theirs.key})
    assert answer.status_code == 404


# --- pages


def test_the_pages_show_everything_there_is_to_do(world: World, okta: IdentityProvider) -> None:
    client = world.olivia.client
    claimed = domains.claim(owner_of(world), "panels.example", okta.key)
    listed = client.get(page("providers")).content.decode()
    assert f"wayfork-verification={claimed.token}" in listed
    assert "olivia@solar.example may use a password" in listed
    providers.add_group(owner_of(world), okta.key, "devs", project_key="shop", role="editor")
    shown = client.get(page("provider", okta.key)).content.decode()
    assert "editor in Shop" in shown
    assert "Test connection" in shown


def test_requiring_is_offered_once_somebody_is_led_there(
    world: World, okta: IdentityProvider
) -> None:
    client, here = world.olivia.client, page("provider", okta.key)
    assert "Require this sign-in" in client.get(here).content.decode()
    providers.switch(owner_of(world), okta.key, is_enabled=False)
    said = client.get(here).content.decode()
    assert "Require this sign-in" not in said
    assert "Switch the provider on and prove a domain first" in said


def test_an_admin_of_a_project_is_not_let_near_the_sign_in(
    world: World, okta: IdentityProvider
) -> None:
    assert world.ada.client.get(page("providers")).status_code == 403
    assert world.ada.client.get(page("provider-test", okta.key)).status_code == 403


def test_a_test_by_somebody_who_is_no_owner_any_more_shows_nothing(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    browser.client.force_login(world.olivia.user)
    led = browser.client.get(page("provider-test", okta.key))
    state = led.headers["Location"].partition("state=")[2].partition("&")[0]
    nonce = browser.client.session["oidc_states"][state]["nonce"]
    world.olivia.user.memberships.update(is_owner=False)
    answer = browser.answered(okta.key, {"state": state, "nonce": nonce})
    assert answer.status_code == 403
    assert "email_verified" not in answer.content.decode()
