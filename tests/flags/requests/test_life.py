"""The life of a change request, from proposing to being in force."""

import pytest

from accounts.errors import NotFound, NotPermitted
from accounts.limits import TooOften
from flags import changes, docket, queries, requests
from flags.changes import Applied, Part, Pending, StaleVersion, Unchanged
from flags.edits import SetFallthrough, TurnOff, TurnOn
from flags.models import Change, Snapshot
from flags.requests import (
    MayNotReview,
    NotApproved,
    RequestClosed,
    RevisionChanged,
    standing,
    writing,
)
from tests.flags.requests.steps import (
    FLAG,
    approve,
    ask_for_review,
    is_on,
    number_of,
    propose,
    said,
)
from tests.world.cast import World
from tests.world.factories import make_flag, submit


@pytest.fixture
def shop(world: World) -> World:
    """A flag in a production that asks for one approval."""
    make_flag(world.max.at())
    ask_for_review(world)
    return world


def test_a_request_is_proposed_approved_and_applied(shop: World):
    change = propose(shop.max)
    assert (number_of(change), change.revision, change.approvals_needed) == (1, 1, 1)
    assert not is_on(shop)
    with pytest.raises(NotApproved, match="Production asks for 1 approval"):
        requests.apply(shop.max.at(), 1)
    assert isinstance(approve(shop.rita, change, comment="fine"), Pending)
    assert docket.request(shop.max.at(), 1).status == Change.Status.APPROVED
    assert not is_on(shop)
    outcome = requests.apply(shop.max.at(), 1)
    assert isinstance(outcome, Applied)
    assert is_on(shop)
    applied = docket.request(shop.max.at(), 1)
    assert (applied.status, applied.applied_by_label) == ("applied", "max@solar.example")
    actions = [line.action for line in shop.ledger()][-3:]
    assert actions == ["change.submitted", "change.approved", "flag.changed"]
    line = shop.ledger()[-1]
    assert said(line)["change"] == str(change.id)
    assert (said(line)["number"], said(line)["author"]) == (1, "max@solar.example")


