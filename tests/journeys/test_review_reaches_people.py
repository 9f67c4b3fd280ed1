"""A request for review reaches who may review it, and its answer whoever asked."""

import pytest
from django.urls import resolve

from accounts import inbox, tail
from accounts.actions import notices
from accounts.models import Notice
from flags import changes, docket, queries, requests
from flags.changes import Part
from flags.edits import TurnOn
from tests.world.cast import Person, World
from tests.world.factories import make_flag

pytestmark = pytest.mark.django_db


def newest(person: Person) -> Notice:
    tail.read_all()
    return inbox.page(person.at()).notices[0]


def test_a_request_is_asked_for_answered_and_applied_in_the_inboxes_it_concerns(world: World):
    make_flag(world.max.at())
    notices.follow(world.vera.at(), "flag", "quote-form", on=True)
    version = queries.flag(world.max.at(), "quote-form").version
    part = Part(changes.state("quote-form"), (TurnOn(),), version)
    requests.open_request(world.max.at(), [part], comment="As agreed")
    asked = newest(world.rita)
    assert asked.text == "Max asks you to review #1 quote-form in Production"
    assert asked.detail == "As agreed"
    assert resolve(asked.url).view_name == "flags:request"
    assert world.rita.client.get(asked.url).status_code == 200

    request = docket.request(world.rita.at(), 1)
    requests.approve(world.rita.at(), 1, content_hash=request.content_hash)
    assert newest(world.max).text == "Rita approved #1 quote-form in Production"

    requests.apply(world.ada.at(), 1)
    assert newest(world.max).text == "Ada applied #1 quote-form in Production"
    assert newest(world.vera).kind == "follow"
    assert inbox.unread(world.rita.at()) == 0
