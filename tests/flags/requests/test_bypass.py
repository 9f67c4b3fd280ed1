"""Past review in an emergency: loud, explained, and looked at by somebody else afterwards."""

import pytest

from accounts.actions import rights
from accounts.errors import NotPermitted
from accounts.models import Membership
from accounts.permissions import Permission
from flags import changes, docket, requests
from flags.changes import Applied, Part, ReasonMissing, StaleVersion
from flags.edits import EditKind, SetFallthrough, SetReviewRules, TurnOn
from flags.models import Change
from flags.requests import MayNotReview, RequestClosed
from flags.snapshots import UnservableSnapshot
from tests.flags.requests.steps import (
    FLAG,
    again,
    approve,
    ask_for_review,
    is_on,
    number_of,
    propose,
    said,
)
from tests.world.cast import Person, World
from tests.world.factories import make_flag


@pytest.fixture
def shop(world: World) -> World:
    """A flag in a production that asks for two approvals."""
    make_flag(world.max.at())
    ask_for_review(world, 2)
    return world


def test_a_bypass_applies_without_approvals_and_is_marked(shop: World):
    propose(shop.max)
    outcome = requests.bypass(shop.ada.at(), 1, reason="the shop is down")
    assert isinstance(outcome, Applied)
    assert is_on(shop)
    change = docket.request(shop.max.at(), 1)
    assert (change.status, change.bypassed, change.looked_at) == ("applied", True, None)
    loud, line = shop.ledger()[-2:]
    assert (loud.action, loud.reason, said(loud)["number"]) == (
        "change.bypassed",
        "the shop is down",
        1,
    )
    assert line.action == "flag.changed"
    assert docket.unseen(shop.rita.at()) == [change]


def test_a_bypass_needs_its_right_and_a_reason(shop: World):
    propose(shop.max)
    for person in (shop.max, shop.rita, shop.vera):
        with pytest.raises(NotPermitted, match="bypass review"):
            requests.bypass(person.at(), 1, reason="mine")
    with pytest.raises(ReasonMissing):
        requests.bypass(shop.ada.at(), 1, reason="  ")
    with pytest.raises(ReasonMissing):
        changes.bypass_all(shop.ada.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)], reason="")
    assert not is_on(shop)


def test_somebody_else_looks_at_it_afterwards(shop: World):
    propose(shop.max)
    requests.bypass(shop.ada.at(), 1, reason="the shop is down")
    for person in (shop.ada, shop.max):
        with pytest.raises(NotPermitted):
            requests.look_at(person.at(), 1)
    with pytest.raises(NotPermitted):
        requests.look_at(shop.vera.at(), 1)
    seen = requests.look_at(shop.rita.at(), 1, comment="was right")
    assert (seen.looked_at_by, docket.unseen(shop.rita.at())) == ("rita@solar.example", [])
    lines = len(shop.ledger())
    requests.look_at(shop.olivia.at(), 1)
    assert len(shop.ledger()) == lines
    assert shop.ledger()[-1].action == "change.looked_at"


def test_nobody_looks_afterwards_at_what_went_through_review(shop: World):
    change = propose(shop.max)
    for person in (shop.rita, shop.ada):
        approve(person, change)
    requests.apply(shop.max.at(), 1)
    with pytest.raises(RequestClosed):
        requests.look_at(shop.olivia.at(), 1)


def test_a_bypass_passes_the_same_checks_as_everything(shop: World):
    with pytest.raises(UnservableSnapshot):
        changes.bypass_all(
            shop.ada.at(),
            [Part(changes.state(FLAG), (SetFallthrough("purple"),), 0)],
            reason="now",
        )
    with pytest.raises(StaleVersion):
        changes.bypass_all(shop.ada.at(), [Part(changes.state(FLAG), (TurnOn(),), 7)], reason="now")


def test_a_bypass_without_a_request_gets_a_number_to_be_looked_at_by(shop: World):
    outcome = changes.bypass_all(
        shop.ada.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)], reason="now"
    )
    assert isinstance(outcome, Applied)
    assert number_of(outcome.change) == 1
    with pytest.raises(MayNotReview, match="You made this change"):
        requests.look_at(shop.ada.at(), 1)
    requests.look_at(shop.rita.at(), 1)


def test_a_freeze_does_not_stop_an_emergency(shop: World):
    change = propose(shop.max)
    policy = changes.Target(EditKind.POLICY, "production")
    changes.bypass_all(
        shop.ada.at(), [Part(policy, (SetReviewRules(2, frozen=True),), 1)], reason="holidays"
    )
    assert isinstance(requests.bypass(shop.ada.at(), number_of(change), reason="fire"), Applied)
    assert again(shop.max, change).status == Change.Status.APPLIED


# --- the right to it, apart from roles


def name(world: World, person: Person, *, is_named: bool = True) -> None:
    member = Membership.objects.within(world.organization).get(user=person.user)
    access, right = world.olivia.at(), Permission.BYPASS_REVIEW
    rights.set_person(access, right, member.pk, is_named=is_named)


def test_where_only_who_is_named_bypasses_an_admin_does_not(shop: World):
    propose(shop.max)
    rights.set_least_role(shop.ada.at(), Permission.BYPASS_REVIEW, None)
    name(shop, shop.rita)
    with pytest.raises(NotPermitted, match="bypass review"):
        requests.bypass(shop.ada.at(), 1, reason="the shop is down")
    with pytest.raises(NotPermitted, match="bypass review"):
        changes.bypass_all(shop.ada.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)], reason="now")
    assert not is_on(shop)
    assert isinstance(requests.bypass(shop.rita.at(), 1, reason="the shop is down"), Applied)
    assert is_on(shop)
    with pytest.raises(MayNotReview):
        requests.look_at(shop.rita.at(), 1)
    requests.look_at(shop.ada.at(), 1)


def test_whoever_may_bypass_still_needs_the_right_to_the_change(shop: World):
    """A name brings the way past review, not the edit itself."""
    propose(shop.max)
    name(shop, shop.vera)
    with pytest.raises(NotPermitted, match="edit targeting"):
        requests.bypass(shop.vera.at(), 1, reason="the shop is down")
    assert not is_on(shop)


def test_the_right_to_bypass_is_lost_at_once(shop: World):
    propose(shop.max)
    name(shop, shop.rita)
    name(shop, shop.rita, is_named=False)
    with pytest.raises(NotPermitted, match="bypass review"):
        requests.bypass(shop.rita.at(), 1, reason="the shop is down")


def test_the_page_offers_a_bypass_only_to_whoever_may_also_make_the_change(shop: World):
    propose(shop.max)
    name(shop, shop.vera)
    name(shop, shop.rita)
    address = shop.url("requests/1/")
    offers = {
        person.user.name: "do/bypass" in person.client.get(address).content.decode()
        for person in (shop.ada, shop.rita, shop.max, shop.vera)
    }
    assert offers == {"Ada": True, "Rita": True, "Max": False, "Vera": False}
