"""What is served, as form fields: one variation, or a split with weights that make 100 %."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.edits import salts
from flags.views.editing import EditForm
from flags.views.shares import share_text, steps_of
from wayfork.engine import STEPS, FlagState, Split

SPLIT: Final = ":split"


class ServeForm(EditForm):
    """Fields `serve`, `unit` and one weight per variation."""

    serve = forms.ChoiceField(label=lazy("Serve"), widget=forms.RadioSelect)
    unit = forms.ChoiceField(label=lazy("Split by"))
    places: ClassVar = {"fallthrough": "serve", "weights": "serve"}

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        *,
        flag: FlagState,
        units: Sequence[str],
        initial: Mapping[str, Any],
        serve: str | Split | None,
    ) -> None:
        super().__init__(data, initial={**initial, **_initial(serve, flag, units)})
        self.variations = list(flag.variations)
        self.before = serve
        one = [(name, name) for name in self.variations]
        self.fields["serve"].choices = [*one, (SPLIT, _("a split"))]  # type: ignore[attr-defined]
        self.fields["unit"].choices = [(name, name) for name in units]  # type: ignore[attr-defined]
        for place, name in enumerate(self.variations):
            self.fields[f"weight-{place}"] = forms.DecimalField(
                label=name,
                required=False,
                min_value=0,
                max_value=100,
                decimal_places=3,
                widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
            )

    @property
    def weight_fields(self) -> list[Any]:
        """The bound weight fields, in the order of the variations."""
        return [self[f"weight-{place}"] for place in range(len(self.variations))]

    @property
    def is_split(self) -> bool:
        """Whether the split is chosen at the moment."""
        return bool(self["serve"].value() == SPLIT)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("serve") == SPLIT:
            try:
                cleaned["serve"] = self._split(cleaned)
            except ValidationError as error:
                self.add_error("serve", error)
        return cleaned

    def _split(self, cleaned: Mapping[str, Any]) -> Split:
        weights = [
            (name, steps_of(cleaned.get(f"weight-{place}") or Decimal(0)))
            for place, name in enumerate(self.variations)
        ]
        total = sum(weight for _name, weight in weights)
        if total != STEPS:
            raise ValidationError(
                _("The shares make %(total)s %%, not 100 %%.") % {"total": f"{total / 1000:g}"}
            )
        kept = tuple((name, weight) for name, weight in weights if weight)
        salt = self.before.salt if isinstance(self.before, Split) else salts.fresh()
        return Split(cleaned.get("unit", ""), salt, kept)


def _initial(serve: str | Split | None, flag: FlagState, units: Sequence[str]) -> dict[str, Any]:
    if isinstance(serve, Split):
        weights = dict(serve.weights)
        shown: dict[str, Any] = {"serve": SPLIT, "unit": serve.unit}
    else:
        weights = _even(list(flag.variations))
        shown = {"serve": serve, "unit": units[0] if units else ""}
    for place, name in enumerate(flag.variations):
        shown[f"weight-{place}"] = share_text(weights.get(name, 0))
    return shown


def _even(variations: Sequence[str]) -> dict[str, int]:
    each, rest = divmod(STEPS, max(len(variations), 1))
    return {name: each + (rest if place == 0 else 0) for place, name in enumerate(variations)}
