"""How long a company's word lasts: renewal, hard limits, signing out on either side."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import HASH_SESSION_KEY
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.actions import providers
from accounts.errors import DomainError
from accounts.live import look
from accounts.models import FederatedIdentity, IdentityProvider, SsoSession, User
from accounts.web.company_sign_in import RenewalNeeded
from tests.identity_provider.hostile import ABSENT, LOGOUT_EVENT, Hostile
from tests.identity_provider.visitors import Browser, last_cause, make_provider, owner_of
from tests.world.cast import PASSWORD, World

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/sso/"}


@pytest.fixture
def nina(okta: IdentityProvider, browser: Browser) -> Iterator[Browser]:
    """Somebody who has just come in, in a time that can be moved."""
    browser.sign_in(okta.key, sid="s-1")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        browser.clock = clock  # type: ignore[attr-defined]
        yield browser


def later(browser: Browser, **after: float) -> None:
    browser.clock.shift(timedelta(**after))  # type: ignore[attr-defined]
    # A real cache keeps its own time: what has passed here has not passed there.
    cache.clear()


# --- renewal


def test_a_page_asks_the_provider_again_without_a_question_and_comes_back(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    assert nina.client.get("/sso/").status_code == 200
    later(nina, minutes=16)
    led = nina.client.get("/sso/?tab=1")
    assert led.status_code == 302
    assert led.headers["Location"] == f"/sso/{okta.key}/renew?next=%2Fsso%2F%3Ftab%3D1"
    asked = nina.begin(okta.key, "renew", next="/sso/?tab=1")
    assert asked["prompt"] == "none"
    back = nina.answered(okta.key, asked)
    assert back.headers["Location"] == "/sso/?tab=1"
    assert nina.client.get("/sso/").status_code == 200


@pytest.mark.parametrize("error", ["login_required", "interaction_required", "access_denied"])
def test_silent_renewal_ends_the_session_of_somebody_removed(
    world: World, okta: IdentityProvider, nina: Browser, error: str
) -> None:
    later(nina, minutes=16)
    asked = nina.begin(okta.key, "renew")
    answer = nina.come_back(okta.key, state=asked["state"], error=error)
    assert answer.status_code == 403
    assert "signed out here" in answer.content.decode()
    assert nina.person is None
    assert not SsoSession.objects.within(world.organization).exists()
    assert nina.client.get("/sso/").status_code == 302


def test_a_forged_excuse_of_the_provider_ends_the_session_too(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    """The error comes by the browser: who was removed could say that the provider is busy."""
    later(nina, minutes=16)
    asked = nina.begin(okta.key, "renew")
    nina.come_back(okta.key, state=asked["state"], error="temporarily_unavailable")
    assert nina.person is None


def test_a_provider_that_answers_for_somebody_else_ends_the_session(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    later(nina, minutes=16)
    asked = nina.begin(okta.key, "renew")
    nina.answered(okta.key, asked, sub="olaf", email="olaf@solar.example")
    assert nina.person is None


def test_a_provider_that_is_down_keeps_people_waiting_but_ends_nothing(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    later(nina, minutes=16)
    hostile.status = 503
    asked = nina.begin(okta.key, "renew")
    assert nina.answered(okta.key, asked).status_code == 503
    assert nina.person is not None
    assert nina.client.get("/sso/").headers["Location"].startswith(f"/sso/{okta.key}/renew")


def test_fragments_and_writes_are_told_where_to_renew(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    later(nina, minutes=16)
    for answer in (
        nina.client.get("/sso/", headers=HTMX),
        nina.client.post("/sso/", headers=HTMX),
        nina.client.post(f"/sso/{okta.key}/disconnect"),
        nina.client.get("/api/v1/organizations"),
        nina.client.get("/sso/", headers={"Sec-Fetch-Dest": "empty"}),
    ):
        assert answer.status_code == 403
        assert answer.headers["Wayfork-Renew"].startswith(f"/sso/{okta.key}/renew")
    assert nina.person is not None


def test_renewal_keeps_groups_in_step(world: World, okta: IdentityProvider, nina: Browser) -> None:
    providers.add_group(owner_of(world), okta.key, "devs", project_key="shop", role="editor")
    later(nina, minutes=16)
    nina.answered(okta.key, nina.begin(okta.key, "renew"), groups=["devs"])
    assert nina.client.get(world.url("flags/")).status_code == 200
    later(nina, minutes=16)
    nina.answered(okta.key, nina.begin(okta.key, "renew"), groups=[])
    assert nina.client.get(world.url("flags/")).status_code == 404


def test_no_renewal_moves_the_hard_limit(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    for _hour in range(11):
        later(nina, hours=1)
        nina.answered(okta.key, nina.begin(okta.key, "renew"))
        assert nina.client.get("/sso/").status_code == 200
    later(nina, hours=1)
    answer = nina.client.get("/sso/")
    assert answer.status_code == 401
    assert "has ended" in answer.content.decode()
    assert nina.person is None


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
def test_the_hard_limit_holds_for_every_method(
    world: World, okta: IdentityProvider, nina: Browser, method: str
) -> None:
    later(nina, hours=13)
    answer = getattr(nina.client, method)("/api/v1/organizations")
    assert answer.status_code == 401
    assert nina.person is None


def test_sessions_end_when_the_provider_is_switched_off_or_deleted(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    providers.switch(owner_of(world), okta.key, is_enabled=False)
    assert nina.client.get("/sso/").status_code == 401
    providers.switch(owner_of(world), okta.key, is_enabled=True)
    assert nina.client.get("/sso/").status_code == 302
    nina.sign_in(okta.key)
    providers.delete(owner_of(world), okta.key)
    assert nina.client.get("/sso/").status_code == 401


def test_people_who_signed_in_with_a_password_are_left_alone(
    world: World, okta: IdentityProvider
) -> None:
    client = Client()
    client.force_login(world.vera.user)
    with time_machine.travel(timezone.now() + timedelta(hours=20)):
        assert client.get("/sso/").status_code == 200


def test_renewing_without_a_session_leads_to_signing_in(
    world: World, okta: IdentityProvider
) -> None:
    answer = Client().get(f"/sso/{okta.key}/renew")
    assert answer.headers["Location"] == f"/sso/{okta.key}/login"


# --- signing out here


def test_signing_out_here_goes_on_to_the_provider(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    answer = nina.client.post("/accounts/logout/")
    said = answer.content.decode()
    assert answer.status_code == 200
    assert f"{hostile.issuer}/goodbye?client_id=wayfork" in said
    assert "id_token_hint=ey" in said
    assert nina.person is None
    assert not SsoSession.objects.within(world.organization).exists()
    assert world.ledger()[-1].action == "sso.logged_out"
    assert "no-store" in answer.headers["Cache-Control"]


def test_signing_out_of_a_password_session_goes_nowhere_else(
    world: World, okta: IdentityProvider
) -> None:
    assert world.vera.client.post("/accounts/logout/").status_code == 302


# --- signing out there (back channel)


def tell(okta: IdentityProvider, token: str) -> Any:
    client = Client(enforce_csrf_checks=True)
    return client.post(f"/sso/{okta.key}/back-channel", {"logout_token": token})


def test_signing_out_there_ends_the_session_here(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    answer = tell(okta, hostile.sign(hostile.logout_claims(), typ="logout+jwt"))
    assert answer.status_code == 200
    assert answer.content == b""
    assert "no-store" in answer.headers["Cache-Control"]
    assert nina.person is None
    assert nina.client.get("/sso/").status_code == 302
    assert world.ledger()[-1].action == "sso.logged_out"


def test_a_sign_out_by_sid_ends_that_session_and_no_other(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    laptop = Browser(hostile)
    laptop.sign_in(okta.key, sid="s-2")
    assert tell(okta, hostile.sign(hostile.logout_claims(sid="s-2", sub=ABSENT))).status_code == 200
    assert laptop.person is None
    assert nina.person is not None


def test_a_sign_out_by_subject_ends_all_of_that_persons_sessions(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    laptop = Browser(hostile)
    laptop.sign_in(okta.key, sid="s-2")
    olaf = Browser(hostile)
    olaf.sign_in(okta.key, sub="olaf", email="olaf@solar.example")
    tell(okta, hostile.sign(hostile.logout_claims()))
    assert (nina.person, laptop.person) == (None, None)
    assert olaf.person is not None


def test_a_session_whose_key_has_changed_since_is_ended_too(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    session = nina.client.session
    session.cycle_key()
    nina.client.cookies["wayfork_session"] = str(session.session_key)
    tell(okta, hostile.sign(hostile.logout_claims()))
    assert nina.client.get("/sso/").status_code == 401


def test_a_sign_out_that_concerns_nobody_is_fine(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    assert tell(okta, hostile.sign(hostile.logout_claims(sub="who"))).status_code == 200
    assert nina.person is not None


WRONG: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "other"},
    "another issuer": {"iss": "https://elsewhere.example"},
    "no issuer": {"iss": ABSENT},
    "no time of issue": {"iat": ABSENT},
    "no expiry": {"exp": ABSENT},
    "issued long ago": {"iat": 1_600_000_000},
    "expired": {"exp": 1_600_000_000},
    "no events": {"events": ABSENT},
    "another event": {"events": {"http://schemas.example/other": {}}},
    "an event that is no object": {"events": {LOGOUT_EVENT: True}},
    "a list of events": {"events": [LOGOUT_EVENT]},
    "a nonce": {"nonce": "n"},
    "neither subject nor session": {"sub": ABSENT},
    "no name of its own": {"jti": ABSENT},
    "a name that is a number": {"jti": 7},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_logout_token_that_is_wrong_in_one_respect_ends_nothing(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile, what: str
) -> None:
    answer = tell(okta, hostile.sign(hostile.logout_claims(**WRONG[what])))
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert "no-store" in answer.headers["Cache-Control"]
    assert nina.person is not None


def test_a_logout_token_works_once(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    token = hostile.sign(hostile.logout_claims())
    assert tell(okta, token).status_code == 200
    again = Browser(hostile)
    again.sign_in(okta.key)
    assert tell(okta, token).status_code == 400
    assert again.person is not None


def test_unsigned_forged_or_missing_logout_tokens_end_nothing(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    claims = hostile.logout_claims()
    for token in (
        "",
        "noise",
        hostile.unsigned(claims),
        hostile.sign(claims, key="second", kid="first"),
        hostile.sign(hostile.claims("n")),
        hostile.sign(claims, typ="at+jwt"),
    ):
        assert tell(okta, token).status_code == 400
    assert nina.person is not None


def test_a_logout_token_of_one_provider_ends_no_session_of_another(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    token = hostile.sign(hostile.logout_claims())
    IdentityProvider.across_tenants.filter(pk=okta.pk).update(issuer="https://another.example")
    assert tell(okta, token).status_code == 400
    assert nina.person is not None


# --- what is open besides pages


def test_an_open_socket_hears_of_the_end_though_it_loads_no_page(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    """Sockets ask for their ticket anew every few seconds; no middleware stands before them."""
    headers = {"cookie": f"wayfork_session={nina.client.session.session_key}"}
    look(headers, "organization=solar")
    later(nina, hours=13)
    with pytest.raises(DomainError):
        look(headers, "organization=solar")


def test_an_open_socket_is_closed_once_the_provider_should_have_been_asked_again(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    """A page that is never loaded again would hear for as long as the session may last."""
    headers = {"cookie": f"wayfork_session={nina.client.session.session_key}"}
    look(headers, "organization=solar")
    later(nina, minutes=16)
    with pytest.raises(RenewalNeeded):
        look(headers, "organization=solar")
    nina.answered(okta.key, nina.begin(okta.key, "renew"))
    look(headers, "organization=solar")


def test_an_open_socket_ends_with_its_provider(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    headers = {"cookie": f"wayfork_session={nina.client.session.session_key}"}
    look(headers, "organization=solar")
    providers.switch(owner_of(world), okta.key, is_enabled=False)
    with pytest.raises(DomainError):
        look(headers, "organization=solar")


# --- the account itself


def move_away(browser: Browser) -> User:
    """The person's address is at a domain the company has not proved; they have a password."""
    person = browser.person
    assert person is not None
    person.email = "nina@freelance.example"
    person.set_password(PASSWORD)
    person.save()
    session = browser.client.session
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return person


