"""What a page answers after a write."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponseRedirect
from django.urls import reverse


def see(route: str, place: Mapping[str, str], *args: Any) -> HttpResponseRedirect:
    """Go and look at what came of it (303, so that a reload writes nothing)."""
    where = (place["organization"], place["project"], place["environment"])
    return HttpResponseRedirect(reverse(route, args=(*where, *args)), status=303)
