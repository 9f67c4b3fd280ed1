"""What people type becomes clauses, values and keys, or a sentence beside the field."""

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict

from flags.views.clauses import ClauseRows, read_values
from flags.views.differences import differences
from flags.views.flag_forms import suggested_key, tag_list
from flags.views.typed_values import read_value, write_value
from wayfork.engine import Clause


@pytest.mark.parametrize(
    ("op", "text", "values"),
    [
        ("in", "DE, FR\nIT, DE", ("DE", "FR", "IT")),
        ("matches", r"^a{1,3}$", (r"^a{1,3}$",)),
        ("gte", "18, 2.5", (18, 2.5)),
        ("after", "2026-01-01", ("2026-01-01",)),
        ("exists", "ignored", ()),
    ],
)
def test_values_are_read_as_the_operator_wants_them(op, text, values):
    assert read_values(op, text) == values


@pytest.mark.parametrize(("op", "text"), [("in", " , "), ("lt", "many")])
def test_values_that_cannot_be_compared_are_refused(op, text):
    with pytest.raises(ValidationError):
        read_values(op, text)


CLAUSES = (
    Clause("country", "in", ("DE", "FR"), ignore_case=True),
    Clause("age", "gte", (18,), negate=True),
)


def posted(rows: ClauseRows, **more: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data["clauses"] = str(len(rows))
    for form in rows.forms:
        for name in ("group", "attribute", "op", "values", "negate", "ignore_case"):
            value = form[name].value()
            if value is not None and value is not False and value != "":
                data[f"{form.prefix}-{name}"] = str(value)
    data.update(more)
    return data


def test_conditions_come_back_from_the_form_as_they_went_in():
    shown = ClauseRows.of([CLAUSES, CLAUSES[:1]])
    read = ClauseRows.posted(posted(shown))
    assert read.is_valid()
    assert read.groups() == (CLAUSES, CLAUSES[:1])


def test_a_new_row_keeps_what_was_typed_and_is_ignored_while_empty():
    shown = ClauseRows.of([CLAUSES])
    more = ClauseRows.posted(posted(shown, reshape="add:0"))
    assert len(more) == 3
    read = ClauseRows.posted(posted(more))
    assert read.is_valid()
    assert read.groups() == (CLAUSES,)


def test_a_dropped_row_is_gone_and_the_others_stay():
    shown = ClauseRows.of([CLAUSES])
    fewer = ClauseRows.posted(posted(shown, reshape="drop:0"))
    read = ClauseRows.posted(posted(fewer))
    assert read.is_valid()
    assert read.groups() == (CLAUSES[1:],)


def test_a_row_without_an_attribute_is_refused_beside_the_field():
    rows = ClauseRows.posted(
        QueryDict("clauses=1&clause-0-group=0&clause-0-op=in&clause-0-values=DE")
    )
    assert not rows.is_valid()
    assert "attribute" in rows.forms[0].errors


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", " as is ", " as is "),
        ("integer", "12", 12),
        ("float", "0.25", 0.25),
        ("json", '{"a": [1, null]}', {"a": [1, None]}),
        ("boolean", "True", True),
    ],
)
def test_a_value_is_read_as_its_type_and_written_back(kind, text, value):
    assert read_value(kind, text) == value
    assert read_value(kind, write_value(value)) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.5"),
        ("integer", "9007199254740993"),
        ("float", "inf"),
        ("json", "{"),
        ("json", "NaN"),
        ("boolean", "perhaps"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(kind, text):
    with pytest.raises(ValidationError):
        read_value(kind, text)


@pytest.mark.parametrize(
    ("name", "key"),
    [("Quote form (short)", "quote-form-short"), ("Émile's café", "emile-s-cafe"), ("!!!", "")],
)
def test_a_key_is_suggested_from_the_name(name, key):
    assert suggested_key(name) == key


def test_tags_are_told_apart_by_commas_and_spaces():
    assert tag_list("sales, forms  mobile") == ("sales", "forms", "mobile")


def test_a_history_names_each_place_that_changed():
    before = {"enabled": False, "rules": [], "fallthrough": "off"}
    after = {
        "enabled": True,
        "fallthrough": "off",
        "rules": [
            {
                "id": "r1",
                "name": "Germany",
                "when": [{"attribute": "country", "op": "in", "values": ["DE"]}],
                "serve": "on",
            }
        ],
    }
    told = {one.what: (one.before, one.after) for one in differences(before, after)}
    assert told["State"] == ("off", "on")
    assert told["Rule Germany"] == ("", "all whose country is one of DE get on")
    assert len(told) == 2


def test_a_history_tells_that_rules_changed_places():
    rules: list[object] = [
        {"id": key, "name": key, "when": [], "serve": "on"} for key in ("a", "b")
    ]
    told = differences({"rules": rules}, {"rules": rules[::-1]})
    assert [(one.before, one.after) for one in told] == [("a, b", "b, a")]


def test_a_history_tells_which_ids_came_and_went():
    told = differences(
        {"assignments": {"user": {"u-1": "on"}}}, {"assignments": {"user": {"u-2": "off"}}}
    )
    assert {(one.what, one.before, one.after) for one in told} == {
        ("user u-1", "on", ""),
        ("user u-2", "", "off"),
    }
