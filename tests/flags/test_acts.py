"""What a change of several things is called in the ledger, and that none of them is hidden by it."""

import pytest

from accounts.models import AuditEntry
from flags import changes, requests
from flags.changes import Applied, Part, Pending
from flags.edits import (
    CreateFlag,
    DescribeFlag,
    EditKind,
    Kill,
    SetReviewRules,
    SetSegment,
    TurnOn,
)
from tests.flags.requests.steps import approve, ask_for_review, number_of, said
from tests.world.cast import World
from tests.world.factories import make_flag, make_segment

SWITCH = Part(changes.state("quote-form"), (TurnOn(),), 0)
WORDS = Part(changes.definition("quote-form"), (DescribeFlag("Other words"),), 1)
PEOPLE = Part(changes.segment("beta"), (SetSegment("user", ("u-2",), (), ()),), 1)
NEW = Part(
    changes.definition("quota"),
    (CreateFlag("quota", "Quota", "boolean", {"on": True, "off": False}, "off", "on"),),
    0,
)
KILLED = Part(changes.state("banner"), (Kill(),), 1)
RULES = Part(changes.Target(EditKind.POLICY, "production"), (SetReviewRules(1),), 0)


@pytest.fixture
def shop(world: World) -> World:
    """Two flags, one of them on in production, and a segment."""
    make_flag(world.max.at())
    make_flag(world.max.at(), "banner", on=True)
    make_segment(world.max.at())
    return world


def done(world: World, *parts: Part) -> AuditEntry:
    """The line of one change of all these, by an owner in production."""
    outcome = changes.submit_all(world.olivia.at(), parts, comment="all at once")
    assert isinstance(outcome, Applied)
    return world.ledger()[-1]


def of_kind(line: AuditEntry, wanted: str) -> list[str]:
    return [key for kind, key in line.subjects if kind == wanted]


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize(
    ("parts", "told", "beside"),
    [
        ((SWITCH,), "flag.changed quote-form", []),
        ((SWITCH, WORDS), "flag.changed quote-form", []),
        ((NEW,), "flag.created quota", []),
        ((PEOPLE, SWITCH), "flag.changed quote-form and 1 more", ["segment.changed"]),
        ((NEW, SWITCH), "flag.changed quote-form and 1 more", ["flag.created"]),
        ((NEW, PEOPLE), "segment.changed beta and 1 more", ["flag.created"]),
        (
            (NEW, PEOPLE, WORDS, KILLED),
            "flag.killed banner and 3 more",
            ["flag.changed", "segment.changed", "flag.created"],
        ),
        ((RULES, SWITCH), "flag.changed quote-form and 1 more", ["policy.changed"]),
    ],
)
def test_a_change_is_named_for_the_weightiest_it_does_and_tells_the_rest(
    shop: World, parts: tuple[Part, ...], told: str, beside: list[str], backwards: bool
):
    line = done(shop, *(parts[::-1] if backwards else parts))
    assert f"{line.action} {line.target}" == told
    assert of_kind(line, "act") == beside


def test_what_comes_along_takes_no_change_out_of_its_environment(shop: World):
    line = done(shop, WORDS, SWITCH)
    assert line.environment == shop.production
    assert of_kind(line, "served") == []
    line = done(shop, Part(WORDS.target, (DescribeFlag("Words"),), 2))
    assert (line.environment, of_kind(line, "served")) == (None, [])


def test_a_line_names_each_other_environment_that_is_served_something_else(shop: World):
    assert of_kind(done(shop, PEOPLE), "served") == ["development", "production", "staging"]
    line = done(shop, SWITCH, Part(PEOPLE.target, (SetSegment("user", (), (), ()),), 2))
    assert line.environment == shop.production
    assert of_kind(line, "served") == ["development", "staging"]


def test_a_request_and_a_bypass_stand_where_they_take_effect(shop: World):
    ask_for_review(shop)
    waiting = changes.submit_all(shop.max.at(), [PEOPLE, SWITCH])
    assert isinstance(waiting, Pending)
    approve(shop.rita, waiting.change)
    requests.apply(shop.max.at(), number_of(waiting.change))
    assert shop.ledger()[-1].action == "flag.changed"
    assert shop.ledger()[-1].environment == shop.production
    again = Part(PEOPLE.target, (SetSegment("user", (), (), ()),), 2)
    changes.bypass_all(shop.ada.at(), [WORDS, again, KILLED], reason="the shop is down")
    loud, line = shop.ledger()[-2:]
    assert (loud.action, line.action) == ("change.bypassed", "flag.killed")
    for one in (loud, line):
        assert one.environment == shop.production
        assert of_kind(one, "served") == ["development", "staging"]


def test_neither_of_two_documents_of_one_key_takes_the_place_of_the_other(shop: World):
    line = done(shop, SWITCH, WORDS)
    assert said(line)["state quote-form"]["enabled"] is True
    assert said(line)["definition quote-form"]["name"] == "Other words"
    make_flag(shop.max.at(), "author")
    told = said(shop.ledger()[-1])
    assert told["definition author"]["key"] == "author"
