"""The section "Rights apart from roles" on a project's page of people."""

import re

import pytest

from accounts.actions import members, rights, teams
from accounts.models import Membership
from accounts.permissions import Permission
from tests.world.cast import Person, World

PAGE = "/org/solar/projects/shop/"
RIGHT = f"{PAGE}rights"
NAMED = f"{PAGE}rights/named"


def member_id(world: World, person: Person) -> str:
    return str(Membership.objects.within(world.organization).get(user=person.user).pk)


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_whoever_sees_the_project_reads_who_holds_them(world: World) -> None:
    found = text(world.vera.client.get(PAGE))
    assert "Comes with editors and above." in found
    assert "Comes with admins." in found
    assert found.count("Nobody is named besides.") == 2
    assert "a person or a team" not in found


def test_an_admin_names_a_person_and_takes_the_right_away_again(world: World) -> None:
    client, vera = world.ada.client, f"member:{member_id(world, world.vera)}"
    said = {"right": "roll_back", "who": vera}
    assert "Vera may roll back." in text(client.post(NAMED, said, follow=True))
    assert world.vera.at().may(Permission.ROLL_BACK)
    assert "viewer + roll back" in text(client.get(PAGE))
    # Who is named already is not offered a second time.
    assert client.get(PAGE).content.decode().count(f'<option value="{vera}"') == 1
    after = text(client.post(NAMED, {**said, "named": "false"}, follow=True))
    assert "Vera is not named any more: roll back." in after
    assert not world.vera.at().may(Permission.ROLL_BACK)


def test_an_admin_names_a_team(world: World) -> None:
    teams.create(world.olivia.at(), "on-call", "On call")
    teams.set_members(world.olivia.at(), "on-call", [member_id(world, world.vera)])  # type: ignore[list-item]
    client = world.ada.client
    client.post(NAMED, {"right": "bypass_review", "who": "team:on-call"})
    assert world.vera.at().may(Permission.BYPASS_REVIEW)
    assert "those of its people who may look at the project" in text(client.get(PAGE))
    assert "named for: bypass review" in text(world.olivia.client.get("/org/solar/teams/on-call/"))
    person = f"/org/solar/people/{member_id(world, world.vera)}/"
    assert "named with the team On call" in text(client.get(person, {"project": "shop"}))


def test_an_admin_chooses_the_role_a_right_comes_with(world: World) -> None:
    client = world.ada.client
    client.post(RIGHT, {"right": "roll_back", "least_role": "admin"})
    assert not world.rita.at().may(Permission.ROLL_BACK)
    client.post(RIGHT, {"right": "roll_back", "least_role": ""})
    assert not world.ada.at().may(Permission.ROLL_BACK)
    assert "no role: only who is named" in text(world.vera.client.get(PAGE))
    # Nobody takes back for themself what they gave up.
    back = client.post(RIGHT, {"right": "roll_back", "least_role": "editor"})
    assert back.status_code == 403
    assert "Ask another admin or an owner to do it." in text(back)


def test_a_name_that_does_not_count_says_why(world: World) -> None:
    mine = Membership.objects.within(world.organization).get(user=world.vera.user)
    rights.set_person(world.ada.at(), Permission.ROLL_BACK, mine.pk, is_named=True)
    members.set_role(world.ada.at(), world.vera.user, None)
    assert "may not look at the project now" in text(world.ada.client.get(PAGE))
    members.deactivate(world.olivia.at(), mine.pk, "")
    assert "is deactivated, so this does not count" in text(world.ada.client.get(PAGE))


@pytest.mark.parametrize(
    ("address", "odd", "status"),
    [
        (NAMED, {"right": "roll_back", "who": ""}, 422),
        (NAMED, {"right": "roll_back", "who": "member:x"}, 422),
        (NAMED, {"right": "roll_back", "who": "team:x"}, 404),
        (NAMED, {"right": "review", "who": "team:x"}, 404),
        (RIGHT, {"right": "roll_back"}, 422),
        (RIGHT, {"right": "roll_back", "least_role": "viewer"}, 422),
        (RIGHT, {"least_role": "admin"}, 404),
    ],
)
def test_what_no_form_sends_is_refused(
    world: World, address: str, odd: dict[str, str], status: int
) -> None:
    assert world.ada.client.post(address, odd).status_code == status


def test_the_page_tells_a_viewer_with_the_right_what_it_is_good_for(world: World) -> None:
    client, mine = world.vera.client, member_id(world, world.vera)
    world.ada.client.post(NAMED, {"right": "roll_back", "who": f"member:{mine}"})
    found = text(client.get(f"/org/solar/people/{mine}/", {"project": "shop"}))
    assert "roll back yes named in person" in found
    assert "needs one of: admin, or owner; or to be named for it" in found