def test_applying_twice_is_applying_once(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    first = requests.apply(shop.max.at(), 1)
    lines, rows = len(shop.ledger()), Snapshot.objects.within(shop.production).count()
    again = requests.apply(shop.ada.at(), 1)
    assert isinstance(first, Applied)
    assert isinstance(again, Applied)
    assert (again.version, again.published) == (first.version, ())
    assert len(shop.ledger()) == lines
    assert Snapshot.objects.within(shop.production).count() == rows


def test_an_author_never_approves_their_own_request(shop: World):
    change = propose(shop.rita)
    with pytest.raises(MayNotReview, match="You wrote"):
        approve(shop.rita, change)
    assert docket.request(shop.rita.at(), 1).reviews.count() == 0


def test_who_revises_a_request_cannot_approve_it_either(shop: World):
    change = propose(shop.max)
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    requests.revise(shop.rita.at(), 1, [part], expected_revision=1)
    with pytest.raises(MayNotReview, match="You wrote"):
        approve(shop.rita, change)
    with pytest.raises(NotPermitted):
        approve(shop.max, change)
    assert isinstance(approve(shop.ada, change), Pending)


def test_a_revision_drops_the_approvals(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    revised = requests.revise(shop.max.at(), 1, [part], expected_revision=1)
    assert revised.content_hash != change.content_hash
    assert revised.status == Change.Status.OPEN
    with pytest.raises(NotApproved):
        requests.apply(shop.max.at(), 1)


def test_an_approval_of_what_was_there_before_is_refused_with_both(shop: World):
    change = propose(shop.max)
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    revised = requests.revise(shop.max.at(), 1, [part], expected_revision=1)
    with pytest.raises(RevisionChanged) as refusal:
        requests.approve(shop.rita.at(), 1, content_hash=change.content_hash)
    assert refusal.value.data["expected"] == change.content_hash
    assert refusal.value.data["actual"] == revised.content_hash


def test_two_people_revising_the_same_revision_do_not_overwrite_each_other(shop: World):
    propose(shop.max)
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    requests.revise(shop.max.at(), 1, [part], expected_revision=1)
    with pytest.raises(RevisionChanged):
        requests.revise(shop.ada.at(), 1, [part], expected_revision=1)


def test_two_approvals_are_two_people(world: World):
    make_flag(world.max.at())
    ask_for_review(world, approvals=2)
    change = propose(world.max)
    approve(world.rita, change)
    approve(world.rita, change)
    now = standing(world.max.at(), docket.request(world.max.at(), 1))
    assert [word.label for word in now.approvals] == ["rita@solar.example"]
    assert now.missing == ("Production asks for 2 approvals. 1 more is missing.",)
    approve(world.ada, change)
    assert isinstance(requests.apply(world.max.at(), 1), Applied)


def test_asking_for_changes_holds_a_request_up_until_the_asker_approves(world: World):
    make_flag(world.max.at())
    ask_for_review(world)
    change = propose(world.max)
    requests.request_changes(world.rita.at(), 1, comment="smaller, please")
    approve(world.ada, change)
    assert docket.request(world.max.at(), 1).status == Change.Status.CHANGES_REQUESTED
    with pytest.raises(NotApproved, match=r"rita@.* asked for changes"):
        requests.apply(world.max.at(), 1)
    approve(world.rita, change)
    assert isinstance(requests.apply(world.max.at(), 1), Applied)


def test_a_rejected_request_is_over(shop: World):
    change = propose(shop.max)
    with pytest.raises(changes.ReasonMissing):
        requests.reject(shop.rita.at(), 1, reason=" ")
    requests.reject(shop.rita.at(), 1, reason="too early")
    for act in (
        lambda: approve(shop.ada, change),
        lambda: requests.apply(shop.ada.at(), 1),
        lambda: requests.withdraw(shop.max.at(), 1),
        lambda: requests.bypass(shop.ada.at(), 1, reason="now"),
    ):
        with pytest.raises(RequestClosed, match="Request 1 is rejected"):
            act()
    assert not is_on(shop)
    assert shop.ledger()[-1].action == "change.rejected"
    assert shop.ledger()[-1].reason == "too early"


def test_its_authors_and_admins_may_withdraw_a_request_others_may_not(shop: World):
    propose(shop.max)
    with pytest.raises(NotPermitted, match="Only its authors"):
        requests.withdraw(shop.rita.at(), 1)
    requests.withdraw(shop.max.at(), 1)
    propose(shop.max)
    requests.withdraw(shop.ada.at(), 2)
    assert [one.status for one in docket.requests(shop.max.at())] == ["withdrawn"] * 2


def test_a_request_made_where_nobody_has_to_look_may_apply_at_once(world: World):
    make_flag(world.max.at())
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    outcome = requests.open_request(world.max.at(), [part], comment="have a look")
    assert isinstance(outcome, Pending)
    assert standing(world.max.at(), outcome.change).is_ready
    assert isinstance(requests.apply(world.max.at(), 1), Applied)


def test_a_request_that_should_apply_when_approved_does_so_at_the_last_approval(shop: World):
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    outcome = requests.open_request(
        shop.max.at(), [part], comment="launch", apply_when_approved=True
    )
    assert isinstance(outcome, Pending)
    assert isinstance(approve(shop.rita, outcome.change), Applied)
    assert is_on(shop)
    assert shop.ledger()[-1].actor_label == "max@solar.example"


def test_numbers_are_counted_within_the_project_without_gaps(shop: World):
    for number in range(1, 4):
        assert propose(shop.max).number == number
    draft = requests.save_draft(shop.max.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)])
    assert number_of(draft) == 4
    assert propose(shop.ada).number == 5


def test_a_stale_base_is_refused_with_both_versions(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    other = propose(shop.ada, SetFallthrough("off"))
    approve(shop.rita, other)
    requests.apply(shop.ada.at(), number_of(other))
    with pytest.raises(StaleVersion) as refusal:
        requests.apply(shop.max.at(), 1)
    assert (refusal.value.expected, refusal.value.actual) == (0, 1)
    assert standing(shop.max.at(), docket.request(shop.max.at(), 1)).can_merge


def test_a_request_whose_edits_lead_nowhere_any_more_is_superseded(shop: World):
    first, second = propose(shop.max), propose(shop.ada)
    for change in (first, second):
        approve(shop.rita, change)
    requests.apply(shop.max.at(), 1)
    assert isinstance(requests.apply(shop.max.at(), 2), Unchanged)
    assert docket.request(shop.max.at(), 2).status == Change.Status.SUPERSEDED
    assert shop.ledger()[-1].action == "change.superseded"


def test_drafts_are_their_authors_alone(shop: World):
    lines = len(shop.ledger())
    draft = requests.save_draft(shop.max.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)])
    assert len(shop.ledger()) == lines
    for person in (shop.ada, shop.rita, shop.olivia):
        with pytest.raises(NotFound):
            docket.request(person.at(), number_of(draft))
        with pytest.raises(NotFound):
            requests.open_draft(person.at(), number_of(draft))
        with pytest.raises(NotFound):
            queries.change(person.at(), draft.id)
        assert docket.drafts(person.at()) == []
        assert draft not in docket.requests(person.at())
    assert docket.drafts(shop.max.at()) == [draft]
    assert isinstance(requests.open_draft(shop.max.at(), number_of(draft), comment="go"), Pending)
    assert docket.request(shop.rita.at(), number_of(draft)).status == Change.Status.OPEN


