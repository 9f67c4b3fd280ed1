"""Signing in and guarding one's account in a real browser, with a passkey a virtual device holds."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Organization, User
from tests.accounts.local.people import code, give_factor
from tests.browser.complaints import Complaints
from tests.servers.live import LiveServer
from tests.world.cast import PASSWORD, World, make_world

SIGN_IN = "/accounts/login/"
FACTORS = "/accounts/second-factor/"


@pytest.fixture
def sunny(live: LiveServer) -> World:
    """The world behind the running application."""
    return make_world()


@pytest.fixture
def home(live: LiveServer, complaints: Complaints) -> str:
    """The same application by a name: browsers make no passkeys for an IP address."""
    complaints.home = live.url.replace("127.0.0.1", "localhost")
    return complaints.home


@pytest.fixture
def device(window: BrowserContext) -> Callable[[Page], None]:
    """A device that holds passkeys and says yes to everything."""

    def attach(page: Page) -> None:
        session = window.new_cdp_session(page)
        session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        session.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    return attach


def enter_password(page: Page, home: str, user: User, going_to: str = "/account/sessions/") -> None:
    page.goto(f"{home}{SIGN_IN}?next={going_to}")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def confirm(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def sign_out(page: Page, home: str) -> None:
    page.goto(f"{home}/accounts/logout/")
    page.get_by_role("button", name="Sign out").first.click()


def signed_in(page: Page) -> None:
    expect(page.get_by_role("heading", name="Where you are signed in")).to_be_visible()


def test_an_authenticator_app_is_set_up_and_asked_for(
    sunny: World, home: str, page: Page, tmp_path: Path
) -> None:
    enter_password(page, home, sunny.max.user)
    signed_in(page)
    page.goto(f"{home}{FACTORS}")
    page.get_by_role("link", name="Set up an authenticator app").click()
    confirm(page)
    picture = page.get_by_role("img", name="The secret as a picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("(image) => image.naturalWidth > 0")
    page.get_by_text("Or type the secret").click()
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("Authenticator code").fill(code(secret))
    page.get_by_role("button", name="Turn it on").click()
    codes = page.locator("#recovery-codes").inner_text().split()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download them").click()
    saved = tmp_path / "codes"
    download.value.save_as(saved)
    assert saved.read_text().split() == codes

    sign_out(page, home)
    enter_password(page, home, sunny.max.user)
    page.get_by_label("Code").fill(code(secret, steps=1))
    page.get_by_role("button", name="Sign in", exact=True).click()
    signed_in(page)

    sign_out(page, home)
    enter_password(page, home, sunny.max.user)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    signed_in(page)


def test_a_passkey_is_added_and_then_signs_in_alone_and_as_second_step(
    sunny: World, home: str, page: Page, device: Callable[[Page], None]
) -> None:
    device(page)
    enter_password(page, home, sunny.max.user)
    signed_in(page)
    page.goto(f"{home}{FACTORS}webauthn/add/")
    confirm(page)
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto(f"{home}{FACTORS}webauthn/")
    expect(page.get_by_role("row", name="Laptop")).to_contain_text("alone")

    sign_out(page, home)
    page.goto(f"{home}{SIGN_IN}?next=/account/sessions/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    signed_in(page)

    sign_out(page, home)
    enter_password(page, home, sunny.max.user)
    page.get_by_role("button", name="Use a passkey").click()
    signed_in(page)


def test_without_a_device_the_page_says_what_to_do(
    sunny: World, live: LiveServer, page: Page
) -> None:
    # By its IP address: no passkeys there.
    page.goto(f"{live.url}{SIGN_IN}")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("an IP address will not do")


def test_an_organization_that_asks_for_a_factor_is_reached_after_setting_one_up(
    sunny: World, home: str, page: Page
) -> None:
    Organization.objects.update(require_mfa=True)
    enter_password(page, home, sunny.max.user, sunny.url("flags/"))
    expect(page.get_by_role("heading", name="A second factor is asked for")).to_be_visible()
    page.get_by_role("link", name="Use an authenticator app").click()
    confirm(page)
    page.get_by_text("Or type the secret").click()
    page.get_by_label("Authenticator code").fill(code(page.locator("#totp-secret").inner_text()))
    page.get_by_role("button", name="Turn it on").click()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Flags")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390, 320])
def test_no_account_page_is_wider_than_its_window(
    sunny: World, home: str, page: Page, width: int
) -> None:
    give_factor(sunny.olivia.user)
    page.set_viewport_size({"width": width, "height": 900})
    enter_password(page, home, sunny.olivia.user)
    page.get_by_label("Code").fill(code())
    page.get_by_role("button", name="Sign in", exact=True).click()
    signed_in(page)
    for path in (
        "/account/profile/",
        "/accounts/email/",
        "/accounts/password/change/",
        FACTORS,
        f"{FACTORS}webauthn/",
        "/account/sessions/",
        "/account/tokens/",
        sunny.url("tokens/"),
        "/org/solar/directory/",
    ):
        page.goto(f"{home}{path}")
        expect(page.locator("h1")).to_be_visible()
        wide, room = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= room, f"{path} is {wide} px wide in {room}"
