"""The REST reference, looked at in a browser: it opens, it is complete, and nothing complains."""

from playwright.sync_api import Page, expect

from tests.api import schema


def test_the_reference_shows_every_operation_and_opens_one(page: Page) -> None:
    page.goto("/api/")
    expect(page.get_by_role("heading", level=1)).to_have_text("REST reference")
    count = sum(len(methods) for methods in schema()["paths"].values())
    expect(page.locator("details.operation")).to_have_count(count)
    operation = page.locator("#change_flag_state")
    operation.locator("summary").click()
    expect(operation.get_by_text("If-Match", exact=True)).to_be_visible()
    expect(operation.get_by_text('"edit": "turn_on"', exact=True)).to_be_visible()
    expect(operation.locator("#change_flag_state-curl")).to_contain_text("curl -X PATCH")
