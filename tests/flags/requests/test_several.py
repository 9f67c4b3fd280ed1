"""One request of several flags and segments: all of it lands, or none."""

from typing import Any

import pytest

from accounts.errors import DomainError
from flags import changes, docket, queries, requests
from flags.changes import Applied, Part, Pending, StaleVersion
from flags.edits import ChangeVariation, RemoveVariation, SetFallthrough, SetOff, SetSegment, TurnOn
from flags.models import Change, Snapshot
from flags.requests import MergeConflict, NotApproved
from tests.api import ROOT, Api
from tests.flags.requests.steps import again, approve, ask_for_review, number_of
from tests.world.cast import World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause

FLAGS = ("first", "second")
SEGMENTS = ("here", "there")
PLACES = ("production", "staging", "development")


@pytest.fixture
def shop(world: World) -> World:
    """Two flags that ask for a segment each, in a production that asks for one approval."""
    access = world.max.at()
    for key, segment in zip(FLAGS, SEGMENTS, strict=True):
        make_flag(access, key, variations={"on": True, "off": False, "spare": True})
        make_segment(access, segment)
        asks = (Clause(None, "in_segment", (segment,)),)
        add_rule(access, key, make_rule(when=asks))
    ask_for_review(world)
    return world


def grown(*members: str) -> SetSegment:
    return SetSegment("user", members, (), ())


def ask_for_all(world: World) -> Change:
    """Max wants both flags on, and another person in both segments."""
    parts = [Part(changes.state(key), (TurnOn(),), 1) for key in FLAGS]
    parts += [Part(changes.segment(key), (grown("u-1", "u-2"),), 1) for key in SEGMENTS]
    outcome = changes.submit_all(world.max.at(), parts, comment="launch")
    assert isinstance(outcome, Pending)
    approve(world.rita, outcome.change)
    return outcome.change


def standing_of(world: World) -> dict[str, Any]:
    """What is stored and served of all four, and every version of it."""
    access = world.max.at()
    flags = {key: queries.flag(access, key) for key in FLAGS}
    segments = {key: queries.segment(access, key) for key in SEGMENTS}
    rows = {
        place: list(
            Snapshot.objects.within(getattr(world, place)).values_list("version", "checksum")
        )
        for place in PLACES
    }
    return {"flags": flags, "segments": segments, "snapshots": rows}


def versions(world: World) -> dict[str, int]:
    return {place: queries.head_version(getattr(world, place))[1] for place in PLACES}


STALE = {
    "a flag": lambda world: changes.bypass_all(
        world.ada.at(), [Part(changes.state("second"), (SetFallthrough("off"),), 1)], reason="x"
    ),
    "a segment": lambda world: changes.bypass_all(
        world.ada.at(),
        # Both put the same person in; the unit differs in nothing else.
        [Part(changes.segment("there"), (SetSegment("user", ("u-1",), ("u-9",), ()),), 1)],
        reason="x",
    ),
}


def test_one_stale_flag_keeps_all_four_from_landing_and_is_named(shop: World):
    change = ask_for_all(shop)
    STALE["a flag"](shop)
    before, lines = standing_of(shop), len(shop.ledger())
    with pytest.raises(StaleVersion, match="second is at version 2") as refusal:
        requests.apply(shop.max.at(), number_of(change))
    assert (refusal.value.expected, refusal.value.actual) == (1, 2)
    now = requests.standing(shop.max.at(), again(shop.max, change))
    assert (now.is_stale, now.may_apply, now.can_merge) == (True, False, True)
    assert "second" in now.why_not_apply
    assert standing_of(shop) == before
    assert len(shop.ledger()) == lines

    served = versions(shop)
    requests.rebase(shop.max.at(), number_of(change))
    with pytest.raises(NotApproved):
        requests.apply(shop.max.at(), number_of(change))
    approve(shop.rita, change)
    outcome = requests.apply(shop.max.at(), number_of(change))
    assert isinstance(outcome, Applied)
    assert versions(shop) == {place: version + 1 for place, version in served.items()}
    assert len(outcome.published) == len(PLACES)
    access = shop.max.at()
    assert all(queries.flag(access, key).state.enabled for key in FLAGS)
    # What came in between stays.
    assert queries.flag(access, "second").state.fallthrough == "off"
    assert queries.flag(access, "first").state.fallthrough == "on"
    for key in SEGMENTS:
        assert queries.segment(access, key).definition.segment.included == ("u-1", "u-2")
    newest = Snapshot.objects.within(shop.production).latest("version")
    assert newest.change == change
    assert queries.snapshot(shop.production) is not None
    told = [line for line in shop.ledger() if line.action == "flag.changed"]
    assert told[-1].target == "first and 3 more"


