"""Ways around a review that look harmless: each one leads to a wait or a refusal."""

import pytest

from flags import changes, requests
from flags.changes import Part, Pending
from flags.edits import AddRule, SetFallthrough, SetSegment, TurnOn
from flags.requests import RevisionChanged
from tests.flags.requests.steps import (
    FLAG,
    approve,
    ask_for_review,
    is_on,
    number_of,
    propose,
)
from tests.world.cast import World
from tests.world.factories import make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause


def test_a_flag_with_the_key_of_a_segment_does_not_hide_that_it_asks_for_it(world: World):
    make_flag(world.max.at(), "beta")
    make_segment(world.max.at(), "beta")
    ask_for_review(world)
    asks = make_rule(when=(Clause(None, "in_segment", ("beta",)),))
    assert isinstance(submit(world.max.at(), "beta", AddRule(asks)), Pending)
    edit = SetSegment("user", ("u-1", "u-2"), (), ())
    outcome = changes.submit(world.max.at(), changes.segment("beta"), [edit], expected_version=1)
    assert isinstance(outcome, Pending)


def test_what_applies_when_approved_waits_where_nobody_has_to_approve(world: World):
    make_flag(world.max.at())
    part = Part(changes.state(FLAG), (TurnOn(),), 0)
    outcome = requests.open_request(
        world.max.at(), [part], comment="look", apply_when_approved=True
    )
    assert isinstance(outcome, Pending)
    assert not is_on(world)
    approve(world.rita, outcome.change)
    assert is_on(world)


def test_only_what_was_looked_at_is_put_in_force(world: World):
    make_flag(world.max.at())
    ask_for_review(world)
    change = propose(world.max)
    number, seen = number_of(change), change.content_hash
    part = Part(changes.state(FLAG), (TurnOn(), SetFallthrough("off")), 0)
    newer = requests.revise(world.max.at(), number, [part], expected_revision=1)
    with pytest.raises(RevisionChanged):
        requests.bypass(world.ada.at(), number, reason="fire", content_hash=seen)
    approve(world.rita, change)
    with pytest.raises(RevisionChanged):
        requests.apply(world.ada.at(), number, content_hash=seen)
    assert not is_on(world)
    requests.apply(world.ada.at(), number, content_hash=newer.content_hash)
    assert is_on(world)