def test_a_discarded_draft_leaves_nothing_but_its_number(shop: World):
    draft = requests.save_draft(shop.max.at(), [Part(changes.state(FLAG), (TurnOn(),), 0)])
    requests.discard_draft(shop.max.at(), number_of(draft))
    with pytest.raises(NotFound):
        docket.request(shop.max.at(), number_of(draft))
    assert queries.change(shop.max.at(), draft.id).parts == []
    assert propose(shop.max).number == number_of(draft) + 1


def test_people_of_other_organizations_find_no_request(shop: World):
    change = propose(shop.max)
    for act in (
        lambda: docket.request(shop.stan.at(), 1),
        lambda: requests.approve(shop.stan.at(), 1, content_hash=change.content_hash),
        lambda: requests.apply(shop.stan.at(), 1),
        lambda: requests.bypass(shop.stan.at(), 1, reason="mine now"),
        lambda: requests.comment(shop.stan.at(), 1, "hello"),
    ):
        with pytest.raises(NotFound):
            act()
    assert docket.requests(shop.stan.at()) == []


def test_what_waits_for_whom(shop: World):
    change = propose(shop.max)
    assert docket.requests(shop.rita.at(), waiting_for_me=True) == [change]
    assert docket.waiting_for_me(shop.max.at()) == 0
    assert docket.waiting_for_me(shop.vera.at()) == 0
    approve(shop.rita, change)
    assert docket.waiting_for_me(shop.rita.at()) == 0
    assert docket.requests(shop.max.at(), mine=True) == [change]
    assert docket.requests_on(shop.max.at(), FLAG, "state") == [change]
    assert docket.requests_on(shop.max.at("staging"), FLAG, "state") == []


def test_a_viewer_may_comment_and_nothing_else(shop: World):
    change = propose(shop.max)
    requests.comment(shop.vera.at(), 1, "Nice.")
    with pytest.raises(NotPermitted):
        approve(shop.vera, change)
    with pytest.raises(NotPermitted):
        requests.request_changes(shop.vera.at(), 1, comment="no")
    approve(shop.rita, change)
    with pytest.raises(NotPermitted):
        requests.apply(shop.vera.at(), 1)
    with pytest.raises(NotPermitted):
        requests.bypass(shop.vera.at(), 1, reason="now")
    assert [one.text for one in docket.comments(change)] == ["Nice."]


def test_the_kill_switch_is_never_held_up(world: World):
    make_flag(world.max.at(), on=True)
    ask_for_review(world, approvals=2, frozen=True)
    with pytest.raises(changes.ReasonMissing):
        changes.kill(world.max.at(), FLAG, reason=" ")
    with pytest.raises(NotPermitted):
        changes.kill(world.vera.at(), FLAG, reason="fire")
    assert isinstance(changes.kill(world.max.at(), FLAG, reason="fire"), Applied)
    assert not is_on(world)
    assert world.ledger()[-1].action == "flag.killed"
    assert isinstance(changes.kill(world.max.at(), FLAG, reason="fire"), Unchanged)


def test_a_kill_makes_a_waiting_request_look_again(shop: World):
    change = propose(shop.max, SetFallthrough("off"))
    approve(shop.rita, change)
    other = propose(shop.max)
    approve(shop.rita, other)
    requests.apply(shop.max.at(), number_of(other))
    changes.kill(shop.max.at(), FLAG, reason="fire")
    with pytest.raises(StaleVersion):
        requests.apply(shop.max.at(), number_of(change))
    assert not is_on(shop)


def test_turning_off_by_an_ordinary_edit_is_reviewed(world: World):
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    assert isinstance(submit(world.max.at(), FLAG, TurnOff()), Pending)


def test_a_person_comments_so_often_and_no_more(shop: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writing, "COMMENTS_A_MINUTE", 2)
    propose(shop.max)
    for text in ("One.", "Two."):
        requests.comment(shop.vera.at(), 1, text)
    lines = len(shop.ledger())
    with pytest.raises(TooOften):
        requests.comment(shop.vera.at(), 1, "Three.")
    assert len(shop.ledger()) == lines
    requests.comment(shop.rita.at(), 1, "Mine.")
