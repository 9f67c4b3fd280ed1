"""Company sign-in as a browser travels it: two sites, a strict content policy, no script needed."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, expect

from accounts.actions import providers
from accounts.models import IdentityProvider
from accounts.sso.options import callback_address, signed_out_address
from tests.browser.conftest import PATIENCE_MILLISECONDS
from tests.identity_provider.running import RealProvider, two_providers
from tests.identity_provider.visitors import make_provider, owner_of
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world

NINA = {"email": "nina@solar.example", "email_verified": True, "name": "Nina"}


@pytest.fixture(scope="module")
def north() -> Iterator[RealProvider]:
    """A certified provider with one person in it."""
    with two_providers() as (north, _south):
        north.has_accounts(nina=NINA)
        yield north


@pytest.fixture
def world_with_provider(
    live: LiveServer, north: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> tuple[World, IdentityProvider]:
    """Solar, whose people come in by North."""
    monkeypatch.setattr(settings, "OUTBOUND_ALLOW", ["127.0.0.0/8"])
    world = make_world()
    row = make_provider(owner_of(world), north.issuer, name="North")
    made = north.register(
        redirect_uris=[callback_address(row)], post_logout_redirect_uris=[signed_out_address(row)]
    )
    plan = providers.ProviderPlan("North", made["client_id"], default_role="viewer")
    return world, providers.set_up(owner_of(world), row.key, plan, made["client_secret"])


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def context(
    chromium: Browser, live: LiveServer, request: pytest.FixtureRequest
) -> Iterator[BrowserContext]:
    """A fresh profile. It visits another site, so that not every host but ours is a fault."""
    context = chromium.new_context(base_url=live.url, java_script_enabled=request.param)
    context.set_default_timeout(PATIENCE_MILLISECONDS * 3)
    yield context
    context.close()


def test_an_address_leads_through_the_company_and_out_again(
    context: BrowserContext, world_with_provider: tuple[World, IdentityProvider], live: LiveServer
) -> None:
    """A form may lead to our own site alone: both ways to the provider go by a page of ours."""
    page = context.new_page()
    page.goto("/accounts/login/?next=/sso/")
    page.get_by_label("Email").fill("nina@solar.example")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Name").fill("nina")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{live.url}/sso/")
    expect(page.get_by_role("row", name="North")).to_contain_text("nina@solar.example")
    page.goto("/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/session/end?**")
    page.goto("/sso/")
    expect(page).to_have_url(f"{live.url}/accounts/login/?next=/sso/")
