"""A flag's history: who changed what, and the way back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, queries
from flags.models import Change
from flags.views import editing
from flags.views.cards import here
from flags.views.differences import Difference, differences
from flags.views.flag_forms import RollBackForm
from flags.views.frame import flag_frame


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one target, as the history shows it."""

    id: UUID
    kind: str
    at: datetime
    author: str
    status: str
    version: int | None
    sentences: tuple[str, ...]
    differences: list[Difference]
    comment: str
    is_first: bool
    experiments: frozenset[str]
    way_back: Literal["none", "open", "over"] = "none"

    @property
    def is_state(self) -> bool:
        """Whether it led to a state, which may be brought back."""
        return self.kind == "state" and self.status == Change.Status.APPLIED


def entries(found: Sequence[Change], kinds: Sequence[str], key: str) -> list[Entry]:
    """What changes did to one key, newest first."""
    told = [
        Entry(
            id=change.id,
            kind=part["target"]["kind"],
            at=change.applied_at or change.created_at,
            author=change.author_label,
            status=change.status,
            version=part["applied_version"],
            sentences=tuple(part["sentences"]),
            differences=differences(part["before"], part["after"]),
            comment=change.comment,
            is_first=part["before"] is None,
            experiments=_experiments(part["after"]),
        )
        for change in {one.id: one for one in found}.values()
        for part in change.parts
        if part["target"]["key"] == key and part["target"]["kind"] in kinds
    ]
    return sorted(told, key=lambda entry: entry.at, reverse=True)


@require_GET
def history(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Changes of this flag here, and of its definition."""
    access = environment_access(request, **place)
    frame = flag_frame(access, key, "history")
    told = _entries(access, key)
    return render(request, "flags/flag_history.html", {**frame, "entries": _with_ways_back(told)})


def _with_ways_back(told: Sequence[Entry]) -> list[Entry]:
    """Earlier states can come back, save the split of an experiment that is over."""
    current = next((entry for entry in told if entry.is_state), None)
    if current is None:
        return list(told)
    return [
        replace(entry, way_back="open" if entry.experiments <= current.experiments else "over")
        if entry.is_state and entry is not current
        else entry
        for entry in told
    ]


def _experiments(document: object) -> frozenset[str]:
    rules = document.get("rules", []) if isinstance(document, dict) else []
    return frozenset(rule["experiment"] for rule in rules if rule.get("experiment"))


def _entries(access: Access, key: str) -> list[Entry]:
    kinds = ("state", "definition")
    found = [change for kind in kinds for change in queries.history(access, kind, key)]
    return entries(found, kinds, key)


def roll_back(request: HttpRequest, key: str, change_id: UUID, **place: str) -> HttpResponse:
    """Bring back the state a change led to: a new change, with a reason."""
    access = environment_access(request, **place)
    access.require(Permission.ROLL_BACK)
    to = queries.change(access, change_id)
    form = RollBackForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                outcome = changes.roll_back(access, key, to=to, reason=form.cleaned_data["reason"])
            except (NotFound, NotPermitted):
                raise
            except DomainError as error:
                form.refuse(error)
                status = error.status
            else:
                editing.tell(request, outcome)
                return editing.see_other(here(access, "flags:detail", key))
    context = {
        **flag_frame(access, key, "history"),
        "form": form,
        "change": _back_to(to, key),
    }
    context["differences"] = differences(context["flag"].own, _state_after(to, key))
    return render(request, "flags/roll_back.html", context, status=status)


def _state_after(to: Change, key: str) -> object:
    return next(
        (part["after"] for part in to.parts if part["target"] == {"kind": "state", "key": key}),
        None,
    )


def _back_to(to: Change, key: str) -> Entry:
    """The change gone back to, with the differences between now and then."""
    found = entries([to], ("state",), key)
    if not found:
        raise NotFound("That change did not set this flag's state here.")
    return found[0]
