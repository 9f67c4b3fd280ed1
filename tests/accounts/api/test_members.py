"""Members, teams, invitations, access requests and settings over REST."""

from django.core import mail

from accounts.actions import credentials
from accounts.models import Invitation, Membership
from accounts.permissions import Permission
from tests.api import ROOT, Api
from tests.world.cast import Person, World

ORGANIZATION = "/api/v1/organizations/solar"


def member_id(world: World, person: Person) -> str:
    return str(Membership.objects.within(world.organization).get(user=person.user).pk)


def address(world: World, person: Person) -> str:
    return f"{ORGANIZATION}/members/{member_id(world, person)}"


def test_members_are_listed_with_what_the_reader_may_know(world: World) -> None:
    listed = Api.of(world.vera).get(f"{ORGANIZATION}/members").body["items"]
    max_ = next(one for one in listed if one["email"] == "max@solar.example")
    assert max_["roles"] == [
        {"project": "shop", "role": "editor", "own_role": "editor", "teams": []}
    ]
    assert all(
        one["roles"] == [] for one in Api.of(world.mia).get(f"{ORGANIZATION}/members").body["items"]
    )


def test_a_member_is_deactivated_and_reactivated(world: World) -> None:
    api, their = Api.of(world.olivia), Api.of(world.max)
    read = api.get(address(world, world.max))
    body = {"is_active": False, "reason": "on leave"}
    out = api.patch(address(world, world.max), body, version=read.etag.strip('"'))
    assert out.body["is_active"] is False
    assert world.ledger()[-1].reason == "on leave"
    assert their.get("/api/v1/me").status == 401
    version = out.etag.strip('"')
    assert api.patch(address(world, world.max), {"is_active": True}, version=version).status == 200
    assert their.get("/api/v1/me").status == 401
    assert world.max.at().grants


def test_service_tokens_of_a_member_go_on_unless_their_end_is_asked_for(world: World) -> None:
    owner, script = Api.of(world.olivia), credentials.create_service_token
    made = [script(world.ada.at(), label, "viewer") for label in ("deploy", "report")]
    for body, status in (({}, 200), ({"revoke_service_tokens": True}, 401)):
        read = owner.get(address(world, world.ada)).etag.strip('"')
        gone = {"is_active": False, **body}
        out = owner.patch(address(world, world.ada), gone, version=read)
        assert out.status == 200
        for one in made:
            assert Api(one.secret).get("/api/v1/me").status == status
        back = {"is_active": True}
        owner.patch(address(world, world.ada), back, version=out.etag.strip('"'))


def test_a_change_against_an_older_state_is_refused_whole(world: World) -> None:
    api = Api.of(world.olivia)
    version = api.get(address(world, world.max)).etag.strip('"')
    assert api.patch(address(world, world.max), {"is_owner": True}, version=version).status == 200
    stale = api.patch(address(world, world.max), {"is_active": False}, version=version)
    assert (stale.status, stale.body["current"]["is_owner"]) == (409, True)
    assert api.patch(address(world, world.max), {"is_owner": False}).status == 428


def test_a_change_of_which_one_part_is_refused_changes_nothing(world: World) -> None:
    api = Api.of(world.olivia)
    version = api.get(address(world, world.olivia)).etag.strip('"')
    api.post(f"{ORGANIZATION}/teams", {"key": "web", "name": "Web"})
    refused = api.patch(
        address(world, world.olivia), {"teams": ["web"], "is_owner": False}, version=version
    )
    assert (refused.status, refused.body["code"]) == (409, "last_owner")
    assert api.get(address(world, world.olivia)).body["teams"] == []


def test_a_team_has_its_life(world: World) -> None:
    api = Api.of(world.olivia)
    made = api.post(f"{ORGANIZATION}/teams", {"key": "web", "name": "Web"})
    assert (made.status, made.body["members"]) == (201, [])
    team = f"{ORGANIZATION}/teams/web"
    version = api.get(team).etag.strip('"')
    mia = member_id(world, world.mia)
    changed = api.patch(team, {"name": "Web people", "members": [mia]}, version=version)
    assert (changed.body["name"], changed.body["members"]) == ("Web people", [mia])
    assert Api.of(world.ada).put(f"{ROOT}/teams/web/role", {"role": "editor"}).status == 204
    assert world.mia.at().may(Permission.EDIT_FLAGS)
    read = api.get(team)
    assert read.body["roles"] == [{"project": "shop", "role": "editor"}]
    assert api.delete(team, version=read.etag.strip('"')).status == 204
    assert api.get(team).status == 404


