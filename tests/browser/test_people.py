"""People let each other in and out in a browser, at every width."""

from collections.abc import Callable
from urllib.parse import urlparse

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts import access as tickets
from accounts.actions import access_requests, invitations, teams
from accounts.actions.invitations import Entrance
from accounts.models import Membership, User
from accounts.permissions import Role
from tests.browser.complaints import Complaints
from tests.servers.live import LiveServer
from tests.world.cast import PASSWORD, World, make_world

Door = Callable[[User], Page]


@pytest.fixture
def solar(live: LiveServer) -> World:
    """The world, with a team, an open invitation and somebody who asks to be let in."""
    world = make_world()
    owner = tickets.of_member(world.olivia.user, "solar")
    teams.create(owner, "web", "Web people of the house")
    invitations.invite(
        owner,
        ["somebody.with.a.rather.long.address@solar.example"],
        Entrance((("shop", Role.EDITOR),), ("web",), is_owner=True),
    )
    mia = tickets.of_member(world.mia.user, "solar")
    access_requests.ask(mia, "shop", Role.EDITOR, "I build the shop.")
    return world


def test_a_link_leads_a_new_person_from_nothing_to_the_flags(
    solar: World, signed_in: Door, window: BrowserContext
) -> None:
    page = signed_in(solar.ada.user)
    page.goto("/org/solar/projects/shop/")
    page.get_by_role("button", name="Invite", exact=True).click()
    link = urlparse(page.locator("#new-link-url").inner_text()).path
    window.clear_cookies()

    nora = window.new_page()
    nora.goto(link)
    nora.get_by_role("link", name="Make an account").click()
    nora.locator("input[name=email]").fill("nora@new.example")
    nora.locator("input[name=password1]").fill(PASSWORD)
    nora.get_by_role("button", name="Make an account").click()
    nora.get_by_role("button", name="Join Solar").click()
    expect(nora.get_by_role("heading", name="Flags")).to_be_visible()
    assert Membership.objects.within(solar.organization).filter(user__email="nora@new.example")


def test_an_admin_answers_a_request_and_an_owner_finds_and_deactivates_the_person(
    solar: World, signed_in: Door
) -> None:
    page = signed_in(solar.ada.user)
    page.goto("/org/solar/people/")
    page.get_by_role("link", name="Access requests").click()
    expect(page.get_by_text("I build the shop.")).to_be_visible()
    page.get_by_role("button", name="Let in").click()
    expect(page.get_by_text("Mia is editor of Shop now.")).to_be_visible()

    owner = signed_in(solar.olivia.user)
    owner.goto("/org/solar/people/")
    owner.get_by_placeholder("Name or e-mail address").fill("mia")
    expect(owner.locator("#people tbody tr")).to_have_count(1)
    owner.get_by_role("link", name="Mia").click()
    expect(owner.get_by_text("editor in person").first).to_be_visible()
    # The first press only asks, and says what is lost.
    expect(owner.get_by_role("button", name="Deactivate", exact=True)).to_be_hidden()
    owner.get_by_text("Deactivate or remove…").click()
    owner.get_by_label("Reason").fill("left")
    owner.get_by_role("button", name="Deactivate", exact=True).click()
    expect(owner.get_by_text("Mia is deactivated")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390, 320])
def test_no_page_of_the_organization_is_wider_than_its_window(
    solar: World, signed_in: Door, width: int, complaints: Complaints
) -> None:
    # Olivia may not make organizations here: that page says so.
    complaints.forgive("403")
    max_ = Membership.objects.within(solar.organization).get(user=solar.max.user)
    page = signed_in(solar.olivia.user)
    page.set_viewport_size({"width": width, "height": 900})
    area = ["people", f"people/{max_.pk}", "invitations", "teams", "teams/web"]
    area += ["access-requests", "settings", "projects/shop"]
    for path in [*(f"/org/solar/{name}/" for name in area), "/organizations/new", "/?all=1"]:
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        wide, room = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= room, f"{path} is {wide} px wide in {room}"
