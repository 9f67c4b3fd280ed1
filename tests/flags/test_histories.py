"""Histories by keyset: page by page to the very first change, whatever happens meanwhile."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from flags import changes, histories, queries
from flags.edits import DescribeFlag, SetFallthrough, TurnOff, TurnOn
from tests.world.cast import World, make_world
from tests.world.factories import make_flag, submit

FLAG = "quote-form"
KINDS = ("state", "definition")


def busy(world: World, times: int) -> None:
    """A flag that is turned on and off, each time twice in four renamed."""
    make_flag(world.max.at())
    for n in range(times):
        submit(world.max.at(), FLAG, TurnOff() if n % 2 else TurnOn())
        if n % 4 == 0:
            version = queries.flag_definition(world.max.at(), FLAG)[1]
            edit = DescribeFlag(f"Form {n}")
            changes.submit(
                world.max.at(), changes.definition(FLAG), [edit], expected_version=version
            )


def walk(world: World, size: int) -> list[histories.Touch]:
    """Everything, by following the way to what is older."""
    page = histories.page(world.max.at(), KINDS, FLAG, size=size)
    found = [*page.touches]
    while page.older:
        page = histories.page(world.max.at(), KINDS, FLAG, before=page.older, size=size)
        found += page.touches
    return found


def test_pages_lead_to_the_first_change_and_show_each_once(world: World):
    busy(world, 12)
    whole = histories.page(world.max.at(), KINDS, FLAG).touches
    assert len(whole) == 12 + 3 + 1
    assert [touch.kind for touch in whole].count("definition") == 4
    assert whole[-1].change.parts[0]["base_version"] == 0
    for size in (1, 3, 16, 17):
        assert walk(world, size) == whole


def test_the_way_to_newer_pages_leads_over_the_same_ones(world: World):
    busy(world, 9)
    at = world.max.at()
    pages = [histories.page(at, KINDS, FLAG, size=4)]
    while (older := pages[-1].older) is not None:
        pages.append(histories.page(at, KINDS, FLAG, before=older, size=4))
    assert pages[0].newer is None
    for newer, page in pairwise(pages[1:]):
        assert histories.page(at, KINDS, FLAG, after=page.newer, size=4) == newer
    assert histories.page(at, KINDS, FLAG, after=pages[1].newer, size=4) == pages[0]


def test_a_change_made_while_somebody_reads_moves_no_page(world: World):
    busy(world, 9)
    at = world.max.at()
    older = histories.page(at, KINDS, FLAG, size=4).older
    before = histories.page(at, KINDS, FLAG, before=older, size=4)
    submit(at, FLAG, SetFallthrough("off"))
    assert histories.page(at, KINDS, FLAG, before=older, size=4) == before


def test_a_history_holds_neither_other_flags_nor_other_environments(world: World):
    make_flag(world.max.at(), on=True)
    make_flag(world.max.at(), "banner", on=True)
    submit(world.max.at("staging"), FLAG, TurnOn())
    make_flag(world.stan.at(), on=True)
    page = histories.page(world.max.at(), KINDS, FLAG)
    assert [touch.kind for touch in page.touches] == ["state", "definition"]
    assert page.touches[0].change.environment == world.production


class TestAnyWalk(TestCase):
    """However many changes there are, and however long a page is."""

    @settings(max_examples=8, deadline=None)
    @given(times=st.integers(0, 9), size=st.integers(1, 6))
    def test_a_walk_finds_all_of_them_newest_first(self, times: int, size: int) -> None:
        world = make_world()
        busy(world, times)
        found = walk(world, size)
        places = [touch.place for touch in found]
        assert places == sorted(set(places), reverse=True)
        versions = [
            touch.change.parts[0]["applied_version"] for touch in found if touch.kind == "state"
        ]
        assert versions == list(range(times, 0, -1))
