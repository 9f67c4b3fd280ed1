"""Teams bring roles to their people, and take them away again."""

import pytest

from accounts import access as tickets
from accounts import people, rights
from accounts.access import Access
from accounts.actions import members, teams
from accounts.errors import AlreadyExists, InvalidInput, NotFound, NotPermitted
from accounts.models import Membership
from accounts.permissions import Permission, Role
from tests.world.cast import Person, World


def owner(world: World) -> Access:
    return tickets.of_member(world.olivia.user, "solar")


def of(world: World, person: Person) -> Membership:
    found: Membership = Membership.objects.within(world.organization).get(user=person.user)
    return found


def make_web_team(world: World, *inside: Person) -> None:
    teams.create(owner(world), "web", "Web")
    teams.set_members(owner(world), "web", [of(world, person).pk for person in inside])


def test_a_team_brings_its_role_to_everybody_in_it(world: World) -> None:
    make_web_team(world, world.mia)
    teams.set_role(world.ada.at(), "web", Role.REVIEWER)
    assert world.mia.at().may(Permission.REVIEW)
    teams.set_members(owner(world), "web", [])
    with pytest.raises(NotFound):
        world.mia.at()


def test_the_roles_of_a_team_end_with_it(world: World) -> None:
    make_web_team(world, world.mia)
    teams.set_role(world.ada.at(), "web", Role.EDITOR)
    teams.delete(owner(world), "web")
    with pytest.raises(NotFound):
        world.mia.at()
    assert world.ledger()[-1].before == {
        "name": "Web",
        "members": ["mia@solar.example"],
        "roles": {"shop": "editor"},
    }


def test_a_team_is_renamed_and_keeps_its_key(world: World) -> None:
    make_web_team(world)
    assert teams.rename(owner(world), "web", "Web people").key == "web"
    with pytest.raises(AlreadyExists):
        teams.create(owner(world), "web", "Another")
    with pytest.raises(InvalidInput):
        teams.rename(owner(world), "web", "  ")


def test_only_owners_make_teams_and_admins_give_them_roles(world: World) -> None:
    with pytest.raises(NotPermitted):
        teams.create(world.ada.at(), "web", "Web")
    make_web_team(world)
    teams.set_role(world.ada.at(), "web", Role.EDITOR)
    with pytest.raises(NotPermitted):
        teams.set_role(world.rita.at(), "web", Role.EDITOR)


def test_somebody_elses_member_joins_no_team_here(world: World) -> None:
    make_web_team(world)
    stan = Membership.across_tenants.get(user=world.stan.user)
    with pytest.raises(InvalidInput):
        teams.set_members(owner(world), "web", [stan.pk])
    with pytest.raises(NotFound):
        teams.rename(tickets.of_member(world.stan.user, "stranger"), "web", "Mine")


def test_the_highest_of_several_roles_counts_and_is_explained(world: World) -> None:
    make_web_team(world, world.vera)
    teams.set_role(world.ada.at(), "web", Role.REVIEWER)
    vera = people.member(owner(world), of(world, world.vera).pk)
    standing = vera.standings[0]
    assert (standing.role, standing.own, standing.teams) == (Role.REVIEWER, Role.VIEWER, ["Web"])
    held = {right.permission: right for right in rights.explain(vera, "shop")}
    assert [one.team and one.team.key for one in held[Permission.REVIEW].brought_by] == ["web"]
    assert len(held[Permission.VIEW].brought_by) == 2
    assert not held[Permission.MANAGE_KEYS].is_held
    assert held[Permission.MANAGE_KEYS].roles == (Role.ADMIN,)


def test_the_explanation_agrees_with_what_the_ticket_grants(world: World) -> None:
    make_web_team(world, world.max, world.mia)
    teams.set_role(world.ada.at(), "web", Role.REVIEWER)
    for person in (world.olivia, world.ada, world.rita, world.max, world.vera, world.mia):
        found = people.member(owner(world), of(world, person).pk)
        held = {one.permission for one in rights.explain(found, "shop") if one.is_held}
        assert held == person.at().grants & {*rights.OF_A_PROJECT}


def test_an_open_project_is_explained_as_such(world: World) -> None:
    world.project.is_open = True
    world.project.save()
    mia = people.member(owner(world), of(world, world.mia).pk)
    held = {right.permission: right for right in rights.explain(mia, "shop")}
    assert held[Permission.VIEW].by_openness
    assert not held[Permission.EDIT_FLAGS].is_held


def test_projects_seen_are_those_a_ticket_opens(world: World) -> None:
    make_web_team(world, world.mia)
    for person in (world.olivia, world.ada, world.vera, world.mia, world.stan):
        found = people.projects_seen(world.organization, person.user)
        try:
            tickets.of_member(person.user, "solar", "shop")
        except NotFound:
            assert found == []
        else:
            assert found == [world.project]
    teams.set_role(world.ada.at(), "web", Role.VIEWER)
    assert people.projects_seen(world.organization, world.mia.user) == [world.project]
    members.deactivate(owner(world), of(world, world.mia).pk, "")
    assert people.projects_seen(world.organization, world.mia.user) == []


def test_a_deactivated_member_of_an_open_project_sees_nothing(world: World) -> None:
    world.project.is_open = True
    world.project.save()
    members.deactivate(owner(world), of(world, world.mia).pk, "")
    assert people.projects_seen(world.organization, world.mia.user) == []