OWN_PAGES = [
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/password/set/",
    "/accounts/reauthenticate/",
    "/accounts/second-factor/",
    "/accounts/second-factor/totp/activate/",
    "/accounts/second-factor/webauthn/add/",
    "/account/profile/",
    "/account/sessions/",
    "/sso/okta/connect",
    "/sso/okta/disconnect",
    "/sso/okta/link",
]


@pytest.mark.parametrize("page", OWN_PAGES)
def test_a_company_changes_nothing_about_accounts_of_addresses_it_has_not_proved(
    world: World, okta: IdentityProvider, nina: Browser, page: str
) -> None:
    move_away(nina)
    assert nina.client.get("/org/solar/people/").status_code == 200
    for answer in (nina.client.get(page), nina.client.post(page)):
        assert answer.status_code == 403
        assert "sign in with your password" in answer.content.decode()
    assert nina.client.post("/accounts/logout/").status_code == 200


def test_a_company_looks_after_the_accounts_of_its_own_domain(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    assert nina.client.get("/accounts/email/").status_code == 200
    assert nina.client.get("/account/profile/").status_code == 200


def test_a_company_that_has_not_proved_the_address_opens_no_admin(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    person = move_away(nina)
    person.is_staff = person.is_superuser = True
    person.save()
    assert nina.client.get("/admin/").status_code == 302
    person.email = "nina@solar.example"
    person.save()
    assert nina.client.get("/admin/").status_code == 200


def test_a_providers_word_is_no_fresh_proof_for_whoever_has_a_password(
    world: World, okta: IdentityProvider, nina: Browser
) -> None:
    person = move_away(nina)
    person.email = "nina@solar.example"
    person.save()
    led = nina.client.get("/accounts/second-factor/totp/activate/")
    assert led.headers["Location"].startswith("/accounts/reauthenticate/")


def test_a_renewal_by_another_provider_of_the_same_subject_ends_the_session(
    world: World, okta: IdentityProvider, nina: Browser, hostile: Hostile
) -> None:
    other = make_provider(owner_of(world), hostile.second, name="Other", domain="")
    later(nina, minutes=16)
    mine = SsoSession.objects.within(world.organization).get().identity
    FederatedIdentity.across_tenants.filter(pk=mine.pk).update(provider=other)
    asked = nina.begin(other.key, "renew")
    FederatedIdentity.across_tenants.filter(pk=mine.pk).update(provider=okta)
    FederatedIdentity.objects.create(provider=other, subject=mine.subject, user=mine.user)
    assert nina.answered(other.key, asked, iss=other.issuer).status_code == 403
    assert last_cause(world) == "other_person"
    assert nina.person is None
