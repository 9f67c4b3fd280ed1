"""A real Chromium, and pages that do not forgive: console errors, CSP violations, foreign hosts."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts.models import User
from tests.browser.complaints import Complaints
from tests.servers.absence import cannot_be_had
from tests.servers.live import LiveServer

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
WINDOW = {"width": 1280, "height": 800}
PATIENCE_MILLISECONDS = 10_000
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI} at ${event.sourceFile}`);
});
"""


def _executable() -> str:
    named = os.environ.get("WAYFORK_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        cannot_be_had("There is no Chromium (apt install chromium): browser tests are skipped.")
    return found


# Not for the whole session: while the synchronous API is open its event loop counts as running in
# this thread, and the asynchronous tests of other modules would stumble over it.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    executable = _executable()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # For the same reason Django believes itself in an asynchronous context here.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def complaints(live: LiveServer) -> Iterator[Complaints]:
    """What went wrong in the browser; anything not forgiven fails the test at its end."""
    complaints = Complaints(live.url)
    yield complaints
    assert complaints.unforgiven() == []


@pytest.fixture
def window(chromium: Browser, complaints: Complaints, live: LiveServer) -> Iterator[BrowserContext]:
    """A fresh profile; relative addresses lead to the running application."""
    context = chromium.new_context(
        base_url=live.url, viewport={"width": WINDOW["width"], "height": WINDOW["height"]}
    )
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    context.add_init_script(REPORT_VIOLATIONS)
    context.on("page", complaints.listen)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def page(window: BrowserContext) -> Page:
    """An empty tab, nobody signed in."""
    return window.new_page()


@pytest.fixture
def signed_in(window: BrowserContext, live: LiveServer) -> Callable[[User], Page]:
    """`signed_in(user)`: a tab in which that person is signed in."""

    def sign_in(user: User) -> Page:
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        window.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live.url}])
        return window.new_page()

    return sign_in
