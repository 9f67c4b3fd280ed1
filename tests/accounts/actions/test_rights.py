"""How rights apart from roles are given and taken: by admins, to others, with a line in the ledger."""

import pytest

from accounts import access as tickets
from accounts.access import Access
from accounts.actions import credentials, members, rights, teams
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.models import Membership, ProjectRight
from accounts.permissions import APART, Permission, Role
from tests.world.cast import Person, World

ROLL_BACK, BYPASS = APART


def owner(world: World) -> Access:
    return tickets.of_member(world.olivia.user, "solar")


def of(world: World, person: Person) -> Membership:
    found: Membership = Membership.objects.within(world.organization).get(user=person.user)
    return found


def make_team(world: World, *inside: Person) -> str:
    teams.create(owner(world), "on-call", "On call")
    teams.set_members(owner(world), "on-call", [of(world, person).pk for person in inside])
    return "on-call"


def test_each_step_leaves_a_line_with_before_and_after(world: World) -> None:
    make_team(world)
    ada = world.ada.at()
    rights.set_least_role(ada, ROLL_BACK, Role.ADMIN)
    rights.set_person(ada, ROLL_BACK, of(world, world.vera).pk, is_named=True)
    rights.set_team(ada, BYPASS, "on-call", is_named=True)
    rights.set_person(ada, ROLL_BACK, of(world, world.vera).pk, is_named=False)
    rights.set_least_role(ada, ROLL_BACK, None)
    told = [(one.action, one.target, one.before, one.after) for one in world.ledger()[-5:]]
    assert told == [
        ("project.right_set", "shop", {"roll_back": "editor"}, {"roll_back": "admin"}),
        ("right.set", "vera@solar.example", {"roll_back": False}, {"roll_back": True}),
        ("team.right_set", "on-call", {"bypass_review": False}, {"bypass_review": True}),
        ("right.set", "vera@solar.example", {"roll_back": True}, {"roll_back": False}),
        (
            "project.right_set",
            "shop",
            {"roll_back": "admin"},
            {"roll_back": "only who is named"},
        ),
    ]
    assert world.ledger()[-4].subjects == [["member", "vera@solar.example"]]


def test_what_is_done_twice_is_there_once(world: World) -> None:
    for _time in range(2):
        rights.set_person(world.ada.at(), ROLL_BACK, of(world, world.vera).pk, is_named=True)
    assert ProjectRight.objects.within(world.project).count() == 1
    for _time in range(2):
        rights.set_person(world.ada.at(), ROLL_BACK, of(world, world.vera).pk, is_named=False)
    assert not world.vera.at().may(ROLL_BACK)


@pytest.mark.parametrize("who", ["rita", "max", "vera"])
def test_only_those_who_manage_the_project_give_rights(world: World, who: str) -> None:
    access = getattr(world, who).at()
    mine = of(world, world.vera).pk
    with pytest.raises(NotPermitted):
        rights.set_person(access, ROLL_BACK, mine, is_named=True)
    with pytest.raises(NotPermitted):
        rights.set_team(access, ROLL_BACK, "on-call", is_named=True)
    with pytest.raises(NotPermitted):
        rights.set_least_role(access, ROLL_BACK, None)


def test_only_who_may_look_at_the_project_is_named(world: World) -> None:
    mia = of(world, world.mia).pk
    with pytest.raises(InvalidInput, match="may not look at Shop") as refusal:
        rights.set_person(world.ada.at(), ROLL_BACK, mia, is_named=True)
    assert "viewer is enough" in refusal.value.hint
    members.set_role(world.ada.at(), world.mia.user, Role.VIEWER)
    rights.set_person(world.ada.at(), ROLL_BACK, mia, is_named=True)
    members.deactivate(owner(world), mia, "")
    with pytest.raises(InvalidInput, match="is deactivated"):
        rights.set_person(world.ada.at(), BYPASS, mia, is_named=True)
    # To take a name away asks nothing of the person.
    rights.set_person(world.ada.at(), ROLL_BACK, mia, is_named=False)


def test_people_and_teams_of_another_organization_are_nobody_here(world: World) -> None:
    stan = Membership.across_tenants.get(user=world.stan.user)
    at_home = tickets.of_member(world.stan.user, "stranger")
    teams.create(at_home, "theirs", "Theirs")
    with pytest.raises(NotFound):
        rights.set_person(world.ada.at(), ROLL_BACK, stan.pk, is_named=True)
    with pytest.raises(NotFound):
        rights.set_team(world.ada.at(), ROLL_BACK, "theirs", is_named=True)
    assert not ProjectRight.across_tenants.exists()


def test_a_name_in_one_project_says_nothing_in_another(world: World) -> None:
    stan = Membership.across_tenants.get(user=world.stan.user)
    rights.set_person(world.ada.at(), ROLL_BACK, of(world, world.vera).pk, is_named=True)
    assert not ProjectRight.objects.within(stan.organization).exists()
    assert ProjectRight.objects.within(world.organization).count() == 1


def test_rights_that_come_with_roles_alone_are_named_to_nobody(world: World) -> None:
    with pytest.raises(NotFound):
        rights.set_person(
            world.olivia.at(), Permission.REVIEW, of(world, world.vera).pk, is_named=True
        )
    with pytest.raises(NotFound):
        rights.set_least_role(world.olivia.at(), Permission.MANAGE_PROJECT, None)
    with pytest.raises(InvalidInput, match="role viewer"):
        rights.set_least_role(world.olivia.at(), ROLL_BACK, Role.VIEWER)


def give_oneself(world: World, way: str, access: Access) -> None:
    if way == "name":
        rights.set_person(access, BYPASS, of(world, world.ada).pk, is_named=True)
    if way == "team":
        rights.set_team(access, BYPASS, "on-call", is_named=True)
    if way == "setting":
        rights.set_least_role(access, BYPASS, Role.REVIEWER)


@pytest.mark.parametrize("way", ["name", "team", "setting"])
def test_nobody_gives_a_right_to_themself(world: World, way: str) -> None:
    make_team(world, world.ada)
    rights.set_least_role(world.olivia.at(), BYPASS, None)
    lines = len(world.ledger())
    with pytest.raises(NotPermitted, match="Nobody gives themself the right to bypass review"):
        give_oneself(world, way, world.ada.at())
    # Nor by a script made for it.
    made = credentials.create_service_token(world.ada.at(), "deploys", "admin").token
    with pytest.raises(NotPermitted, match="Nobody gives themself"):
        give_oneself(world, way, tickets.of_service(made, "shop"))
    assert not world.ada.at().may(BYPASS)
    assert len(world.ledger()) == lines + 1
    give_oneself(world, way, world.olivia.at())
    assert world.ada.at().may(BYPASS)


def test_an_admin_without_the_right_gives_it_to_others_and_takes_their_own_away(
    world: World,
) -> None:
    rights.set_least_role(world.ada.at(), BYPASS, None)
    assert not world.ada.at().may(BYPASS)
    rights.set_person(world.ada.at(), BYPASS, of(world, world.rita).pk, is_named=True)
    assert world.rita.at().may(BYPASS)
    rights.set_person(world.olivia.at(), BYPASS, of(world, world.ada).pk, is_named=True)
    rights.set_person(world.ada.at(), BYPASS, of(world, world.ada).pk, is_named=False)
    assert not world.ada.at().may(BYPASS)
