"""Who hears of a request, once for each thing done, and who is said to have done it."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from accounts import access as tickets
from accounts import inbox, mailing, tail
from accounts.actions import members
from accounts.actions import notices as follows
from accounts.permissions import Role
from flags import changes, requests, schedules
from flags.edits import TurnOn
from flags.models import Change
from tests.flags.requests.steps import (
    FLAG,
    again,
    appoint,
    approve,
    ask_for_review,
    make_team,
    number_of,
    propose,
    said,
)
from tests.world.cast import Person, World
from tests.world.factories import make_flag, submit

SOON = timedelta(hours=1)


@pytest.fixture
def shop(world: World) -> World:
    """A flag in a production that asks for an approval."""
    make_flag(world.max.at())
    ask_for_review(world)
    tail.read_all()
    return world


def told(person: Person, *, unread: bool = False) -> list[tuple[str, str]]:
    """What the person's inbox holds, newest first."""
    tail.read_all()
    access = tickets.of_member(person.user, person.organization)
    return [(one.kind, one.text) for one in inbox.page(access, only_unread=unread).notices]


def come_to_its_time(change: Change) -> None:
    with time_machine.travel(timezone.now() + 2 * SOON):
        schedules.apply_due(change.pk)
        tail.read_all()


# --- past review


def test_a_bypass_reaches_its_author_and_whoever_may_look_at_it_each_in_one_line(shop: World):
    change = propose(shop.max)
    follows.follow(shop.olivia.at(), "flag", FLAG, on=True)
    requests.bypass(shop.ada.at(), number_of(change), reason="the shop is down")
    loud = f"Ada applied, past review, #1 {FLAG} in Production"
    assert told(shop.max) == [("progress", loud)]
    assert told(shop.rita, unread=True) == told(shop.olivia, unread=True) == [("bypass", loud)]
    assert told(shop.ada, unread=True) == []


def test_whoever_looked_at_a_bypass_is_not_asked_to_any_more(shop: World):
    change = propose(shop.max)
    requests.bypass(shop.ada.at(), number_of(change), reason="the shop is down")
    requests.look_at(shop.rita.at(), number_of(change))
    assert told(shop.rita, unread=True) == []
    assert [kind for kind, _ in told(shop.olivia, unread=True)] == ["bypass"]


def test_the_page_of_a_bypass_says_why_loudly_and_in_the_conversation(shop: World):
    change = propose(shop.max)
    requests.bypass(shop.ada.at(), number_of(change), reason="the shop is down")
    page = shop.rita.client.get(shop.url("requests/1/")).content.decode()
    notice, conversation = page.split('id="talk"', 1)
    assert "ada@solar.example bypassed the review: “the shop is down”" in notice
    assert "the shop is down" in conversation
    assert "needs no approval" not in page


