"""Two rights stand apart from roles: who holds them, whatever the role, the setting and the name."""

from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import access as tickets
from accounts import holders, people, rights
from accounts.access import Access
from accounts.actions import credentials, members
from accounts.actions import rights as actions
from accounts.actions.credentials import Reach
from accounts.errors import NotFound, NotPermitted
from accounts.models import Membership, Project, ProjectRight, Team, TeamMember, TeamRole
from accounts.permissions import APART, GRANTS, OWNER_GRANTS, Permission, Role
from tests.world.cast import Person, World

RIGHTS = tuple(APART)
SETTINGS = (Role.EDITOR, Role.REVIEWER, Role.ADMIN, None)
NAMED = ("nobody", "person", "team")
ROLES = (*Role, None)


def owner(world: World) -> Access:
    return tickets.of_member(world.olivia.user, "solar")


def of(world: World, person: Person) -> Membership:
    found: Membership = Membership.objects.within(world.organization).get(user=person.user)
    return found


def name(world: World, right: Permission, person: Person, *, how: str = "person") -> None:
    """Name somebody, in person or by a team they are in."""
    if how == "team":
        team = Team.objects.create(organization=world.organization, key="on-call", name="On call")
        TeamMember.objects.create(team=team, membership=of(world, person))
        actions.set_team(world.olivia.at(), right, "on-call", is_named=True)
    elif how == "person":
        ProjectRight.objects.create(
            project=world.project, right=right.key, membership=of(world, person)
        )


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("how", NAMED)
@pytest.mark.parametrize("right", RIGHTS)
def test_a_right_apart_comes_with_the_role_chosen_or_by_name_to_those_who_see_the_project(
    world: World, right: Permission, how: str, is_open: bool
) -> None:
    name(world, right, world.mia, how=how)
    Project.objects.within(world.organization).filter(pk=world.project.pk).update(is_open=is_open)
    (other,) = {*RIGHTS} - {right}
    for least, role in product(SETTINGS, ROLES):
        actions.set_least_role(world.olivia.at(), right, least)
        members.set_role(world.olivia.at(), world.mia.user, role)
        project = Project.objects.within(world.organization).get(pk=world.project.pk)
        held = tickets.grants_of(of(world, world.mia), project)
        sees = role is not None or is_open
        by_role = (
            least is not None and role is not None and [*Role].index(role) >= [*Role].index(least)
        )
        case = f"{role} where it comes from {least}, named: {how}"
        assert (right in held) == (by_role or (sees and how != "nobody")), case
        if how != "nobody" and not sees:
            assert held == frozenset(), case
        # Neither the setting nor a name brings anything else.
        plain = GRANTS[role or Role.VIEWER] if sees else frozenset()
        assert held - {right, other} == plain, case


def test_owners_hold_both_whatever_is_chosen(world: World) -> None:
    for right in RIGHTS:
        actions.set_least_role(world.olivia.at(), right, None)
    assert world.olivia.at().grants == OWNER_GRANTS
    assert not {*RIGHTS} & world.ada.at().grants


def test_a_project_begins_with_what_the_rights_come_with_by_default(world: World) -> None:
    assert world.project.apart == APART


def test_several_teams_and_roles_bring_what_each_brings(world: World) -> None:
    name(world, Permission.ROLL_BACK, world.mia, how="team")
    name(world, Permission.BYPASS_REVIEW, world.mia)
    team = Team.objects.within(world.organization).get(key="on-call")
    TeamRole.objects.create(project=world.project, team=team, role=Role.VIEWER)
    assert world.mia.at().grants == {Permission.VIEW, *RIGHTS}


def test_a_ticket_asks_as_few_questions_as_ever(world: World) -> None:
    name(world, Permission.ROLL_BACK, world.vera, how="team")
    membership = Membership.objects.within(world.organization).get(user=world.vera.user)
    with CaptureQueriesContext(connection) as asked:
        tickets.grants_of(membership, world.project)
    assert len(asked) == 1


@pytest.mark.parametrize("way", ["removed", "deactivated", "team gone", "left team", "no role"])
def test_a_right_by_name_ends_with_what_brought_it(world: World, way: str) -> None:
    name(world, Permission.ROLL_BACK, world.vera, how="team")
    assert world.vera.at().may(Permission.ROLL_BACK)
    mine = of(world, world.vera)
    if way == "removed":
        members.remove(owner(world), mine.pk, "")
    if way == "deactivated":
        members.deactivate(owner(world), mine.pk, "")
    if way == "team gone":
        Team.objects.within(world.organization).get(key="on-call").delete()
        assert not ProjectRight.objects.within(world.project).exists()
    if way == "left team":
        members.set_teams(owner(world), mine.pk, [])
    if way == "no role":
        members.set_role(world.ada.at(), world.vera.user, None)
    if way in {"removed", "deactivated", "no role"}:
        with pytest.raises(NotFound):
            world.vera.at()
    else:
        assert world.vera.at().grants == {Permission.VIEW}


def test_a_name_given_in_person_goes_with_the_membership_and_stays_through_a_pause(
    world: World,
) -> None:
    name(world, Permission.ROLL_BACK, world.vera)
    mine = of(world, world.vera).pk
    members.deactivate(owner(world), mine, "")
    members.reactivate(owner(world), mine)
    assert world.vera.at().may(Permission.ROLL_BACK)
    members.remove(owner(world), mine, "")
    assert not ProjectRight.objects.within(world.project).exists()


