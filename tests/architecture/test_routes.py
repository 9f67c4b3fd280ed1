"""Every route stands in the access table, and answers each of the cast as the table says."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import access as tickets
from accounts.actions import credentials, organizations
from accounts.actions.credentials import Reach
from tests.architecture.access_table import (
    CAST,
    EDITOR,
    EVERYBODY,
    LIMITED,
    PREFIXES,
    ROWS,
    Row,
)
from tests.architecture.furnished import PARAMETER, Furnished, furnish

pytestmark = pytest.mark.django_db

PLACE = {"organization", "project", "environment"}
# Rows that answer Stan at home without naming what is somebody else's: lists and new things.
# An invitation is for whoever holds it; rights are called alike everywhere.
NAMES_NOTHING = frozenset(
    {
        "rights/<str:right>",
        "on-flag",
        "settings/review",
        "invitations/<str:secret>",
        "follow/<str:kind>",
        "notifications/new",
        "notices/leave",
    }
)


@pytest.fixture(scope="module")
def furnished(django_db_setup: None, django_db_blocker: Any) -> Iterator[Furnished]:
    """One world for all rows: each request is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield furnish()
        transaction.set_rollback(True)


def routes() -> Iterator[tuple[str, Any]]:
    """Every route of Django's resolver with its view."""
    yield from _walk(get_resolver(), "")


def _walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern.callback
        else:
            yield from _walk(pattern, route)


def is_a_library(route: str) -> bool:
    return route.startswith(tuple(prefix.route for prefix in PREFIXES))


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    ours = {route for route, _view in routes() if not is_a_library(route)}
    rows = {row.route for row in ROWS}
    assert ours - rows == set(), "routes without a row in access_table.py"
    assert rows - ours == set(), "rows whose route is gone"


def test_every_prefix_is_in_use() -> None:
    for prefix in PREFIXES:
        assert any(route.startswith(prefix.route) for route, _view in routes())


def test_every_method_of_a_route_has_a_row(furnished: Furnished) -> None:
    told = {(row.route, row.method) for row in ROWS}
    missing = {
        (route, method)
        for route, view in routes()
        if not is_a_library(route)
        for method in methods_of(furnished, route, view)
        if (route, method) not in told
    }
    assert missing == set()


def methods_of(furnished: Furnished, route: str, view: Any) -> set[str]:
    """What a view answers to: its class's methods, or what it allows to the owner."""
    names = ("get", "post", "put", "patch", "delete")
    if hasattr(view, "view_class"):
        return {name.upper() for name in names if hasattr(view.view_class, name)}
    row = next(row for row in ROWS if row.route == route)
    answer = furnished.clients["owner"].generic("PROPFIND", furnished.address(row))
    if answer.status_code != 405:
        return {"GET", "POST"}
    return {name.strip() for name in answer.headers["Allow"].split(",")} - {"HEAD", "OPTIONS"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.route}")
def test_a_route_answers_the_cast_as_the_table_says(furnished: Furnished, row: Row) -> None:
    assert {who: furnished.ask(row, who) for who in CAST} == row.expected()


def test_nobody_is_never_answered_as_whoever_may() -> None:
    told = [row for row in ROWS if row.least > EVERYBODY]
    assert [row for row in told if row.expected()["nobody"] == row.answer] == []


# Who may do everything, and whose few rights are looked up: between them they have a page ask all
# that it asks of a database.
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.route}")
def test_an_owner_and_a_viewer_are_answered_on_a_second_database_too(
    furnished: Furnished, row: Row
) -> None:
    for who in ("owner", "viewer"):
        assert furnished.ask(row, who) == row.expected()[who], who


def names_an_object(row: Row) -> bool:
    last = [found[1] for found in PARAMETER.findall(row.route) if found[1] not in PLACE]
    return bool(last) and not any(word in row.route for word in NAMES_NOTHING)


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if names_an_object(row)],
    ids=lambda row: f"{row.method} {row.route}",
)
def test_what_is_another_tenants_is_not_found_at_home_either(
    furnished: Furnished, row: Row
) -> None:
    at_home = furnished.address(row, "stranger")
    assert furnished.ask(row, "stranger", at_home) == 404


def writes(row: Row) -> bool:
    """Whether a token for reading is turned away: evaluating a flag writes nothing."""
    asks_more = row.least >= EDITOR or row.method != "GET"
    return row.is_rest and asks_more and not row.route.endswith("/evaluate")


@pytest.mark.parametrize(
    "row", [row for row in ROWS if writes(row)], ids=lambda row: f"{row.method} {row.route}"
)
def test_a_token_for_reading_writes_nowhere(furnished: Furnished, row: Row) -> None:
    reading = Furnished(furnished.world, furnished.names)
    reading.tokens = {"owner": furnished.world.olivia.token(read_only=True)}
    assert reading.ask(row, "owner") == 403


@pytest.mark.parametrize("whose", LIMITED)
def test_a_limited_token_is_answered_as_the_table_says(furnished: Furnished, whose: str) -> None:
    holders, limited = limited_tokens(furnished), LIMITED[whose]
    wrong = {}
    for row in (row for row in ROWS if row.is_rest):
        wanted = limited.but.get((row.method, row.route), row.expected()[limited.like])
        found = holders.ask(row, whose)
        if found != wanted:
            wrong[row.method, row.route] = f"{found}, not {wanted}"
    assert wrong == {}


@pytest.mark.parametrize("whose", [whose for whose in LIMITED if "another project" in whose])
def test_a_limited_token_is_told_of_no_project_but_its_own(
    furnished: Furnished, whose: str
) -> None:
    holders = limited_tokens(furnished)
    readings = [row for row in ROWS if row.method == "GET" and "<str:project>" not in row.route]
    # The owner has lines of this project in the inbox, a role in it, and a token for it.
    telling = [
        row.route
        for row in readings
        if row.is_rest
        and row.least > EVERYBODY
        and any(word in holders.answer(row, whose).content for word in (b"shop", b"Shop"))
    ]
    assert telling == []


def limited_tokens(furnished: Furnished) -> Furnished:
    """The same world with the tokens of the table, and a project beside the one of the rows."""
    world = furnished.world
    owner, stranger = (
        tickets.of_member(one.user, one.organization) for one in (world.olivia, world.stan)
    )
    organizations.create_project(owner, "portal", "Portal")
    here, there = Reach(project_keys=("shop",)), Reach(project_keys=("portal",))
    credentials.create_token(owner, "here", here)
    made = (
        credentials.create_token(owner, "one", there),
        credentials.create_service_token(owner, "two", "admin", there),
        credentials.create_service_token(stranger, "three", "admin"),
        credentials.create_service_token(owner, "four", "admin", here),
    )
    tokens = dict(zip(LIMITED, (one.secret for one in made), strict=True))
    return Furnished(world, furnished.names, tokens)
