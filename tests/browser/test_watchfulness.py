"""The browser tests notice what they promise to notice."""

from playwright.sync_api import Page

from tests.browser.complaints import Complaints

SIGN_IN = "/accounts/login/"


def test_the_sign_in_page_gives_no_reason_to_complain(page: Page) -> None:
    page.goto(SIGN_IN)
    assert page.locator("input[type=password]").count() == 1


def test_an_inline_style_is_heard_as_a_violation(page: Page, complaints: Complaints) -> None:
    page.goto(SIGN_IN)
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.wait_for_timeout(100)
    assert any("CSP: style-src" in text for text in complaints.heard)
    complaints.forgive("style-src")


def test_a_script_that_fails_is_heard(page: Page, complaints: Complaints) -> None:
    page.goto(SIGN_IN)
    page.evaluate("setTimeout(() => { throw new Error('broken on purpose') })")
    page.wait_for_timeout(100)
    assert complaints.unforgiven() == ["uncaught: broken on purpose"]
    complaints.forgive("broken on purpose")


def test_a_request_to_somebody_else_is_heard(page: Page, complaints: Complaints) -> None:
    page.goto("about:blank")
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => null)")
    page.wait_for_timeout(100)
    assert "a request to somebody else: http://127.0.0.1:9/" in complaints.heard
    complaints.forgive("127.0.0.1:9/")
    complaints.forgive("net::ERR")
