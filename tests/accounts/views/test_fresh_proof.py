"""What a stolen session would do first: the password, or a factor, is asked for again."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts import access as tickets
from accounts.models import AccessToken, IdentityProvider, Invitation, Membership
from tests.api import Api
from tests.world.cast import PASSWORD, World

pytestmark = pytest.mark.django_db

SOLAR = "/api/v1/organizations/solar"
ASKED = "/accounts/reauthenticate/?next="


def member(world: World, who: str) -> Membership:
    found: Membership = Membership.objects.within(world.organization).get(
        user__email=f"{who}@solar.example"
    )
    return found


@pytest.fixture
def provider(world: World) -> IdentityProvider:
    """Set up but for its secret."""
    made: IdentityProvider = IdentityProvider.objects.create(
        organization=world.organization,
        key="okta",
        name="Okta",
        issuer="https://id.example",
        client_id="wayfork",
        client_secret=b"",
        metadata={"id_token_signing_alg_values_supported": ["RS256"]},
    )
    return made


def acts(world: World) -> dict[str, tuple[str, dict[str, Any]]]:
    max_, olivia = member(world, "max").pk, member(world, "olivia").pk
    return {
        "break-glass": (
            "/org/solar/sign-in/break-glass",
            {"member": str(olivia), "allowed": "true"},
        ),
        "owner": (f"/org/solar/people/{max_}/owner", {"owner": "true"}),
        "transfer": ("/org/solar/settings/transfer", {"heir": str(max_)}),
        "owner by invitation": (
            "/org/solar/invitations/",
            {"emails": "new@solar.example", "is_owner": "on", "uses": "1", "days": "7"},
        ),
        "service token": (
            world.url("service-tokens/"),
            {"service-label": "deploy", "service-role": "viewer"},
        ),
        "token": (world.url("tokens/"), {"label": "mine"}),
    }


def done(world: World) -> dict[str, bool]:
    """Which of the acts above have happened."""
    return {
        "break-glass": member(world, "olivia").may_break_glass,
        "owner": member(world, "max").is_owner and member(world, "olivia").is_owner,
        "transfer": member(world, "max").is_owner and not member(world, "olivia").is_owner,
        "owner by invitation": Invitation.across_tenants.filter(is_owner=True).exists(),
        "service token": AccessToken.across_tenants.filter(label="deploy").exists(),
        "token": AccessToken.across_tenants.filter(label="mine").exists(),
    }


@pytest.mark.parametrize(
    "act", ["break-glass", "owner", "transfer", "owner by invitation", "service token", "token"]
)
def test_the_password_is_asked_for_and_then_the_act_goes_on(world: World, act: str) -> None:
    client = world.olivia.client
    address, form = acts(world)[act]
    led = client.post(address, form)
    assert (led.status_code, led.headers["Location"].startswith(ASKED)) == (302, True)
    assert not any(done(world).values())
    wrong = client.post(led.headers["Location"], {"password": "a guess"})
    assert wrong.status_code == 200
    assert not any(done(world).values())
    onward = client.post(led.headers["Location"], {"password": PASSWORD})
    assert onward.status_code in {200, 302}
    assert done(world) == {one: one == act for one in done(world)}
    if "token" in act:
        assert b"mgt_" in onward.content


def test_whoever_may_not_is_refused_and_asked_for_nothing(world: World) -> None:
    for act, (address, form) in acts(world).items():
        if act != "token":
            assert world.vera.client.post(address, form).status_code == 403


def test_taking_rights_away_asks_for_nothing(world: World) -> None:
    Membership.across_tenants.filter(pk=member(world, "max").pk).update(is_owner=True)
    address, _form = acts(world)["owner"]
    assert world.olivia.client.post(address, {"owner": "false"}).headers["Location"] != ASKED
    assert not member(world, "max").is_owner


def test_a_providers_secret_is_kept_only_from_somebody_who_showed_the_password(
    world: World, provider: IdentityProvider
) -> None:
    page = "/org/solar/sign-in/providers/okta/"
    form = {
        "name": "Our Okta",
        "client_id": "wayfork",
        "client_secret": "hush-hush-secret",
        "signing_algorithm": "RS256",
        "scopes": "openid",
        "refresh_minutes": "15",
        "session_hours": "12",
    }
    client = world.olivia.client
    assert "A client secret asks for your password first" in client.get(page).content.decode()
    answer = client.post(page, form)
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert "Nothing was saved" in shown
    assert "Our Okta" in shown
    assert f'href="{ASKED}' in shown
    # Nor does it wait in the session until it is shown.
    assert "hush-hush" not in json.dumps(dict(client.session.items()), default=str) + shown
    provider.refresh_from_db()
    assert (provider.name, bytes(provider.client_secret)) == ("Okta", b"")
    assert client.post(page, {**form, "client_secret": ""}).status_code == 302
    assert world.olivia.proven.post(page, form).status_code == 302
    provider.refresh_from_db()
    assert bytes(provider.client_secret)


def test_a_session_finds_no_way_round_over_rest(world: World, provider: IdentityProvider) -> None:
    olivia, max_ = (member(world, one).pk for one in ("olivia", "max"))
    own = Api.of(world.olivia)
    version = {
        path: own.get(f"{SOLAR}/{path}").etag for path in (f"members/{max_}", "providers/okta")
    }
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("post", "tokens", {"label": "mine"}),
        ("post", "service-tokens", {"label": "deploy", "role": "viewer"}),
        ("post", "invitations", {"emails": ["new@solar.example"], "is_owner": True}),
        ("put", f"members/{olivia}/break-glass", {}),
        ("patch", f"members/{max_}", {"is_owner": True}),
        ("patch", "providers/okta", {"client_secret": "hush"}),
    )
    for method, path, body in calls:
        answers = [
            getattr(client, method)(
                f"{SOLAR}/{path}",
                body,
                content_type="application/json",
                headers={"If-Match": version.get(path, "*")},
            )
            for client in (world.olivia.client, world.olivia.proven)
        ]
        refused, let_through = answers
        assert (refused.status_code, refused.json().get("code")) == (403, "fresh_proof_needed"), (
            path
        )
        assert let_through.status_code in {200, 201, 204}, (path, let_through.content)


def test_whoever_has_no_password_here_is_not_asked(world: World) -> None:
    """Their company signs them in, and asks for what it asks for."""
    world.olivia.user.set_unusable_password()
    world.olivia.user.save()
    client = Client()
    client.force_login(world.olivia.user)
    address, form = acts(world)["owner"]
    client.post(address, form)
    assert member(world, "max").is_owner
    assert tickets.of_member(world.max.user, "solar").grants
