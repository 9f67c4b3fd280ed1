"""Forms on a flag's definition: making one, describing it, its variations."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from accounts.errors import DomainError
from flags.edits import (
    AddVariation,
    ChangeVariation,
    CreateFlag,
    DescribeFlag,
    Edit,
    FlagDefinition,
    SetClientSide,
    SetStage,
    SetTags,
)
from flags.views.editing import EditForm, whole
from flags.views.typed_values import read_value, write_value

FEWEST_ROWS: Final = 2
MOST_ROWS: Final = 50
TYPES: Final = [
    ("boolean", lazy("On or off")),
    ("string", lazy("Text")),
    ("integer", lazy("Whole number")),
    ("float", lazy("Number")),
    ("json", lazy("JSON")),
]
STAGES: Final = [
    ("release", lazy("Release: turned on step by step, removed afterwards")),
    ("experiment", lazy("Experiment: two versions to compare")),
    ("operational", lazy("Operational: a switch kept for emergencies")),
    ("permission", lazy("Permission: who may use something")),
]
_CODE: Final = {"autocomplete": "off", "spellcheck": "false", "class": "mono"}


def suggested_key(name: str) -> str:
    """A key made of a name: lower case, hyphens, at most 60 letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")


def tag_list(text: str) -> tuple[str, ...]:
    """Tags as typed, between commas or spaces."""
    return tuple(part for part in re.split(r"[\s,]+", text) if part)


class VariationRow(forms.Form):
    """One variation of a flag that is not on or off."""

    name = forms.CharField(
        label=lazy("Name"), required=False, max_length=100, widget=forms.TextInput(attrs=_CODE)
    )
    value = forms.CharField(
        label=lazy("Value"),
        required=False,
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={**_CODE, "rows": 1}),
    )


