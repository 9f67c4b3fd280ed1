"""The catalog of metrics, and the page that defines one."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import ledger
from accounts.access import Access
from accounts.errors import AlreadyExists, InvalidInput, NotFound
from accounts.filters import Wanted
from accounts.permissions import Permission
from accounts.web import stories
from accounts.web.place import environment_access
from flags.changes import StaleVersion
from metrics import queries
from metrics.actions import definitions
from metrics.models import Metric
from metrics.views import spans
from metrics.views.answers import see
from metrics.views.forms import MetricForm


@require_safe
def metric_list(request: HttpRequest, **place: str) -> HttpResponse:
    """Every metric of the project, and the facts they stand on."""
    access = environment_access(request, **place)
    archived = request.GET.get("archived") == "1"
    metrics = queries.metric_list(access, archived=archived)
    context = {
        "nav": "metrics",
        "metrics": [_line(metric) for metric in metrics],
        "facts": queries.fact_list(access),
        "archived": archived,
    }
    return render(request, "metrics/metric_list.html", context)


def _line(metric: Metric) -> dict[str, Any]:
    return {
        "metric": metric,
        "window": spans.window(metric.delay_seconds, metric.window_seconds),
    }


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, **place: str) -> HttpResponse:
    """Define a metric on a fact."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_METRICS)
    facts = queries.fact_list(access)
    data = request.POST if request.method == "POST" else None
    initial = {"fact": request.GET.get("fact", "")}
    form = MetricForm(data, facts=facts, is_new=True, initial=initial)
    if data is None or not form.is_valid():
        return _form(request, form, status=200 if data is None else 422)
    try:
        metric = definitions.define_metric(access, form.cleaned_data["key"], form.plan())
    except (InvalidInput, AlreadyExists, NotFound) as error:
        form.refuse(error)
        return _form(request, form, status=error.status)
    messages.success(request, f"{metric.name} is defined.")
    return see("metrics:list", place)


@require_http_methods(["GET", "POST"])
def metric(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """One metric: read it, or change it; a stale form comes back with what was typed."""
    access = environment_access(request, **place)
    row = queries.metric(access, key)
    facts = queries.fact_list(access)
    if request.method == "GET":
        initial = MetricForm.initial_of(row)
        return _form(request, MetricForm(facts=facts, is_new=False, initial=initial), row)
    form = MetricForm(request.POST, facts=facts, is_new=False)
    if not form.is_valid():
        return _form(request, form, row, status=422)
    return _redefine(request, access, row, form, place)


def _redefine(
    request: HttpRequest, access: Access, row: Metric, form: MetricForm, place: dict[str, str]
) -> HttpResponse:
    version = form.cleaned_data["version"] or 0
    try:
        definitions.redefine_metric(access, row.key, form.plan(), expected_version=version)
    except StaleVersion as stale:
        return _form(request, form, queries.metric(access, row.key), status=409, stale=stale)
    except (InvalidInput, NotFound) as error:
        form.refuse(error)
        return _form(request, form, row, status=error.status)
    messages.success(request, "The metric is saved.")
    return see("metrics:metric", place, row.key)


@require_safe
def history(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Who did what to this metric, from the ledger, 50 lines a page."""
    access = environment_access(request, **place)
    row = queries.metric(access, key)
    asked = Wanted.from_query({"before": request.GET.get("before", "")})
    page = ledger.page(access, replace(asked, kind="metric", key=row.key))
    context = {
        "nav": "metrics",
        "metric": row,
        "tab": "history",
        "stories": stories.told(access, page.lines),
        "older_url": f"?{urlencode({'before': page.rest})}" if page.rest else "",
        "newer_url": request.path if asked.before else "",
    }
    return render(request, "metrics/metric_history.html", context)


@require_POST
def archive(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Offer a metric no more."""
    access = environment_access(request, **place)
    definitions.archive_metric(access, key)
    messages.success(request, f"{key} is archived; experiments that use it keep it.")
    return see("metrics:list", place)


def _form(
    request: HttpRequest,
    form: MetricForm,
    row: Metric | None = None,
    *,
    status: int = 200,
    stale: StaleVersion | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {"nav": "metrics", "form": form, "metric": row, "stale": stale}
    if row is not None:
        context["tab"] = "definition"
        context["window"] = spans.window(row.delay_seconds, row.window_seconds)
    return render(request, "metrics/metric_form.html", context, status=status)
