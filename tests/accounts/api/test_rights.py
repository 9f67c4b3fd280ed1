"""Rights apart from roles over REST: read by whoever sees the project, changed by its admins."""

from typing import Any

import pytest

from accounts.actions import teams
from accounts.models import Membership
from accounts.permissions import Permission
from tests.api import ROOT, Api
from tests.world.cast import Person, World

ROLL_BACK = f"{ROOT}/rights/roll_back"
BYPASS = f"{ROOT}/rights/bypass_review"


def member_id(world: World, person: Person) -> str:
    return str(Membership.objects.within(world.organization).get(user=person.user).pk)


def change(person: Person, address: str, body: Any) -> Any:
    """Send a change against what is there now."""
    api = Api.of(person)
    return api.patch(address, body, version=api.get(address).etag.strip('"'))


@pytest.fixture
def on_call(world: World) -> str:
    teams.create(world.olivia.at(), "on-call", "On call")
    return "on-call"


def test_they_are_listed_with_who_holds_them(world: World) -> None:
    listed = Api.of(world.vera).get(f"{ROOT}/rights").body["items"]
    assert listed == [
        {"right": "roll_back", "least_role": "editor", "members": [], "teams": []},
        {"right": "bypass_review", "least_role": "admin", "members": [], "teams": []},
    ]
    assert Api.of(world.mia).get(f"{ROOT}/rights").status == 404


def test_an_admin_names_exactly_these_people_and_teams(world: World, on_call: str) -> None:
    vera, rita = member_id(world, world.vera), member_id(world, world.rita)
    body = {"least_role": "admin", "members": [vera, rita], "teams": [on_call]}
    changed = change(world.ada, ROLL_BACK, body)
    assert changed.status == 200
    assert sorted(changed.body["members"]) == sorted([vera, rita])
    assert (changed.body["least_role"], changed.body["teams"]) == ("admin", ["on-call"])
    assert world.vera.at().may(Permission.ROLL_BACK)
    assert not world.max.at().may(Permission.ROLL_BACK)
    fewer = change(world.ada, ROLL_BACK, {"members": [rita]})
    assert (fewer.body["members"], fewer.body["teams"]) == ([rita], ["on-call"])
    assert not world.vera.at().may(Permission.ROLL_BACK)
    lines = [line.action for line in world.ledger() if "right" in line.action]
    assert lines == [
        "project.right_set",
        "right.set",
        "right.set",
        "team.right_set",
        "right.set",
    ]


def test_what_is_the_same_already_leaves_no_line(world: World) -> None:
    lines = len([one for one in world.ledger() if "right" in one.action])
    same = {"least_role": "editor", "members": [], "teams": []}
    assert change(world.ada, ROLL_BACK, same).status == 200
    assert len([one for one in world.ledger() if "right" in one.action]) == lines


def test_a_change_of_which_one_part_is_refused_changes_nothing(world: World) -> None:
    vera, mia = member_id(world, world.vera), member_id(world, world.mia)
    refused = change(world.ada, ROLL_BACK, {"least_role": None, "members": [vera, mia]})
    assert (refused.status, refused.body["code"]) == (422, "invalid_input")
    assert "viewer is enough" in refused.body["hint"]
    assert world.max.at().may(Permission.ROLL_BACK)
    assert not world.vera.at().may(Permission.ROLL_BACK)


def test_a_change_against_an_older_state_is_refused(world: World) -> None:
    api = Api.of(world.ada)
    version = api.get(ROLL_BACK).etag.strip('"')
    assert api.patch(ROLL_BACK, {"least_role": None}, version=version).status == 200
    stale = api.patch(ROLL_BACK, {"least_role": "editor"}, version=version)
    assert (stale.status, stale.body["current"]["least_role"]) == (409, None)
    assert api.patch(ROLL_BACK, {"least_role": "editor"}).status == 428


@pytest.mark.parametrize(
    "body",
    [{"least_role": "viewer"}, {"least_role": "king"}, {"members": ["x"]}, {"who": []}],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name(world: World, body: Any) -> None:
    assert change(world.ada, ROLL_BACK, body).status == 422


def test_strangers_and_other_rights_are_not_found(world: World) -> None:
    stan = str(Membership.across_tenants.get(user=world.stan.user).pk)
    assert change(world.ada, ROLL_BACK, {"members": [stan]}).status == 404
    assert change(world.ada, ROLL_BACK, {"teams": ["nobodys"]}).status == 404
    assert Api.of(world.ada).get(f"{ROOT}/rights/review").status == 404
    assert Api.of(world.stan).get(ROLL_BACK).status == 404


def test_nobody_gives_a_right_to_themself_over_rest(world: World) -> None:
    assert change(world.olivia, BYPASS, {"least_role": None}).status == 200
    own = {"members": [member_id(world, world.ada)]}
    refused = change(world.ada, BYPASS, own)
    assert (refused.status, refused.body["code"]) == (403, "not_permitted")
    assert change(world.olivia, BYPASS, own).status == 200


def test_the_product_manager_kills_over_rest_and_edits_nothing(world: World) -> None:
    flag = f"{ROOT}/environments/production/flags/banner"
    made = {"key": "banner", "name": "Banner", "type": "boolean"}
    variations = {"variations": {"on": True, "off": False}, "off": "off", "fallthrough": "on"}
    assert Api.of(world.max).post(f"{ROOT}/flags", {**made, **variations}).status in {200, 201}
    change(world.ada, ROLL_BACK, {"members": [member_id(world, world.vera)]})
    api = Api.of(world.vera)
    version = api.get(flag).etag.strip('"')
    refused = api.patch(flag, {"edits": [{"edit": "turn_on"}]}, version=version)
    assert (refused.status, refused.body["code"]) == (403, "not_permitted")
    assert api.post(f"{flag}/kill", {"reason": "fire"}).status == 200