def test_a_narrow_token_holds_no_more_than_it_was_made_for(world: World) -> None:
    name(world, Permission.ROLL_BACK, world.vera)
    ticket = world.vera.at()
    for reach, expected in (
        (Reach(), {Permission.VIEW, Permission.ROLL_BACK}),
        (Reach(read_only=True), {Permission.VIEW}),
        (Reach(permissions=("edit_flags",)), {Permission.VIEW}),
        (Reach(permissions=("roll_back",)), {Permission.VIEW, Permission.ROLL_BACK}),
    ):
        token = credentials.create_token(ticket, "t", reach).token
        assert tickets.narrowed(ticket, token).grants == expected


def test_a_service_token_rolls_back_where_its_role_does_and_never_bypasses(world: World) -> None:
    robot = credentials.create_service_token(world.ada.at(), "deploys", "admin").token
    editor = credentials.create_service_token(world.ada.at(), "edits", "editor").token
    for right in RIGHTS:
        actions.set_least_role(world.olivia.at(), right, Role.REVIEWER)
    assert tickets.of_service(robot, "shop").may(Permission.ROLL_BACK)
    assert not tickets.of_service(robot, "shop").may(Permission.BYPASS_REVIEW)
    assert not tickets.of_service(editor, "shop").may(Permission.ROLL_BACK)
    actions.set_least_role(world.olivia.at(), Permission.ROLL_BACK, None)
    assert not tickets.of_service(robot, "shop").may(Permission.ROLL_BACK)


def test_an_admin_hands_roles_on_though_a_right_comes_with_none(world: World) -> None:
    for right in RIGHTS:
        actions.set_least_role(world.olivia.at(), right, None)
    members.set_role(world.ada.at(), world.max.user, Role.ADMIN)
    assert world.max.at().may(Permission.MANAGE_PROJECT)
    credentials.create_service_token(world.ada.at(), "deploys", "admin")


def test_a_token_without_a_right_hands_on_no_role_that_brings_it(world: World) -> None:
    """Else a narrow token could make a wider one."""
    keys = tuple(one.key for one in Permission if one != Permission.ROLL_BACK)
    token = credentials.create_token(world.ada.at(), "t", Reach(permissions=keys)).token
    narrow = tickets.narrowed(world.ada.at(), token)
    with pytest.raises(NotPermitted, match="hold less yourself"):
        members.set_role(narrow, world.vera.user, Role.EDITOR)
    with pytest.raises(NotPermitted, match="hold less yourself"):
        credentials.create_service_token(narrow, "deploys", "editor")


# --- reads


def test_holders_of_a_right_are_those_whose_ticket_has_it(world: World) -> None:
    name(world, Permission.ROLL_BACK, world.vera, how="team")
    ProjectRight.objects.create(
        project=world.project, right="roll_back", membership=of(world, world.mia)
    )
    actions.set_least_role(world.olivia.at(), Permission.ROLL_BACK, Role.REVIEWER)
    project = Project.objects.within(world.organization).get(pk=world.project.pk)
    for right in (*RIGHTS, Permission.REVIEW):
        found = {one.user.name for one in holders.of_right(project, right)}
        cast = (world.olivia, world.ada, world.rita, world.max, world.vera)
        assert found == {one.user.name for one in cast if one.at().may(right)}


def test_the_explanation_says_who_is_named_and_agrees_with_the_ticket(world: World) -> None:
    name(world, Permission.ROLL_BACK, world.vera, how="team")
    name(world, Permission.BYPASS_REVIEW, world.vera)
    name(world, Permission.BYPASS_REVIEW, world.mia)
    actions.set_least_role(world.olivia.at(), Permission.BYPASS_REVIEW, None)
    for person in (world.olivia, world.ada, world.rita, world.max, world.vera):
        found = people.member(owner(world), of(world, person).pk)
        held = {one.permission for one in rights.explain(found, "shop") if one.is_held}
        assert held == person.at().grants & {*rights.OF_A_PROJECT}, person
    vera = people.member(owner(world), of(world, world.vera).pk)
    assert vera.standings[0].besides == [*RIGHTS]
    told = {one.permission: one for one in rights.explain(vera, "shop")}
    assert [str(one.team) for one in told[Permission.ROLL_BACK].named_by] == ["On call"]
    assert told[Permission.BYPASS_REVIEW].roles == ()
    mia = people.member(owner(world), of(world, world.mia).pk)
    assert not any(one.is_held for one in rights.explain(mia, "shop"))


def test_what_a_role_brings_is_no_right_besides(world: World) -> None:
    name(world, Permission.ROLL_BACK, world.max)
    found = people.member(owner(world), of(world, world.max).pk)
    assert found.standings[0].besides == []


def test_a_name_that_does_not_count_is_told_as_such(world: World) -> None:
    name(world, Permission.ROLL_BACK, world.mia)
    name(world, Permission.BYPASS_REVIEW, world.vera)
    roll_back, bypass = rights.apart(world.ada.at())
    assert [one.counts for one in roll_back.people] == [False]
    assert [one.counts for one in bypass.people] == [True]
    members.deactivate(owner(world), of(world, world.vera).pk, "")
    assert not rights.apart(world.ada.at())[1].people[0].counts


def test_lists_of_people_ask_as_often_for_many_named_as_for_none(world: World) -> None:
    with CaptureQueriesContext(connection) as few:
        people.in_project(world.ada.at())
        rights.apart(world.ada.at())
    for person in (world.max, world.rita, world.vera, world.ada):
        for right in RIGHTS:
            ProjectRight.objects.create(
                project=world.project, right=right.key, membership=of(world, person)
            )
    with CaptureQueriesContext(connection) as many:
        people.in_project(world.ada.at())
        rights.apart(world.ada.at())
    assert len(many) == len(few)
