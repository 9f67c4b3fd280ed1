"""What home, the switcher, REST and open sockets say of organizations a session may not enter."""

from typing import Any

import pytest
from django.test import Client

from accounts import access as tickets
from accounts.actions import members, organizations, providers
from accounts.errors import DomainError
from accounts.live import look
from accounts.models import IdentityProvider, Membership, Organization
from tests.accounts.local.people import give_factor, sign_in, sign_in_with_code
from tests.api import Api
from tests.identity_provider.hostile import Hostile
from tests.identity_provider.visitors import Browser, owner_of
from tests.world.cast import World

MORE = "/?all=1"


@pytest.fixture
def second(world: World) -> Organization:
    """Max belongs to one more organization, with a project, and Olivia asks for more."""
    made = organizations.create_organization("second", "Second Sun", world.max.user)
    access = tickets.of_member(world.max.user, "second")
    organizations.create_project(access, "roof", "Secret Roof")
    return made


def ask_for_factors(organization: Organization) -> None:
    Organization.objects.filter(pk=organization.pk).update(require_mfa=True)


def require_company(world: World, okta: IdentityProvider) -> None:
    owner = owner_of(world)
    olivia = Membership.objects.within(world.organization).get(user=world.olivia.user)
    providers.set_break_glass(owner, olivia.pk, allowed=True)
    providers.require(owner, okta.key, is_required=True)


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def connected(world: World, okta: IdentityProvider, hostile: Hostile) -> Browser:
    """Stan's other company is Solar: its provider vouches for a session of his."""
    members.join(world.organization, world.stan.user, via="test", origin=tickets.Origin())
    own = Browser(hostile)
    own.client.force_login(world.stan.user)
    own.answered(okta.key, own.begin(okta.key, "connect"), sub="st")
    own.client.post(f"/sso/{okta.key}/link")
    browser = Browser(hostile)
    browser.sign_in(okta.key, sub="st")
    assert browser.person == world.stan.user
    return browser


def hears(client: Client, query: str) -> bool:
    """Whether an open page's socket is told anything."""
    headers = {"cookie": f"wayfork_session={client.session.session_key}"}
    try:
        look(headers, query)
    except DomainError:
        return False
    return True


# --- a second factor that is missing


def test_an_organization_that_asks_for_a_factor_is_shown_locked_with_what_to_do(
    world: World, second: Organization
):
    ask_for_factors(second)
    client = sign_in(world.max.user)
    page = text_of(client, "/")
    assert "Second Sun" in page
    assert "asks for a second factor" in page
    assert "/account/second-factor/?next=" in page
    assert "Set up a second factor" in page
    assert "Secret Roof" not in page
    assert "/org/second/" not in page
    give_factor(world.max.user)
    assert "Use your second factor" in text_of(client, "/")
    rail = text_of(client, world.url("flags/"))
    assert "Second Sun (locked)" in rail
    assert "/org/second/" not in rail


def test_it_opens_when_the_factor_was_used(world: World, second: Organization):
    ask_for_factors(second)
    give_factor(world.max.user)
    page = text_of(sign_in_with_code(world.max.user), MORE)
    assert "Secret Roof" in page
    assert "asks for a second factor" not in page


def test_rest_lists_only_what_a_session_or_token_may_enter(world: World, second: Organization):
    ask_for_factors(second)
    client = sign_in(world.max.user)
    for path in ("/api/v1/me", "/api/v1/organizations"):
        said = client.get(path).content.decode()
        assert "solar" in said
        assert "roof" not in said
    ask_for_factors(world.organization)
    api = Api.of(world.max)
    assert api.get("/api/v1/organizations").body["items"] == []
    assert api.get("/api/v1/me").body["organizations"] == []
    give_factor(world.max.user)
    assert len(api.get("/api/v1/organizations").body["items"]) == 1


def test_an_open_socket_obeys_the_required_factor(world: World):
    give_factor(world.max.user)
    with_code, without = sign_in_with_code(world.max.user), Client()
    without.force_login(world.max.user)
    here = "organization=solar&project=shop&environment=production"
    assert hears(without, here)
    ask_for_factors(world.organization)
    assert hears(with_code, here)
    for query in (here, "organization=solar&project=shop", "organization=solar"):
        assert not hears(without, query)


# --- the company's sign-in, required


def test_an_organization_that_wants_its_company_is_shown_locked_with_the_way_in(
    world: World, okta: IdentityProvider, second: Organization
):
    client = Client()
    client.force_login(world.max.user)
    assert hears(client, "organization=solar")
    require_company(world, okta)
    page = text_of(client, "/")
    assert "is opened by Okta" in page
    assert f"/sso/{okta.key}/login?next=%2F" in page
    assert "/o/solar/" not in page
    assert "Secret Roof" in page
    assert not hears(client, "organization=solar")
    assert not hears(client, "organization=solar&project=shop&environment=production")
    assert hears(client, "organization=second")


def test_whoever_came_in_by_the_company_finds_it_open(
    world: World, okta: IdentityProvider, browser: Browser
):
    require_company(world, okta)
    browser.sign_in(okta.key)
    assert hears(browser.client, "organization=solar")
    assert "is opened by" not in text_of(browser.client, MORE)


# --- another company's session


def test_a_company_is_not_told_where_else_its_people_belong(
    world: World, okta: IdentityProvider, hostile: Hostile
):
    browser = connected(world, okta, hostile)
    for path in (MORE, "/sso/", "/org/solar/people/", "/api/v1/me", "/api/v1/organizations"):
        said = text_of(browser.client, path)
        assert "Stranger" not in said, path
        assert "/stranger/" not in said, path
    assert "sign in with your password to see them" in text_of(browser.client, MORE)
    assert not hears(browser.client, "organization=stranger")


def test_a_lock_tells_a_company_no_more_than_an_open_door(
    world: World, okta: IdentityProvider, hostile: Hostile
):
    ask_for_factors(Organization.objects.get(key="stranger"))
    browser = connected(world, okta, hostile)
    assert "Stranger" not in text_of(browser.client, MORE)


def test_one_is_told_of_all_when_signed_in_oneself(
    world: World, okta: IdentityProvider, hostile: Hostile
):
    connected(world, okta, hostile)
    local = Client()
    local.force_login(world.stan.user)
    page = text_of(local, MORE)
    assert "Stranger" in page
    assert "Solar" in page
    assert "speaks for its own organization alone" not in page


def test_a_company_that_proved_the_address_opens_its_peoples_other_organizations(
    world: World, okta: IdentityProvider, browser: Browser
):
    browser.sign_in(okta.key)
    person: Any = browser.person
    organizations.create_organization("second", "Second Sun", person)
    page = text_of(browser.client, MORE)
    assert "Second Sun" in page
    assert "speaks for its own organization alone" not in page
