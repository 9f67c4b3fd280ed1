"""Forms on segments: whom they hold, and what they are called."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.edits import CreateSegment, DescribeSegment, Edit, SetSegment
from flags.queries import SegmentView
from flags.views.clauses import ClauseRows
from flags.views.editing import EditForm
from flags.views.flag_forms import suggested_key
from flags.views.targeting_forms import id_list
from wayfork.engine import Clause

_IDS: Final = {"rows": 4, "class": "mono", "spellcheck": "false"}


class SegmentForm(EditForm):
    """Whom a segment holds; for a new one also its name and key."""

    name = forms.CharField(label=lazy("Name"), max_length=120)
    key = forms.CharField(
        label=lazy("Key"),
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text=lazy("What rules ask for. It can never change. Left empty, it follows the name."),
    )
    description = forms.CharField(
        label=lazy("Description"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    unit = forms.ChoiceField(label=lazy("The listed ids are of"))
    included = forms.CharField(
        label=lazy("Always in"),
        required=False,
        max_length=900_000,
        widget=forms.Textarea(attrs=_IDS),
        help_text=lazy("Ids, one per line or between commas."),
    )
    excluded = forms.CharField(
        label=lazy("Never in"),
        required=False,
        max_length=900_000,
        widget=forms.Textarea(attrs=_IDS),
        help_text=lazy("Stronger than everything else."),
    )
    places: ClassVar = {"segment_name": "name", "rules": "included"}

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        units: Sequence[str],
        segment: SegmentView | None = None,
    ) -> None:
        self.segment = segment
        super().__init__(data, initial=_shown(segment))
        self.fields["unit"].choices = [  # type: ignore[attr-defined]
            (name, name) for name in units
        ]
        if segment is not None:
            del self.fields["key"]
        groups: Sequence[Sequence[Clause]] = segment.definition.segment.rules if segment else ()
        self.rows = ClauseRows.posted(data) if data is not None else ClauseRows.of(groups)

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.rows.is_valid()])

    def clean_key(self) -> str:
        typed: str = self.cleaned_data.get("key", "")
        key = typed or suggested_key(self.cleaned_data.get("name", ""))
        if not key:
            raise forms.ValidationError(_("Choose a key: the name gives none."))
        return key

    def edits(self) -> list[Edit]:
        cleaned, groups = self.cleaned_data, self.rows.groups()
        included, excluded = id_list(cleaned["included"]), id_list(cleaned["excluded"])
        if self.segment is None:
            return [
                CreateSegment(
                    key=cleaned["key"],
                    segment_name=cleaned["name"],
                    unit=cleaned["unit"],
                    included=included,
                    excluded=excluded,
                    rules=groups,
                    description=cleaned["description"],
                )
            ]
        now = self.segment.definition
        found: list[Edit] = [SetSegment(cleaned["unit"], included, excluded, groups)]
        if (cleaned["name"], cleaned["description"]) != (now.name, now.description):
            found.append(DescribeSegment(cleaned["name"], cleaned["description"]))
        return found


def _shown(segment: SegmentView | None) -> dict[str, Any]:
    if segment is None:
        return {"expected_version": 0, "unit": "user"}
    content = segment.definition.segment
    return {
        "expected_version": segment.version,
        "name": segment.definition.name,
        "description": segment.definition.description,
        "unit": content.unit,
        "included": "\n".join(content.included),
        "excluded": "\n".join(content.excluded),
    }
