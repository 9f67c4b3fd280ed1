"""Django's admin and the directories' doors over the whole cast: nobody in it gets in."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts import access as tickets
from accounts.actions import credentials, directory
from accounts.models import Membership, Organization, Team, User
from accounts.permissions import Role
from tests.architecture.furnished import ROLES
from tests.world.cast import World

CAST = (*ROLES, "deactivated", "nobody")
ADMIN = "admin/"
OPEN_IN_ADMIN = {"admin/login/", "admin/logout/", "admin/jsi18n/"}


@pytest.fixture
def browsers(world: World) -> dict[str, Client]:
    """Everybody's browser; Zoe was let out while hers was open."""
    found = {role: getattr(world, name).client for role, name in ROLES.items()}
    zoe = User.objects.create_user("zoe@solar.example", "sunny-roof-panels", is_staff=True)
    found["deactivated"] = Client()
    found["deactivated"].force_login(zoe)
    zoe.is_active = False
    zoe.save()
    return {**found, "nobody": Client()}


def walk(resolver: URLResolver, before: str = "") -> list[str]:
    """Every route below, whole."""
    found = []
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        found += [route] if isinstance(pattern, URLPattern) else walk(pattern, route)
    return found


def admin_addresses(world: World) -> list[str]:
    """Every page of the admin, with a row that exists in the place of each id."""
    key = str(world.organization.pk)
    routes = [route for route in walk(get_resolver()) if route.startswith(ADMIN)]
    plain = [
        route.replace("<path:object_id>", key).replace("<path:url>", "anything")
        for route in routes
        if route not in OPEN_IN_ADMIN
    ]
    return [f"/{route}" for route in plain if "<" not in route and "(" not in route]


@pytest.mark.parametrize("who", CAST)
def test_no_page_of_the_admin_opens_to_people_of_organizations(
    world: World, browsers: dict[str, Client], who: str
):
    client, addresses = browsers[who], admin_addresses(world)
    assert len(addresses) > 100
    for address in addresses:
        for answer in (client.get(address), client.post(address, {"_save": "1", "post": "yes"})):
            assert answer.status_code == 302, address
            assert answer["Location"].startswith("/admin/login/"), address
    # Who is signed in is refused there, and who is not is led to the one form there is.
    signed_in = who not in {"deactivated", "nobody"}
    assert client.get("/admin/login/").status_code == (403 if signed_in else 302)
    assert Organization.objects.get(pk=world.organization.pk).name == "Solar"


ACTS = ("deactivate", "reactivate")


@pytest.mark.parametrize("who", CAST)
@pytest.mark.parametrize("act", ACTS)
def test_no_act_of_an_operator_is_done_by_them(
    world: World, browsers: dict[str, Client], who: str, act: str
):
    chosen = {"action": act, "_selected_action": [str(world.vera.user.pk)]}
    browsers[who].post(reverse("admin:accounts_user_changelist"), chosen)
    world.vera.user.refresh_from_db()
    assert world.vera.user.is_active
    assert not [line for line in world.ledger() if line.action.startswith("account.")]


# --- directories

MEMBER = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "eve@evil.example"}
PATCH = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "replace", "path": "active", "value": False}],
}
DOORS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "Users", None),
    ("POST", "Users", MEMBER),
    ("GET", "Users/{member}", None),
    ("PUT", "Users/{member}", MEMBER),
    ("PATCH", "Users/{member}", PATCH),
    ("DELETE", "Users/{member}", None),
    ("GET", "Groups", None),
    ("POST", "Groups", {"displayName": "Evil"}),
    ("GET", "Groups/{team}", None),
    ("PATCH", "Groups/{team}", PATCH),
    ("DELETE", "Groups/{team}", None),
    ("GET", "ServiceProviderConfig", None),
    ("GET", "Schemas", None),
    ("GET", "ResourceTypes", None),
    ("POST", "Bulk", {}),
    ("GET", "", None),
)


def knock(client: Client, door: tuple[str, str, Any], ids: dict[str, str], secret: str = "") -> int:
    """The status a directory's request is answered."""
    method, path, body = door
    return client.generic(
        method,
        f"/scim/v2/solar/{path.format(**ids)}",
        b"" if body is None else json.dumps(body),
        content_type="application/scim+json",
        headers={"Authorization": f"Bearer {secret}"} if secret else {},
    ).status_code


@pytest.fixture
def ids(world: World) -> dict[str, str]:
    """Somebody and some team that a directory may change."""
    member = Membership.objects.within(world.organization).get(user=world.vera.user)
    team = Team.objects.create(organization=world.organization, key="web", name="Web")
    return {"member": str(member.pk), "team": str(team.pk)}


def standing(world: World) -> list[Any]:
    """What a directory could change."""
    members = Membership.objects.within(world.organization).order_by("pk")
    teams = Team.objects.within(world.organization).order_by("pk")
    return [*members.values_list("pk", "is_active", "user__email"), *teams.values_list("name")]


@pytest.mark.parametrize("who", CAST)
def test_no_door_of_a_directory_opens_to_a_persons_cookie_or_token(
    world: World, browsers: dict[str, Client], ids: dict[str, str], who: str
):
    before = standing(world)
    person = getattr(world, ROLES[who]) if who in ROLES else None
    secrets = ["", person.token()] if person else [""]
    for secret in secrets:
        for door in DOORS:
            assert knock(browsers[who], door, ids, secret) == 401, door
    assert standing(world) == before


def test_neither_do_an_sdks_keys_nor_a_service_token(world: World, ids: dict[str, str]):
    before = standing(world)
    robot = credentials.create_service_token(world.olivia.at(), "deploys", Role.ADMIN).secret
    for secret in (world.sdk_key(), world.sdk_key("client"), robot):
        for door in DOORS:
            assert knock(Client(), door, ids, secret) == 401, door
    assert standing(world) == before


def test_another_organizations_directory_finds_nothing_behind_them(
    world: World, ids: dict[str, str]
):
    before = standing(world)
    stranger = tickets.of_member(world.stan.user, "stranger")
    theirs = directory.create_token(stranger, "Theirs").secret
    for door in DOORS:
        assert knock(Client(), door, ids, theirs) == 404, door
    assert standing(world) == before
    own = directory.create_token(tickets.of_member(world.olivia.user, "solar"), "Okta").secret
    assert knock(Client(), DOORS[2], ids, own) == 200, "the doors are there"
