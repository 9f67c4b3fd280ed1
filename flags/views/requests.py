"""Change requests: the lists of those that wait, and the page of each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import docket
from flags import requests as life
from flags.changes import Pending
from flags.models import Change
from flags.models.change import WAITING
from flags.requests import MergeConflict, RevisionChanged
from flags.views import (
    editing,
    meanwhile,
    moments,
    request_acts,
    request_forms,
    request_lines,
    request_page,
)
from flags.views.cards import here
from flags.views.conflicts import conflicts_of
from flags.views.frame import Tab
from flags.views.meanwhile import Clash
from flags.views.request_forms import ActForm
from flags.views.request_offers import offers

MOST: Final = 100
LISTS: Final[Mapping[str, tuple[Any, Callable[[Access], list[Change]]]]] = {
    "waiting": (lazy("Waiting for me"), lambda at: docket.requests(at, waiting_for_me=True)),
    "mine": (lazy("Mine"), lambda at: docket.requests(at, mine=True, most=MOST)),
    "open": (lazy("Open"), lambda at: docket.requests(at, status=WAITING, most=MOST)),
    "done": (lazy("Done"), lambda at: docket.requests(at, status=docket.DONE, most=MOST)),
    "drafts": (lazy("My drafts"), docket.drafts),
}
COUNTED: Final = frozenset({"waiting", "open", "drafts"})
VIEWS: Final[Mapping[str, Any]] = {
    "sentences": lazy("Sentences"),
    "sides": lazy("Side by side"),
    "json": lazy("JSON"),
    "unified": lazy("JSON, one column"),
}


@require_GET
def request_list(request: HttpRequest, **place: str) -> HttpResponse:
    """The requests of the project, in five lists."""
    access = environment_access(request, **place)
    found = {key: read(access) for key, (_name, read) in LISTS.items()}
    shown = request.GET.get("show", "")
    if shown not in LISTS:
        shown = "waiting" if found["waiting"] else "open"
    context = {
        "nav": "requests",
        "tab": shown,
        "tabs": [
            Tab(key, str(name), f"?show={key}", len(found[key]) if key in COUNTED else None)
            for key, (name, _read) in LISTS.items()
        ],
        "lines": request_lines.lines(access, found[shown]),
        "unseen": request_lines.lines(access, docket.unseen(access)),
    }
    return render(request, "flags/request_list.html", context)


@require_GET
def request_count(request: HttpRequest, **place: str) -> HttpResponse:
    """How many wait for this person: a fragment beside the entry in the rail."""
    access = environment_access(request, **place)
    return render(
        request, "flags/_request_count.html", {"waiting_for_me": docket.waiting_for_me(access)}
    )


@require_GET
def request_detail(request: HttpRequest, number: int, **place: str) -> HttpResponse:
    """What is asked, where it stands, and what can be done about it."""
    access = environment_access(request, **place)
    change = docket.request(access, number)
    home = change.environment
    if home is not None and home.key != access.environment.key:
        return redirect(here(access, "flags:request", number, environment=home.key))
    return _shown(request, access, change)


def _shown(
    request: HttpRequest,
    access: Access,
    change: Change,
    bound: Mapping[str, ActForm] | None = None,
    refusal: DomainError | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    standing = life.standing(access, change)
    page = request_page.page_of(access, change, standing)
    if isinstance(refusal, MergeConflict):
        # With the places that only a try at merging shows, and what was chosen so far.
        sides = request_forms.MergeForm(request.POST).sides
        clashes = [*standing.conflicts, *refusal.clashes]
        page = replace(page, conflicts=conflicts_of(change, clashes, sides))
    forms = {key: request_acts.form_of(key, None, change) for key in request_acts.ACTS}
    forms |= dict(bound or {})
    view = request.GET.get("view", "")
    context = {
        "nav": "requests",
        "page": page,
        "forms": {key.replace("-", "_"): form for key, form in forms.items()},
        "offers": offers(access, page, forms),
        "view": view if view in VIEWS else "sentences",
        "views": [Tab(key, str(name), f"?view={key}#changes") for key, name in VIEWS.items()],
        "problem": request_acts.refused(refusal) if refusal else None,
    }
    return render(request, "flags/request_detail.html", context, status=status)


@require_POST
def request_act(request: HttpRequest, number: int, act: str, **place: str) -> HttpResponse:
    """One step of a request; what is refused comes back on its page, with what was typed."""
    access = environment_access(request, **place)
    if act not in request_acts.ACTS:
        raise NotFound("There is no such step.")
    change = docket.request(access, number)
    form = request_acts.form_of(act, request.POST, change)
    if not form.is_valid():
        return _shown(request, access, change, {act: form}, status=422)
    try:
        told = request_acts.ACTS[act].perform(access, number, form.cleaned_data)
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        fresh = docket.request(access, number)
        return _shown(request, access, fresh, {act: form}, error, status=error.status)
    editing.leave(request, told)
    if request_acts.ACTS[act].leaves:
        return editing.see_other(f"{here(access, 'flags:requests')}?show=drafts")
    return editing.see_other(here(access, "flags:request", number))


def request_edit(request: HttpRequest, number: int, **place: str) -> HttpResponse:
    """All edits of a request as JSON: a new revision."""
    access = environment_access(request, **place)
    change = docket.request(access, number)
    _require_open(access, change)
    if request.method != "POST":
        return _edited(request, access, change, request_forms.PartsForm.of(change))
    form = request_forms.PartsForm(request.POST)
    if not form.is_valid():
        return _edited(request, access, change, form, status=422)
    given = form.cleaned_data
    try:
        life.revise(
            access,
            number,
            given["parts"],
            expected_revision=given["revision"],
            comment=given["comment"],
        )
    except RevisionChanged as changed:
        form.renew(changed.revision)
        late = meanwhile.of_request(changed, given["revision"])
        return _edited(request, access, change, form, status=409, clash=late)
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        form.refuse(error)
        return _edited(request, access, change, form, status=error.status)
    editing.leave(request, editing.Message("success", _("Saved as a new revision.")))
    return editing.see_other(here(access, "flags:request", number))


def _require_open(access: Access, change: Change) -> None:
    """Who may change anything here may propose another wording; closed requests stay as they are."""
    access.require(Permission.EDIT_TARGETING)
    if change.status not in {*WAITING, Change.Status.DRAFT}:
        raise life.RequestClosed(_("#%(number)d is closed.") % {"number": change.number})


def _edited(
    request: HttpRequest,
    access: Access,
    change: Change,
    form: request_forms.PartsForm,
    *,
    status: int = 200,
    clash: Clash | None = None,
) -> HttpResponse:
    context = {
        "nav": "requests",
        "change": change,
        "form": form,
        "clash": clash,
        "back": here(access, "flags:request", change.number),
    }
    return render(request, "flags/request_edit.html", context, status=status)


def request_schedule(request: HttpRequest, number: int, **place: str) -> HttpResponse:
    """When it applies by itself: a date, a time and the zone the person thinks in."""
    access = environment_access(request, **place)
    change = docket.request(access, number)
    _require_open(access, change)
    zone = change.time_zone or moments.zone_of(request)
    form = request_forms.ScheduleForm(
        request.POST if request.method == "POST" else None,
        initial={
            "at": change.scheduled_for and moments.wall(change.scheduled_for, zone),
            "zone": zone,
        },
    )
    moments.suggest_own(request, form, "zone")
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                told = _schedule(access, change, form.cleaned_data)
            except (NotFound, NotPermitted):
                raise
            except DomainError as error:
                form.refuse(error)
                status = error.status
            else:
                moments.remember_zone(request, form.cleaned_data["zone"])
                editing.leave(request, told)
                return editing.see_other(here(access, "flags:request", number))
    context = {
        "nav": "requests",
        "change": change,
        "form": form,
        "back": here(access, "flags:request", number),
        "is_draft": change.status == Change.Status.DRAFT,
    }
    return render(request, "flags/request_schedule.html", context, status=status)


def _schedule(access: Access, change: Change, given: Mapping[str, Any]) -> editing.Message:
    number = int(change.number or 0)
    when = moments.said(given["moment"], given["zone"])
    if change.status == Change.Status.DRAFT:
        outcome = life.open_draft(
            access,
            number,
            comment=given["comment"],
            scheduled_for=given["moment"],
            time_zone=given["zone"],
        )
        if not isinstance(outcome, Pending):
            return editing.message(outcome)
    else:
        life.schedule(access, number, at=given["moment"], time_zone=given["zone"])
    return editing.Message("success", _("Scheduled for %(when)s.") % {"when": when})
