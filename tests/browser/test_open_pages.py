"""A page that finds no room on the server asks again less and less often, and works all the same."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from accounts.models import User
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import make_flag

Door = Callable[[User], Page]
FLAGS = "/o/solar/shop/production/flags/"


def asked_for_a_socket(page: Page) -> list[str]:
    """The sockets a page opens from now on."""
    found: list[str] = []
    page.on("websocket", lambda socket: found.append(socket.url))
    return found


def test_a_page_without_room_comes_back_in_growing_intervals(
    live: LiveServer, signed_in: Door, settings: Any
) -> None:
    settings.PAGES_PER_PERSON = 1
    world: World = make_world()
    make_flag(world.max.at())
    first = signed_in(world.max.user)
    first.goto(FLAGS)
    first.wait_for_timeout(500)
    second = first.context.new_page()
    sockets = asked_for_a_socket(second)
    second.goto(FLAGS)
    expect(second.get_by_text("quote-form").first).to_be_visible()
    second.wait_for_timeout(7_000)
    # At once, then after a second, two and four at most, and half of that at least.
    assert 2 <= len(sockets) <= 5
    first.close()
    with second.expect_websocket(timeout=20_000) as coming:
        pass
    coming.value.wait_for_event("framereceived")
