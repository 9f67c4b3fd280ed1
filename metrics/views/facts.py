"""The page of a fact: an SDK event with conditions, or a query of an event source."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.access import Access
from accounts.errors import AlreadyExists, InvalidInput
from accounts.permissions import Permission
from accounts.web.place import environment_access
from metrics import queries
from metrics.actions import definitions
from metrics.models import Fact
from metrics.views.answers import see
from metrics.views.forms import FactForm, FilterForm, filter_rows
from metrics.views.validation import Preview, preview
from metrics.warehouses.contracts import Contract
from metrics.warehouses.errors import WarehouseError


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, **place: str) -> HttpResponse:
    """Define a fact; `?source=` opens the page for a query of that source."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_METRICS)
    given = request.POST if request.method == "POST" else request.GET
    source = given.get("source", "")
    return _page(request, access, FactPage(access, request, source, None), place)


@require_http_methods(["GET", "POST"])
def fact(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Read or change a fact; results computed before keep the text they were computed with."""
    access = environment_access(request, **place)
    row = queries.fact(access, key)
    source = row.source.key if row.source else ""
    return _page(request, access, FactPage(access, request, source, row), place)


class FactPage:
    """The form of a fact with its conditions and what is offered beside it."""

    def __init__(self, access: Access, request: HttpRequest, source: str, row: Fact | None) -> None:
        data = request.POST if request.method == "POST" else None
        self.row = row
        self.source = queries.source(access, source) if source else None
        initial: dict[str, Any] = {}
        if row is not None:
            initial = {name: getattr(row, name) for name in FIELDS}
        self.form = FactForm(data, source=source, is_new=row is None, initial=initial)
        self.rows: list[FilterForm] = (
            [] if source else filter_rows(data, row.filters if row else [])
        )
        self.preview: Preview | None = None
        self.event_names = [] if source else queries.event_names(access.environment)

    def is_valid(self) -> bool:
        """Whether the fields and every condition can be read."""
        rows = [row.is_valid() for row in self.rows]
        return self.form.is_valid() and all(rows)

    def save(self, access: Access) -> Fact:
        """Define or redefine; raises what the verbs raise."""
        filters = [one for row in self.rows if (one := row.filter()) is not None]
        plan = self.form.plan(filters)
        if self.row is None:
            return definitions.define_fact(access, self.form.cleaned_data["key"], plan)
        return definitions.redefine_fact(access, self.row.key, plan)

    def show(self, request: HttpRequest, status: int = 200) -> HttpResponse:
        """The page, with whatever was typed."""
        context = {
            "nav": "metrics",
            "form": self.form,
            "rows": self.rows,
            "fact": self.row,
            "source": self.source,
            "preview": self.preview,
            "event_names": self.event_names,
        }
        return render(request, "metrics/fact_form.html", context, status=status)


FIELDS = ("name", "event_name", "value_property", "sql")


def _page(
    request: HttpRequest, access: Access, page: FactPage, place: dict[str, str]
) -> HttpResponse:
    if request.method == "GET":
        return page.show(request)
    if page.source is not None and request.POST.get("intent") == "validate":
        sql = request.POST.get("sql", "")
        page.preview = preview(access, page.source.key, sql, Contract.FACT)
        return page.show(request, page.preview.status)
    if not page.is_valid():
        return page.show(request, 422)
    try:
        saved = page.save(access)
    except WarehouseError as error:
        page.form.add_error("sql", f"{error} {error.hint}".strip())
        return page.show(request, error.status)
    except (InvalidInput, AlreadyExists) as error:
        page.form.refuse(error)
        return page.show(request, error.status)
    messages.success(request, f"{saved.name} is saved.")
    return see("metrics:list", place)
