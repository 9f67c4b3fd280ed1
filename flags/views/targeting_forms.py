"""Forms on a flag in one environment: whom it serves what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.edits import (
    AddRule,
    AssignUnits,
    Edit,
    ReplaceRule,
    SetFallthrough,
    SetFlagHoldout,
    SetOff,
    SetPrerequisites,
    SetRollout,
    UnassignUnits,
    salts,
)
from flags.queries import FlagInEnvironment
from flags.views.clauses import ClauseRows
from flags.views.editing import EditForm
from flags.views.sentences import share_of
from flags.views.serving import ServeForm
from flags.views.shares import share_text, steps_of
from wayfork.engine import Allocation, Clause, Prerequisite, Rule

BLANK_ROWS: Final = 2
REMOVE: Final = ":remove"


class ServingForm(ServeForm):
    """What everyone else gets, and what is served while the flag is off."""

    off = forms.ChoiceField(label=lazy("While it is off, serve"))

    def __init__(
        self, data: Mapping[str, Any] | None, flag: FlagInEnvironment, units: Sequence[str]
    ) -> None:
        self.flag = flag
        super().__init__(
            data,
            flag=flag.state,
            units=units,
            serve=flag.state.fallthrough,
            initial={"expected_version": flag.version, "off": flag.state.off},
        )
        names = [(name, name) for name in flag.state.variations]
        self.fields["off"].choices = names  # type: ignore[attr-defined]

    def edits(self) -> list[Edit]:
        cleaned, state = self.cleaned_data, self.flag.state
        found: list[Edit] = []
        if cleaned["serve"] != state.fallthrough:
            found.append(SetFallthrough(cleaned["serve"]))
        if cleaned["off"] != state.off:
            found.append(SetOff(cleaned["off"]))
        return found


class RuleForm(ServeForm):
    """If these conditions hold, serve this to that share of them."""

    name = forms.CharField(
        label=lazy("Name"),
        required=False,
        max_length=120,
        help_text=lazy("What people call this rule in the history."),
    )
    share = forms.DecimalField(
        label=lazy("Share"),
        required=False,
        min_value=0,
        max_value=100,
        decimal_places=3,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text=lazy("Percent of those who match. Left empty, the rule is for all of them."),
    )
    share_unit = forms.ChoiceField(label=lazy("Counted by"))
    places: ClassVar = {"rule": "name", "weights": "serve", "serve": "serve"}

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        flag: FlagInEnvironment,
        units: Sequence[str],
        rule: Rule | None = None,
        *,
        is_gone: bool = False,
    ) -> None:
        self.rule, self.is_gone = rule, is_gone
        fallback = next(iter(flag.state.variations), None)
        super().__init__(
            data,
            flag=flag.state,
            units=units,
            serve=rule.serve if rule else _on_variation(flag) or fallback,
            initial={"expected_version": flag.version, **_shown_rule(rule, units)},
        )
        self.fields["share_unit"].choices = [  # type: ignore[attr-defined]
            (name, name) for name in units
        ]
        clauses: tuple[Clause, ...] = rule.when if rule else (Clause("", "in", ()),)
        self.rows = ClauseRows.posted(data) if data is not None else ClauseRows.of([clauses])

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.rows.is_valid()])

    def edits(self) -> list[Edit]:
        cleaned = self.cleaned_data
        groups = self.rows.groups()
        rule = Rule(
            id=self.rule.id if self.rule else salts.fresh(),
            name=cleaned["name"].strip(),
            when=tuple(clause for group in groups for clause in group),
            serve=cleaned["serve"],
            allocation=self._allocation(cleaned),
            experiment=self.rule.experiment if self.rule and not self.is_gone else None,
        )
        return [ReplaceRule(rule)] if self.rule and not self.is_gone else [AddRule(rule)]

    def _allocation(self, cleaned: Mapping[str, Any]) -> Allocation | None:
        share: Decimal | None = cleaned["share"]
        if share is None:
            return None
        steps = steps_of(share)
        old = self.rule.allocation if self.rule else None
        if old and old.unit == cleaned["share_unit"] and share_of(old) == steps:
            return old
        ranges = ((0, steps),) if steps else ()
        same = old if old and old.unit == cleaned["share_unit"] else None
        salt = same.salt if same else salts.fresh()
        return Allocation(cleaned["share_unit"], salt, ranges, same.hash if same else None)


def _on_variation(flag: FlagInEnvironment) -> str | None:
    for name, value in flag.state.variations.items():
        if value is True:
            return name
    return flag.definition.fallthrough


def _shown_rule(rule: Rule | None, units: Sequence[str]) -> dict[str, Any]:
    first = units[0] if units else ""
    if rule is None:
        return {"share_unit": first}
    if rule.allocation is None:
        return {"name": rule.name, "share_unit": first}
    share = share_text(share_of(rule.allocation))
    return {"name": rule.name, "share": share, "share_unit": rule.allocation.unit}


class RolloutForm(EditForm):
    """How large a share a rule reaches."""

    share = forms.DecimalField(label=lazy("Rollout"), min_value=0, max_value=100, decimal_places=3)

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        flag: FlagInEnvironment,
        rule: Rule,
        *,
        is_gone: bool = False,
    ) -> None:
        self.rule, self.is_gone = rule, is_gone
        shown = share_text(share_of(rule.allocation))
        super().__init__(data, initial={"expected_version": flag.version, "share": shown})

    def edits(self) -> list[Edit]:
        rollout = SetRollout(self.rule.id, steps_of(self.cleaned_data["share"]))
        if not self.is_gone:
            return [rollout]
        return [AddRule(replace(self.rule, experiment=None)), rollout]


class AssignForm(EditForm):
    """Ids that get a variation of their own, or give theirs back."""

    unit_type = forms.ChoiceField(label=lazy("Ids of"))
    variation = forms.ChoiceField(label=lazy("Always serve them"))
    unit_ids = forms.CharField(
        label=lazy("Ids"),
        max_length=900_000,
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
        help_text=lazy("One per line, or between commas."),
    )

    def __init__(
        self, data: Mapping[str, Any] | None, flag: FlagInEnvironment, units: Sequence[str]
    ) -> None:
        super().__init__(data, initial={"expected_version": flag.version})
        names = [(name, name) for name in flag.state.variations]
        choices = [*names, (REMOVE, _("nothing of their own: the rules decide again"))]
        self.fields["variation"].choices = choices  # type: ignore[attr-defined]
        self.fields["unit_type"].choices = [  # type: ignore[attr-defined]
            (name, name) for name in units
        ]

    def clean_unit_ids(self) -> tuple[str, ...]:
        found = id_list(self.cleaned_data["unit_ids"])
        if not found:
            raise forms.ValidationError(_("Write at least one id."))
        return found

    def edits(self) -> list[Edit]:
        cleaned = self.cleaned_data
        if cleaned["variation"] == REMOVE:
            return [UnassignUnits(cleaned["unit_type"], cleaned["unit_ids"])]
        return [AssignUnits(cleaned["unit_type"], cleaned["variation"], cleaned["unit_ids"])]


def id_list(text: str) -> tuple[str, ...]:
    """Ids as typed, each once, in order."""
    parts = (part.strip() for part in re.split(r"[\n,]", text))
    return tuple(dict.fromkeys(part for part in parts if part))


class NeededRow(forms.Form):
    """One prerequisite: another flag, and the variations that let this one go on."""

    flag = forms.CharField(
        label=lazy("Flag"),
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={
                "class": "mono",
                "autocomplete": "off",
                "spellcheck": "false",
                "list": "flag-keys",
            }
        ),
    )
    variations = forms.CharField(
        label=lazy("Variations"),
        required=False,
        max_length=1000,
        widget=forms.TextInput(
            attrs={
                "class": "mono",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "on",
            }
        ),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("flag") and not cleaned.get("variations"):
            self.add_error("variations", _("Which variations of it are good enough?"))
        if cleaned.get("variations") and not cleaned.get("flag"):
            self.add_error("flag", _("Which flag?"))
        return cleaned


class RequirementsForm(EditForm):
    """Flags this one needs, and the holdout it respects."""

    holdout = forms.ChoiceField(
        label=lazy("Holdout"),
        required=False,
        help_text=lazy("Its units never get anything but the off variation."),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        flag: FlagInEnvironment,
        holdouts: Sequence[tuple[str, str]],
    ) -> None:
        self.state = flag.state
        initial = {"expected_version": flag.version, "holdout": flag.state.holdout or ""}
        super().__init__(data, initial=initial)
        choices = [("", _("none")), *holdouts]
        self.fields["holdout"].choices = choices  # type: ignore[attr-defined]
        self.rows = [
            NeededRow(data, initial=shown, prefix=f"needed-{place}")
            for place, shown in enumerate(_shown_needs(flag.state.prerequisites))
        ]

    def is_valid(self) -> bool:
        return all([super().is_valid(), *(row.is_valid() for row in self.rows)])

    def edits(self) -> list[Edit]:
        needed = tuple(
            Prerequisite(row.cleaned_data["flag"], id_list(row.cleaned_data["variations"]))
            for row in self.rows
            if row.cleaned_data.get("flag")
        )
        holdout = self.cleaned_data["holdout"] or None
        found: list[Edit] = []
        if needed != self.state.prerequisites:
            found.append(SetPrerequisites(needed))
        if holdout != self.state.holdout:
            found.append(SetFlagHoldout(holdout))
        return found


def _shown_needs(needed: Sequence[Prerequisite]) -> list[dict[str, str]]:
    shown = [{"flag": one.flag, "variations": ", ".join(one.variations)} for one in needed]
    return [*shown, *({} for _blank in range(BLANK_ROWS))]
