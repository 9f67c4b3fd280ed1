"""Edits as they are stored and sent: whole there and back, and refused with the place named."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flags.edits import InvalidEdit, parse, parse_all, to_json
from flags.edits.base import Edit
from flags.edits.policy import Freeze
from tests.flags.edits.strategies import FIELDS, KNOWN, any_edit, any_edit_of, json_value


def by_name(cls: type[Edit]) -> str:
    return cls.name


def test_every_edit_has_a_recipe_here():
    assert set(FIELDS) == set(KNOWN)


@pytest.mark.parametrize("cls", KNOWN, ids=by_name)
def test_an_edit_comes_back_from_json_as_it_went(cls: type[Edit]):
    @given(any_edit_of(cls))
    def holds(edit: Edit) -> None:
        stored = to_json(edit)
        assert parse(json.loads(json.dumps(stored))) == edit
        assert parse(orjson.loads(orjson.dumps(stored))) == edit

    holds()


@given(any_edit)
def test_every_edit_says_what_it_does_in_one_line(edit: Edit):
    assert edit.sentence().strip()


@pytest.mark.parametrize("cls", KNOWN, ids=by_name)
def test_a_field_that_no_edit_has_is_refused_by_name(cls: type[Edit]):
    @given(any_edit_of(cls))
    def holds(edit: Edit) -> None:
        with pytest.raises(InvalidEdit, match="shade") as refusal:
            parse({**to_json(edit), "shade": "red"}, "edits[3]")
        assert refusal.value.where == "edits[3]"

    holds()


@pytest.mark.parametrize("given_name", ["no_such_edit", "", None, 7, [], {"a": 1}, True])
def test_an_edit_that_does_not_exist_is_refused_with_those_that_do(given_name: object):
    with pytest.raises(InvalidEdit) as refusal:
        parse({"edit": given_name}, "edits[0]")
    assert refusal.value.where == "edits[0]"
    assert "turn_on" in refusal.value.hint


@pytest.mark.parametrize("given_list", [None, {}, "turn_on", 7, [], True])
def test_what_is_no_list_of_edits_is_refused(given_list: object):
    with pytest.raises(InvalidEdit):
        parse_all(given_list)


def test_in_a_list_the_edit_at_fault_is_named():
    with pytest.raises(InvalidEdit) as refusal:
        parse_all([{"edit": "turn_on"}, {"edit": "set_off"}])
    assert refusal.value.where == "edits[1].variation"


# A wrong value for a field, by what the field holds.
WRONG: dict[str, tuple[object, ...]] = {
    "key": (None, 7, [], {}, True),
    "variations": (None, 7, [], "on"),
    "tags": (None, "web", 7, [1], [None], {}),
    "client_side": (None, 1, "true", []),
    "steps": (None, -1, 1.5, "10", True),
    "position": (-1, 1.5, "first", True),
    "rule": (None, 7, [], {"serve": 1}, {"id": 1, "serve": "on"}, {"serve": "on", "when": 3}),
    "serve": (None, 7, [], {"unit": "user"}, {"unit": "user", "weights": "x"}),
    "rules": (None, "x", [1], [[1]], [[{"op": "in", "values": 3, "attribute": "a"}]]),
    "prerequisites": (None, "x", [1], [{"flag": "a"}], [{"flag": 1, "variations": ["on"]}]),
    "unit_ids": (None, "u-1", [1], {}),
    "holdout": (7, [], {}),
    "state": (None, 7, [], "x"),
    "approvals": (None, -1, "1", 1.0, True),
    "slots": (None, [], "x"),
    "units": (None, [], "x"),
}


@pytest.mark.parametrize(
    ("cls", "field", "wrong"),
    [
        (cls, field, wrong)
        for cls in KNOWN
        for field in FIELDS[cls]
        for wrong in WRONG.get(field, ())
    ],
    ids=lambda value: getattr(value, "name", None) or repr(value)[:20],
)
def test_a_value_of_the_wrong_type_is_refused_naming_the_place(
    cls: type[Edit], field: str, wrong: object
):
    @settings(max_examples=3)
    @given(any_edit_of(cls))
    def holds(edit: Edit) -> None:
        with pytest.raises(InvalidEdit) as refusal:
            parse({**to_json(edit), field: wrong})
        assert refusal.value.where.startswith(f"edit.{field}")
        assert refusal.value.where in str(refusal.value)

    holds()


@given(cls=st.sampled_from(KNOWN), given_fields=st.dictionaries(st.text(max_size=5), json_value))
def test_nonsense_is_read_or_refused_and_never_anything_else(
    cls: type[Edit], given_fields: dict[str, Any]
):
    outcome = read_or_refusal({**given_fields, "edit": cls.name})
    assert str(outcome)


@given(data=st.data(), cls=st.sampled_from([cls for cls in KNOWN if FIELDS[cls]]))
def test_one_field_of_nonsense_is_read_or_refused(data: st.DataObject, cls: type[Edit]):
    edit = data.draw(any_edit_of(cls))
    field = data.draw(st.sampled_from(sorted(FIELDS[cls])))
    nonsense = data.draw(json_value | st.just("\0") | st.just("\ud800"))
    outcome = read_or_refusal({**to_json(edit), field: nonsense})
    if isinstance(outcome, InvalidEdit):
        assert outcome.where.startswith("edit")
    else:
        # What was read can be stored: no half characters, no NUL, which PostgreSQL refuses.
        assert "\\u0000" not in json.dumps(to_json(outcome))
        orjson.dumps(to_json(outcome))


def read_or_refusal(given_edit: dict[str, Any]) -> Edit | InvalidEdit:
    """The edit, or why it is none; nothing else may happen."""
    try:
        return parse(given_edit)
    except InvalidEdit as refusal:
        return refusal


def test_a_value_nested_beyond_reason_is_refused():
    value: object = 1
    for _ in range(900):
        value = [value]
    with pytest.raises(InvalidEdit, match="nested") as refusal:
        parse({"edit": "add_variation", "variation": "a", "value": value})
    assert refusal.value.where == "edit.value"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_refused(number: float):
    with pytest.raises(InvalidEdit, match="number"):
        parse({"edit": "add_variation", "variation": "a", "value": {"deep": [number]}})


def test_a_number_nobody_can_mean_is_refused():
    with pytest.raises(InvalidEdit, match="up to"):
        parse({"edit": "set_review_rules", "approvals": 10**400})


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_freeze_at_the_ends_of_the_calendar_is_refused(year: str):
    window = {"from": f"{year}-01-01T00:00:00+14:00", "to": f"{year}-12-31T23:59:59-12:00"}
    with pytest.raises(InvalidEdit, match="between 2000 and 2999"):
        Freeze.from_json(window)


def test_a_freeze_is_kept_in_utc():
    window = {"from": "2026-12-24T12:00:00+02:00", "to": "2026-12-27T12:00:00+02:00"}
    assert Freeze.from_json(window).to_json()["from"] == "2026-12-24T10:00:00+00:00"
