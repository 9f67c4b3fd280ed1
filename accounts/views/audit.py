"""The audit history: who did what, where, when, with before and after."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import ledger, queries, streams
from accounts.access import Access
from accounts.actions import exports
from accounts.errors import InvalidInput
from accounts.filters import Wanted
from accounts.models import Environment, Project
from accounts.web import stories, streaming
from accounts.web.place import environment_access, organization_access

# More choices than a list can offer are typed.
CHOICES = 200


@require_GET
@login_required
def history(request: HttpRequest, **place: str) -> HttpResponse:
    """The project's ledger, newest first, 50 lines a page; `before` is the next page's cursor."""
    access = environment_access(request, **place)
    return _history(
        request, access, "accounts/audit.html", {"places": queries.environments(access)}
    )


@require_GET
@login_required
def organization_history(request: HttpRequest, organization: str) -> HttpResponse:
    """The whole organization's ledger, for its owners: sign-ins, members and settings as well."""
    access = organization_access(request, organization)
    projects = Project.objects.within(access.organization)
    keys = Environment.objects.within(access.organization).order_by("key").values_list("key")
    context = {"projects_of": projects, "places": [{"key": key} for (key,) in keys.distinct()]}
    return _history(request, access, "accounts/organization_audit.html", context)


def _history(
    request: HttpRequest, access: Access, template: str, extra: dict[str, Any]
) -> HttpResponse:
    wanted = Wanted.from_query(request.GET.dict())
    context = {
        **_place(access),
        **extra,
        "wanted": wanted,
        "is_filtered": bool(wanted.asked()),
        "actions": _grouped(streams.actions(access)),
        "people": streams.people(access, CHOICES),
        "kinds": streams.kinds(access),
        "tags": streams.tags(access, CHOICES),
        "proof": ledger.proof(access),
    }
    status = 200
    try:
        page = ledger.page(access, wanted)
    except InvalidInput as problem:
        page, status = ledger.AuditPage([]), problem.status
        context["problem"] = problem
    context |= {
        "stories": stories.told(access, page.lines),
        "looked_back_to": page.looked_back_to,
        "older_url": f"?{wanted.query(page.rest)}" if page.rest else "",
        "newer_url": f"?{wanted.query()}" if wanted.before else "",
    }
    return render(request, template, context, status=status)


def _grouped(actions: list[str]) -> list[tuple[str, list[str]]]:
    """Acts by what they are done to."""
    nouns = sorted({action.partition(".")[0] for action in actions})
    return [(noun, [one for one in actions if one.startswith(f"{noun}.")]) for noun in nouns]


def _place(access: Access) -> dict[str, Any]:
    """What the pages of both histories are called and where they lead."""
    if access.at_project is None:
        keys = [access.organization.key]
        names = ("accounts:organization-audit", "accounts:organization-audit-export")
        nav, tab = "organization", "organization-audit"
    else:
        keys = [access.organization.key, access.project.key, access.environment.key]
        names = ("accounts:audit", "accounts:audit-export")
        nav, tab = "audit", ""
    history_url, export_url = (reverse(name, args=keys) for name in names)
    return {"nav": nav, "tab": tab, "history_url": history_url, "export_url": export_url}


@require_GET
@login_required
def entry(request: HttpRequest, sequence: int, **place: str) -> HttpResponse:
    """One line of the project's ledger, with its permanent address."""
    return _entry(
        request, environment_access(request, **place), sequence, "accounts/audit_entry.html"
    )


@require_GET
@login_required
def organization_entry(request: HttpRequest, organization: str, sequence: int) -> HttpResponse:
    """One line of the organization's ledger."""
    access = organization_access(request, organization)
    return _entry(request, access, sequence, "accounts/organization_audit_entry.html")


def _entry(request: HttpRequest, access: Access, sequence: int, template: str) -> HttpResponse:
    line = ledger.line(access, sequence)
    beside = ledger.neighbors(access, sequence)
    context = {
        **_place(access),
        "line": line,
        "story": stories.tell(access, line),
        "changes": ledger.changes(line),
        "request_url": stories.request_page(access, line),
        "beside": beside,
        "proof": ledger.proof(access),
    }
    return render(request, template, context)


@require_POST
@login_required
def export(request: HttpRequest, **place: str) -> HttpResponseBase:
    """The project's ledger as a file; taking it is a line of its own, hence no GET."""
    return _export(request, environment_access(request, **place))


@require_POST
@login_required
def organization_export(request: HttpRequest, organization: str) -> HttpResponseBase:
    """The organization's ledger as a file."""
    return _export(request, organization_access(request, organization))


def _export(request: HttpRequest, access: Access) -> HttpResponseBase:
    wanted = Wanted.from_query(request.POST.dict())
    file = exports.export_history(access, wanted, request.POST.get("format", ""))
    return streaming.download(request, file.name, file.content_type, file.pieces)
