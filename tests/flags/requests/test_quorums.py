"""Approvals nobody could give are not asked for: only going past review would lead out again."""

import pytest

from accounts import access as tickets
from accounts.actions import members, organizations
from accounts.models import Project
from accounts.permissions import Role
from flags import changes
from flags.changes import Applied, Outcome, Pending
from flags.edits import EditKind, InvalidEdit, SetReviewRules
from tests.flags.requests.steps import appoint, leave, make_team
from tests.world.cast import World

POLICY = changes.Target(EditKind.POLICY, "production")


def ask(world: World, approvals: int, *teams: str, version: int = 0, **more) -> Outcome:
    edit = SetReviewRules(approvals, reviewers=teams, **more)
    return changes.submit(world.ada.at(), POLICY, [edit], expected_version=version)


def test_a_team_too_small_is_asked_for_no_more_than_it_can_say(world: World):
    make_team(world, "growth", world.rita)
    with pytest.raises(InvalidEdit) as refusal:
        ask(world, 5, "growth")
    assert str(refusal.value) == (
        "reviewers: 5 approvals of growth could never be given: besides the author of a change"
        " only 1 person of growth may review in Shop."
    )
    assert refusal.value.hint
    assert isinstance(ask(world, 1, "growth"), Applied)


def test_who_may_not_review_is_nobody_to_ask(world: World):
    make_team(world, "growth", world.max, world.vera)
    with pytest.raises(InvalidEdit, match="nobody of growth may review in Shop"):
        ask(world, 1, "growth")


def test_people_of_several_teams_count_together_and_once(world: World):
    make_team(world, "growth", world.rita, world.ada)
    make_team(world, "legal", world.rita)
    with pytest.raises(InvalidEdit, match="only 2 people"):
        ask(world, 3, "growth", "legal")
    assert isinstance(ask(world, 2, "growth", "legal"), Applied)


def test_without_teams_everybody_who_may_review_counts(world: World):
    with pytest.raises(InvalidEdit, match="only 3 people may review in Shop"):
        ask(world, 4)
    assert isinstance(ask(world, 3), Applied)


def test_whoever_is_alone_cannot_ask_for_other_eyes(world: World):
    owner = tickets.of_member(world.olivia.user, "solar")
    organizations.create_project(owner, "solo", "Solo")
    Project.objects.within(world.organization).filter(key="solo").update(is_open=False)
    there = tickets.of_member(world.olivia.user, "solar", "solo", "production")
    with pytest.raises(InvalidEdit, match="nobody may review in Solo"):
        changes.submit(there, POLICY, [SetReviewRules(1)], expected_version=0)
    members.set_role(there, world.max.user, Role.EDITOR)
    outcome = changes.submit(there, POLICY, [SetReviewRules(1)], expected_version=0)
    assert isinstance(outcome, Applied)


def test_what_is_asked_for_already_is_left_when_people_leave(world: World):
    make_team(world, "growth", world.rita, world.ada)
    ask(world, 2, "growth")
    leave(world, world.rita)
    assert isinstance(ask(world, 2, "growth", version=1, frozen=True), Pending)
    with pytest.raises(InvalidEdit, match="only 1 person of growth"):
        ask(world, 3, "growth", version=1)


def test_stewards_ask_for_no_more_than_there_are_either(world: World):
    make_team(world, "growth", world.rita)
    make_team(world, "empty")
    with pytest.raises(InvalidEdit, match="the flag a: 2 approvals of growth could never be given"):
        appoint(world, {"kind": "flag", "key": "a", "reviewers": ["growth"], "approvals": 2})
    with pytest.raises(InvalidEdit, match="nobody of empty may review"):
        appoint(world, {"kind": "flag", "key": "a", "reviewers": ["growth", "empty"]})
    assert isinstance(appoint(world, {"kind": "flag", "key": "a", "editors": ["empty"]}), Applied)
