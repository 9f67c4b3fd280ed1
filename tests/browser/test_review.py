"""A change through other people's hands in a real browser: proposed, read, approved, rolled back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.actions import rights
from accounts.models import Membership, User
from accounts.permissions import Permission
from flags import changes, docket, queries, requests, review
from flags.changes import Part, Target
from flags.edits import Edit, EditKind, SetFallthrough, SetReviewRules, SetRollout, TurnOff
from flags.models import Change
from tests.browser.complaints import Complaints
from tests.journeys.people import application, until
from tests.servers.live import LiveServer
from tests.world.cast import World, make_world
from tests.world.factories import add_rule, make_flag, make_rule, submit

Door = Callable[[User], Page]
ANN = {"userId": "ann", "country": "DE"}


@pytest.fixture
def reviewed(live: LiveServer) -> World:
    """A flag on for 1 % of Germany, in a production where one other person must approve."""
    world = make_world()
    make_flag(world.max.at(), on=True)
    make_flag(world.max.at(), "roof-upload")
    submit(world.max.at(), "quote-form", SetFallthrough("off"))
    add_rule(world.max.at(), "quote-form", make_rule(share=1_000))
    ask_for_review(world)
    return world


def ask_for_review(world: World) -> None:
    access = world.ada.at()
    _rules, version = review.policy(access)
    target = Target(EditKind.POLICY, "production")
    changes.submit(access, target, [SetReviewRules(1)], expected_version=version)


def open_request(world: World, *edits: Edit, comment: str = "More of Germany") -> Change:
    access = world.max.at()
    part = Part(changes.state("quote-form"), edits, queries.flag(access, "quote-form").version)
    asked = requests.open_request(access, [part], comment=comment)
    assert isinstance(asked, changes.Pending)
    return asked.change


def served(world: World) -> bool:
    """Whether SDKs are served the flag as on."""
    snapshot = queries.snapshot(world.production)
    assert snapshot is not None
    return snapshot.flags["quote-form"].enabled


def test_a_rollout_is_proposed_approved_applied_and_rolled_back(
    live: LiveServer, reviewed: World, signed_in: Door
) -> None:
    with application(live, reviewed.sdk_key()) as app:
        until(lambda: app.status().state == "streaming")
        assert app.bool("quote-form", False, ANN) is False
        _propose_all(signed_in(reviewed.max.user), reviewed)
        assert app.bool("quote-form", False, ANN) is False
        _approve_and_apply(signed_in(reviewed.rita.user), reviewed)
        appoint_product_manager(reviewed)
        assert until(lambda: app.bool("quote-form", False, ANN)) < 5
        _roll_back(signed_in(reviewed.vera.user), reviewed)
        assert until(lambda: not app.bool("quote-form", True, ANN)) < 5
    entry = queries.history(reviewed.max.at(), "state", "quote-form")[0]
    assert (entry.author, entry.comment) == (reviewed.vera.user, "Too many calls")


def appoint_product_manager(world: World) -> None:
    """Vera may only look at the project, and is named for one right that stands apart."""
    vera = Membership.objects.within(world.organization).get(user=world.vera.user)
    rights.set_person(world.ada.at(), Permission.ROLL_BACK, vera.pk, is_named=True)


def _propose_all(page: Page, world: World) -> None:
    page.goto(world.url("flags/quote-form/"))
    rule = page.locator(".rule")
    rule.get_by_role("button", name="100 %").click()
    rule.get_by_label("Comment").fill("All of Germany")
    rule.get_by_role("button", name="Submit for review (1 approval)").click()
    expect(page.get_by_text("Sent for review as #1.")).to_be_visible()
    expect(page.locator(".notice")).to_contain_text("#1 waits for review")
    page.get_by_role("link", name="Look at it").click()
    expect(page.locator("#why-not-approve")).to_be_visible()
    expect(page.get_by_role("button", name="Approve exactly")).to_have_count(0)


def _approve_and_apply(page: Page, world: World) -> None:
    page.goto(world.url("flags/"))
    entry = page.locator(".rail [data-section=requests]")
    expect(entry).to_contain_text("1")
    entry.click()
    page.get_by_role("link", name=re.compile("#1")).click()
    expect(page.locator("#changes ins")).to_contain_text("all whose country is one of DE get on")
    short = docket.request(world.rita.at(), 1).content_hash[:7]
    page.get_by_role("button", name=f"Approve exactly this ({short})").click()
    expect(page.get_by_text(f"Approved exactly {short}.")).to_be_visible()
    page.get_by_role("button", name="Apply now in Production").click()
    expect(page.locator("#talk")).to_contain_text("rita@solar.example applied it")


def _roll_back(page: Page, world: World) -> None:
    """By the product manager: a role that only looks, and the right to go back beside it."""
    page.goto(world.url("flags/quote-form/"))
    expect(page.get_by_role("button", name="quote-form in Production")).to_be_disabled()
    expect(page.get_by_role("link", name="Kill…")).to_be_visible()
    page.goto(world.url("flags/quote-form/history"))
    page.get_by_role("link", name="Roll back to this").first.click()
    page.get_by_label("Reason").fill("Too many calls")
    page.get_by_role("button", name="Roll back in Production").click()
    expect(page.get_by_text(re.compile(r"Saved as version \d+, announced"))).to_be_visible()


def test_the_switch_asks_before_it_sends_for_review(reviewed: World, signed_in: Door) -> None:
    page = signed_in(reviewed.max.user)
    page.goto(reviewed.url("flags/"))
    page.get_by_role("button", name="quote-form in Production").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Production asks for 1 approval.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert docket.requests(reviewed.max.at()) == []
    page.get_by_role("button", name="quote-form in Production").click()
    dialog.get_by_label("Comment").fill("Sale is over")
    dialog.get_by_role("button", name="Submit for review (1 approval)").press("Enter")
    expect(page.locator("tbody .pill-pending")).to_contain_text("#1")
    assert served(reviewed)
    assert docket.request(reviewed.rita.at(), 1).comment == "Sale is over"


def test_an_approval_of_what_changed_meanwhile_shows_what_it_says_now(
    reviewed: World, signed_in: Door, complaints: Complaints
) -> None:
    change = open_request(reviewed, SetRollout("r1", 50_000))
    complaints.forgive("409")
    page = signed_in(reviewed.rita.user)
    page.goto(reviewed.url("requests/1/"))
    again = [
        Part(
            changes.state("quote-form"),
            (SetRollout("r1", 60_000),),
            queries.flag(reviewed.max.at(), "quote-form").version,
        )
    ]
    requests.revise(reviewed.max.at(), 1, again, expected_revision=1)
    page.get_by_role("button", name=f"Approve exactly this ({change.content_hash[:7]})").click()
    expect(page.get_by_role("alert")).to_contain_text("revision 2 by now")
    expect(page.locator("#changes")).to_contain_text("60 %")
    now = docket.request(reviewed.rita.at(), 1).content_hash[:7]
    expect(page.get_by_role("button", name=f"Approve exactly this ({now})")).to_be_visible()
    assert docket.reviews(change) == []


def test_a_conflict_stands_side_by_side_and_what_fits_is_merged_by_one_press(
    reviewed: World, signed_in: Door, complaints: Complaints
) -> None:
    open_request(reviewed, SetRollout("r1", 50_000))
    open_request(reviewed, SetFallthrough("on"), comment="Everybody")
    other = open_request(reviewed, SetRollout("r1", 30_000))
    requests.bypass(reviewed.ada.at(), other.number or 0, reason="The queue is full")
    page = signed_in(reviewed.max.user)
    page.goto(reviewed.url("requests/1/"))
    conflicts = page.locator("#conflicts tbody tr")
    expect(conflicts).to_have_count(1)
    for share in ("1 %", "30 %", "50 %"):
        expect(conflicts).to_contain_text(share)
    page.goto(reviewed.url("requests/2/"))
    page.get_by_role("button", name="Merge with what changed").click()
    expect(page.get_by_text("Merged with what changed meanwhile.")).to_be_visible()
    expect(page.locator("#talk")).to_contain_text("made revision 2")


def test_an_admin_bypasses_the_review_loudly_and_somebody_else_looks_at_it(
    reviewed: World, signed_in: Door, complaints: Complaints
) -> None:
    open_request(reviewed, TurnOff())
    complaints.forgive("422")
    page = signed_in(reviewed.ada.user)
    page.goto(reviewed.url("requests/1/"))
    page.get_by_role("button", name="Bypass review…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Orders are lost")
    dialog.get_by_label("Environment").fill("staging")
    dialog.get_by_role("button", name="Bypass review in Production").click()
    expect(page.get_by_role("dialog")).to_contain_text("Type production")
    assert served(reviewed)
    page.get_by_role("dialog").get_by_label("Environment").fill("production")
    page.get_by_role("dialog").get_by_role("button", name="Bypass review in Production").click()
    expect(page.get_by_text("Applied past review.")).to_be_visible()
    assert not served(reviewed)
    other = signed_in(reviewed.rita.user)
    other.goto(reviewed.url("requests/1/"))
    other.get_by_text("I have looked at it").first.click()
    other.get_by_role("button", name="I have looked at it").click()
    expect(other.locator("#talk")).to_contain_text("rita@solar.example looked at it afterwards")
    assert docket.unseen(reviewed.ada.at()) == []


def test_a_kill_needs_a_reason_and_shows_who_has_heard(
    live: LiveServer, reviewed: World, signed_in: Door
) -> None:
    with application(live, reviewed.sdk_key()) as app:
        until(lambda: app.status().state == "streaming")
        page = signed_in(reviewed.max.user)
        page.goto(reviewed.url("flags/"))
        page.get_by_role("link", name="Kill… quote-form").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("Calls without end")
        dialog.get_by_label("Environment").fill("production")
        dialog.get_by_role("button", name="Kill in Production").click()
        expect(page.locator("#propagation")).to_contain_text(
            re.compile(r"1 of 1 connected SDK confirmed version \d+ in \d+\.\d s")
        )
    assert not served(reviewed)


def test_edits_of_two_flags_go_into_one_draft_which_is_sent_once(
    reviewed: World, signed_in: Door
) -> None:
    page = signed_in(reviewed.max.user)
    page.goto(reviewed.url("flags/quote-form/serving"))
    page.get_by_role("radio", name="on").check()
    page.get_by_text("Other ways").click()
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_text("Kept as draft #")).to_be_visible()
    number = docket.drafts(reviewed.max.at())[0].number
    page.goto(reviewed.url("flags/roof-upload/switch?on=true"))
    page.get_by_text("Other ways").click()
    page.get_by_role("button", name=f"Add to #{number}").click()
    expect(page.locator(".request-part")).to_have_count(2)
    page.get_by_text("Send for review…").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#approvals")).to_contain_text("0 of 1")
    assert len(docket.request(reviewed.rita.at(), number or 0).parts) == 2
