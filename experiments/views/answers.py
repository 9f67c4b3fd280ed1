"""What a page answers after a write: where to go, and whether it waits for review."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from flags.changes import Outcome, Pending


def see(route: str, place: Mapping[str, str], *args: Any) -> HttpResponseRedirect:
    """Go and look at what came of it (303, so that a reload writes nothing)."""
    address = reverse(
        route, args=(place["organization"], place["project"], place["environment"], *args)
    )
    return HttpResponseRedirect(address, status=303)


def tell(request: HttpRequest, outcome: Outcome | None, done: str) -> None:
    """Say that it is done, or that it waits for other eyes."""
    if isinstance(outcome, Pending):
        messages.warning(request, "This waits for review; nothing has changed yet.")
    else:
        messages.success(request, done)
