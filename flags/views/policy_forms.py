"""Forms on who reviews what: approvals, freezes, stewards."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from flags.edits import Edit, Freeze, ReviewRules, SetReviewRules, SetStewards, Steward, Stewards
from flags.edits.policy import MOST_APPROVALS, THINGS
from flags.views import moments
from flags.views.editing import EditForm

Teams = Sequence[tuple[str, str]]
NOUNS = {
    "flag": lazy("Flag"),
    "segment": lazy("Segment"),
    "experiment": lazy("Experiment"),
    "tag": lazy("Flags with the tag"),
}


def set_rules(rules: ReviewRules) -> SetReviewRules:
    """The edit that makes a policy say this."""
    freezes = tuple(window.to_json() for window in rules.freezes)
    return SetReviewRules(rules.approvals, rules.frozen, rules.reviewers, freezes)


def set_stewards(rules: Sequence[Steward]) -> SetStewards:
    """The edit that makes the list of stewards say this."""
    return SetStewards(tuple(one.to_json() for one in rules))


class TeamsField(forms.MultipleChoiceField):
    """Some teams of the organization."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.CheckboxSelectMultiple, **kwargs)


def _offer(form: forms.Form, name: str, teams: Teams) -> None:
    form.fields[name].choices = list(teams)  # type: ignore[attr-defined]


class ApprovalsForm(EditForm):
    """How many others approve a change here, and of which teams they are."""

    approvals = forms.IntegerField(
        label=lazy("Approvals"),
        min_value=0,
        max_value=MOST_APPROVALS,
        help_text=lazy("How many other people must approve a change. 0: it applies at once."),
    )
    reviewers = TeamsField(
        label=lazy("Reviewing teams"),
        help_text=lazy("None chosen: anybody whose role may review."),
    )

    def __init__(self, data: Any, rules: ReviewRules, version: int, teams: Teams) -> None:
        self.rules = rules
        initial = {
            "expected_version": version,
            "approvals": rules.approvals,
            "reviewers": list(rules.reviewers),
        }
        super().__init__(data, initial=initial, prefix="approvals")
        _offer(self, "reviewers", _with_unknown(teams, rules.reviewers))

    def edits(self) -> list[Edit]:
        cleaned = self.cleaned_data
        reviewers = tuple(cleaned["reviewers"])
        return [set_rules(replace(self.rules, approvals=cleaned["approvals"], reviewers=reviewers))]


def _with_unknown(teams: Teams, named: Sequence[str]) -> Teams:
    """Teams that are gone stay visible where a rule still names them."""
    known = {key for key, _name in teams}
    gone = [(key, _("%(key)s (gone)") % {"key": key}) for key in named if key not in known]
    return [*teams, *gone]


class FreezeForm(EditForm):
    """One button: freeze now, or lift it."""

    def __init__(self, data: Any, rules: ReviewRules, version: int) -> None:
        self.rules = rules
        super().__init__(data, initial={"expected_version": version}, prefix="freeze")

    def edits(self) -> list[Edit]:
        return [set_rules(replace(self.rules, frozen=not self.rules.frozen))]


class WindowForm(EditForm):
    """One more stretch of time without changes."""

    starts = moments.WallField(label=lazy("From"))
    ends = moments.WallField(label=lazy("Until"))
    zone = moments.ZoneField()
    reason = forms.CharField(
        label=lazy("Reason"),
        required=False,
        max_length=200,
        help_text=lazy("Whoever wants to change something then reads it."),
    )
    places: ClassVar = {"freezes": "ends"}

    def __init__(self, data: Any, rules: ReviewRules, version: int, zone: str) -> None:
        self.rules = rules
        initial = {"expected_version": version, "zone": zone}
        super().__init__(data, initial=initial, prefix="window")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("starts", "ends"):
            cleaned[name] = moments.read_moment(self, cleaned, name, "zone")
        if cleaned["starts"] and cleaned["ends"] and cleaned["ends"] <= cleaned["starts"]:
            self.add_error("ends", _("A freeze ends after it begins: choose a later time."))
        return cleaned

    def edits(self) -> list[Edit]:
        cleaned = self.cleaned_data
        window = Freeze(
            cleaned["starts"].astimezone(UTC), cleaned["ends"].astimezone(UTC), cleaned["reason"]
        )
        return [set_rules(replace(self.rules, freezes=(*self.rules.freezes, window)))]


