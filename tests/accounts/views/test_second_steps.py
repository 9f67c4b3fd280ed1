"""What cannot be taken back asks once more, says what is lost, and needs no script for it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.usersessions.models import UserSession

from accounts.actions import credentials, providers
from accounts.models import ClaimedDomain, FederatedIdentity, SdkKey
from tests.accounts.local.people import sign_in
from tests.identity_provider.hostile import Hostile, hostile_provider
from tests.identity_provider.visitors import Browser, make_provider, owner_of
from tests.world.cast import World

SURE = re.compile(
    r'<details class="sure">\s*<summary.*?</summary>\s*<p id="(?P<id>[^"]+)">(?P<lost>.*?)</p>'
    r'\s*<button[^>]*aria-describedby="(?P=id)"',
    re.DOTALL,
)


def lost(client: Any, page: str, action: str) -> str:
    """What a form on a page says is lost, before the only button that sends it."""
    shown = client.get(page).content.decode()
    (form,) = re.findall(
        rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', shown, re.DOTALL
    )
    found = SURE.search(form)
    assert found, form
    assert form.count('type="submit"') == 1
    return found["lost"]


@pytest.fixture
def hostile(settings: Any) -> Iterator[Hostile]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with hostile_provider() as hostile:
        yield hostile


def test_handing_the_organization_on_asks_once_more(world: World) -> None:
    told = lost(world.olivia.client, "/org/solar/settings/", "/org/solar/settings/transfer")
    assert "you stop being one at once" in told


def test_taking_a_group_a_connection_or_a_domain_away_asks_once_more(
    world: World, hostile: Hostile
) -> None:
    owner = owner_of(world)
    row = make_provider(owner, hostile.issuer)
    Browser(hostile).sign_in(row.key)
    group = providers.add_group(owner, row.key, "devs", project_key="shop", role="viewer")
    known = FederatedIdentity.objects.within(world.organization).get()
    page = f"/org/solar/sign-in/providers/{row.key}/"
    told = lost(world.olivia.client, page, f"{page}groups/{group.id}/remove")
    assert "People of devs are no longer viewer in" in told
    told = lost(world.olivia.client, page, f"{page}people/{known.id}/forget")
    assert "nina@solar.example is no longer known here" in told
    domain = ClaimedDomain.objects.within(world.organization).get()
    action = f"/org/solar/sign-in/domains/{domain.id}/give-up"
    told = lost(world.olivia.client, "/org/solar/sign-in/", action)
    assert "solar.example leads nobody to a sign-in any more" in told


def test_taking_apart_ones_own_connection_asks_once_more(world: World, hostile: Hostile) -> None:
    row = make_provider(owner_of(world), hostile.issuer)
    FederatedIdentity.objects.create(provider=row, subject="m-1", user=world.max.user)
    told = lost(sign_in(world.max.user), "/sso/", f"/sso/{row.key}/disconnect")
    assert "You cannot sign in by Okta any more" in told


def test_signing_other_browsers_out_asks_once_more(world: World) -> None:
    sign_in(world.max.user)
    other = UserSession.objects.get()
    here = sign_in(world.max.user)
    for action in (f"/account/sessions/{other.id}/end", "/account/sessions/end-others"):
        assert "not saved is lost" in lost(here, "/account/sessions/", action)


def test_revoking_a_key_or_a_token_asks_once_more(world: World) -> None:
    key = credentials.create_sdk_key(world.ada.at(), SdkKey.Kind.SERVER, "Shop").key
    told = lost(world.ada.client, world.url("keys/"), world.url(f"keys/{key.id}/revoke"))
    assert "they go on with what they loaded last" in told
    mine = credentials.create_token(world.ada.at(), "Script").token
    action = world.url(f"tokens/{mine.id}/revoke")
    assert "refused at once, for good" in lost(world.ada.client, world.url("tokens/"), action)
    action = f"/account/tokens/{mine.id}/revoke"
    assert "refused at once, for good" in lost(world.ada.client, "/account/tokens/", action)
