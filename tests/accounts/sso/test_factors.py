"""Second factors that a company's provider vouches for, or does not."""

import pytest

from accounts.models import IdentityProvider, Organization, Project
from tests.api import Api
from tests.identity_provider.visitors import Browser
from tests.world.cast import World

SETTINGS = "/org/solar/settings/"
WARNING = "vouches for no second factor"


@pytest.fixture
def strict(world: World, okta: IdentityProvider) -> World:
    """Solar asks for a second factor, and Olivia has shown hers."""
    Project.across_tenants.filter(pk=world.project.pk).update(is_open=True)
    Organization.objects.filter(pk=world.organization.pk).update(require_mfa=True)
    return world


def plan(name: str, **changed: str) -> dict[str, str]:
    """The form as an owner sends it."""
    return {
        "name": name,
        "client_id": "wayfork",
        "signing_algorithm": "RS256",
        "scopes": "openid email",
        "refresh_minutes": "15",
        "session_hours": "12",
        **changed,
    }


def owner_comes_in(world: World, okta: IdentityProvider, browser: Browser) -> None:
    """By the provider, which is how an owner without a factor of ours gets in."""
    browser.client.force_login(world.olivia.user)
    browser.answered(okta.key, browser.begin(okta.key, "connect"), sub="o")
    browser.client.post(f"/sso/{okta.key}/link")


def test_who_comes_in_by_a_provider_that_tells_of_no_factor_is_let_in_still(
    strict: World, okta: IdentityProvider, browser: Browser
) -> None:
    browser.sign_in(okta.key, amr=["pwd"])
    assert browser.client.get(strict.url("flags/")).status_code == 200


@pytest.mark.parametrize("requirement", ["required_acr", "required_amr"])
def test_owners_are_warned_until_the_provider_has_to_tell_of_a_factor(
    strict: World, okta: IdentityProvider, browser: Browser, requirement: str
) -> None:
    owner_comes_in(strict, okta, browser)
    page = f"/org/solar/sign-in/providers/{okta.key}/"
    assert WARNING in browser.client.get(page).content.decode()
    shown = browser.client.get(SETTINGS).content.decode()
    assert f"Okta {WARNING}" in shown
    assert page in shown
    saved = browser.client.post(page, plan("Okta", **{requirement: "mfa"}))
    assert saved.status_code == 302
    for address in (page, SETTINGS):
        assert WARNING not in browser.client.get(address).content.decode()
    okta.refresh_from_db()
    assert getattr(okta, requirement) == "mfa"


def test_nobody_is_warned_while_no_factor_is_asked_for_or_the_provider_is_off(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    page = f"/org/solar/sign-in/providers/{okta.key}/"
    for address in (page, SETTINGS):
        assert WARNING not in world.olivia.client.get(address).content.decode()
    assert WARNING not in world.max.client.get(SETTINGS).content.decode()


def test_scripts_set_the_required_means(world: World, okta: IdentityProvider) -> None:
    api, address = Api.of(world.olivia), f"/api/v1/organizations/solar/providers/{okta.key}"
    read = api.get(address)
    assert read.body["required_amr"] == ""
    changed = api.patch(
        address,
        {"required_amr": "mfa hwk"},
        version=read.etag.strip('"'),
    )
    assert (changed.status, changed.body["required_amr"]) == (200, "mfa hwk")
