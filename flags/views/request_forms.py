"""What people write beside a request: why, what else, when, and the edits themselves."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from accounts.errors import DomainError
from flags.changes import Part, Target
from flags.drafting import parts_of
from flags.edits import EditKind, InvalidEdit, parse_all
from flags.models import Change
from flags.requests import Side
from flags.views import moments

LONGEST: Final = 2000
# Begins the name of each choice between two sides.
KEEP: Final = "keep-"


def _text(label: Any, *, required: bool = True, help_text: Any = "", rows: int = 2) -> Any:
    return forms.CharField(
        label=label,
        required=required,
        max_length=LONGEST,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class ActForm(forms.Form):
    """What a step of a request takes. Most take nothing."""

    def refuse(self, error: DomainError) -> None:
        """Show a refusal above the form."""
        self.add_error(None, f"{error} {error.hint}".strip())


class SeenForm(ActForm):
    """A step that is about what was looked at: its hash comes along."""

    content_hash = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class ApproveForm(SeenForm):
    """Yes, to exactly this."""

    comment = _text(lazy("Comment"), required=False)


class ChangesForm(SeenForm):
    """Not like this."""

    comment = _text(lazy("What should change?"), rows=3)


class RejectForm(SeenForm):
    """No."""

    reason = _text(lazy("Reason"), help_text=lazy("The author is told."))


class ReasonForm(ActForm):
    """Why, if somebody wants to say."""

    reason = _text(lazy("Reason"), required=False)


class CommentForm(ActForm):
    """Something to say."""

    text = _text(lazy("Comment"), rows=3)


class LookForm(ActForm):
    """Somebody else has looked at it."""

    comment = _text(lazy("What you found"), required=False)


class SendForm(ActForm):
    """A draft becomes a request."""

    comment = _text(lazy("Comment"), required=False, help_text=lazy("Why; reviewers read it."))
    apply_when_approved = forms.BooleanField(
        label=lazy("Apply by itself once it is approved"), required=False
    )


class RevisionForm(ActForm):
    """A step that changes what the request says: which revision it starts from."""

    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class MergeForm(RevisionForm):
    """Bring together with what changed; where both changed the same, which side stands."""

    def clean(self) -> dict[str, Any]:
        return {**(super().clean() or {}), "sides": self.sides}

    @property
    def sides(self) -> dict[str, Side]:
        """What was chosen, by the place's id."""
        return {
            name.removeprefix(KEEP): Side(side)
            for name, side in self.data.items()
            if name.startswith(KEEP) and side in set(Side)
        }


class DropForm(RevisionForm):
    """Take one part out."""

    part = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class BypassForm(SeenForm):
    """Past review, in an emergency."""

    reason = _text(lazy("Reason"), help_text=lazy("Kept in the audit history with your name."))
    place = forms.CharField(
        label=lazy("Environment"),
        max_length=100,
        widget=forms.TextInput(
            attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}
        ),
    )

    def __init__(self, data: Any, expected: str) -> None:
        super().__init__(data, auto_id="bypass_%s")
        self.expected = expected
        self.fields["place"].help_text = _("Type %(key)s to show that you mean it.") % {
            "key": expected
        }

    def clean_place(self) -> str:
        typed: str = self.cleaned_data["place"]
        if typed.strip() != self.expected:
            raise ValidationError(
                _("Type %(key)s: that is where it would apply.") % {"key": self.expected}
            )
        return typed


class ScheduleForm(ActForm):
    """When a request applies by itself, as a clock on the wall shows it."""

    at = moments.WallField(label=lazy("Date and time"))
    zone = moments.ZoneField()
    comment = _text(lazy("Comment"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["moment"] = moments.read_moment(self, cleaned, "at", "zone")
        return cleaned


class PartsForm(ActForm):
    """All edits of a request as JSON, for what no other form can say."""

    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    parts = forms.CharField(
        label=lazy("Edits"),
        max_length=900_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 18, "class": "mono", "spellcheck": "false"}),
        help_text=lazy(
            "A list of parts: each names its target, the version it starts from, edits."
        ),
    )
    comment = _text(lazy("Comment"), required=False, help_text=lazy("What you changed, and why."))

    def renew(self, revision: int) -> None:
        """Take the newer revision, so that saving again puts this in its place."""
        self.data = {**dict(self.data.items()), "revision": str(revision)}

    @classmethod
    def of(cls, change: Change) -> "PartsForm":
        """The form as it opens."""
        return cls(initial={"revision": change.revision, "parts": written(change.parts)})

    def clean_parts(self) -> list[Part]:
        try:
            given = json.loads(self.cleaned_data["parts"])
        except (ValueError, RecursionError) as error:
            raise ValidationError(_("This is not JSON: %(why)s.") % {"why": error}) from None
        try:
            return read_parts(given)
        except InvalidEdit as error:
            raise ValidationError(f"{error} {error.hint}".strip()) from None


def written(parts: Sequence[Mapping[str, Any]]) -> str:
    """The parts of a request as people edit them."""
    shown = [
        {"target": part["target"], "base_version": part["base_version"], "edits": part["edits"]}
        for part in parts
    ]
    return json.dumps(shown, indent=2, ensure_ascii=False)


def read_parts(given: object) -> list[Part]:
    """Parts as somebody wrote them; raises InvalidEdit naming the place."""
    if not isinstance(given, list) or not given:
        raise InvalidEdit(_("must be a list with at least one part"), where="parts")
    return [_read_part(part, f"parts[{place}]") for place, part in enumerate(given)]


def _read_part(given: object, where: str) -> Part:
    target = given.get("target") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(target, Mapping):
        raise InvalidEdit(_("needs a target with a kind and a key"), where=where)
    kind, key, version = target.get("kind"), target.get("key"), given.get("base_version")
    if kind not in set(EditKind) or not isinstance(key, str):
        raise InvalidEdit(_("names no kind we know, or no key"), where=f"{where}.target")
    if type(version) is not int or version < 0:
        raise InvalidEdit(_("must be a whole number"), where=f"{where}.base_version")
    edits = parse_all(given.get("edits"), f"{where}.edits")
    if any(edit.urgent for edit in edits):
        raise InvalidEdit(
            _("roll backs and kills are no part of a request"),
            where=f"{where}.edits",
            hint=_("They act at once: use the flag's history or its kill switch."),
        )
    return Part(Target(EditKind(kind), key), edits, version)


def without(change: Change, place: int) -> list[Part]:
    """The parts of a request without one of them."""
    return [part for at, part in enumerate(parts_of(change.parts)) if at != place]
