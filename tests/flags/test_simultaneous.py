"""Many editors at once, on real connections: nothing is lost, and nobody waits for ever."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from accounts import audit
from accounts.actions import environments
from flags import changes, queries
from flags.changes import Applied, EnvironmentArchived, Outcome, Part, StaleVersion
from flags.edits import AddVariation, AssignUnits, CreateFlag, SetSegment, TurnOff, TurnOn
from flags.models import Change, Snapshot
from tests.world.cast import Person, World, make_world
from tests.world.factories import make_flag, make_segment, submit
from wayfork.engine import parse_snapshot

EDITORS = 24
PATIENCE_SECONDS = 45


@pytest.fixture
def shop(transactional_db: None) -> World:
    """A world whose rows every connection sees."""
    return make_world()


def at_once(works: Sequence[Callable[[], Outcome]]) -> list[Outcome | Exception]:
    """Start all works in the same moment, each on a connection of its own."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Outcome]) -> Outcome | Exception:
        try:
            barrier.wait(PATIENCE_SECONDS)
            return work()
        except Exception as error:  # noqa: BLE001 - what went wrong is what the test looks at
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as threads:
        started = [threads.submit(run, work) for work in works]
        return [one.result(PATIENCE_SECONDS) for one in started]


def versions(world: World, environment: str = "production") -> list[int]:
    here = getattr(world, environment)
    rows = Snapshot.objects.within(here).order_by("version")
    return list(rows.values_list("version", flat=True))


def make_flags(world: World, keys: Sequence[str]) -> None:
    parts = [
        Part(
            changes.definition(key),
            (CreateFlag(key, key, "boolean", {"on": True, "off": False}, "off", "on"),),
            0,
        )
        for key in keys
    ]
    changes.submit_all(world.max.at(), parts)


def assert_ledger_holds(world: World) -> None:
    lines = world.ledger()
    assert [line.sequence for line in lines] == list(range(1, len(lines) + 1))
    previous = ""
    for line in lines:
        assert line.previous_hash == previous
        assert audit.digest(line) == line.hash
        previous = line.hash


def test_simultaneous_edits_of_different_flags_all_land_in_the_newest_snapshot(shop: World):
    keys = [f"flag-{number:02d}" for number in range(EDITORS)]
    make_flags(shop, keys)
    before = versions(shop)
    access = shop.max.at()

    def turn_on(key: str) -> Callable[[], Outcome]:
        return lambda: changes.submit(access, changes.state(key), [TurnOn()], expected_version=0)

    outcomes = at_once([turn_on(key) for key in keys])
    assert [one for one in outcomes if not isinstance(one, Applied)] == []
    assert versions(shop) == list(range(1, len(before) + EDITORS + 1))
    newest = Snapshot.objects.within(shop.production).latest("version")
    flags = parse_snapshot(bytes(newest.document)).flags
    assert sorted(key for key in keys if flags[key].enabled) == keys
    assert_ledger_holds(shop)
    # No snapshot misses what an earlier one had.
    seen = 0
    for row in Snapshot.objects.within(shop.production).order_by("version"):
        on = sum(flag.enabled for flag in parse_snapshot(bytes(row.document)).flags.values())
        assert on >= seen
        seen = on


def test_of_two_editors_of_the_same_version_exactly_one_wins(shop: World):
    make_flag(shop.max.at(), on=True)
    for turn in range(5):
        version = queries.flag(shop.max.at(), "quote-form").version
        number = len(versions(shop))

        def assign(
            person: Person, variation: str, version: int = version, turn: int = turn
        ) -> Callable[[], Outcome]:
            access = person.at()
            edit = AssignUnits("user", variation, (f"{variation}-{turn}",))
            return lambda: changes.submit(
                access, changes.state("quote-form"), [edit], expected_version=version
            )

        outcomes = at_once([assign(shop.max, "on"), assign(shop.ada, "off")])
        lost = [one for one in outcomes if isinstance(one, StaleVersion)]
        won = [one for one in outcomes if isinstance(one, Applied)]
        assert (len(won), len(lost)) == (1, 1), outcomes
        assert (lost[0].expected, lost[0].actual) == (version, version + 1)
        assert queries.flag(shop.max.at(), "quote-form").version == version + 1
        assert len(versions(shop)) == number + 1
    assigned = queries.flag(shop.max.at(), "quote-form").state.assignments["user"]
    assert len(assigned) == 5
    assert_ledger_holds(shop)


