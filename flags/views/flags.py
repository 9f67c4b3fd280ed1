"""The flags list, and making a flag."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts import queries as places
from accounts.access import Access
from accounts.models import Environment
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, queries
from flags.changes import StaleVersion
from flags.edits import Edit, TurnOff, TurnOn
from flags.queries import FlagLine
from flags.views import cards, connections, editing, meanwhile, proposing
from flags.views.cards import here
from flags.views.editing import Editor
from flags.views.flag_forms import NewFlagForm, suggested_key

PAGE_SIZE = 50


@require_GET
def flag_list(request: HttpRequest, **place: str) -> HttpResponse:
    """All flags with a pill per environment; htmx asks for the rows alone."""
    access = environment_access(request, **place)
    search, tag = request.GET.get("q", "")[:200], request.GET.get("tag", "")
    archived = bool(request.GET.get("archived"))
    first = editing.whole(request.GET.get("from", ""))
    page = queries.flag_page(
        access, search=search, tag=tag, archived=archived, first=first, most=PAGE_SIZE
    )
    environments = places.environments_here(access)
    context = {
        "nav": "flags",
        "rows": rows_of(access, page.lines, environments),
        "environments": environments,
        "page": page,
        "query": search,
        "tag": tag,
        "archived": archived,
        "connected": connections.panel(access),
        **_paging(request, page.total, first),
    }
    return render(
        request, "flags/_rows.html" if _wants_rows(request) else "flags/flag_list.html", context
    )


def _wants_rows(request: HttpRequest) -> bool:
    htmx = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.history_restore_request  # type: ignore[union-attr]


def _paging(request: HttpRequest, total: int, first: int) -> dict[str, str]:
    kept = {key: request.GET[key] for key in ("q", "tag", "archived") if request.GET.get(key)}

    def at(start: int) -> str:
        return f"?{urlencode({**kept, 'from': str(start)} if start else kept)}"

    last = min(first + PAGE_SIZE, total)
    return {
        "newer_url": at(max(0, first - PAGE_SIZE)) if first else "",
        "older_url": at(first + PAGE_SIZE) if last < total else "",
        "range": _("%(first)d to %(last)d") % {"first": first + 1, "last": last}
        if total > PAGE_SIZE
        else "",
    }


def new(request: HttpRequest, **place: str) -> HttpResponse:
    """Name, key, type: the flag is made, off everywhere."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_FLAGS)
    form = NewFlagForm(request.POST if request.method == "POST" else None)
    key = ""
    if form.is_bound and not form.is_reshaped and form.is_valid():
        key = form.cleaned_data["key"]
    editor = Editor(
        target=changes.definition(key),
        title=_("New flag"),
        template="flags/_new_fields.html",
        done=here(access, "flags:detail", key) if key else "",
        submit=_("Create flag"),
        creates=True,
        cancel=here(access, "flags:list"),
        has_own_comment=True,
    )
    return editing.edit(request, access, editor, form)


@require_GET
def suggest_key(request: HttpRequest, **place: str) -> HttpResponse:
    """The key field again, following the name as long as nobody typed a key of their own."""
    environment_access(request, **place)
    typed, suggested = request.GET.get("key", ""), request.GET.get("suggested", "")
    if typed != suggested:
        return HttpResponse(status=204)
    context = {"suggestion": suggested_key(request.GET.get("name", ""))}
    return render(request, "flags/_key_suggestion.html", context)


def switch_row(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Turn a flag on or off from the list; the answer is its fresh row."""
    access = environment_access(request, **place)
    if not (request.method == "POST" and getattr(request, "htmx", None)):
        return ask_to_turn(request, access, key, here(access, "flags:list"))
    clash = None
    try:
        told = editing.message(turn(request, access, key))
    except StaleVersion as stale:
        clash = meanwhile.of_target(access, changes.state(key), stale)
        told = editing.Message("warning", str(stale), " ".join(clash.meanwhile))
    line = queries.flag_everywhere(access, key)
    (row,) = rows_of(access, [line], places.environments_here(access))
    context = {
        "row": row,
        "environments": [one.environment for one in row.states],
        "told": told,
    }
    return render(request, "flags/_switched_row.html", context, status=409 if clash else 200)


def turn(request: HttpRequest, access: Access, key: str) -> changes.Outcome:
    """What the toggle asks for: on or off, at the version the person saw."""
    version = editing.version_seen(request)
    return changes.submit(access, changes.state(key), [_wish(request)], expected_version=version)


def _wish(request: HttpRequest) -> Edit:
    return TurnOn() if editing.asked(request, "on") == "true" else TurnOff()


def ask_to_turn(request: HttpRequest, access: Access, key: str, done: str) -> HttpResponse:
    """The switch as a question: what would happen, why, and the other ways to send it."""
    access.require(Permission.EDIT_TARGETING)
    flag = queries.flag(access, key)
    edit = _wish(request)
    name = {"key": key, "name": access.environment.name}
    on = isinstance(edit, TurnOn)
    editor = Editor(
        target=changes.state(key),
        title=(_("Turn %(key)s on?") if on else _("Turn %(key)s off?")) % name,
        template="",
        done=done,
        cancel=done,
        submit=(_("Turn on in %(name)s") if on else _("Turn off in %(name)s")) % name,
        extra={"flag": flag, "definition": flag.definition},
    )
    return editing.act(request, access, editor, [edit], flag.version)


def rows_of(
    access: Access, lines: Sequence[FlagLine], environments: list[Environment]
) -> list[cards.Row]:
    """Lines of the list with what waits on each flag, and whether its switch has to ask first."""
    waiting = queries.waiting_targets(access, [line.definition.key for line in lines])
    asks = proposing.which_ask(access, [line.definition for line in lines])
    return [
        cards.row(access, line, environments, waiting, asks=line.definition.key in asks)
        for line in lines
    ]
