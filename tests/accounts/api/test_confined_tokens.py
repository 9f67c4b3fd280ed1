"""A token for some projects: it has no say in the organization at large, and knows no others."""

import pytest

from accounts import access as tickets
from accounts import tail
from accounts.actions import credentials, invitations, organizations
from accounts.actions.credentials import Reach
from accounts.actions.invitations import Entrance
from accounts.models import AccessRequest, AccessToken, Invitation
from accounts.permissions import Role
from tests.api import ROOT, Api
from tests.flags.requests.steps import ask_for_review, propose
from tests.world.cast import Person, World, make_world
from tests.world.factories import make_flag

pytestmark = pytest.mark.django_db

AREA = "/api/v1/organizations/solar"


@pytest.fixture
def world() -> World:
    """Two projects; Olivia owns both."""
    made = make_world()
    owner = tickets.of_member(made.olivia.user, "solar")
    organizations.create_project(owner, "portal", "Portal")
    return made


def confined(person: Person, *projects: str) -> Api:
    access = tickets.of_member(person.user, "solar")
    made = credentials.create_token(access, "narrow", Reach(project_keys=projects))
    return Api(made.secret)


def test_roles_are_told_of_its_projects_alone(world: World):
    for projects in (("portal",), ("shop",), ()):
        seen = confined(world.olivia, *projects).get(f"{AREA}/members").body["items"]
        ada = next(one for one in seen if one["email"] == "ada@solar.example")
        told = {role["project"] for role in ada["roles"]}
        assert told == (set(projects) or {"portal", "shop"})


def test_the_inbox_holds_lines_of_its_projects_alone(world: World):
    make_flag(world.max.at())
    ask_for_review(world)
    propose(world.max)
    tail.read_all()
    whole = confined(world.olivia).get(f"{AREA}/notices").body["items"]
    assert whole
    assert confined(world.olivia, "shop").get(f"{AREA}/notices").body["items"] == whole
    narrow = confined(world.olivia, "portal")
    assert narrow.get(f"{AREA}/notices").body["items"] == []
    assert narrow.post(f"{AREA}/notices/{whole[0]['id']}/read").status == 404
    assert narrow.post(f"{AREA}/notices/read").status == 204
    assert confined(world.olivia).get(f"{AREA}/notices").body["items"] == whole


def test_it_lists_and_revokes_no_wider_token(world: World):
    whole = confined(world.olivia)
    narrow = confined(world.olivia, "portal")
    confined(world.olivia, "shop")
    listed = narrow.get(f"{AREA}/tokens").body["items"]
    assert [one["projects"] for one in listed] == [["portal"]]
    for one in whole.get(f"{AREA}/tokens").body["items"]:
        if one["projects"] != ["portal"]:
            assert narrow.delete(f"{AREA}/tokens/{one['id']}").status == 404
    assert narrow.delete(f"{AREA}/tokens/{listed[0]['id']}").status == 204
    left = AccessToken.objects.within(world.organization).filter(revoked_at=None)
    assert sorted(left.values_list("project_keys", flat=True)) == [[], ["shop"]]


def test_it_asks_for_nothing_in_other_projects_and_changes_no_mail(world: World):
    narrow = confined(world.vera, "shop")
    given = {"project": "portal", "role": "admin", "reason": ""}
    assert narrow.post(f"{AREA}/access-requests", given).status == 204
    assert not AccessRequest.objects.within(world.organization).exists()
    wishes = {"wishes": {"bypass": "never"}}
    refused = narrow.patch(f"{AREA}/notice-wishes", wishes)
    assert (refused.status, refused.body["code"]) == (403, "not_permitted")
    assert confined(world.vera).patch(f"{AREA}/notice-wishes", wishes).status == 200


def test_an_owners_is_no_owners_within_its_project_either(world: World):
    owner = tickets.of_member(world.olivia.user, "solar")
    both = Entrance((("shop", Role.VIEWER), ("portal", Role.VIEWER)))
    invitations.make_link(owner, both, uses=9)
    wide = Invitation.objects.within(world.organization).get()
    narrow = confined(world.olivia, "shop")
    assert narrow.get(f"{ROOT}/invitations").body["items"] == []
    assert narrow.delete(f"{ROOT}/invitations/{wide.pk}").status == 404
    assert len(confined(world.olivia).get(f"{ROOT}/invitations").body["items"]) == 1
