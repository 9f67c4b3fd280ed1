"""The history pages of flags and segments: any earlier version is reached and brought back."""

import re

import pytest

from flags import changes, queries
from flags.edits import (
    AddVariation,
    ArchiveFlag,
    ArchiveSegment,
    DescribeFlag,
    SetFallthrough,
    SetSegment,
    TurnOff,
    TurnOn,
)
from tests.flags.requests.steps import ask_for_review
from tests.world.cast import Person, World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause

FLAG = "quote-form"
WHY = {"reason": "It was better"}


def opened(person: Person, address: str) -> str:
    answer = person.client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def turned(page: str, address: str, rel: str) -> str:
    """Where a page's "Older" or "Newer" leads; nowhere at the ends."""
    found = re.search(rf'href="(\?[^"]+)"\s+rel="{rel}"', page)
    return f"{address}{found[1]}".replace("&amp;", "&") if found else ""


def ways_back(page: str) -> list[str]:
    return re.findall(r'href="([^"]+/roll-back(?:-definition)?)"', page)


@pytest.fixture
def busy(world: World) -> World:
    """A flag with more changes than a page shows: 1 definition, 54 states, 2 definitions."""
    make_flag(world.max.at())
    submit(world.max.at(), FLAG, TurnOn(), SetFallthrough("off"))
    submit(world.max.at(), FLAG, SetFallthrough("on"))
    for n in range(52):
        submit(world.max.at(), FLAG, TurnOn() if n % 2 else TurnOff())
    for n in range(2):
        target, edit = changes.definition(FLAG), DescribeFlag(f"Form {n}")
        changes.submit(world.max.at(), target, [edit], expected_version=n + 1)
    return world


def test_the_very_first_version_is_reached_and_brought_back(busy: World):
    address = busy.url(f"flags/{FLAG}/history")
    newest = opened(busy.max, address)
    assert newest.count("<article") == 50
    assert "Create flag" not in newest
    assert turned(newest, address, "prev") == ""
    oldest = opened(busy.max, turned(newest, address, "next"))
    assert oldest.count("<article") == 7
    assert "Create flag quote-form" in oldest
    assert turned(oldest, address, "next") == ""
    assert opened(busy.max, turned(oldest, address, "prev")).count("<article") == 50

    first = [way for way in ways_back(oldest) if way.endswith("/roll-back")][-1]
    assert "Roll back to version 1 in Production" in opened(busy.max, first)
    assert busy.max.client.post(first, WHY).status_code == 303
    now = queries.flag(busy.max.at(), FLAG)
    assert (now.version, now.state.enabled, now.state.fallthrough) == (55, True, "off")


def test_what_stands_now_is_marked_once_and_has_no_way_back(busy: World):
    address = busy.url(f"flags/{FLAG}/history")
    newest = opened(busy.max, address)
    oldest = opened(busy.max, turned(newest, address, "next"))
    # One state and one definition.
    assert newest.count(">now</span>") == 2
    assert ">now</span>" not in oldest
    assert len(ways_back(newest)) == 48
    assert len(ways_back(oldest)) == 7
    assert not set(ways_back(newest)) & set(ways_back(oldest))


def test_on_an_older_page_too_the_split_of_an_experiment_that_is_over_stays_away(world: World):
    address = world.url(f"flags/{FLAG}/history")
    make_flag(world.max.at(), on=True)
    submit(world.max.at(), FLAG, TurnOff())
    change = queries.history(world.max.at(), "state", FLAG)[0]
    # As the start of an experiment leaves it.
    change.parts[0]["after"]["rules"] = [{"id": "r", "serve": "on", "experiment": "over"}]
    change.save()
    for n in range(50):
        submit(world.max.at(), FLAG, TurnOff() if n % 2 else TurnOn())
    newest = opened(world.max, address)
    assert "Its experiment is over" not in newest
    assert "Its experiment is over" in opened(world.max, turned(newest, address, "next"))


