"""A request whose base moved: merged where both touch different things, side by side where not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags import changes, merging, queries, requests
from flags.changes import Applied, Part, Pending, StaleVersion
from flags.edits import (
    AddRule,
    AssignUnits,
    Edit,
    MoveRule,
    RemoveRule,
    ReplaceRule,
    SetFallthrough,
    SetOff,
    SetRollout,
    SetSegment,
)
from flags.models import Change
from flags.requests import BaseMoved, MergeConflict, NotApproved, Side, standing
from tests.flags.requests.steps import FLAG, again, approve, ask_for_review, number_of, propose
from tests.world.cast import World
from tests.world.factories import make_flag, make_rule, make_segment


@pytest.fixture
def shop(world: World) -> World:
    """A flag with two rules in a production that asks for one approval."""
    access = world.max.at()
    make_flag(access, variations={"on": True, "off": False, "spare": True}, on=True)
    rules = [AddRule(make_rule(rule_id="r1", share=10_000)), AddRule(make_rule(rule_id="r2"))]
    changes.submit(access, changes.state(FLAG), rules, expected_version=1)
    ask_for_review(world)
    return world


def land(world: World, *edits: Edit) -> None:
    """Somebody else's change goes through."""
    change = propose(world.ada, *edits)
    approve(world.rita, change)
    assert isinstance(requests.apply(world.ada.at(), number_of(change)), Applied)


DISJOINT = {
    "another field": (SetFallthrough("off"), SetOff("spare")),
    "a rule and the fallthrough": (SetFallthrough("off"), SetRollout("r1", 20_000)),
    "two rules": (RemoveRule("r2"), SetRollout("r1", 20_000)),
    "two fields of one rule": (
        ReplaceRule(make_rule(rule_id="r1", share=10_000, name="Renamed")),
        SetRollout("r1", 20_000),
    ),
    "rules added by both": (AddRule(make_rule(rule_id="a")), AddRule(make_rule(rule_id="b"))),
    "other units": (AssignUnits("user", "on", ("u-1",)), AssignUnits("user", "off", ("u-2",))),
    "a move and an addition": (MoveRule("r2", 0), AddRule(make_rule(rule_id="a"))),
}
OVERLAPPING = {
    "the same field": (SetFallthrough("off"), SetFallthrough("spare"), "fallthrough"),
    "the same rollout": (SetRollout("r1", 5_000), SetRollout("r1", 20_000), "ranges"),
    "a rule that is gone": (RemoveRule("r1"), SetRollout("r1", 20_000), "r1"),
    "a rule that changed": (SetRollout("r1", 20_000), RemoveRule("r1"), "ranges"),
    "a rule rewritten by both": (
        SetRollout("r1", 20_000),
        ReplaceRule(make_rule(rule_id="r1", share=10_000, name="Renamed")),
        "ranges",
    ),
    "the same unit": (
        AssignUnits("user", "on", ("u-1",)),
        AssignUnits("user", "off", ("u-1",)),
        "u-1",
    ),
}


@pytest.mark.parametrize("name", DISJOINT)
def test_disjoint_changes_merge_and_ask_for_approval_again(shop: World, name: str):
    theirs, mine = DISJOINT[name]
    change = propose(shop.max, mine)
    approve(shop.rita, change)
    land(shop, theirs)
    with pytest.raises(StaleVersion):
        requests.apply(shop.max.at(), number_of(change))
    assert standing(shop.max.at(), again(shop.max, change)).can_merge
    merged = requests.rebase(shop.max.at(), number_of(change))
    assert (merged.revision, merged.status) == (2, Change.Status.OPEN)
    with pytest.raises(NotApproved):
        requests.apply(shop.max.at(), number_of(change))
    approve(shop.rita, change)
    assert isinstance(requests.apply(shop.max.at(), number_of(change)), Applied)
    after = queries.flag(shop.max.at(), FLAG).own
    for edit in (theirs, mine):
        state = queries.flag(shop.max.at(), FLAG).state
        if not isinstance(edit, AddRule | RemoveRule | MoveRule | ReplaceRule):
            assert edit.apply(state) == state, f"{edit.sentence()} is lost in {after}"
    ids = [rule.id for rule in queries.flag(shop.max.at(), FLAG).state.rules]
    for edit in (theirs, mine):
        if isinstance(edit, AddRule):
            assert edit.rule.id in ids
        if isinstance(edit, RemoveRule):
            assert edit.rule_id not in ids