class NewFlagForm(EditForm):
    """Name, key, type: enough for the common flag."""

    name = forms.CharField(
        label=lazy("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    key = forms.CharField(
        label=lazy("Key"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs=_CODE),
        help_text=lazy("What code asks for. It can never change. Left empty, it follows the name."),
    )
    type = forms.ChoiceField(
        label=lazy("Type"), choices=TYPES, initial="boolean", widget=forms.RadioSelect
    )
    tags = forms.CharField(
        label=lazy("Tags"), required=False, max_length=500, help_text=lazy("Between commas.")
    )
    description = forms.CharField(
        label=lazy("Description"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    client_side = forms.BooleanField(
        label=lazy("Browsers and phones may read it, with a client key"), required=False
    )
    places: ClassVar = {"flag_name": "name", "variations": "type"}

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"expected_version": 0})
        self.rows = self._rows()

    def _rows(self) -> list[VariationRow]:
        if not self.is_bound:
            names = ("control", "treatment")
            return [
                VariationRow(initial={"name": name}, prefix=f"variation-{place}")
                for place, name in enumerate(names)
            ]
        count = min(whole(str(self.data.get("variations", FEWEST_ROWS))), MOST_ROWS)
        shown = count + (1 if self.is_reshaped and count < MOST_ROWS else 0)
        return [VariationRow(self.data, prefix=f"variation-{place}") for place in range(shown)]

    def clean_key(self) -> str:
        typed: str = self.cleaned_data.get("key", "")
        return typed or suggested_key(self.cleaned_data.get("name", ""))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("name") and not cleaned.get("key"):
            self.add_error("key", _("Choose a key: the name gives none."))
        kind = cleaned.get("type")
        if kind == "boolean":
            cleaned["variations"] = {"on": True, "off": False}
        elif kind:
            cleaned["variations"] = self._variations(kind)
        return cleaned

    def _variations(self, kind: str) -> dict[str, object]:
        found: dict[str, object] = {}
        for row in self.rows:
            row.full_clean()
            name, text = row.cleaned_data.get("name"), row.cleaned_data.get("value", "")
            if not name and not text:
                continue
            try:
                found[_fresh_name(name, found)] = read_value(kind, text)
            except ValidationError as error:
                row.add_error("value" if name else "name", error)
        if any(row.errors for row in self.rows):
            self.add_error("type", _("Some variations cannot be accepted."))
        elif not found:
            self.add_error("type", _("Write at least one variation."))
        return found

    def edits(self) -> list[Edit]:
        cleaned = self.cleaned_data
        variations = list(cleaned["variations"])
        boolean = cleaned["type"] == "boolean"
        off = "off" if boolean else variations[0]
        on = "on" if boolean else variations[min(1, len(variations) - 1)]
        return [
            CreateFlag(
                key=cleaned["key"],
                flag_name=cleaned["name"],
                type=cleaned["type"],
                variations=cleaned["variations"],
                off=off,
                fallthrough=on,
                description=cleaned["description"],
                tags=tag_list(cleaned["tags"]),
                client_side=cleaned["client_side"],
            )
        ]


def _fresh_name(name: str | None, taken: Mapping[str, object]) -> str:
    if not name:
        raise ValidationError(_("Give this variation a name."))
    if name in taken:
        raise ValidationError(_("There is a variation of this name already."))
    return name


class DescribeForm(EditForm):
    """What people read about a flag, and who may read it."""

    name = forms.CharField(label=lazy("Name"), max_length=120)
    description = forms.CharField(
        label=lazy("Description"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    tags = forms.CharField(
        label=lazy("Tags"), required=False, max_length=500, help_text=lazy("Between commas.")
    )
    stage = forms.ChoiceField(label=lazy("Kind"), choices=STAGES)
    client_side = forms.BooleanField(
        label=lazy("Browsers and phones may read it, with a client key"), required=False
    )
    places: ClassVar = {"flag_name": "name"}

    def __init__(
        self, data: Mapping[str, Any] | None, definition: FlagDefinition, version: int
    ) -> None:
        self.definition = definition
        initial = {
            "expected_version": version,
            "name": definition.name,
            "description": definition.description,
            "tags": ", ".join(definition.tags),
            "stage": definition.stage,
            "client_side": definition.client_side,
        }
        super().__init__(data, initial=initial)

    def edits(self) -> list[Edit]:
        cleaned, now = self.cleaned_data, self.definition
        found: list[Edit] = []
        if (cleaned["name"], cleaned["description"]) != (now.name, now.description):
            found.append(DescribeFlag(cleaned["name"], cleaned["description"]))
        if sorted(tag_list(cleaned["tags"].lower())) != sorted(now.tags):
            found.append(SetTags(tag_list(cleaned["tags"])))
        if cleaned["stage"] != now.stage:
            found.append(SetStage(cleaned["stage"]))
        if cleaned["client_side"] != now.client_side:
            found.append(SetClientSide(cleaned["client_side"]))
        return found


class VariationForm(EditForm):
    """One more variation, or another value for one that exists."""

    variation = forms.CharField(
        label=lazy("Name"), max_length=100, widget=forms.TextInput(attrs=_CODE)
    )
    value = forms.CharField(
        label=lazy("Value"),
        required=False,
        strip=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={**_CODE, "rows": 4}),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        definition: FlagDefinition,
        version: int,
        variation: str | None = None,
    ) -> None:
        self.definition, self.existing = definition, variation
        initial: dict[str, Any] = {"expected_version": version}
        if variation is not None:
            initial["variation"] = variation
            initial["value"] = write_value(definition.variations[variation])
        super().__init__(data, initial=initial)
        if variation is not None:
            self.fields["variation"].disabled = True

    def clean_value(self) -> object:
        return read_value(self.definition.type, self.cleaned_data["value"])

    def edits(self) -> list[Edit]:
        cleaned = self.cleaned_data
        if self.existing is None:
            return [AddVariation(cleaned["variation"], cleaned["value"])]
        return [ChangeVariation(self.existing, cleaned["value"])]


class RollBackForm(forms.Form):
    """Why a flag goes back to an earlier state."""

    reason = forms.CharField(
        label=lazy("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2, "autofocus": True}),
        help_text=lazy(
            "Kept in the history. Going back is a change of its own: nothing is erased."
        ),
    )

    def refuse(self, error: DomainError) -> None:
        """Show a refusal above the form."""
        self.add_error(None, f"{error} {error.hint}".strip())