def test_one_stale_segment_keeps_all_four_from_landing_and_both_sides_are_named(shop: World):
    """A segment is written whole, so nobody guesses: the place is named, and somebody decides."""
    change = ask_for_all(shop)
    STALE["a segment"](shop)
    before = standing_of(shop)
    with pytest.raises(StaleVersion, match="there is at version 2"):
        requests.apply(shop.max.at(), number_of(change))
    with pytest.raises(MergeConflict) as refusal:
        requests.rebase(shop.max.at(), number_of(change))
    assert {clash.key for clash in refusal.value.clashes} == {"there"}
    assert standing_of(shop) == before

    kept = [one for one in parts_as_sent(change) if one.target.key != "there"]
    mine = Part(changes.segment("there"), (SetSegment("user", ("u-1", "u-2"), ("u-9",), ()),), 2)
    requests.revise(shop.max.at(), number_of(change), [*kept, mine], expected_revision=1)
    approve(shop.rita, change)
    served = versions(shop)
    assert isinstance(requests.apply(shop.max.at(), number_of(change)), Applied)
    assert versions(shop) == {place: version + 1 for place, version in served.items()}
    there = queries.segment(shop.max.at(), "there").definition.segment
    assert (there.included, there.excluded) == (("u-1", "u-2"), ("u-9",))


def parts_as_sent(change: Change) -> list[Part]:
    parts = [Part(changes.state(key), (TurnOn(),), 1) for key in FLAGS]
    return parts + [Part(changes.segment(key), (grown("u-1", "u-2"),), 1) for key in SEGMENTS]


def test_what_cannot_be_served_of_one_flag_keeps_the_others_from_landing(shop: World):
    """The variation one part serves is gone by the time all are approved."""
    parts = [
        Part(changes.state("first"), (TurnOn(),), 1),
        Part(changes.state("second"), (SetOff("spare"),), 1),
    ]
    outcome = changes.submit_all(shop.max.at(), parts, comment="launch")
    assert isinstance(outcome, Pending)
    approve(shop.rita, outcome.change)
    gone = Part(changes.definition("second"), (RemoveVariation("spare"),), 1)
    changes.bypass_all(shop.ada.at(), [gone], reason="unused")
    before = standing_of(shop)
    with pytest.raises(DomainError, match="spare"):
        requests.apply(shop.max.at(), number_of(outcome.change))
    assert standing_of(shop) == before
    assert docket.request(shop.max.at(), number_of(outcome.change)).status == "approved"


def test_definitions_and_states_of_several_flags_land_in_one_version(shop: World):
    parts = [
        Part(changes.definition("first"), (ChangeVariation("spare", value=False),), 1),
        Part(changes.state("second"), (SetOff("spare"),), 1),
    ]
    outcome = changes.submit_all(shop.max.at(), parts, comment="launch")
    assert isinstance(outcome, Pending)
    approve(shop.rita, outcome.change)
    served = versions(shop)
    assert isinstance(requests.apply(shop.max.at(), number_of(outcome.change)), Applied)
    assert versions(shop) == {place: version + 1 for place, version in served.items()}


def test_rest_says_which_of_several_is_stale(shop: World):
    change = ask_for_all(shop)
    STALE["a flag"](shop)
    max_ = Api.of(shop.max)
    answer = max_.post(f"{ROOT}/requests/{number_of(change)}/apply")
    assert (answer.status, answer.body["code"]) == (409, "stale_version")
    assert answer.body["detail"].startswith("second is at version 2")
    shown = max_.get(f"{ROOT}/requests/{number_of(change)}").body["standing"]
    assert (shown["is_stale"], "second" in shown["why_not_apply"]) == (True, True)


def test_the_page_says_which_of_several_is_stale(shop: World):
    change = ask_for_all(shop)
    STALE["a flag"](shop)
    submit(shop.max.at("staging"), "first", TurnOn())
    page = shop.max.client.get(shop.url(f"requests/{number_of(change)}/"))
    assert page.status_code == 200
    assert "second is at version 2" in page.content.decode()