@pytest.mark.parametrize("cursor", ["before=x", "before=-1", "after=", "before=9" * 40, "after=٣"])
def test_a_place_that_makes_no_sense_opens_the_newest_page(world: World, cursor: str):
    make_flag(world.max.at(), on=True)
    assert "Turn on" in opened(world.max, world.url(f"flags/{FLAG}/history?{cursor}"))


def test_a_history_asks_little_of_the_database(busy: World, django_assert_max_num_queries):
    client, address = busy.vera.client, busy.url(f"flags/{FLAG}/history")
    with django_assert_max_num_queries(36):
        client.get(address)


def test_a_viewer_reads_the_history_and_is_offered_no_way_back(busy: World):
    page = opened(busy.vera, busy.url(f"flags/{FLAG}/history"))
    assert "Turn on" in page
    assert not ways_back(page)


def test_a_history_leads_to_the_audit_history_of_the_same_thing(world: World):
    make_flag(world.max.at(), on=True)
    make_segment(world.max.at())
    for page, kind, key in (
        (f"flags/{FLAG}/", "flag", FLAG),
        ("segments/beta/", "segment", "beta"),
    ):
        shown = opened(world.vera, world.url(f"{page}history"))
        query = f"?kind={kind}&amp;key={key}"
        assert query in shown
        lines = opened(world.vera, world.url("audit/") + query.replace("&amp;", "&"))
        assert "created" in lines


# --- definitions


def test_a_definition_goes_back_on_its_own_page_with_a_reason(world: World):
    make_flag(world.max.at(), on=True)
    target, edit = changes.definition(FLAG), AddVariation("maybe", value=True)
    changes.submit(world.max.at(), target, [edit], expected_version=1)
    ask_for_review(world)
    shown = opened(world.max, world.url(f"flags/{FLAG}/history"))
    (way,) = [one for one in ways_back(shown) if one.endswith("-definition")]
    asked = opened(world.max, way)
    assert "Roll back to version 1 in all environments" in asked
    assert "Variation maybe" in asked
    assert world.max.client.post(way, {"reason": " "}).status_code == 422
    assert world.vera.client.post(way, WHY).status_code == 403
    assert world.stan.client.get(way).status_code == 404
    assert world.max.client.post(way, WHY).status_code == 303
    assert "maybe" not in queries.flag_definition(world.max.at(), FLAG)[0].variations


def test_a_refused_definition_keeps_the_reason_and_says_what_to_mend(world: World):
    make_flag(world.max.at(), on=True)
    target, edit = changes.definition(FLAG), AddVariation("maybe", value=True)
    changes.submit(world.max.at(), target, [edit], expected_version=1)
    submit(world.max.at("staging"), FLAG, SetFallthrough("maybe"))
    made = queries.history(world.max.at(), "definition", FLAG)[-1]
    way = world.url(f"flags/{FLAG}/history/{made.id}/roll-back-definition")
    answer = world.max.client.post(way, WHY)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "It was better" in page
    assert "Nothing was changed. Mend the place named." in page


def test_an_archived_flag_offers_its_definition_and_not_its_states(world: World):
    make_flag(world.max.at(), on=True)
    submit(world.max.at(), FLAG, TurnOff())
    changes.submit(world.max.at(), changes.definition(FLAG), [ArchiveFlag()], expected_version=1)
    ways = ways_back(opened(world.max, world.url(f"flags/{FLAG}/history")))
    assert [way.rpartition("/")[2] for way in ways] == ["roll-back-definition"]
    assert world.max.client.post(ways[0], WHY).status_code == 303
    assert not queries.flag_definition(world.max.at(), FLAG)[0].archived


def test_a_state_is_no_definition_and_stays_in_its_environment(world: World):
    make_flag(world.max.at(), on=True)
    submit(world.max.at(), FLAG, TurnOff())
    was_on = queries.history(world.max.at(), "state", FLAG)[-1]
    path = f"flags/{FLAG}/history/{was_on.id}/roll-back"
    assert world.max.client.get(world.url(path)).status_code == 200
    assert world.max.client.get(world.url(path, "staging")).status_code == 404
    assert world.max.client.post(world.url(path, "staging"), WHY).status_code == 404
    assert world.max.client.get(world.url(f"{path}-definition")).status_code == 404


