"""Conditions as rows of a form, and back: rules and segments share this editor."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.views.sentences import OPERATORS
from wayfork.engine import Clause

MOST_ROWS: Final = 100
RAW: Final = ("group", "attribute", "op", "values", "negate", "ignore_case")
_CHOICES: Final = [
    (
        lazy("Text"),
        [(op, one.label) for op, one in OPERATORS.items() if one.compares in {"text", "pattern"}],
    ),
    (
        lazy("Numbers"),
        [(op, one.label) for op, one in OPERATORS.items() if one.compares == "number"],
    ),
    (
        lazy("Versions"),
        [(op, one.label) for op, one in OPERATORS.items() if one.compares == "version"],
    ),
    (
        lazy("Others"),
        [
            (op, one.label)
            for op, one in OPERATORS.items()
            if one.compares in {"time", "network", "segment", "nothing"}
        ],
    ),
]


class ClauseForm(forms.Form):
    """One condition."""

    group = forms.IntegerField(min_value=0, max_value=MOST_ROWS, widget=forms.HiddenInput)
    attribute = forms.CharField(
        label=lazy("Attribute"),
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={
                "list": "attributes",
                "placeholder": "country",
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
    op = forms.ChoiceField(label=lazy("Comparison"), choices=_CHOICES)
    values = forms.CharField(
        label=lazy("Values"),
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 1, "placeholder": "DE, FR", "spellcheck": "false"}),
    )
    negate = forms.BooleanField(label=lazy("not"), required=False)
    ignore_case = forms.BooleanField(label=lazy("ignore case"), required=False)

    @property
    def number(self) -> str:
        """This row's place among the rows, for the button that drops it."""
        return str(self.prefix).rpartition("-")[2]

    @property
    def is_blank(self) -> bool:
        """Whether nothing was typed: such a row counts as absent."""
        given = self.data if self.is_bound else {}
        return (
            not any(
                str(given.get(self.add_prefix(name), "")).strip()
                for name in ("attribute", "values")
            )
            and given.get(self.add_prefix("op")) != "in_segment"
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        op = cleaned.get("op")
        if self.is_blank or op is None:
            return cleaned
        if op == "in_segment":
            cleaned["attribute"] = None
        elif not cleaned.get("attribute"):
            self.add_error("attribute", _("Which attribute is compared?"))
        try:
            cleaned["values"] = read_values(op, cleaned.get("values") or "")
        except ValidationError as error:
            self.add_error("values", error)
        return cleaned

    def clause(self) -> Clause:
        """The condition this clean row stands for."""
        cleaned = self.cleaned_data
        return Clause(
            cleaned["attribute"],
            cleaned["op"],
            cleaned["values"],
            cleaned["negate"],
            cleaned["ignore_case"],
        )


def read_values(op: str, text: str) -> tuple[object, ...]:
    """The values typed for an operator, one per line or (patterns excepted) between commas."""
    compares = OPERATORS[op].compares
    if compares == "nothing":
        return ()
    separator = r"\n" if compares == "pattern" else r"[\n,]"
    parts = [part.strip() for part in re.split(separator, text.replace("\r", ""))]
    given = list(dict.fromkeys(part for part in parts if part))
    if not given:
        raise ValidationError(_("Compared with what? Write at least one value."))
    if compares == "number":
        return tuple(_number(part) for part in given)
    if compares == "time":
        return tuple(_instant(part) for part in given)
    return tuple(given)


def _instant(text: str) -> object:
    """Milliseconds since 1970, or a date the engine reads."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text


def _number(text: str) -> object:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValidationError(_("%(text)s is not a number.") % {"text": text})
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


class ClauseRows:
    """The rows of one editor: bound to what was posted, or drawn from clauses."""

    def __init__(self, forms_in_order: Sequence[ClauseForm]) -> None:
        self.forms = list(forms_in_order)

    @classmethod
    def of(cls, groups: Sequence[Sequence[Clause]]) -> "ClauseRows":
        """Rows that show clauses as they are."""
        raws = [_raw(clause, group) for group, clauses in enumerate(groups) for clause in clauses]
        return cls._fresh(raws)

    @classmethod
    def posted(cls, data: Mapping[str, Any]) -> "ClauseRows":
        """Rows as somebody filled them in; a `reshape` adds or drops some without judging them."""
        count = min(_count(data.get("clauses")), MOST_ROWS)
        if "reshape" not in data:
            return cls([ClauseForm(data, prefix=f"clause-{n}") for n in range(count)])
        raws = [{name: data.get(f"clause-{n}-{name}", "") for name in RAW} for n in range(count)]
        return cls._fresh(_reshaped(raws, data["reshape"]))

    @classmethod
    def _fresh(cls, raws: Sequence[Mapping[str, Any]]) -> "ClauseRows":
        return cls(
            [ClauseForm(initial=dict(raw), prefix=f"clause-{n}") for n, raw in enumerate(raws)]
        )

    def __len__(self) -> int:
        return len(self.forms)

    @property
    def by_group(self) -> list[tuple[str, list[ClauseForm]]]:
        """The rows, those that must hold together side by side."""
        found: dict[int, list[ClauseForm]] = {}
        for form in self.forms:
            found.setdefault(_count(form["group"].value()), []).append(form)
        return [(str(group), rows) for group, rows in sorted(found.items())]

    @property
    def next_group(self) -> str:
        """The number of a group that does not exist yet."""
        return str(max((int(group) for group, _rows in self.by_group), default=-1) + 1)

    def is_valid(self) -> bool:
        """Whether every row that is not blank can be read."""
        # Every row is asked, so that every fault is shown at once.
        return not [form for form in self.forms if not (form.is_blank or form.is_valid())]

    def groups(self) -> tuple[tuple[Clause, ...], ...]:
        """The conditions, by group; blank rows and empty groups fall away."""
        groups = [
            tuple(form.clause() for form in rows if not form.is_blank)
            for _group, rows in self.by_group
        ]
        return tuple(group for group in groups if group)


def _raw(clause: Clause, group: int) -> dict[str, Any]:
    separator = "\n" if len(clause.values) > 6 or clause.op == "matches" else ", "
    return {
        "group": group,
        "attribute": clause.attribute or "",
        "op": clause.op,
        "values": separator.join(str(value) for value in clause.values),
        "negate": clause.negate,
        "ignore_case": clause.ignore_case,
    }


def _reshaped(raws: list[dict[str, Any]], wish: str) -> list[dict[str, Any]]:
    verb, _colon, number = wish.partition(":")
    at = _count(number)
    if verb == "drop":
        return [raw for place, raw in enumerate(raws) if place != at]
    if verb == "add" and len(raws) < MOST_ROWS:
        return [*raws, {"group": at, "op": "in"}]
    return raws


def _count(text: object) -> int:
    given = str(text)
    return int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 0
