"""The page of an assignment query: who was assigned what, by a team's own record."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.access import Access
from accounts.errors import AlreadyExists, InvalidInput
from accounts.permissions import Permission
from accounts.web.place import environment_access
from metrics import queries
from metrics.actions import sources
from metrics.models import AssignmentQuery, EventSource
from metrics.views.answers import see
from metrics.views.forms import AssignmentQueryForm
from metrics.views.validation import Preview, preview
from metrics.warehouses.contracts import Contract
from metrics.warehouses.errors import WarehouseError


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Define an assignment query on the source with this key."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_METRICS)
    source = queries.source(access, key)
    form = AssignmentQueryForm(request.POST or None, is_new=True)
    return _page(request, access, source, form, place)


@require_http_methods(["GET", "POST"])
def query(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Read an assignment query, or change its text."""
    access = environment_access(request, **place)
    row = queries.assignment_query(access, key)
    form = AssignmentQueryForm(request.POST or None, is_new=False, initial={"sql": row.sql})
    return _page(request, access, row.source, form, place, row)


def _page(
    request: HttpRequest,
    access: Access,
    source: EventSource,
    form: AssignmentQueryForm,
    place: dict[str, str],
    row: AssignmentQuery | None = None,
) -> HttpResponse:
    if request.method == "GET":
        return _form(request, source, form, row)
    if request.POST.get("intent") == "validate":
        tried = preview(access, source.key, request.POST.get("sql", ""), Contract.ASSIGNMENT)
        return _form(request, source, form, row, tried=tried, status=tried.status)
    if not form.is_valid():
        return _form(request, source, form, row, status=422)
    try:
        _save(access, source, form, row)
    except WarehouseError as error:
        form.add_error("sql", f"{error} {error.hint}".strip())
        return _form(request, source, form, row, status=error.status)
    except (InvalidInput, AlreadyExists) as error:
        form.refuse(error)
        return _form(request, source, form, row, status=error.status)
    messages.success(request, "The assignment query is saved.")
    return see("metrics:source", place, source.key)


def _save(
    access: Access, source: EventSource, form: AssignmentQueryForm, row: AssignmentQuery | None
) -> None:
    given = form.cleaned_data
    if row is not None:
        sources.redefine_assignment_query(access, row.key, sql=given["sql"])
        return
    sources.define_assignment_query(
        access,
        source.key,
        given["key"],
        name=given["name"],
        unit_type=given["unit_type"],
        sql=given["sql"],
    )


def _form(
    request: HttpRequest,
    source: EventSource,
    form: AssignmentQueryForm,
    row: AssignmentQuery | None,
    *,
    tried: Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "nav": "sources",
        "source": source,
        "form": form,
        "query": row,
        "preview": tried,
    }
    return render(request, "metrics/assignment_form.html", context, status=status)