def test_what_lost_its_base_is_not_approved_before_the_merge(shop: World):
    change = propose(shop.max, SetOff("spare"))
    land(shop, SetFallthrough("off"))
    lines = len(shop.ledger())
    with pytest.raises(BaseMoved) as refusal:
        approve(shop.rita, change)
    assert refusal.value.data["moved"] == [{"kind": "state", "key": FLAG}]
    assert "Merge" in refusal.value.hint
    assert len(shop.ledger()) == lines
    now = standing(shop.rita.at(), again(shop.rita, change))
    assert (now.may_approve, now.approvals) == (False, ())
    requests.rebase(shop.max.at(), number_of(change))
    approve(shop.rita, change)
    assert isinstance(requests.apply(shop.max.at(), number_of(change)), Applied)


def test_an_approval_given_before_the_base_moved_may_be_sent_again(shop: World):
    change = propose(shop.max, SetOff("spare"))
    approve(shop.rita, change)
    land(shop, SetFallthrough("off"))
    assert isinstance(approve(shop.rita, change), Pending)


def test_whose_base_moved_may_still_be_spoken_of_and_rejected(shop: World):
    change = propose(shop.max, SetOff("spare"))
    land(shop, SetFallthrough("off"))
    number = number_of(change)
    requests.comment(shop.rita.at(), number, text="It moved.")
    requests.request_changes(shop.rita.at(), number, comment="Less, please.")
    assert again(shop.rita, change).status == Change.Status.CHANGES_REQUESTED
    requests.reject(shop.rita.at(), number, reason="Never mind.")
    assert again(shop.rita, change).status == Change.Status.REJECTED


@pytest.mark.parametrize("name", OVERLAPPING)
def test_overlapping_changes_are_shown_side_by_side(shop: World, name: str):
    theirs, mine, place = OVERLAPPING[name]
    change = propose(shop.max, mine)
    land(shop, theirs)
    with pytest.raises(MergeConflict) as refusal:
        requests.rebase(shop.max.at(), number_of(change))
    assert any(place in clash.place for clash in refusal.value.clashes), refusal.value.clashes
    told = refusal.value.data["conflicts"]
    assert isinstance(told, list)
    assert all({"kind", "key", "path"} <= set(one) for one in told)
    assert again(shop.max, change).revision == 1


def test_both_sides_of_a_conflict_are_named(shop: World):
    change = propose(shop.max, SetFallthrough("spare"))
    land(shop, SetFallthrough("off"))
    now = standing(shop.max.at(), again(shop.max, change))
    assert not now.can_merge
    (clash,) = now.conflicts
    assert (clash.base, clash.theirs, clash.mine) == ("on", "off", "spare")


def test_a_merge_that_leads_nowhere_closes_the_request(shop: World):
    change = propose(shop.max, SetFallthrough("off"))
    land(shop, SetFallthrough("off"), SetOff("spare"))
    assert requests.rebase(shop.max.at(), number_of(change)).status == Change.Status.SUPERSEDED


def test_who_merges_is_an_author(shop: World):
    change = propose(shop.max, SetOff("spare"))
    land(shop, SetFallthrough("off"))
    requests.rebase(shop.rita.at(), number_of(change))
    with pytest.raises(requests.MayNotReview):
        approve(shop.rita, change)


def choose(shop: World, number: int, side: Side) -> Change:
    """The same side at every place, also at those only the replay shows."""
    sides: dict[str, Side] = {}
    for _round in range(2):
        try:
            return requests.rebase(shop.max.at(), number, sides)
        except MergeConflict as refusal:
            sides |= {clash.id: side for clash in refusal.clashes}
    return requests.rebase(shop.max.at(), number, sides)


@pytest.mark.parametrize("name", OVERLAPPING)
def test_theirs_is_kept_where_somebody_chose_it(shop: World, name: str):
    theirs, mine, _place = OVERLAPPING[name]
    change = propose(shop.max, mine, AddRule(make_rule(rule_id="besides")))
    land(shop, theirs)
    before = queries.flag(shop.max.at(), FLAG).state
    merged = choose(shop, number_of(change), Side.THEIRS)
    assert (merged.revision, merged.status) == (2, Change.Status.OPEN)
    approve(shop.rita, change)
    assert isinstance(requests.apply(shop.max.at(), number_of(change)), Applied)
    after = queries.flag(shop.max.at(), FLAG).state
    assert [rule.id for rule in after.rules if rule not in before.rules] == ["besides"]
    assert (after.fallthrough, after.assignments) == (before.fallthrough, before.assignments)
    assert [rule for rule in after.rules if rule.id != "besides"] == list(before.rules)


