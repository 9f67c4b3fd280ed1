"""Lists of requests cost the database the same, however long they are."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from flags import changes, docket
from flags.edits import Edit, EditKind, SetSegment, SetTags, TurnOn
from tests.flags.requests.steps import appoint, ask_for_review, make_team
from tests.world.cast import World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment
from wayfork.engine import Clause


def ask(world: World, first: int, last: int) -> None:
    """Requests on states, on definitions and on a segment, in turn."""
    access = world.max.at()
    for number in range(first, last):
        edit, target = wish(number)
        version = int(target.kind != EditKind.STATE or number == 0)
        changes.submit(access, target, [edit], expected_version=version)


def wish(number: int) -> tuple[Edit, changes.Target]:
    """What the n-th request asks for."""
    key = f"flag-{number}"
    if number % 3 == 0:
        return TurnOn(), changes.state(key)
    if number % 3 == 1:
        return SetTags(("growth",)), changes.definition(key)
    return SetSegment("user", (f"u-{number}",), (), ()), changes.segment("beta")


def questions(world: World, path: str) -> int:
    """How many a page takes once it is warm."""
    client = world.rita.client
    client.get(world.url(path))
    with CaptureQueriesContext(connection) as asked:
        assert client.get(world.url(path)).status_code == 200
    return len(asked)


def test_sixty_requests_ask_the_database_as_often_as_three(world: World):
    make_segment(world.max.at())
    for number in range(60):
        make_flag(world.max.at(), f"flag-{number}")
    make_team(world, "growth", world.rita)
    # A tag that stewards guard makes tags a matter of review.
    appoint(world, {"kind": "tag", "key": "growth", "reviewers": ["growth"]})
    add_rule(world.max.at(), "flag-0", make_rule(when=(Clause(None, "in_segment", ("beta",)),)))
    ask_for_review(world)
    ask(world, 0, 3)
    few = [questions(world, "requests/count"), questions(world, "requests/")]
    ask(world, 3, 60)
    assert docket.waiting_for_me(world.rita.at()) == 60
    assert [questions(world, "requests/count"), questions(world, "requests/")] == few
