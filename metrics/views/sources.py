"""Event sources: the databases a project reads, how they are reached, and what is read there."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Access
from accounts.errors import AlreadyExists, DomainError, InvalidInput
from accounts.permissions import Permission
from accounts.web.place import environment_access
from metrics import queries
from metrics.actions import sources
from metrics.models import EventSource
from metrics.views.answers import see
from metrics.views.forms import SourceForm
from metrics.warehouses.errors import WarehouseError


@require_safe
def source_list(request: HttpRequest, **place: str) -> HttpResponse:
    """Every connected database, and the built-in events beside them."""
    access = environment_access(request, **place)
    context = {
        "nav": "sources",
        "sources": queries.source_list(access),
        "kinds": EventSource.Kind.choices,
        "event_names": queries.event_names(access.environment),
    }
    return render(request, "metrics/source_list.html", context)


@require_safe
def source(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """One database: its assignment queries, its facts, and whether it answers."""
    access = environment_access(request, **place)
    row = queries.source(access, key)
    context = {
        "nav": "sources",
        "source": row,
        "assignment_queries": row.assignment_queries.all(),
        "facts": row.facts.all(),
    }
    return render(request, "metrics/source_detail.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, **place: str) -> HttpResponse:
    """Connect a database. It is tried first; what fails is told and nothing is stored."""
    access = environment_access(request, **place)
    access.require(Permission.MANAGE_SOURCES)
    given = request.POST if request.method == "POST" else request.GET
    kind = given.get("kind", EventSource.Kind.POSTGRES)
    if kind not in EventSource.Kind.values:
        raise InvalidInput(f"{kind!r} is no kind of event source.", where="kind")
    data = request.POST if request.method == "POST" else None
    return _page(request, access, SourceForm(data, kind=kind), place)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Change how a database is reached; tried first, like connecting."""
    access = environment_access(request, **place)
    access.require(Permission.MANAGE_SOURCES)
    row = queries.source(access, key)
    data = request.POST if request.method == "POST" else None
    form = SourceForm(data, kind=row.kind, stored=row, initial=SourceForm.initial_of(row))
    return _page(request, access, form, place)


def _page(
    request: HttpRequest, access: Access, form: SourceForm, place: dict[str, str]
) -> HttpResponse:
    if request.method == "GET":
        return _form(request, form)
    if not form.is_valid():
        return _form(request, form, status=422)
    if request.POST.get("intent") == "test":
        return _tested(request, access, form)
    try:
        saved = _save(access, form)
    except (WarehouseError, AlreadyExists, InvalidInput) as error:
        return _refused(request, form, error)
    messages.success(request, f"{saved.name} is connected.")
    return see("metrics:source", place, saved.key)


def _save(access: Access, form: SourceForm) -> EventSource:
    if form.stored is None:
        return sources.connect(access, form.cleaned_data["key"], form.plan())
    return sources.reconnect(access, form.stored.key, form.plan())


def _tested(request: HttpRequest, access: Access, form: SourceForm) -> HttpResponse:
    try:
        facts = sources.try_out(access, form.stored.key if form.stored else "", form.plan())
    except (WarehouseError, InvalidInput) as error:
        return _refused(request, form, error)
    return _form(request, form, tested=facts)


def _refused(request: HttpRequest, form: SourceForm, error: DomainError) -> HttpResponse:
    if isinstance(error, WarehouseError):
        return _form(request, form, problem=error, status=error.status)
    form.refuse(error)
    return _form(request, form, status=error.status)


def _form(
    request: HttpRequest, form: SourceForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "nav": "sources",
        "form": form,
        "source": form.stored,
        "kind": EventSource.Kind(form.kind),
        "kinds": EventSource.Kind.choices,
        **more,
    }
    return render(request, "metrics/source_form.html", context, status=status)


@require_POST
def check(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Try a stored source again."""
    access = environment_access(request, **place)
    problem = sources.check(access, key)
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, "The database answers.")
    return see("metrics:source", place, key)


@require_POST
def disconnect(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Forget a database that nothing reads."""
    access = environment_access(request, **place)
    sources.disconnect(access, key)
    messages.success(request, f"{key} is disconnected and its password is gone.")
    return see("metrics:sources", place)
