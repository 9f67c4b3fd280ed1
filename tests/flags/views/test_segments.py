"""Segments: rules as groups of conditions, lists of ids, who asks for them."""

import pytest

from flags import queries
from tests.world.factories import add_rule, make_flag, make_rule, make_segment
from wayfork.engine import Clause

FORM = {
    "expected_version": "0",
    "name": "Beta testers",
    "key": "beta",
    "unit": "user",
    "included": "u-1, u-2",
    "excluded": "u-9",
    "clauses": "3",
    "clause-0-group": "0",
    "clause-0-attribute": "country",
    "clause-0-op": "in",
    "clause-0-values": "DE",
    "clause-1-group": "0",
    "clause-1-attribute": "plan",
    "clause-1-op": "in",
    "clause-1-values": "pro",
    "clause-2-group": "1",
    "clause-2-attribute": "email",
    "clause-2-op": "ends_with",
    "clause-2-values": "@solar.example",
}


def test_a_segment_is_made_of_groups_and_lists(world):
    answer = world.max.client.post(world.url("new-segment/"), FORM)
    assert answer.status_code == 303
    made = queries.segment(world.max.at(), "beta").definition.segment
    assert [[clause.attribute for clause in group] for group in made.rules] == [
        ["country", "plan"],
        ["email"],
    ]
    assert made.included == ("u-1", "u-2")
    assert made.excluded == ("u-9",)
    page = world.vera.client.get(world.url("segments/beta/")).content.decode()
    assert "ends with" in page
    assert "u-9" in page


def test_a_group_can_be_added_without_losing_what_was_typed(world):
    form = {**FORM, "reshape": "add:2"}
    page = world.max.client.post(world.url("new-segment/"), form).content.decode()
    assert 'name="clause-3-group" value="2"' in page
    assert "u-1, u-2" in page
    assert not queries.segment_list(world.max.at())


def test_a_segment_says_who_asks_for_it_and_cannot_be_archived_meanwhile(world):
    make_segment(world.max.at(), "beta")
    make_flag(world.max.at(), "quote-form")
    when = (Clause(None, "in_segment", ("beta",)),)
    add_rule(world.max.at(), "quote-form", make_rule(when=when))
    page = world.max.client.get(world.url("segments/beta/")).content.decode()
    assert "flag quote-form in Production" in page
    answer = world.max.client.post(world.url("segments/beta/archive"), {"expected_version": "1"})
    assert answer.status_code in {409, 422}
    assert not queries.segment(world.max.at(), "beta").definition.archived


def test_a_segment_nobody_asks_for_is_archived_and_listed_apart(world):
    make_segment(world.max.at(), "beta")
    client = world.max.client
    form = {"expected_version": "1"}
    assert client.post(world.url("segments/beta/archive"), form).status_code == 303
    assert "segments/beta/" not in client.get(world.url("segments/")).content.decode()
    listed = client.get(world.url("segments/"), {"archived": "1"}).content.decode()
    assert "segments/beta/" in listed


def test_a_stale_segment_form_keeps_what_was_typed(world):
    make_segment(world.max.at(), "beta")
    client, address = world.max.client, world.url("segments/beta/edit")
    form = {**FORM, "expected_version": "1", "clauses": "0"}
    assert client.post(address, {**form, "included": "u-5"}).status_code == 303
    answer = client.post(address, {**form, "included": "u-6"})
    assert answer.status_code == 409
    assert "You started from version 1; it is at version 2 now." in answer.content.decode()
    assert "u-6" in answer.content.decode()
    assert queries.segment(world.max.at(), "beta").definition.segment.included == ("u-5",)


@pytest.mark.parametrize("path", ["new-segment/", "segments/beta/edit"])
def test_a_viewer_cannot_change_segments(world, path):
    make_segment(world.max.at(), "beta")
    assert world.vera.client.get(world.url(path)).status_code == 403
    assert world.vera.client.post(world.url(path), FORM).status_code == 403


def test_the_list_finds_by_words_and_asks_little_of_the_database(
    world, django_assert_max_num_queries
):
    for name in ("beta", "staff", "press"):
        make_segment(world.max.at(), name)
    client = world.vera.client
    with django_assert_max_num_queries(23):
        page = client.get(world.url("segments/"), {"q": "sta"}).content.decode()
    assert "segments/staff/" in page
    assert "segments/press/" not in page


def test_an_empty_list_offers_to_make_a_segment(world):
    page = world.max.client.get(world.url("segments/")).content.decode()
    assert "No segments yet." in page
