"""How people come in, what they hold, and how they go."""

from threading import Barrier, Thread

import pytest
from django.contrib.sessions.models import Session
from django.db import connections

from accounts import access as tickets
from accounts.access import Access, Origin
from accounts.actions import credentials, members, organizations, standing
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.models import Membership, Project, Team, User
from accounts.permissions import Permission, Role
from tests.world.cast import Person, World, make_world


def of(world: World, person: Person) -> Membership:
    """The membership of one of the cast."""
    found: Membership = Membership.objects.within(world.organization).get(user=person.user)
    return found


def owner(world: World) -> Access:
    """Olivia at the organization."""
    return tickets.of_member(world.olivia.user, "solar")


def newcomer(email: str = "nora@solar.example") -> User:
    return User.objects.create_user(email, "x")


def test_joining_brings_roles_and_teams_and_writes_a_line_for_each(world: World) -> None:
    team = Team.objects.create(organization=world.organization, key="web", name="Web")
    nora = newcomer()
    members.join(
        world.organization,
        nora,
        via="invitation",
        origin=Origin(),
        grants=[("shop", Role.EDITOR), ("gone", Role.ADMIN)],
        team_keys=["web", "gone"],
    )
    access = tickets.of_member(nora, "solar", "shop")
    assert access.may(Permission.EDIT_FLAGS)
    assert not access.may(Permission.MANAGE_PROJECT)
    assert access.teams == {team.key}
    assert [line.action for line in world.ledger()[-2:]] == ["member.joined", "role.set"]
    assert world.ledger()[-1].actor == nora


def test_joining_again_raises_but_never_lowers(world: World) -> None:
    grants = [("shop", Role.VIEWER)]
    members.join(world.organization, world.ada.user, via="sso", origin=Origin(), grants=grants)
    assert world.ada.at().may(Permission.MANAGE_PROJECT)
    grants = [("shop", Role.REVIEWER)]
    members.join(world.organization, world.max.user, via="sso", origin=Origin(), grants=grants)
    assert world.max.at().may(Permission.REVIEW)


def test_a_door_that_knows_nothing_of_it_does_not_undo_a_deactivation(world: World) -> None:
    members.deactivate(owner(world), of(world, world.max).id, "left the company")
    with pytest.raises(members.Deactivated):
        members.join(world.organization, world.max.user, via="sso", origin=Origin())
    members.join(
        world.organization, world.max.user, via="directory", origin=Origin(), reactivates=True
    )
    assert world.max.at().may(Permission.EDIT_FLAGS)


def test_a_deactivated_person_is_out_at_once_with_tokens_and_sessions(world: World) -> None:
    client, token = world.max.client, world.max.token()
    assert client.get(world.url("flags/")).status_code == 200
    members.deactivate(owner(world), of(world, world.max).id, "left the company")
    assert client.get(world.url("flags/")).status_code == 302
    assert not Session.objects.filter(session_key=client.session.session_key).exists()
    with pytest.raises(credentials.BadKey):
        credentials.token(token)
    with pytest.raises(NotFound):
        world.max.at()
    line = world.ledger()[-1]
    assert (line.action, line.target, line.reason) == (
        "member.deactivated",
        "max@solar.example",
        "left the company",
    )


def test_a_person_of_two_organizations_stays_signed_in_for_the_other(world: World) -> None:
    members.add_member(tickets.of_member(world.stan.user, "stranger"), world.max.user)
    client = world.max.client
    members.deactivate(owner(world), of(world, world.max).id, "")
    assert client.get(world.url("flags/")).status_code == 404
    assert client.get("/org/stranger/people/").status_code == 200


def test_reactivating_gives_the_roles_back_but_no_token(world: World) -> None:
    token = world.max.token()
    mine = of(world, world.max).id
    members.deactivate(owner(world), mine, "")
    members.reactivate(owner(world), mine)
    assert world.max.at().may(Permission.EDIT_FLAGS)
    with pytest.raises(credentials.BadKey):
        credentials.token(token)


def test_a_directory_suspends_and_resumes_in_nobodys_name(world: World) -> None:
    mine = of(world, world.max)
    members.suspend(world.organization, mine, via="directory", origin=Origin())
    members.suspend(world.organization, mine, via="directory", origin=Origin())
    with pytest.raises(NotFound):
        world.max.at()
    members.resume(world.organization, mine, via="directory", origin=Origin())
    assert world.max.at().grants
    lines = [line for line in world.ledger() if line.target == "max@solar.example"]
    assert [line.action for line in lines[-2:]] == ["member.deactivated", "member.reactivated"]
    assert lines[-1].actor is None


@pytest.mark.parametrize("way", ["deactivate", "remove", "demote", "leave", "suspend"])
def test_the_last_owner_stays(world: World, way: str) -> None:
    mine = of(world, world.olivia)
    with pytest.raises(standing.LastOwner):
        {
            "deactivate": lambda: members.deactivate(owner(world), mine.id, ""),
            "remove": lambda: members.remove(owner(world), mine.id, ""),
            "demote": lambda: members.set_owner(owner(world), mine.id, is_owner=False),
            "leave": lambda: members.leave(owner(world)),
            "suspend": lambda: members.suspend(
                world.organization, mine, via="directory", origin=Origin()
            ),
        }[way]()
    assert owner(world).may(Permission.MANAGE_ORGANIZATION)


