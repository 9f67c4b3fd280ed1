"""Whole lives of people and groups, told in the dialects of Okta and of Entra."""

from django.test import Client

from accounts import access as tickets
from accounts.actions import credentials
from accounts.models import Membership, Team, User
from tests.accounts.scim.directory import (
    ENTERPRISE,
    GROUP,
    USER,
    Directory,
    membership,
    nora,
)
from tests.world.cast import World


def test_a_person_comes_changes_and_goes_as_okta_tells_it(world: World):
    okta = Directory.of(world)
    assert okta.find('userName eq "nora@solar.example"') == []
    made = okta.post("Users", nora())
    assert made.status == 201
    assert made.headers["Location"].endswith(f"/scim/v2/solar/Users/{made.id}")
    assert "password" not in made.body
    member = membership("nora@solar.example")
    assert (member.user.name, member.directory_id) == ("Nora Lind", "00ujl29u0le5T6Aj10h7")
    assert not member.user.has_usable_password()

    read = okta.get(f"Users/{made.id}")
    replaced = {**read.body, "name": {"givenName": "Nora", "familyName": "Berg"}}
    replaced["displayName"] = "Nora Berg"
    assert okta.put(f"Users/{made.id}", replaced).body["name"]["familyName"] == "Berg"

    client = Client()
    client.force_login(member.user)
    token = credentials.create_token(tickets.of_member(member.user, "solar"), "mine").secret
    out = okta.patch(f"Users/{made.id}", {"op": "replace", "value": {"active": False}})
    assert (out.status, out.body["active"]) == (200, False)
    assert client.get("/account/profile/").status_code == 302
    headers = {"Authorization": f"Bearer {token}"}
    assert Client().get("/api/v1/me", headers=headers).status_code == 401

    back = okta.patch(f"Users/{made.id}", {"op": "replace", "value": {"active": True}})
    assert back.body["active"] is True
    assert tickets.of_member(member.user, "solar").organization == world.organization
    assert Client().get("/api/v1/me", headers=headers).status_code == 401, "tokens stay revoked"


def test_a_person_comes_changes_and_goes_as_entra_tells_it(world: World):
    entra = Directory.of(world)
    made = entra.post(
        "Users",
        {
            "schemas": [USER, ENTERPRISE],
            "externalId": "58342554-38d6-4ec8-948c-50044d0a33fd",
            "userName": "Nora@solar.example",
            "active": True,
            "emails": [{"primary": True, "type": "work", "value": "nora@solar.example"}],
            "meta": {"resourceType": "User"},
            "name": {"formatted": "Nora Lind", "familyName": "Lind", "givenName": "Nora"},
            ENTERPRISE: {"department": "Roofs", "manager": {"value": "1"}},
            "roles": [],
        },
    )
    assert made.status == 201
    assert entra.find('userName eq "NORA@solar.example"') == ["Nora@solar.example"]
    changed = entra.patch(
        f"Users/{made.id}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "nora@solar.example"},
        {"op": "Replace", "path": "name.familyName", "value": "Berg"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Sales"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+1 555 0100"},
    )
    assert changed.status == 200
    assert membership("Nora@solar.example").user.name == "Nora Berg"
    out = entra.patch(f"Users/{made.id}", {"op": "Replace", "path": "active", "value": "False"})
    assert out.body["active"] is False
    assert not membership("Nora@solar.example").is_active
    assert entra.delete(f"Users/{made.id}").status == 204
    assert entra.get(f"Users/{made.id}").status == 404
    assert entra.find('userName eq "nora@solar.example"') == []
    again = entra.post("Users", nora(userName="nora@solar.example"))
    assert (again.status, again.id) == (201, made.id)
    assert membership("Nora@solar.example").is_active


