"""The way to a real provider and back, as people travel it."""

from typing import Any

from django.conf import settings
from django.test import Client

from accounts.actions import providers
from accounts.models import IdentityProvider
from accounts.sso.options import callback_address, signed_out_address
from tests.identity_provider.running import RealProvider, Visit
from tests.identity_provider.visitors import make_provider, owner_of
from tests.world.cast import World

NINA = {"email": "nina@solar.example", "email_verified": True, "name": "Nina", "groups": ["devs"]}


def connect(
    world: World, real: RealProvider, *, name: str, domain: str = "", organization: str = "solar"
) -> IdentityProvider:
    """Register Wayfork there and set the provider up here, as an owner would."""
    owner = owner_of(world, organization)
    row = make_provider(owner, real.issuer, name=name, domain=domain)
    home = callback_address(row).removesuffix(f"/sso/{row.key}/callback")
    made = real.register(
        redirect_uris=[callback_address(row)],
        post_logout_redirect_uris=[signed_out_address(row)],
        backchannel_logout_uri=f"{home}/sso/{row.key}/back-channel",
        backchannel_logout_session_required=True,
    )
    plan = providers.ProviderPlan(name=name, client_id=made["client_id"])
    return providers.set_up(owner, row.key, plan, made["client_secret"])


def led_to(client: Client, address: str) -> str:
    """Where a page of ours sends the browser: an address at the provider."""
    led = client.get(address)
    assert led.status_code == 302, led.content
    return str(led.headers["Location"])


def answer_of(visit: Visit, there: str) -> str:
    """Sign in there; the path here that its answer leads to."""
    return visit.follow(there, settings.WAYFORK_URL).removeprefix(settings.WAYFORK_URL)


def go_there(client: Client, visit: Visit, address: str) -> Any:
    """Out to the provider and back with its answer."""
    return client.get(answer_of(visit, led_to(client, address)))