# --- segments


def hold(world: World, *ids: str) -> None:
    version = queries.segment(world.max.at(), "beta").version
    edit = SetSegment("user", ids, (), ())
    changes.submit(world.max.at(), changes.segment("beta"), [edit], expected_version=version)


def test_a_segment_goes_back_on_its_history_tab_with_a_reason(world: World):
    make_segment(world.max.at())
    hold(world, "u-7")
    ask_for_review(world)
    shown = opened(world.max, world.url("segments/beta/history"))
    assert shown.count("<article") == 2
    assert shown.count(">now</span>") == 1
    (way,) = ways_back(shown)
    asked = opened(world.max, way)
    assert "Roll back to version 1 in all environments" in asked
    assert "u-7" in asked
    answer = world.max.client.post(way, {"reason": ""})
    assert answer.status_code == 422
    assert "This field is required." in answer.content.decode()
    assert world.vera.client.get(way).status_code == 403
    assert world.vera.client.post(way, WHY).status_code == 403
    assert world.mia.client.post(way, WHY).status_code == 404
    assert world.stan.client.post(way, WHY).status_code == 404
    assert queries.segment(world.max.at(), "beta").version == 2
    assert world.max.client.post(way, WHY).status_code == 303
    assert queries.segment(world.max.at(), "beta").definition.segment.included == ("u-1",)
    assert "It was better" in opened(world.vera, world.url("segments/beta/history"))


def test_the_page_says_beforehand_that_a_version_never_stood_where_it_is_reviewed(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    hold(world, "u-7")
    add_rule(world.max.at(), FLAG, make_rule(when=(Clause(None, "in_segment", ("beta",)),)))
    hold(world, "u-8")
    ask_for_review(world)
    seen, unseen = ways_back(opened(world.max, world.url("segments/beta/history")))
    shown = opened(world.max, seen)
    assert "It waits for no review and no freeze." in shown
    assert "Roll back in all environments" in shown
    shown = opened(world.max, unseen)
    assert "Production asks for 1 approval. This version never stood there." in shown
    assert "Send for review" in shown
    assert "waits for no review" not in shown
    assert world.max.client.post(unseen, WHY).status_code == 303
    assert queries.segment(world.max.at(), "beta").definition.segment.included == ("u-8",)
    assert "Roll back to version 1" in opened(world.rita, world.url("requests/1/"))
    assert world.max.client.post(seen, WHY).status_code == 303
    assert queries.segment(world.max.at(), "beta").definition.segment.included == ("u-7",)


def test_a_long_history_of_a_segment_is_paged(world: World):
    make_segment(world.max.at())
    for n in range(51):
        hold(world, f"u-{n + 10}")
    address = world.url("segments/beta/history")
    newest = opened(world.max, address)
    oldest = opened(world.max, turned(newest, address, "next"))
    assert (newest.count("<article"), oldest.count("<article")) == (50, 2)
    assert world.max.client.post(ways_back(oldest)[-1], WHY).status_code == 303
    assert queries.segment(world.max.at(), "beta").definition.segment.included == ("u-1",)


def test_an_archived_segment_comes_back_by_its_history(world: World):
    make_segment(world.max.at())
    target = changes.segment("beta")
    changes.submit(world.max.at(), target, [ArchiveSegment()], expected_version=1)
    (way,) = ways_back(opened(world.max, world.url("segments/beta/history")))
    assert world.max.client.post(way, WHY).status_code == 303
    assert not queries.segment(world.max.at(), "beta").definition.archived


def test_the_page_of_a_segment_says_who_would_feel_it(world: World):
    make_segment(world.max.at())
    hold(world, "u-7")
    (way,) = ways_back(opened(world.max, world.url("segments/beta/history")))
    assert "Asked for by" not in opened(world.max, way)
