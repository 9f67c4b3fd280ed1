"""The audience of an experiment as rows of a form: attribute, operator, values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms

from wayfork.engine import Clause

# What people read for each operator of the engine that makes sense for an audience.
OPERATORS: Final = (
    ("in", "is one of"),
    ("contains", "contains"),
    ("starts_with", "starts with"),
    ("ends_with", "ends with"),
    ("matches", "matches the pattern"),
    ("eq", "="),
    ("lt", "<"),
    ("lte", "\N{LESS-THAN OR EQUAL TO}"),
    ("gt", ">"),
    ("gte", "\N{GREATER-THAN OR EQUAL TO}"),
    ("semver_eq", "is version"),
    ("semver_lt", "is before version"),
    ("semver_gte", "is version or newer"),
    ("before", "is before (date)"),
    ("after", "is after (date)"),
    ("in_cidr", "is in the network"),
    ("in_segment", "is in segment"),
    ("exists", "is present"),
)
LABELS: Final[Mapping[str, str]] = dict(OPERATORS)
NUMBERS: Final = frozenset({"eq", "lt", "lte", "gt", "gte"})
WITHOUT_VALUES: Final = frozenset({"exists"})
WITHOUT_ATTRIBUTE: Final = frozenset({"in_segment"})
NOT: Final = (("", "if"), ("not", "unless"))


class ClauseForm(forms.Form):
    """One condition; a row left empty is no condition."""

    negate = forms.ChoiceField(choices=NOT, required=False, label="If or unless")
    attribute = forms.CharField(max_length=100, required=False, label="Attribute")
    op = forms.ChoiceField(choices=OPERATORS, required=False, label="Operator")
    values = forms.CharField(
        required=False, label="Values", help_text="Several with commas between them."
    )

    def clean(self) -> dict[str, Any]:
        """A condition needs what its operator reads."""
        given = super().clean() or {}
        if self.is_blank(given):
            return given
        op = given.get("op", "in")
        if op not in WITHOUT_ATTRIBUTE and not given.get("attribute"):
            self.add_error("attribute", "Say which attribute.")
        if op not in WITHOUT_VALUES and not given.get("values"):
            self.add_error("values", "Say which values.")
        if op in NUMBERS and given.get("values"):
            self._check_numbers(given["values"])
        return given

    def _check_numbers(self, text: str) -> None:
        if not all(is_number(value) for value in split_values(text)):
            self.add_error("values", "This operator compares numbers.")

    @staticmethod
    def is_blank(given: Mapping[str, Any]) -> bool:
        """Whether nobody wrote into the row."""
        return not given.get("attribute") and not given.get("values")


def split_values(text: str) -> list[str]:
    """Values as people write them: commas or lines between."""
    parts = text.replace("\n", ",").split(",")
    return [part.strip() for part in parts if part.strip()]


def is_number(text: str) -> bool:
    """Whether the text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def clause_of(given: Mapping[str, Any]) -> dict[str, object]:
    """A filled row as the engine's clause."""
    op = given.get("op") or "in"
    texts = split_values(given.get("values", ""))
    values: Sequence[object] = [_number(text) for text in texts] if op in NUMBERS else texts
    clause = Clause(
        attribute=None if op in WITHOUT_ATTRIBUTE else given["attribute"],
        op=op,
        values=() if op in WITHOUT_VALUES else tuple(values),
        negate=given.get("negate") == "not",
    )
    return clause.to_json()


def row_of(clause: Mapping[str, Any]) -> dict[str, str]:
    """A stored clause as the row it came from."""
    return {
        "attribute": str(clause.get("attribute") or ""),
        "op": str(clause.get("op", "in")),
        "values": ", ".join(_text(value) for value in clause.get("values", ())),
        "negate": "not" if clause.get("negate") else "",
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sentence_of(clause: Mapping[str, Any]) -> str:
    """A stored clause in words."""
    row = row_of(clause)
    word = "unless" if row["negate"] else "if"
    label = LABELS.get(row["op"], row["op"])
    return " ".join(part for part in (word, row["attribute"], label, row["values"]) if part)
