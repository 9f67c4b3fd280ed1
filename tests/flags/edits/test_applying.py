"""Edits applied: what people read is not what is served, and every state can be brought back."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags import edits
from flags.edits import (
    FlagDefinition,
    InvalidEdit,
    RestoreDefinition,
    RestoreSegment,
    RestoreState,
    SegmentDefinition,
)
from flags.edits.base import EDITS, Edit, EditKind
from flags.edits.state import own_part
from tests.flags.edits import strategies as some
from wayfork.engine import FlagState, Segment

STATE_EDITS = [cls for cls in some.KNOWN if cls.kind == EditKind.STATE and cls is not RestoreState]
SEGMENT_EDITS: list[type[Edit]] = [edits.SetSegment, edits.DescribeSegment, edits.ArchiveSegment]
METADATA = [cls for cls in some.KNOWN if cls.metadata]

states = st.builds(
    FlagState,
    type=st.just("string"),
    enabled=st.booleans(),
    variations=st.just({"a": "1", "b": "2"}),
    off=some.name,
    fallthrough=some.serves,
    assignments=st.dictionaries(
        some.name, st.dictionaries(some.name, some.name, min_size=1, max_size=2), max_size=2
    ),
    prerequisites=some.prerequisites,
    holdout=st.none() | some.name,
    rules=st.lists(some.rules, max_size=3, unique_by=lambda rule: rule.id).map(tuple),
    tags=some.names,
    stage=st.none() | some.name,
    client_side=st.booleans(),
)
definitions = st.builds(
    FlagDefinition,
    key=some.name,
    name=some.text,
    type=st.just("string"),
    variations=st.just({"a": "1", "b": "2"}),
    off=st.just("a"),
    fallthrough=st.just("b"),
    description=some.text,
    tags=some.names,
    stage=st.just("release"),
)
segments = st.builds(
    SegmentDefinition,
    some.name,
    some.text,
    st.builds(Segment, some.name, some.names, some.names, some.groups),
    some.text,
)


@st.composite
def fitting_edits(draw: Any, state: FlagState) -> Edit:
    """An edit of a state; one that names a rule mostly names one that is there."""
    edit: Any = draw(st.sampled_from(STATE_EDITS).flatmap(some.any_edit_of))
    if state.rules and draw(st.booleans()):
        rule = draw(st.sampled_from(state.rules))
        if hasattr(edit, "rule_id"):
            edit = replace(edit, rule_id=rule.id)
        if isinstance(edit, edits.ReplaceRule):
            edit = replace(edit, rule=replace(edit.rule, id=rule.id))
    assert isinstance(edit, Edit)
    return edit


@given(st.data())
def test_whatever_was_edited_the_state_before_can_be_brought_back(data: st.DataObject):
    before = data.draw(states)
    after = before
    for edit in data.draw(st.lists(fitting_edits(before), min_size=1, max_size=4)):
        try:
            after = edit.apply(after)
        except InvalidEdit:
            continue
    back = RestoreState(own_part(before), 1).apply(after)
    assert back == before
    assert back.to_json() == before.to_json()


@given(before=states, later=states)
def test_bringing_a_state_back_leaves_alone_what_the_definition_says(
    before: FlagState, later: FlagState
):
    later = replace(later, variations={"c": "3"}, tags=("later",), client_side=True)
    back = RestoreState(own_part(before), 1).apply(later)
    assert (back.variations, back.tags, back.client_side) == ({"c": "3"}, ("later",), True)
    assert own_part(back) == own_part(before)


@given(data=st.data(), before=segments)
def test_whatever_became_of_a_segment_it_comes_back_whole(
    data: st.DataObject, before: SegmentDefinition
):
    after = before
    for edit in data.draw(st.lists(st.sampled_from(SEGMENT_EDITS).flatmap(some.any_edit_of))):
        after = edit.apply(after)
    assert RestoreSegment(before.to_json(), 1).apply(after) == before


@given(before=definitions, later=definitions)
def test_a_definition_comes_back_with_the_tags_it_has_now(
    before: FlagDefinition, later: FlagDefinition
):
    back = RestoreDefinition(before.to_json(), 1).apply(later)
    assert back == replace(before, tags=later.tags)


@given(st.data())
def test_applying_an_edit_changes_nothing_that_was_given(data: st.DataObject):
    before = data.draw(states)
    written = before.to_json()
    edit = data.draw(fitting_edits(before))
    try:
        after = edit.apply(before)
    except InvalidEdit:
        return
    assert before.to_json() == written
    assert FlagState.from_json(after.to_json()) == after


@given(data=st.data(), cls=st.sampled_from(METADATA))
def test_metadata_never_reaches_what_decides_a_value(data: st.DataObject, cls: type[Edit]):
    edit = data.draw(some.any_edit_of(cls))
    before: Any = data.draw(segments if cls.kind == EditKind.SEGMENT else definitions)
    try:
        after = edit.apply(before)
    except InvalidEdit:
        return
    # Tags and stage travel with a snapshot so that SDKs can show them; they decide nothing.
    if isinstance(before, SegmentDefinition):
        assert after.segment == before.segment
    else:
        deciding = {"type", "variations", "clientSide"}
        assert {key: after.served()[key] for key in deciding} == {
            key: before.served()[key] for key in deciding
        }
        assert after.initial() == before.initial()
    assert after.archived == before.archived


def test_only_names_descriptions_tags_and_stages_pass_without_review():
    assert {cls.name for cls in METADATA} == {
        "describe_flag",
        "describe_segment",
        "set_stage",
        "set_tags",
    }


def test_every_edit_is_found_by_the_name_it_is_stored_under():
    assert {name: cls.name for name, cls in EDITS.items()} == {name: name for name in EDITS}


@pytest.mark.parametrize(
    "slots",
    [
        {"r1": "12"},
        {"r1": ["12"]},
        {"r1": [[0.5, 3]]},
        {"r1": [["0", "3"]]},
        {"r1": [[True, 3]]},
        {"r1": [[0, float("inf")]]},
        {"r1": [[0, 3, 4]]},
        {"r1": 7},
        {"r1": None},
        {"r1": [[3, 3]]},
        {"r1": [[0, 100_001]]},
        {"r1": [[0, 10]], "r2": [[9, 20]]},
    ],
)
def test_slots_of_a_layer_that_cannot_be_are_refused(slots: dict[str, Any]):
    with pytest.raises(InvalidEdit) as refusal:
        edits.SetLayer("checkout", "Checkout", "user", slots).apply(None)
    assert refusal.value.where.startswith("slots")