def test_an_owner_whose_account_is_switched_off_does_not_count(world: World) -> None:
    members.set_owner(owner(world), of(world, world.ada).id, is_owner=True)
    User.objects.filter(pk=world.ada.user.pk).update(is_active=False)
    with pytest.raises(standing.LastOwner):
        members.leave(owner(world))


def test_ownership_is_handed_over_in_one_step(world: World) -> None:
    access = owner(world)
    members.transfer_ownership(access, of(world, world.ada).id)
    assert of(world, world.ada).is_owner
    assert not of(world, world.olivia).is_owner
    # A ticket from before the transfer hands nothing over a second time.
    with pytest.raises(DomainError):
        members.transfer_ownership(access, of(world, world.max).id)


def test_ownership_goes_to_nobody_who_was_deactivated(world: World) -> None:
    members.deactivate(owner(world), of(world, world.max).id, "")
    with pytest.raises(DomainError):
        members.transfer_ownership(owner(world), of(world, world.max).id)
    with pytest.raises(DomainError):
        members.set_owner(owner(world), of(world, world.max).id, is_owner=True)


def test_whoever_leaves_leaves_the_history_behind(world: World) -> None:
    members.leave(world.max.at())
    with pytest.raises(NotFound):
        world.max.at()
    assert world.ledger()[-1].actor == world.max.user
    assert world.ledger()[-1].before == {"role": "member", "roles": {"shop": "editor"}}


def test_an_admin_of_a_project_manages_nobodys_membership(world: World) -> None:
    with pytest.raises(NotPermitted):
        members.deactivate(world.ada.at(), of(world, world.max).id, "")
    with pytest.raises(NotPermitted):
        members.set_owner(world.ada.at(), of(world, world.ada).id, is_owner=True)


def test_another_organizations_member_is_nobody_here(world: World) -> None:
    stan = Membership.across_tenants.get(user=world.stan.user)
    with pytest.raises(NotFound):
        members.remove(owner(world), stan.id, "")


def test_nobody_raises_themself(world: World) -> None:
    team = Team.objects.create(organization=world.organization, key="web", name="Web")
    members.set_teams(owner(world), of(world, world.vera).id, ["web"])
    world.project.team_roles.create(team=team, role=Role.ADMIN)
    assert world.vera.at().may(Permission.MANAGE_PROJECT)
    with pytest.raises(NotPermitted, match="raises their own"):
        members.set_role(world.vera.at(), world.vera.user, Role.ADMIN)
    members.set_role(world.vera.at(), world.max.user, Role.ADMIN)


def test_a_ticket_that_holds_less_than_a_role_cannot_give_it(world: World) -> None:
    narrow = Access(
        world.ada.at().actor,
        world.organization,
        frozenset({Permission.VIEW, Permission.MANAGE_PROJECT}),
        world.project,
    )
    with pytest.raises(NotPermitted):
        members.set_role(narrow, world.max.user, Role.ADMIN)
    members.set_role(narrow, world.max.user, Role.VIEWER)


def test_a_member_may_make_projects_unless_only_owners_may(world: World) -> None:
    at_large = tickets.of_member(world.mia.user, "solar")
    made = organizations.create_project(at_large, "portal", "Portal")
    assert tickets.of_member(world.mia.user, "solar", "portal").may(Permission.MANAGE_PROJECT)
    assert made.is_open
    organizations.change_organization(
        owner(world), name="Solar", only_owners_create_projects=True, require_mfa=False
    )
    with pytest.raises(NotPermitted):
        organizations.create_project(tickets.of_member(world.mia.user, "solar"), "more", "More")
    assert organizations.create_project(owner(world), "more", "More").key == "more"


def test_a_closed_project_becomes_visible_when_it_is_opened(world: World) -> None:
    organizations.change_project(world.ada.at(), name="Solar shop", is_open=True)
    assert tickets.of_member(world.mia.user, "solar", "shop").grants == {Permission.VIEW}
    assert Project.objects.within(world.organization).get().name == "Solar shop"


def test_two_owners_who_leave_at_once_leave_one_behind(transactional_db: None) -> None:
    world = make_world()
    members.set_owner(owner(world), of(world, world.ada).id, is_owner=True)
    together, refused = Barrier(2), []

    def leave(person: Person) -> None:
        access = tickets.of_member(person.user, "solar")
        together.wait()
        try:
            members.leave(access)
        except standing.LastOwner:
            refused.append(person)
        finally:
            connections.close_all()

    threads = [Thread(target=leave, args=(person,)) for person in (world.olivia, world.ada)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    owners = Membership.objects.within(world.organization).filter(is_owner=True)
    assert owners.count() == 1
