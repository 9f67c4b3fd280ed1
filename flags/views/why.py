"""Why does this user get this? An evaluation told step by step, over what is stored now."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods

from accounts.access import Access
from accounts.web.place import environment_access
from flags import queries, snapshots
from flags.views.frame import flag_frame
from flags.views.tracing import told_steps
from flags.views.typed_values import read_json, write_value
from wayfork.engine import Trace, compile_snapshot


class WhyForm(forms.Form):
    """An id, or a whole context as JSON."""

    context = forms.CharField(
        label=lazy("User"),
        max_length=50_000,
        widget=forms.Textarea(
            attrs={
                "rows": 4,
                "class": "mono",
                "spellcheck": "false",
                "placeholder": 'u-20417\n{"userId": "u-20417", "country": "DE"}',
            }
        ),
        help_text=lazy("An id, or the context your application passes, as JSON."),
    )
    unit = forms.ChoiceField(
        label=lazy("A lone id is of a"),
        required=False,
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    def __init__(self, data: Mapping[str, Any] | None, units: Mapping[str, str]) -> None:
        super().__init__(data)
        self.units = units
        self.fields["unit"].choices = [(name, name) for name in units]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        text = str(cleaned.get("context", "")).strip()
        if not text.startswith("{"):
            unit = cleaned.get("unit") or next(iter(self.units))
            cleaned["given"] = {self.units[unit]: text}
            return cleaned
        try:
            cleaned["given"] = read_json(text)
        except ValidationError as error:
            self.add_error("context", error)
        return cleaned


@require_http_methods(["GET", "POST"])
def why(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Ask for a context, and tell every step that decided about it."""
    access = environment_access(request, **place)
    units, _version = queries.unit_types(access.project)
    attributes = {unit.name: unit.attributes[0] for unit in units.units}
    form = WhyForm(request.POST if request.method == "POST" else None, attributes)
    answer = None
    if form.is_bound and form.is_valid():
        answer = explained(access, key, form.cleaned_data["given"])
    status = 422 if form.errors else 200
    if getattr(request, "htmx", None):
        definition, _definition_version = queries.flag_definition(access, key)
        context = {"form": form, "answer": answer, "definition": definition}
        return render(request, "flags/_why.html", context, status=status)
    context = {**flag_frame(access, key, "why"), "form": form, "answer": answer}
    return render(request, "flags/flag_why.html", context, status=status)


def explained(access: Access, key: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The trace over the tables as they are, with the version SDKs hold."""
    compiled = compile_snapshot(snapshots.build(access.environment))
    trace: Trace = compiled.trace(key, given)
    _epoch, version = queries.head_version(access.environment)
    return {
        "steps": told_steps(trace),
        "evaluation": trace.evaluation,
        "value": write_value(trace.evaluation.value),
        "version": version,
        "given": json.dumps(given, ensure_ascii=False),
    }
