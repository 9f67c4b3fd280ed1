"""Personal tokens of people whose company no longer vouches for them."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import access as tickets
from accounts.actions import credentials, members, providers
from accounts.models import (
    AccessToken,
    FederatedIdentity,
    IdentityProvider,
    Membership,
    Project,
    User,
)
from tests.api import ROOT, Api
from tests.identity_provider.hostile import ABSENT, Hostile
from tests.identity_provider.visitors import Browser, make_provider, owner_of
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


def test_a_provider_can_be_told_that_its_sign_outs_stop_no_script(
    world: World, okta: IdentityProvider, nina: Browser, script: Api, hostile: Hostile
) -> None:
    plan = providers.ProviderPlan("Okta", "wayfork", sign_out_stops_tokens=False)
    providers.set_up(owner_of(world), okta.key, plan)
    tell(okta, hostile)
    assert nina.person is None
    assert script.get(FLAGS).status == 200


# --- a provider that says nothing


def require(world: World, okta: IdentityProvider, **plan: Any) -> None:
    olivia = Membership.objects.within(world.organization).get(user=world.olivia.user)
    providers.set_break_glass(owner_of(world), olivia.pk, allowed=True)
    providers.set_up(owner_of(world), okta.key, providers.ProviderPlan("Okta", "wayfork", **plan))
    providers.require(owner_of(world), okta.key, is_required=True)


def suspensions_of(world: World) -> list[tuple[str, str]]:
    lines = [line for line in world.ledger() if line.action == "member.tokens_suspended"]
    return [(line.target, line.reason) for line in lines]


def test_tokens_wait_after_days_without_a_sign_in_by_a_required_provider(
    world: World, okta: IdentityProvider, nina: Browser, script: Api
) -> None:
    """Removed there, and nobody says so: no directory, no back channel, no browser that asks."""
    require(world, okta)
    start = timezone.now()
    with time_machine.travel(start + timedelta(days=13)):
        assert script.get(FLAGS).status == 200
    with time_machine.travel(start + timedelta(days=15)):
        assert_suspended(script)
        assert_suspended(script)
        assert suspensions_of(world) == [
            ("nina@solar.example", "no sign-in or renewal by the provider for too long")
        ]
        Browser(nina.hostile).sign_in(okta.key)
        assert script.get(FLAGS).status == 200


def test_a_renewal_is_a_word_of_the_provider_as_well(
    world: World, okta: IdentityProvider, nina: Browser, script: Api
) -> None:
    require(world, okta, session_hours=720)
    with time_machine.travel(timezone.now() + timedelta(days=10)):
        nina.answered(okta.key, nina.begin(okta.key, "renew"))
    with time_machine.travel(timezone.now() + timedelta(days=20)):
        assert script.get(FLAGS).status == 200
    with time_machine.travel(timezone.now() + timedelta(days=25)):
        assert_suspended(script)


def test_whoever_never_came_in_by_a_required_provider_has_as_long_from_then_on(
    world: World, okta: IdentityProvider
) -> None:
    """Max has a password from before, and an address of the provider's domain."""
    api = Api.of(world.max)
    with time_machine.travel(timezone.now() + timedelta(days=100)):
        require(world, okta)
        assert api.get(FLAGS).status == 200
        providers.require(owner_of(world), okta.key, is_required=True)
    with time_machine.travel(timezone.now() + timedelta(days=113)):
        assert api.get(FLAGS).status == 200
    with time_machine.travel(timezone.now() + timedelta(days=115)):
        assert_suspended(api)
        # Whoever may break the glass may go without it.
        assert Api.of(world.olivia).get(FLAGS).status == 200


@pytest.mark.parametrize("is_required", [True, False])
def test_nobodys_tokens_wait_where_none_is_required_or_no_days_are_given(
    world: World, okta: IdentityProvider, script: Api, is_required: bool
) -> None:
    require(world, okta, tokens_wait_after_days=0 if is_required else 14)
    providers.require(owner_of(world), okta.key, is_required=is_required)
    with time_machine.travel(timezone.now() + timedelta(days=300)):
        assert script.get(FLAGS).status == 200
    assert suspensions_of(world) == []


def test_people_of_two_required_providers_need_the_word_of_one(
    world: World, okta: IdentityProvider, nina: Browser, script: Api, hostile: Hostile
) -> None:
    """As after a move from one provider to the next."""
    require(world, okta)
    other = make_provider(owner_of(world), hostile.second, name="New", domain="new.example")
    providers.require(owner_of(world), other.key, is_required=True)
    person = nina.person
    with time_machine.travel(timezone.now() + timedelta(days=20)):
        identity = FederatedIdentity.objects.create(
            provider=other, subject="n", user=person, last_used_at=timezone.now()
        )
        assert script.get(FLAGS).status == 200
        FederatedIdentity.across_tenants.filter(pk=identity.pk).update(last_used_at=None)
        IdentityProvider.across_tenants.filter(pk=other.pk).update(required_since=None)
        assert_suspended(script)


def test_a_token_asks_one_thing_more_only_where_a_provider_is_required(
    world: World, okta: IdentityProvider, nina: Browser, script: Api
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            credentials.token(script.token)
        return len(queries)

    asked()
    before = asked()
    require(world, okta)
    assert asked() == before + 1
