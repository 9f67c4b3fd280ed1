"""Who may still do what when the moment comes: rights are those of that moment."""

import pytest

from accounts import access as tickets
from accounts.access import Actor
from accounts.actions import rights
from accounts.errors import NotPermitted
from accounts.models import Membership, ProjectRole
from accounts.permissions import Permission, Role
from flags import changes, docket, queries, requests
from flags.changes import Applied, Part, Pending
from flags.drafting import EnvironmentArchived
from flags.edits import (
    EditKind,
    Kill,
    SetClientSide,
    SetFallthrough,
    SetReviewRules,
    TurnOn,
)
from flags.edits.base import EDITS
from flags.requests import AuthorMayNot, MayNotReview, NotApproved, standing
from flags.review import CodeFreeze
from tests.flags.requests.steps import (
    FLAG,
    again,
    approve,
    ask_for_review,
    is_on,
    leave,
    make_team,
    number_of,
    propose,
)
from tests.world.cast import Person, World
from tests.world.factories import make_flag


@pytest.fixture
def shop(world: World) -> World:
    """A flag in a production that asks for one approval."""
    make_flag(world.max.at())
    ask_for_review(world)
    return world


def set_role(world: World, person: Person, role: Role) -> None:
    ProjectRole.objects.within(world.project).filter(membership__user=person.user).update(role=role)


