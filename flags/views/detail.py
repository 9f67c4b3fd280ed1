"""A flag's page in one environment: what it serves to whom, and its switch."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import Access
from accounts.web.place import environment_access
from flags import changes
from flags.changes import StaleVersion
from flags.views import cards, editing, meanwhile
from flags.views.cards import here
from flags.views.flags import ask_to_turn, turn
from flags.views.frame import flag_frame
from flags.views.sentences import serve_words


@require_GET
def detail(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """The targeting tab."""
    access = environment_access(request, **place)
    return render(request, "flags/flag_detail.html", targeting(access, key))


def targeting(access: Access, key: str) -> dict[str, Any]:
    """What the targeting tab shows."""
    frame = flag_frame(access, key, "targeting")
    state = frame["flag"].state
    return {
        **frame,
        "rules": cards.rule_cards(state),
        "fallthrough": serve_words(state.fallthrough),
        "parts": cards.split_parts(state.fallthrough, state.variations),
        "assigned": cards.assigned(state),
    }


def switch(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Turn the flag on or off here; htmx gets the head of the page again.

    Where that would not happen at once, the switch leads to a question (by GET) instead.
    """
    access = environment_access(request, **place)
    if not (request.method == "POST" and getattr(request, "htmx", None)):
        return ask_to_turn(request, access, key, here(access, "flags:detail", key))
    clash = None
    try:
        told = editing.message(turn(request, access, key))
    except StaleVersion as stale:
        clash = meanwhile.of_target(access, changes.state(key), stale)
        told = editing.Message("warning", str(stale), " ".join(clash.meanwhile))
    context = {**flag_frame(access, key, "targeting"), "told": told, "clash": clash}
    return render(request, "flags/_switched.html", context, status=409 if clash else 200)
