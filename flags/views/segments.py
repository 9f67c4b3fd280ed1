"""Segments: the list, making one, and each one's page."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import Access
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, queries
from flags.edits import ArchiveSegment, EditKind
from flags.queries import SegmentView
from flags.views import editing, history
from flags.views.cards import here
from flags.views.editing import Editor
from flags.views.frame import Tab
from flags.views.history import Now
from flags.views.request_banners import banners
from flags.views.segment_forms import SegmentForm
from flags.views.sentences import Condition, condition
from flags.views.targeting import known_attributes, unit_names

MOST_IDS_SHOWN = 50


@require_GET
def segment_list(request: HttpRequest, **place: str) -> HttpResponse:
    """All segments."""
    access = environment_access(request, **place)
    archived = bool(request.GET.get("archived"))
    words = request.GET.get("q", "").lower().split()
    found = [
        one
        for one in queries.segment_list(access, archived=archived)
        if all(word in f"{one.definition.key} {one.definition.name}".lower() for word in words)
    ]
    context = {
        "nav": "segments",
        "segments": found,
        "query": request.GET.get("q", ""),
        "archived": archived,
    }
    fragment = getattr(request, "htmx", None)
    template = "flags/_segment_rows.html" if fragment else "flags/segment_list.html"
    return render(request, template, context)


@require_GET
def segment(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Whom a segment holds, who asks for it, what changed."""
    access = environment_access(request, **place)
    frame = _frame(access, key, "people")
    content = frame["definition"].segment
    context = {
        **frame,
        "groups": groups_of(frame["segment"]),
        "included": content.included[:MOST_IDS_SHOWN],
        "excluded": content.excluded[:MOST_IDS_SHOWN],
    }
    return render(request, "flags/segment_detail.html", context)


@require_GET
def segment_history(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Changes of this segment, each with the way back to it."""
    access = environment_access(request, **place)
    frame = _frame(access, key, "history")
    now = Now(frame["segment"].version, frame["definition"].to_json())
    told = history.told_on_page(request, access, key, {"segment": now})
    return render(request, "flags/segment_history.html", {**frame, **told})


def roll_back_segment(
    request: HttpRequest, key: str, change_id: UUID, **place: str
) -> HttpResponse:
    """Bring back what a change left of this segment, in every environment."""
    access = environment_access(request, **place)
    return history.go_back(
        request,
        access,
        changes.segment(key),
        change_id,
        template="flags/segment_roll_back.html",
        done=here(access, "flags:segment", key),
        cancel=here(access, "flags:segment-history", key),
        frame=lambda: _frame(access, key, "history"),
    )


def _frame(access: Access, key: str, tab: str) -> dict[str, Any]:
    """What every tab of a segment's page starts from."""
    found = queries.segment(access, key)
    pages = {"people": "flags:segment", "history": "flags:segment-history"}
    return {
        "nav": "segments",
        "segment": found,
        "definition": found.definition,
        "environments": _elsewhere(access, key, pages[tab]),
        "banners": banners(access, (EditKind.SEGMENT,), key),
        "tab": tab,
        "tabs": [
            Tab("people", _("Who is in it"), here(access, pages["people"], key)),
            Tab("history", _("History"), here(access, pages["history"], key)),
        ],
    }


def _elsewhere(access: Access, key: str, page: str) -> list[dict[str, Any]]:
    """The project's environments, each with this page's address there."""
    return [
        {
            "key": one.key,
            "name": one.name,
            "color": one.color,
            "is_production": one.is_production,
            "url": here(access, page, key, environment=one.key),
        }
        for one in access.project.environments.all()
    ]


def groups_of(found: SegmentView) -> list[list[Condition]]:
    """The rules of a segment in words: any group may match, all of its conditions must hold."""
    return [[condition(clause) for clause in group] for group in found.definition.segment.rules]


def _edit(
    request: HttpRequest, access: Access, form: SegmentForm, key: str, title: str
) -> HttpResponse:
    page = here(access, "flags:segment", key) if key else ""
    editor = Editor(
        target=changes.segment(key),
        title=title,
        template="flags/_segment_fields.html",
        done=page,
        submit=_("Create segment") if form.segment is None else "",
        creates=form.segment is None,
        cancel=page if form.segment else here(access, "flags:segments"),
        nav="segments",
        page="flags/segment_edit.html",
        extra={
            "attributes": known_attributes(access),
            "segments": [one.definition.key for one in queries.segment_list(access)],
        },
    )
    return editing.edit(request, access, editor, form)


def new_segment(request: HttpRequest, **place: str) -> HttpResponse:
    """Make a segment."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_SEGMENTS)
    form = SegmentForm(request.POST if request.method == "POST" else None, unit_names(access))
    key = ""
    if form.is_bound and not form.is_reshaped and form.is_valid():
        key = form.cleaned_data["key"]
    return _edit(request, access, form, key, _("New segment"))


def edit_segment(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Say anew whom a segment holds."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_SEGMENTS)
    data = request.POST if request.method == "POST" else None
    form = SegmentForm(data, unit_names(access), queries.segment(access, key))
    return _edit(request, access, form, key, _("Edit segment"))


def archive_segment(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Retire a segment nobody asks for."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_SEGMENTS)
    found = queries.segment(access, key)
    page = here(access, "flags:segment", key)
    editor = Editor(
        target=changes.segment(key),
        title=_("Archive this segment?"),
        template="",
        done=page,
        cancel=page,
        submit=_("Archive"),
        note=_("Rules can no longer ask for it. Its key stays taken."),
        nav="segments",
        extra={"definition": found.definition},
    )
    return editing.act(request, access, editor, [ArchiveSegment()], found.version)