def test_an_approval_by_somebody_who_lost_the_right_does_not_count(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    set_role(shop, shop.rita, Role.EDITOR)
    assert standing(shop.max.at(), again(shop.max, change)).approvals == ()
    with pytest.raises(NotApproved):
        requests.apply(shop.max.at(), 1)
    set_role(shop, shop.rita, Role.REVIEWER)
    assert isinstance(requests.apply(shop.max.at(), 1), Applied)


def test_an_approval_by_somebody_who_left_does_not_count(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    leave(shop, shop.rita)
    with pytest.raises(NotApproved):
        requests.apply(shop.max.at(), 1)
    assert not is_on(shop)


def test_objections_of_somebody_who_left_hold_nothing_up(shop: World):
    change = propose(shop.max)
    requests.request_changes(shop.rita.at(), 1, comment="no")
    leave(shop, shop.rita)
    approve(shop.ada, change)
    assert isinstance(requests.apply(shop.max.at(), 1), Applied)


def test_what_somebody_wrote_who_left_does_not_apply_until_taken_over(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    leave(shop, shop.max)
    with pytest.raises(AuthorMayNot, match="who wrote this, is no longer here"):
        requests.apply(shop.ada.at(), 1)
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    requests.revise(shop.ada.at(), 1, [part], expected_revision=1)
    approve(shop.rita, change)
    assert isinstance(requests.apply(shop.ada.at(), 1), Applied)


def test_what_somebody_wrote_who_may_not_edit_any_more_does_not_apply(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    set_role(shop, shop.max, Role.VIEWER)
    with pytest.raises(AuthorMayNot, match="may not do so any more"):
        requests.apply(shop.ada.at(), 1)


def test_a_second_token_of_the_author_is_the_author(shop: World):
    """Tokens stand for their person: whichever is shown, the person is the same."""
    change = propose(shop.rita)
    other = tickets.of_member(shop.rita.user, "solar", "shop", "production")
    with pytest.raises(MayNotReview, match="You wrote"):
        requests.approve(other, 1, content_hash=change.content_hash)


def test_a_service_token_never_approves(shop: World):
    change = propose(shop.max)
    robot = shop.ada.at()
    robot = type(robot)(
        Actor("service: deploys"),
        robot.organization,
        robot.grants,
        robot.at_project,
        robot.at_environment,
    )
    with pytest.raises(MayNotReview, match="service token"):
        requests.approve(robot, 1, content_hash=change.content_hash)
    with pytest.raises(MayNotReview):
        requests.reject(robot, 1, reason="no")


def test_a_policy_made_stricter_after_the_approval_asks_again(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    policy = changes.Target(EditKind.POLICY, "production")
    from_rita = changes.submit(
        shop.ada.at(), policy, [SetReviewRules(2)], expected_version=1, comment="more eyes"
    )
    assert isinstance(from_rita, Pending)
    approve(shop.rita, from_rita.change)
    requests.apply(shop.ada.at(), number_of(from_rita.change))
    with pytest.raises(NotApproved, match="2 approvals"):
        requests.apply(shop.max.at(), 1)
    approve(shop.olivia, change)
    assert isinstance(requests.apply(shop.max.at(), 1), Applied)


def test_a_freeze_that_began_meanwhile_holds_an_approved_request_up(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    policy = changes.Target(EditKind.POLICY, "production")
    frozen = changes.submit(
        shop.ada.at(), policy, [SetReviewRules(1, frozen=True)], expected_version=1
    )
    assert isinstance(frozen, Pending)
    approve(shop.rita, frozen.change)
    requests.apply(shop.ada.at(), number_of(frozen.change))
    with pytest.raises(CodeFreeze):
        requests.apply(shop.max.at(), 1)
    now = standing(shop.max.at(), again(shop.max, change))
    assert (now.may_apply, now.why_not_apply) == (False, "Changes are frozen in Production.")


def test_only_people_of_the_reviewing_teams_approve(world: World):
    make_flag(world.max.at())
    make_team(world, "core", world.rita)
    ask_for_review(world, reviewers=("core",))
    change = propose(world.max)
    with pytest.raises(MayNotReview, match="Only people of core"):
        approve(world.ada, change)
    assert docket.waiting_for_me(world.ada.at()) == 0
    assert docket.waiting_for_me(world.rita.at()) == 1
    approve(world.rita, change)
    assert isinstance(requests.apply(world.max.at(), 1), Applied)


def test_who_leaves_the_reviewing_team_leaves_no_approval_behind(world: World):
    make_flag(world.max.at())
    team = make_team(world, "core", world.rita)
    ask_for_review(world, reviewers=("core",))
    change = propose(world.max)
    approve(world.rita, change)
    team.places.all().delete()
    with pytest.raises(NotApproved):
        requests.apply(world.max.at(), 1)


def test_an_archived_environment_takes_no_changes(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    shop.production.archived_at = shop.production.created_at
    shop.production.save()
    with pytest.raises(EnvironmentArchived):
        requests.apply(shop.max.at(), 1)
    with pytest.raises(EnvironmentArchived):
        changes.submit(shop.max.at(), changes.state(FLAG), [TurnOn()], expected_version=0)
    # What all share goes on, by the review the archived one asks for, and leaves it as it is.
    staging = shop.max.at("staging")
    outcome = changes.submit(
        staging, changes.definition(FLAG), [SetClientSide(client_side=True)], expected_version=1
    )
    assert isinstance(outcome, Pending)
    approve(shop.rita, outcome.change)
    assert isinstance(requests.apply(staging, number_of(outcome.change)), Applied)
    assert queries.head_version(shop.production)[1] == 1


def test_a_policy_is_loosened_only_by_its_own_rules(shop: World):
    """Lowering the policy is a change like any other: reviewed by the policy there is."""
    policy = changes.Target(EditKind.POLICY, "production")
    outcome = changes.submit(shop.ada.at(), policy, [SetReviewRules(0)], expected_version=1)
    assert isinstance(outcome, Pending)


# --- the product manager: she looks, and rolls back


@pytest.fixture
def manager(world: World) -> Person:
    """Vera, a viewer named for the right to roll back, where a flag is on and reviewed."""
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    mine = Membership.objects.within(world.organization).get(user=world.vera.user)
    rights.set_person(world.ada.at(), Permission.ROLL_BACK, mine.pk, is_named=True)
    return world.vera


def test_a_viewer_named_for_it_kills_and_rolls_back_past_review(world: World, manager: Person):
    was_on = queries.history(manager.at(), "state", FLAG)[0]
    assert isinstance(changes.kill(manager.at(), FLAG, reason="complaints"), Applied)
    assert not is_on(world)
    back = changes.roll_back(manager.at(), changes.state(FLAG), to=was_on, reason="all is well")
    assert isinstance(back, Applied)
    assert is_on(world)
    told = [(one.action, one.actor, one.reason) for one in world.ledger()[-2:]]
    assert told == [
        ("flag.killed", manager.user, "complaints"),
        ("flag.rolled_back", manager.user, "all is well"),
    ]


def test_a_viewer_named_for_rolling_back_may_make_no_other_edit(manager: Person):
    """The right brings the edits that go back, and not one of the others."""
    held = {name for name, edit in EDITS.items() if manager.at().may(edit.permission)}
    assert held == {name for name, edit in EDITS.items() if edit.urgent}
    assert manager.at().grants == {Permission.VIEW, Permission.ROLL_BACK}


@pytest.mark.parametrize("door", ["submit", "request", "draft", "mixed in", "bypass"])
def test_a_viewer_named_for_rolling_back_is_refused_at_every_other_door(
    world: World, manager: Person, door: str
):
    here = queries.flag(manager.at(), FLAG).version
    part = Part(changes.state(FLAG), (SetFallthrough("off"),), here)
    killing = Part(changes.state(FLAG), (Kill(), SetFallthrough("off")), here)
    ways = {
        "submit": lambda: changes.submit_all(manager.at(), [part], comment="mine"),
        "request": lambda: requests.open_request(manager.at(), [part], comment="mine"),
        "draft": lambda: requests.save_draft(manager.at(), [part], comment="mine"),
        "mixed in": lambda: changes.submit_all(manager.at(), [killing], comment="mine"),
        "bypass": lambda: changes.bypass_all(manager.at(), [part], reason="mine"),
    }
    with pytest.raises(NotPermitted):
        ways[door]()
    assert is_on(world)
    assert docket.requests(manager.at()) == []


def test_a_viewer_named_for_rolling_back_neither_approves_nor_applies(
    world: World, manager: Person
):
    change = propose(world.max, SetFallthrough("off"))
    with pytest.raises(MayNotReview):
        approve(manager, change)
    approve(world.rita, change)
    with pytest.raises(NotPermitted):
        requests.apply(manager.at(), number_of(change))


def test_the_right_to_roll_back_is_lost_at_once(world: World, manager: Person):
    mine = Membership.objects.within(world.organization).get(user=manager.user)
    rights.set_person(world.ada.at(), Permission.ROLL_BACK, mine.pk, is_named=False)
    with pytest.raises(NotPermitted, match="You may not roll back in Shop"):
        changes.kill(manager.at(), FLAG, reason="complaints")
    assert is_on(world)


def test_editors_roll_back_only_where_the_project_says_so(world: World):
    make_flag(world.max.at(), on=True)
    rights.set_least_role(world.ada.at(), Permission.ROLL_BACK, Role.REVIEWER)
    with pytest.raises(NotPermitted):
        changes.kill(world.max.at(), FLAG, reason="complaints")
    assert isinstance(changes.kill(world.rita.at(), FLAG, reason="complaints"), Applied)
