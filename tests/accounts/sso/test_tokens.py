"""Personal tokens of people whose company no longer vouches for them."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts import access as tickets
from accounts.actions import credentials, members, providers
from accounts.models import AccessToken, IdentityProvider, Membership, Project, User
from tests.api import ROOT, Api
from tests.identity_provider.hostile import ABSENT, Hostile
from tests.identity_provider.visitors import Browser, owner_of
from tests.world.cast import PASSWORD, World

FLAGS = ROOT + "/flags"


@pytest.fixture
def nina(world: World, okta: IdentityProvider, browser: Browser) -> Browser:
    """Somebody who came in just in time, and may look at the shop."""
    Project.across_tenants.filter(pk=world.project.pk).update(is_open=True)
    browser.sign_in(okta.key, sid="s-1")
    return browser


@pytest.fixture
def script(nina: Browser) -> Api:
    """Her script."""
    return script_of(nina)


def script_of(browser: Browser) -> Api:
    assert browser.person is not None
    access = tickets.of_member(browser.person, "solar")
    api = Api(credentials.create_token(access, "laptop").secret)
    assert api.get(FLAGS).status == 200
    return api


def refuse_renewal(browser: Browser, okta: IdentityProvider, error: str) -> None:
    asked = browser.begin(okta.key, "renew")
    browser.come_back(okta.key, state=asked["state"], error=error)
    assert browser.person is None


def tell(okta: IdentityProvider, hostile: Hostile, **claims: Any) -> None:
    token = hostile.sign(hostile.logout_claims(**claims))
    answer = Client().post(f"/sso/{okta.key}/back-channel", {"logout_token": token})
    assert answer.status_code == 200


def assert_suspended(script: Api) -> None:
    answer = script.get(FLAGS)
    assert (answer.status, answer.body["code"]) == (401, "token_suspended")
    assert "Sign in again through your company" in answer.body["hint"]


def test_tokens_wait_from_a_renewal_that_denies_the_person_until_the_next_sign_in(
    world: World, okta: IdentityProvider, nina: Browser, script: Api
) -> None:
    refuse_renewal(nina, okta, "access_denied")
    assert_suspended(script)
    lines = [line for line in world.ledger() if line.action == "member.tokens_suspended"]
    assert [(line.target, line.after) for line in lines] == [
        ("nina@solar.example", {"provider": okta.key, "tokens": 1})
    ]
    nina.sign_in(okta.key)
    assert script.get(FLAGS).status == 200
    assert "member.tokens_resumed" in {line.action for line in world.ledger()}


@pytest.mark.parametrize("error", ["login_required", "interaction_required", "server_error"])
def test_a_session_that_is_merely_over_at_the_provider_stops_no_script(
    okta: IdentityProvider, nina: Browser, script: Api, error: str
) -> None:
    refuse_renewal(nina, okta, error)
    assert script.get(FLAGS).status == 200


def test_tokens_wait_when_the_provider_ends_the_sign_in(
    okta: IdentityProvider, nina: Browser, script: Api, hostile: Hostile
) -> None:
    tell(okta, hostile)
    assert nina.person is None
    assert_suspended(script)
    nina.sign_in(okta.key)
    assert script.get(FLAGS).status == 200


def test_tokens_wait_though_no_browser_was_signed_in_any_more(
    okta: IdentityProvider, nina: Browser, script: Api, hostile: Hostile
) -> None:
    nina.client.post("/accounts/logout/")
    cache.clear()  # Some minutes go by.
    tell(okta, hostile)
    assert_suspended(script)


def test_signing_out_here_and_with_it_there_stops_no_script(
    okta: IdentityProvider, nina: Browser, script: Api, hostile: Hostile
) -> None:
    nina.client.post("/accounts/logout/")
    assert nina.person is None
    assert script.get(FLAGS).status == 200
    tell(okta, hostile, sid="s-1")
    tell(okta, hostile)
    assert script.get(FLAGS).status == 200


def test_the_end_of_one_session_among_several_stops_no_script(
    okta: IdentityProvider, nina: Browser, script: Api, hostile: Hostile
) -> None:
    phone = Browser(hostile)
    phone.sign_in(okta.key, sid="s-2")
    tell(okta, hostile, sid="s-2", sub=ABSENT)
    assert phone.person is None
    assert script.get(FLAGS).status == 200


def connected(world: World, okta: IdentityProvider, hostile: Hostile, user: User) -> Browser:
    """Somebody who has a password, and a session by the provider."""
    browser = Browser(hostile)
    browser.client.force_login(user)
    browser.answered(okta.key, browser.begin(okta.key, "connect"), sub="st")
    browser.client.post(f"/sso/{okta.key}/link")
    return browser


def test_scripts_of_whom_the_company_does_not_speak_for_go_on_unless_it_is_required(
    world: World, okta: IdentityProvider, hostile: Hostile
) -> None:
    members.join(world.organization, world.stan.user, via="test", origin=tickets.Origin())
    Project.across_tenants.filter(pk=world.project.pk).update(is_open=True)
    stan = connected(world, okta, hostile, world.stan.user)
    script = script_of(stan)
    elsewhere = credentials.create_token(tickets.of_member(world.stan.user, "stranger"), "own")
    refuse_renewal(stan, okta, "access_denied")
    assert script.get(FLAGS).status == 200
    olivia = Membership.objects.within(world.organization).get(user=world.olivia.user)
    providers.set_break_glass(owner_of(world), olivia.pk, allowed=True)
    providers.require(owner_of(world), okta.key, is_required=True)
    stan.sign_in(okta.key, sub="st")
    refuse_renewal(stan, okta, "access_denied")
    assert_suspended(script)
    # What he holds elsewhere is none of this company's business.
    assert Api(elsewhere.secret).get("/api/v1/organizations/stranger").status == 200


def test_a_suspended_token_is_shown_so_and_stays_so_without_the_connection(
    world: World, okta: IdentityProvider, nina: Browser, script: Api
) -> None:
    person = nina.person
    assert person is not None
    refuse_renewal(nina, okta, "access_denied")
    person.set_password(PASSWORD)
    person.save()
    local = Client()
    local.force_login(person)
    assert "suspended" in local.get("/account/tokens/").content.decode()
    providers.delete(owner_of(world), okta.key)
    assert_suspended(script)
    assert AccessToken.objects.within(world.organization).get(label="laptop").revoked_at is None