def test_a_group_is_a_team_as_okta_tells_it(world: World):
    okta = Directory.of(world)
    one, two = (
        okta.get("Users?filter=" + f'userName eq "{name}@solar.example"').body
        for name in ("max", "rita")
    )
    max_, rita = one["Resources"][0]["id"], two["Resources"][0]["id"]
    made = okta.post(
        "Groups",
        {"schemas": [GROUP], "displayName": "Roof Squad!", "members": [{"value": max_}]},
    )
    assert made.status == 201
    team = Team.across_tenants.get()
    assert (team.key, team.name) == ("roof-squad", "Roof Squad!")
    place = f"Groups/{made.id}"
    okta.patch(place, {"op": "add", "path": "members", "value": [{"value": rita, "display": "R"}]})
    okta.patch(place, {"op": "replace", "value": {"id": made.id, "displayName": "Roofers"}})
    okta.patch(place, {"op": "remove", "path": f'members[value eq "{max_}"]'})
    shown = okta.get(place).body
    assert shown["displayName"] == "Roofers"
    assert [member["value"] for member in shown["members"]] == [rita]
    assert okta.get(f"Users/{rita}").body["groups"][0]["display"] == "Roofers"
    assert Team.across_tenants.get().key == "roof-squad", "reviews and guards go by the key"
    assert okta.delete(place).status == 204
    assert okta.get(place).status == 404
    assert [line.action for line in world.ledger()][-1] == "team.deleted"


def test_a_group_is_a_team_as_entra_tells_it(world: World):
    entra = Directory.of(world)
    people = [one["id"] for one in entra.get("Users").body["Resources"]][:3]
    made = entra.post(
        "Groups",
        {
            "schemas": [GROUP],
            "externalId": "8aa1a0c0",
            "displayName": "Roofs",
            "meta": {"resourceType": "Group"},
        },
    )
    place = f"Groups/{made.id}"
    add = [{"op": "Add", "path": "members", "value": [{"value": one}]} for one in people]
    assert entra.patch(place, *add).status == 200
    entra.patch(place, {"op": "Remove", "path": "members", "value": [{"value": people[0]}]})
    assert {one["value"] for one in entra.get(place).body["members"]} == {*people[1:]}
    light = entra.get(f"{place}?excludedAttributes=members").body
    assert "members" not in light
    assert entra.find('displayName eq "roofs"', "Groups", excludedAttributes="members") == ["Roofs"]
    entra.patch(place, {"op": "Replace", "path": "members", "value": [{"value": people[0]}]})
    assert Team.across_tenants.get().members.count() == 1
    entra.patch(place, {"op": "Remove", "path": "members"})
    assert Team.across_tenants.get().members.count() == 0


def test_the_ledger_names_the_directory_and_its_door(world: World):
    okta = Directory.of(world)
    made = okta.post("Users", nora())
    okta.patch(f"Users/{made.id}", {"op": "replace", "path": "displayName", "value": "N. Lind"})
    okta.patch(f"Users/{made.id}", {"op": "replace", "path": "active", "value": False})
    lines = world.ledger()[-3:]
    assert [line.action for line in lines] == [
        "member.joined",
        "member.changed",
        "member.deactivated",
    ]
    assert [line.via for line in lines] == ["directory"] * 3
    assert lines[0].actor_label == "directory: Okta"
    assert (lines[1].after or {})["name"] == "N. Lind"


def test_roles_of_a_team_reach_whom_the_directory_puts_in(world: World):
    okta = Directory.of(world)
    mia = membership("mia@solar.example")
    made = okta.post("Groups", {"schemas": [GROUP], "displayName": "Editors"})
    from accounts.actions import teams  # noqa: PLC0415
    from accounts.permissions import Permission, Role  # noqa: PLC0415

    teams.set_role(world.olivia.at(), "editors", Role.EDITOR)
    okta.patch(
        f"Groups/{made.id}", {"op": "add", "path": "members", "value": [{"value": str(mia.id)}]}
    )
    assert world.mia.at().may(Permission.EDIT_FLAGS)


def test_new_people_hold_nothing_but_what_their_teams_bring(world: World):
    Directory.of(world).post("Users", nora())
    member = membership("nora@solar.example")
    assert (member.is_owner, member.roles.count()) == (False, 0)
    assert not User.objects.get(email="nora@solar.example").is_staff
    assert Membership.across_tenants.filter(user=member.user).count() == 1
