"""Asking to be let in, without learning what is there; and answering."""

import pytest

from accounts import access as tickets
from accounts import admissions, people
from accounts.access import Access
from accounts.actions import access_requests, members
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.limits import TooOften
from accounts.models import AccessRequest, Membership
from accounts.permissions import Permission, Role
from tests.world.cast import Person, World


def at_large(person: Person) -> Access:
    return tickets.of_member(person.user, "solar")


def asked(world: World) -> AccessRequest:
    found: AccessRequest = AccessRequest.objects.within(world.project).get()
    return found


def test_an_admin_lets_somebody_in_with_another_role_than_asked_for(world: World) -> None:
    access_requests.ask(at_large(world.mia), "shop", Role.ADMIN, "I build the shop.")
    assert world.ledger()[-1].action == "access.requested"
    assert world.ledger()[-1].project == world.project
    access_requests.approve(world.ada.at(), asked(world).pk, Role.EDITOR, "Welcome")
    assert world.mia.at().may(Permission.EDIT_FLAGS)
    assert not world.mia.at().may(Permission.MANAGE_PROJECT)
    line = world.ledger()[-1]
    assert (line.action, line.target, line.reason) == (
        "access.approved",
        "mia@solar.example",
        "Welcome",
    )
    assert line.after == {"role": "editor", "asked": "admin"}


def test_a_refusal_needs_words_and_is_told_to_whoever_asked(world: World) -> None:
    access_requests.ask(at_large(world.mia), "shop", Role.VIEWER, "")
    with pytest.raises(InvalidInput):
        access_requests.decline(world.ada.at(), asked(world).pk, " ")
    access_requests.decline(world.ada.at(), asked(world).pk, "Ask again in March.")
    with pytest.raises(NotFound):
        world.mia.at()
    own = admissions.own_requests(at_large(world.mia), [])
    assert [(one.status, one.answer) for one in own] == [("declined", "Ask again in March.")]


def test_asking_says_nothing_about_what_exists(world: World) -> None:
    access = at_large(world.mia)
    before = len(world.ledger())
    access_requests.ask(access, "no-such-project", Role.VIEWER, "")
    assert len(world.ledger()) == before
    access_requests.ask(access, "shop", Role.VIEWER, "")
    # What waits would say that the project exists: only who sees it is told.
    assert admissions.own_requests(access, people.projects_of(access)) == []


def test_asking_again_replaces_what_still_waits(world: World) -> None:
    access_requests.ask(at_large(world.mia), "shop", Role.VIEWER, "first")
    access_requests.ask(at_large(world.mia), "shop", Role.EDITOR, "second")
    assert (asked(world).role, asked(world).reason) == ("editor", "second")


def test_a_member_asks_for_more_but_not_for_what_they_have(world: World) -> None:
    with pytest.raises(InvalidInput):
        access_requests.ask(at_large(world.max), "shop", Role.VIEWER, "")
    access_requests.ask(at_large(world.max), "shop", Role.REVIEWER, "")
    access_requests.approve(world.ada.at(), asked(world).pk, Role.REVIEWER)
    assert world.max.at().may(Permission.REVIEW)


def test_approving_never_lowers_a_role(world: World) -> None:
    access_requests.ask(at_large(world.max), "shop", Role.REVIEWER, "")
    access_requests.approve(world.ada.at(), asked(world).pk, Role.VIEWER)
    assert world.max.at().may(Permission.EDIT_FLAGS)


def test_only_admins_answer_and_only_once(world: World) -> None:
    access_requests.ask(at_large(world.mia), "shop", Role.VIEWER, "")
    request = asked(world)
    with pytest.raises(NotPermitted):
        access_requests.approve(world.rita.at(), request.pk, Role.VIEWER)
    access_requests.approve(world.ada.at(), request.pk, Role.VIEWER)
    with pytest.raises(access_requests.AlreadyAnswered):
        access_requests.decline(world.olivia.at(), request.pk, "No")


def test_another_organization_cannot_answer(world: World) -> None:
    access_requests.ask(at_large(world.mia), "shop", Role.VIEWER, "")
    with pytest.raises(NotFound):
        access_requests.approve(world.stan.at(), asked(world).pk, Role.ADMIN)


def test_whoever_was_deactivated_is_not_let_in(world: World) -> None:
    access_requests.ask(at_large(world.mia), "shop", Role.VIEWER, "")
    mia = Membership.objects.within(world.organization).get(user=world.mia.user)
    members.deactivate(at_large(world.olivia), mia.pk, "")
    with pytest.raises(InvalidInput):
        access_requests.approve(world.ada.at(), asked(world).pk, Role.VIEWER)
    assert admissions.requests_to_decide(at_large(world.olivia), [world.project]) == []


def test_asking_is_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_requests, "MOST", 2)
    for key in ("a", "b"):
        access_requests.ask(at_large(world.mia), key, Role.VIEWER, "")
    with pytest.raises(TooOften):
        access_requests.ask(at_large(world.mia), "c", Role.VIEWER, "")