def test_reviewers_hear_of_a_kill_and_a_roll_back_that_asked_none_of_them(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    requests.apply(shop.max.at(), number_of(change))
    before = told(shop.rita)
    changes.kill(shop.max.at(), FLAG, reason="errors")
    assert told(shop.rita)[0] == ("passed_by", f"Max killed flag {FLAG} in Production")
    changes.roll_back(
        shop.max.at(), changes.state(FLAG), to=again(shop.max, change), reason="mended"
    )
    assert told(shop.rita)[0] == ("passed_by", f"Max rolled back flag {FLAG} in Production")
    assert len(told(shop.rita)) == len(before) + 2
    assert told(shop.vera) == []


def test_reviewers_are_mailed_at_once_of_what_went_past_them_and_followers_as_they_wish(
    shop: World,
):
    follows.follow(shop.vera.at(), "flag", FLAG, on=True)
    change = propose(shop.max)
    approve(shop.rita, change)
    requests.apply(shop.max.at(), number_of(change))
    tail.read_all()
    mailing.send_due()
    mail.outbox.clear()
    changes.kill(shop.max.at(), FLAG, reason="errors")
    tail.read_all()
    mailing.send_due()
    people = (shop.rita, shop.ada, shop.olivia)
    assert sorted(letter.to[0] for letter in mail.outbox) == sorted(
        one.user.email for one in people
    )
    assert told(shop.vera)[0][0] == "emergency"


def test_a_kill_where_nobody_is_asked_is_told_to_followers_alone(shop: World):
    submit(shop.max.at("staging"), FLAG, TurnOn())
    changes.kill(shop.max.at("staging"), FLAG, reason="errors")
    assert told(shop.rita) == []


# --- whose word


def test_a_request_says_who_withdrew_it(shop: World):
    change = propose(shop.max)
    requests.withdraw(shop.ada.at(), number_of(change), reason="not this year")
    assert again(shop.max, change).closed_by_label == "ada@solar.example"
    page = shop.max.client.get(shop.url("requests/1/")).content.decode()
    assert re.search(r"<strong>ada@solar.example</strong>\s+withdrew it", page)


@pytest.mark.parametrize("word", ["approve", "ask"])
def test_nobody_is_asked_for_the_word_they_have_said(shop: World, word: str):
    change = propose(shop.max)
    assert [kind for kind, _ in told(shop.rita, unread=True)] == ["review"]
    if word == "approve":
        approve(shop.rita, change)
    else:
        requests.request_changes(shop.rita.at(), number_of(change), comment="Smaller steps")
    assert told(shop.rita, unread=True) == []
    assert [kind for kind, _ in told(shop.olivia, unread=True)] == ["review"]


def test_an_approval_keeps_the_role_it_was_given_in(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    members.set_role(shop.olivia.at(), shop.rita.user, Role.ADMIN)
    approve(shop.olivia, change)
    roles = [one.reviewer_role for one in change.reviews.order_by("pk")]
    assert roles == ["reviewer", "owner"]
    first, second = [line for line in shop.ledger() if line.action == "change.approved"]
    assert [said(line)["reviewer_role"] for line in (first, second)] == roles
    assert "reviewer" in first.summary


# --- what happens by itself


def test_whoever_scheduled_a_request_hears_that_it_was_applied(shop: World):
    change = propose(shop.max)
    requests.schedule(shop.max.at(), number_of(change), at=timezone.now() + SOON)
    approve(shop.rita, change)
    come_to_its_time(change)
    assert again(shop.max, change).status == Change.Status.APPLIED
    assert told(shop.max)[0] == (
        "progress",
        f"Wayfork, for Max, applied #1 {FLAG} in Production",
    )


def test_a_refusal_at_its_time_reaches_the_author_and_whoever_scheduled_it(shop: World):
    change = propose(shop.max)
    requests.schedule(shop.ada.at(), number_of(change), at=timezone.now() + SOON)
    come_to_its_time(change)
    refused = ("answer", f"Wayfork could not apply #1 {FLAG} in Production")
    assert told(shop.max)[0] == told(shop.ada)[0] == refused


def test_nobody_is_told_what_they_applied_by_hand(shop: World):
    change = propose(shop.max)
    approve(shop.rita, change)
    before = told(shop.max)
    requests.apply(shop.max.at(), number_of(change))
    assert told(shop.max) == before


def test_reviewers_whose_approval_is_needed_hear_of_it_beside_a_team(world: World):
    make_flag(world.max.at())
    make_team(world, "payments", world.ada)
    appoint(world, {"kind": "flag", "key": FLAG, "reviewers": ["payments"]})
    ask_for_review(world, approvals=2)
    tail.read_all()
    propose(world.max)
    tail.read_all()
    for person in (world.ada, world.rita, world.olivia):
        (line,) = [one for one in inbox.page(person.at()).notices if one.kind == "review"]
        assert line.text.startswith("Max asks you to review")


def test_reviewers_nobody_asks_are_left_alone(world: World):
    make_flag(world.max.at())
    make_team(world, "payments", world.ada)
    appoint(world, {"kind": "flag", "key": FLAG, "reviewers": ["payments"]})
    tail.read_all()
    propose(world.max)
    tail.read_all()
    assert [one.kind for one in inbox.page(world.ada.at()).notices].count("review") == 1
    assert "review" not in [one.kind for one in inbox.page(world.rita.at()).notices]
