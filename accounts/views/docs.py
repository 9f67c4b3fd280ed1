"""The REST reference as a page, and the style guide for those who write pages."""

import json
import re
from operator import itemgetter
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.web import reference


@require_GET
def openapi(request: HttpRequest) -> HttpResponse:
    """Every operation of the REST API, drawn from the OpenAPI document."""
    start = f"export WAYFORK={settings.WAYFORK_URL}\nexport TOKEN=mgt_…"
    context = {"sections": reference.sections(), "start": start}
    return render(request, "accounts/openapi.html", context)


# A row of the reference: code, status, what it means, what to do.
ERROR_ROW = re.compile(r"^\| `(\w+)` \| ([\d, ]+) \| (.+?) \| (.+?) \|$", re.MULTILINE)


@require_GET
def errors(request: HttpRequest) -> HttpResponse:
    """What each code of a problem means: where the `type` of every problem document leads."""
    text = Path(settings.BASE_DIR, "docs/reference/errors.md").read_text(encoding="utf-8")
    rows = [
        {"code": code, "status": status, "meaning": plain(meaning), "remedy": plain(remedy)}
        for code, status, meaning, remedy in ERROR_ROW.findall(text)
    ]
    return render(request, "accounts/errors.html", {"rows": sorted(rows, key=itemgetter("code"))})


def plain(markdown: str) -> str:
    """A table cell without the marks that make code of words and links of places."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", markdown).replace("`", "")


@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component with sample content; served in debug only."""
    folder = Path(settings.BASE_DIR) / "templates"
    content = json.loads((folder / "styleguide.json").read_text(encoding="utf-8"))
    return render(request, "styleguide.html", content)
