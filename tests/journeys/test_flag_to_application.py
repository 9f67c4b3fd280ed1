"""A flag reaches a running application, and the application survives losing its server."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from accounts.actions import credentials
from flags import changes
from flags.edits import SetFallthrough, SetSegment, TurnOff, TurnOn
from tests.journeys.people import Browser, application, rest, until
from tests.servers.live import LiveServer, live_server
from tests.world.cast import World, make_world
from tests.world.factories import add_rule, make_flag, make_rule, make_segment, submit
from wayfork import Client
from wayfork.engine import Clause, Split

ANN = {"userId": "ann", "country": "DE"}


@pytest.fixture
def shop(live: LiveServer) -> World:
    """A world with one flag, off in production."""
    world = make_world()
    make_flag(world.max.at())
    return world


def test_a_click_on_a_page_reaches_the_application_within_a_second(live: LiveServer, shop: World):
    with (
        application(live, shop.sdk_key()) as app,
        Browser.of(live, shop, shop.max) as browser,
    ):
        assert app.bool("quote-form", True, ANN) is False
        until(lambda: app.status().state == "streaming")
        told: list[frozenset[str]] = []
        app.on_change("quote-form", lambda change: told.append(change.keys))
        answer = browser.post("flags/quote-form/switch", on="true", expected_version="0")
        assert answer.status_code == 303
        assert until(lambda: app.bool("quote-form", False, ANN)) < 1
        assert told == [frozenset({"quote-form"})]
        browser.post("flags/quote-form/switch", on="false", expected_version="1")
        assert until(lambda: not app.bool("quote-form", True, ANN)) < 1
    assert [(line.action, line.via) for line in shop.ledger()[-2:]] == [
        ("flag.changed", "page"),
        ("flag.changed", "page"),
    ]


def test_a_call_of_the_rest_api_reaches_the_application_within_a_second(
    live: LiveServer, shop: World
):
    with application(live, shop.sdk_key()) as app:
        until(lambda: app.status().state == "streaming")
        path = "environments/production/flags/quote-form"
        body = {"edits": [{"edit": "turn_on"}], "comment": "launch"}
        done = rest(live, shop.max, "PATCH", path, body, version=0)
        assert done.status_code == 200, done.text
        assert until(lambda: app.bool("quote-form", False, ANN)) < 1


def test_whom_a_segment_holds_reaches_the_application(live: LiveServer, shop: World):
    make_segment(shop.max.at(), included=())
    submit(shop.max.at(), "quote-form", TurnOn(), SetFallthrough("off"))
    rule = make_rule(when=(Clause(None, "in_segment", ("beta",)),))
    add_rule(shop.max.at(), "quote-form", rule)
    with application(live, shop.sdk_key()) as app:
        until(lambda: app.status().state == "streaming")
        assert app.bool("quote-form", True, ANN) is False
        edit = SetSegment("user", ("ann",), (), ())
        changes.submit(shop.max.at(), changes.segment("beta"), [edit], expected_version=1)
        assert until(lambda: app.bool("quote-form", False, ANN)) < 1
        assert app.details("quote-form", default=False, context=ANN).rule == "r1"


def test_a_client_that_may_not_stream_polls_and_sees_the_change(live: LiveServer, shop: World):
    with application(live, shop.sdk_key(), stream=False, poll_interval=0.2) as app:
        assert app.bool("quote-form", True, ANN) is False
        submit(shop.max.at(), "quote-form", TurnOn())
        until(lambda: app.bool("quote-form", False, ANN))


def answers(app: Client) -> list[bool]:
    """What two hundred people get."""
    return [app.bool("quote-form", False, {"userId": f"u-{number}"}) for number in range(200)]


def test_an_application_goes_on_with_its_flags_when_the_server_dies(
    transactional_db: None, tmp_path: Path
):
    stored = tmp_path / "flags.json"
    with ExitStack() as open_things:
        with live_server() as live:
            world = make_world()
            make_flag(world.max.at(), on=True)
            split = Split("user", "half", (("on", 50_000), ("off", 50_000)))
            submit(world.max.at(), "quote-form", SetFallthrough(split))
            key = world.sdk_key()
            app = open_things.enter_context(application(live, key, snapshot_path=stored))
            until(lambda: app.status().state == "streaming")
            before = answers(app)
            assert set(before) == {True, False}
        until(lambda: app.status().state == "disconnected")
        assert answers(app) == before
        # A process that starts while nobody answers has what the last one left on the disk.
        reborn = Client(key, url=live.url, snapshot_path=stored)
        open_things.callback(reborn.close)
        assert answers(reborn) == before
        assert reborn.wait_ready(0.2) is False
        assert answers(reborn) == before


def test_a_revoked_key_ends_the_stream_and_leaves_the_flags(live: LiveServer, shop: World):
    submit(shop.max.at(), "quote-form", TurnOn())
    made = credentials.create_sdk_key(shop.ada.at(), "server", "leaked")
    with application(live, made.secret) as app:
        until(lambda: app.status().state == "streaming")
        assert app.bool("quote-form", False, ANN) is True
        credentials.revoke_sdk_key(shop.ada.at(), made.key.id)
        until(lambda: app.status().state == "refused", 10)
        submit(shop.max.at(), "quote-form", TurnOff())
        time.sleep(0.5)
        # It hears nothing any more, and goes on with what it has.
        assert app.bool("quote-form", False, ANN) is True