@pytest.mark.parametrize("name", sorted(set(OVERLAPPING) - {"a rule that is gone"}))
def test_mine_is_kept_where_somebody_chose_it(shop: World, name: str):
    theirs, mine, _place = OVERLAPPING[name]
    change = propose(shop.max, mine)
    land(shop, theirs)
    before = queries.flag(shop.max.at(), FLAG).state
    assert choose(shop, number_of(change), Side.MINE).revision == 2
    approve(shop.rita, change)
    assert isinstance(requests.apply(shop.max.at(), number_of(change)), Applied)
    assert queries.flag(shop.max.at(), FLAG).state == mine.apply(before)


def test_what_is_gone_cannot_be_kept(shop: World):
    theirs, mine, _place = OVERLAPPING["a rule that is gone"]
    change = propose(shop.max, mine)
    land(shop, theirs)
    with pytest.raises(MergeConflict):
        choose(shop, number_of(change), Side.MINE)


def test_a_request_of_which_nothing_is_kept_is_closed(shop: World):
    change = propose(shop.max, SetFallthrough("spare"))
    land(shop, SetFallthrough("off"))
    assert choose(shop, number_of(change), Side.THEIRS).status == Change.Status.SUPERSEDED


def test_a_choice_holds_only_for_what_was_looked_at(shop: World):
    change = propose(shop.max, SetFallthrough("spare"))
    land(shop, SetFallthrough("off"))
    (clash,) = standing(shop.max.at(), again(shop.max, change)).conflicts
    changed = replace(clash, theirs="on")
    with pytest.raises(MergeConflict):
        requests.rebase(shop.max.at(), number_of(change), {changed.id: Side.MINE})


def test_a_conflict_is_settled_by_revising(shop: World):
    change = propose(shop.max, SetFallthrough("spare"))
    land(shop, SetFallthrough("off"))
    version = queries.flag(shop.max.at(), FLAG).version
    part = Part(changes.state(FLAG), (SetFallthrough("spare"),), version)
    requests.revise(shop.max.at(), number_of(change), [part], expected_revision=1)
    approve(shop.rita, change)
    assert isinstance(requests.apply(shop.max.at(), number_of(change)), Applied)


def test_a_list_of_people_is_merged_by_hand(shop: World):
    """A segment is written whole: replayed, the second would drop what the first put in."""
    make_segment(shop.max.at())
    target = changes.segment("beta")
    part = Part(target, (SetSegment("user", ("u-1", "u-2"), (), ()),), 1)
    outcome = requests.open_request(shop.max.at(), [part], comment="more")
    assert not isinstance(outcome, Applied)
    third = SetSegment("user", ("u-1", "u-3"), (), ())
    changes.submit(shop.ada.at(), target, [third], expected_version=1)
    with pytest.raises(MergeConflict):
        requests.rebase(shop.max.at(), 1)


# --- the comparison by itself

names = st.sampled_from("abcd")
leaves = st.integers(0, 2) | st.booleans()
documents = st.dictionaries(
    names,
    st.recursive(leaves, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=4),
    max_size=3,
)


@given(base=documents, mine=documents)
def test_what_only_one_side_touched_never_clashes(base, mine):
    assert merging.clashes("state", "f", base=base, theirs=base, mine=mine) == []
    assert merging.clashes("state", "f", base=base, theirs=mine, mine=mine) == []


@given(base=documents, theirs=documents, mine=documents)
def test_a_clash_is_the_same_from_both_sides(base, theirs, mine):
    one = merging.clashes("state", "f", base=base, theirs=theirs, mine=mine)
    other = merging.clashes("state", "f", base=base, theirs=mine, mine=theirs)
    assert {clash.path for clash in one} == {clash.path for clash in other}


def test_true_in_place_of_one_is_a_difference():
    assert merging.touched({"a": 1}, {"a": True}) == {("a",): True}
