"""The audit history: who did what, where, when, with before and after."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts import queries
from accounts.web.place import environment_access


@require_GET
@login_required
def history(request: HttpRequest, **place: str) -> HttpResponse:
    """The project's ledger, newest first, 50 lines a page; `before` is the next page's cursor."""
    access = environment_access(request, **place)
    wanted = queries.Wanted.from_query(request.GET)
    page = queries.audit_page(access, wanted)
    context = {
        "nav": "audit",
        "page": page,
        "wanted": wanted,
        "actions": queries.audit_actions(access),
        "older_url": f"?{page.older}" if page.older else "",
        "newer_url": f"?{page.first}" if wanted.before else "",
    }
    template = "accounts/_audit_rows.html" if request.htmx else "accounts/audit.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@require_GET
@login_required
def entry(request: HttpRequest, sequence: int, **place: str) -> HttpResponse:
    """One line of the ledger, with its permanent address."""
    access = environment_access(request, **place)
    line = queries.audit_entry(access, sequence)
    context = {"nav": "audit", "line": line, "changes": queries.differences(line)}
    return render(request, "accounts/audit_entry.html", context)