class DropWindowForm(EditForm):
    """Lift a freeze that was planned; named by what it is, not by its place in the list."""

    starts = forms.CharField(widget=forms.HiddenInput, max_length=40)
    ends = forms.CharField(widget=forms.HiddenInput, max_length=40)

    def __init__(self, data: Any, rules: ReviewRules, version: int) -> None:
        self.rules = rules
        super().__init__(
            data, initial={"expected_version": version}, prefix="drop-window", auto_id=False
        )

    def edits(self) -> list[Edit]:
        gone = (self.cleaned_data["starts"], self.cleaned_data["ends"])
        left = tuple(
            window
            for window in self.rules.freezes
            if (window.starts.isoformat(), window.ends.isoformat()) != gone
        )
        return [set_rules(replace(self.rules, freezes=left))]


class StewardForm(EditForm):
    """Which teams look after one thing; a thing that has a rule gets this one instead."""

    kind = forms.ChoiceField(label=lazy("What"), choices=[(one, NOUNS[one]) for one in THINGS])
    key = forms.CharField(
        label=lazy("Key"),
        max_length=100,
        widget=forms.TextInput(
            attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    editors = TeamsField(
        label=lazy("Teams that may change it"),
        help_text=lazy("None chosen: everybody whose role may."),
    )
    reviewers = TeamsField(
        label=lazy("Teams that must approve"),
        help_text=lazy("Each team chosen here approves once."),
    )
    approvals = forms.IntegerField(
        label=lazy("Approvals in all"),
        required=False,
        min_value=0,
        max_value=MOST_APPROVALS,
        help_text=lazy("Left empty: as many as the environment asks for."),
    )
    places: ClassVar = {"stewards": "key"}

    def __init__(self, data: Any, stewards: Stewards, version: int, teams: Teams) -> None:
        self.stewards = stewards
        super().__init__(data, initial={"expected_version": version}, prefix="steward")
        for name in ("editors", "reviewers"):
            _offer(self, name, teams)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        said = cleaned.get("editors"), cleaned.get("reviewers"), cleaned.get("approvals")
        if not self.errors and said[:2] == ([], []) and said[2] is None:
            self.add_error(None, _("Choose at least one team, or a number of approvals."))
        return cleaned

    def edits(self) -> list[Edit]:
        cleaned = self.cleaned_data
        rule = Steward(
            cleaned["kind"],
            cleaned["key"].strip(),
            tuple(cleaned["editors"]),
            tuple(cleaned["reviewers"]),
            cleaned["approvals"],
        )
        return [set_stewards([*_others(self.stewards, rule.kind, rule.key), rule])]


class DropStewardForm(EditForm):
    """Nobody in particular looks after this thing any more."""

    kind = forms.CharField(widget=forms.HiddenInput, max_length=20)
    key = forms.CharField(widget=forms.HiddenInput, max_length=100)

    def __init__(self, data: Any, stewards: Stewards, version: int) -> None:
        self.stewards = stewards
        super().__init__(
            data, initial={"expected_version": version}, prefix="drop-steward", auto_id=False
        )

    def edits(self) -> list[Edit]:
        gone: Mapping[str, str] = self.cleaned_data
        return [set_stewards(_others(self.stewards, gone["kind"], gone["key"]))]


def _others(stewards: Stewards, kind: str, key: str) -> list[Steward]:
    return [one for one in stewards.rules if (one.kind, one.key.lower()) != (kind, key.lower())]