def test_edits_of_a_project_and_of_its_environments_never_block_each_other_for_good(shop: World):
    make_flags(shop, ["a", "b", "c"])
    make_segment(shop.max.at())

    def project_wide(number: int) -> Callable[[], Outcome]:
        access = shop.max.at("development")

        def work() -> Outcome:
            for attempt in range(40):
                version = queries.segment(access, "beta").version
                edit = SetSegment("user", (f"u-{number}-{attempt}",), (), ())
                try:
                    return changes.submit(
                        access, changes.segment("beta"), [edit], expected_version=version
                    )
                except StaleVersion:
                    continue
            raise AssertionError("somebody else was always faster")

        return work

    def definition(key: str) -> Callable[[], Outcome]:
        access = shop.max.at("staging")
        edit = AddVariation("maybe", value=True)
        return lambda: changes.submit(access, changes.definition(key), [edit], expected_version=1)

    def environment(key: str, where: str) -> Callable[[], Outcome]:
        access = shop.max.at(where)
        return lambda: changes.submit(access, changes.state(key), [TurnOn()], expected_version=0)

    works = [
        *(project_wide(number) for number in range(4)),
        *(definition(key) for key in "abc"),
        *(
            environment(key, where)
            for where in ("production", "staging", "development")
            for key in "abc"
        ),
    ]
    outcomes = at_once(works)
    assert [one for one in outcomes if not isinstance(one, Applied)] == []
    for where in ("production", "staging", "development"):
        # The beginning (3 flags at once, 1 segment), 4 + 3 project-wide, 3 of its own.
        assert versions(shop, where) == list(range(1, 2 + 7 + 3 + 1))
        served = queries.snapshot(getattr(shop, where))
        assert served is not None
        assert all(flag.enabled for flag in served.flags.values())
        assert all("maybe" in flag.variations for flag in served.flags.values())
    assert_ledger_holds(shop)


def test_two_people_making_the_same_flag_make_one(shop: World):
    make_flag(shop.max.at(), "first")

    def make(person: Person) -> Callable[[], Outcome]:
        access = person.at()
        edit = CreateFlag("twin", "Twin", "boolean", {"on": True, "off": False}, "off", "on")
        return lambda: changes.submit(
            access, changes.definition("twin"), [edit], expected_version=0
        )

    outcomes = at_once([make(shop.max), make(shop.ada), make(shop.rita)])
    assert sum(isinstance(one, Applied) for one in outcomes) == 1
    assert sorted(getattr(one, "code", "applied") for one in outcomes) == [
        "already_exists",
        "already_exists",
        "applied",
    ]
    assert Change.objects.within(shop.project).count() == 2


def test_the_first_edits_of_an_environment_that_never_published_queue_up_too(shop: World):
    def make(number: int) -> Callable[[], Outcome]:
        access = shop.max.at()
        key = f"new-{number}"
        edit = CreateFlag(key, key, "boolean", {"on": True, "off": False}, "off", "on")
        return lambda: changes.submit(access, changes.definition(key), [edit], expected_version=0)

    outcomes = at_once([make(number) for number in range(8)])
    assert [one for one in outcomes if not isinstance(one, Applied)] == []
    assert versions(shop) == list(range(1, 9))
    served = queries.snapshot(shop.staging)
    assert served is not None
    assert len(served.flags) == 8


def test_a_stale_editor_leaves_no_trace(shop: World):
    make_flag(shop.max.at(), on=True)
    submit(shop.max.at(), "quote-form", TurnOff())
    lines, rows = len(shop.ledger()), Change.objects.within(shop.project).count()
    with pytest.raises(StaleVersion):
        changes.submit(shop.ada.at(), changes.state("quote-form"), [TurnOn()], expected_version=1)
    assert len(shop.ledger()) == lines
    assert Change.objects.within(shop.project).count() == rows


def test_archiving_and_editing_at_once_leaves_nothing_new_in_the_archive(shop: World):
    keys = [f"flag-{n}" for n in range(6)]
    make_flags(shop, keys)
    archived_at: list[int] = []

    def archive() -> None:
        environments.archive(shop.ada.at(), "staging", reason="not used")
        archived_at.append(len(versions(shop, "staging")))

    works: list[Callable[[], Any]] = [
        archive,
        *(lambda key=key: submit(shop.max.at("staging"), key, TurnOn()) for key in keys),
    ]
    outcomes = at_once(works)
    refusals = [one for one in outcomes if isinstance(one, Exception)]
    assert all(isinstance(one, EnvironmentArchived) for one in refusals), refusals
    assert archived_at == [len(versions(shop, "staging"))]