def test_an_admin_gives_and_takes_roles(world: World) -> None:
    api, role = Api.of(world.ada), f"{ROOT}/members/{member_id(world, world.mia)}/role"
    assert api.put(role, {"role": "reviewer"}).status == 204
    listed = api.get(f"{ROOT}/members").body["items"]
    assert {one["email"]: one["role"] for one in listed}["mia@solar.example"] == "reviewer"
    assert api.delete(role).status == 204
    assert Api.of(world.mia).get(ROOT).status == 404
    assert api.put(role, {"role": "king"}).status == 422


def test_a_token_for_reading_lets_nobody_in(world: World) -> None:
    api = Api.of(world.olivia, read_only=True)
    assert api.post(f"{ORGANIZATION}/invitations", {}).status == 403
    assert (
        api.put(f"{ROOT}/members/{member_id(world, world.mia)}/role", {"role": "admin"}).status
        == 403
    )


def test_people_are_invited_and_no_answer_holds_the_secret_of_a_letter(world: World) -> None:
    api = Api.of(world.ada)
    made = api.post(f"{ROOT}/invitations", {"emails": ["nora@solar.example"], "role": "editor"})
    assert (made.status, made.body["link"], made.body["unsent"]) == (201, None, [])
    secret = mail.outbox[0].body.split("/invitations/")[1].split("/")[0]
    assert secret not in str(made.body)
    link = api.post(f"{ROOT}/invitations", {"role": "viewer", "uses": 3})
    assert "/invitations/" in link.body["link"]
    assert link.headers["cache-control"] == "no-store"
    listed = api.get(f"{ROOT}/invitations").body["items"]
    assert sorted(one["email"] for one in listed) == ["", "nora@solar.example"]
    assert api.delete(f"{ROOT}/invitations/{listed[0]['id']}").status == 204
    assert len(api.get(f"{ROOT}/invitations").body["items"]) == 1


def test_an_owner_invites_to_anything_and_sends_again(world: World) -> None:
    api = Api.of(world.olivia)
    body = {
        "emails": ["nora@solar.example"],
        "roles": [{"project": "shop", "role": "admin"}],
        "is_owner": True,
        "days": 30,
    }
    made = api.post(f"{ORGANIZATION}/invitations", body)
    assert made.body["items"][0]["is_owner"] is True
    letter = f"{ORGANIZATION}/invitations/{made.body['items'][0]['id']}/letter"
    assert api.post(letter).status == 200
    assert len(mail.outbox) == 2
    assert Invitation.objects.within(world.organization).count() == 1
    odd = api.post(f"{ORGANIZATION}/invitations", {"emails": ["x"], "teams": ["gone"]})
    assert (odd.status, odd.body["where"]) == (422, "emails")


def test_access_is_asked_for_and_answered(world: World) -> None:
    mia, ada = Api.of(world.mia), Api.of(world.ada)
    asked = f"{ORGANIZATION}/access-requests"
    assert mia.post(asked, {"project": "shop", "role": "editor", "reason": "please"}).status == 204
    assert mia.post(asked, {"project": "no-such-thing"}).status == 204
    assert mia.get(asked).body["items"] == []
    (waiting,) = ada.get(asked).body["items"]
    assert (waiting["email"], waiting["reason"]) == ("mia@solar.example", "please")
    approve = f"{ROOT}/access-requests/{waiting['id']}/approve"
    assert ada.post(approve, {"role": "viewer"}).body["status"] == "approved"
    assert ada.post(approve, {"role": "viewer"}).body["code"] == "already_answered"
    assert mia.get(ROOT).status == 200


def test_settings_and_projects_are_changed_against_what_was_read(world: World) -> None:
    api = Api.of(world.olivia)
    settings = f"{ORGANIZATION}/settings"
    version = api.get(settings).etag.strip('"')
    changed = api.patch(settings, {"only_owners_create_projects": True}, version=version)
    assert changed.body == {
        "name": "Solar",
        "only_owners_create_projects": True,
        "require_mfa": False,
    }
    assert api.patch(settings, {"name": "Sun"}, version=version).status == 409
    refused = Api.of(world.max).post(f"{ORGANIZATION}/projects", {"key": "x", "name": "X"})
    assert refused.status == 403
    version = api.get(ROOT).etag.strip('"')
    opened = Api.of(world.ada).patch(ROOT, {"is_open": True}, version=version)
    assert (opened.body["is_open"], opened.body["name"]) == (True, "Shop")
    assert Api.of(world.mia).get(ROOT).status == 200
