"""Writing an experiment down: the page of a new one, and of a draft that is revised."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.access import Access
from accounts.errors import AlreadyExists, InvalidInput
from accounts.permissions import Permission
from accounts.web.place import environment_access
from experiments import lifecycle, queries
from experiments.design import State
from experiments.models import Experiment
from experiments.views.answers import see
from experiments.views.forms import Draft, Offer
from flags import queries as flag_queries
from flags.changes import StaleVersion
from flags.edits import InvalidEdit
from metrics import queries as metric_queries


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, **place: str) -> HttpResponse:
    """Choose who assigns, then write the plan; saved as a draft."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_EXPERIMENTS)
    given = request.POST if request.method == "POST" else request.GET
    flag_key, query_key = given.get("flag", ""), given.get("query", "")
    if bool(flag_key) == bool(query_key):
        return render(request, "experiments/experiment_new.html", _choices(access))
    offer = _offer(access, flag_key, query_key)
    if request.method == "GET":
        return _form(request, Draft(offer))
    draft = Draft(offer, data=request.POST)
    plan = draft.plan()
    if plan is None:
        return _form(request, draft, status=422)
    try:
        lifecycle.create(access, draft.key, plan)
    except (InvalidInput, InvalidEdit, AlreadyExists) as error:
        draft.refuse(error)
        return _form(request, draft, status=error.status)
    messages.success(request, f"{plan.name} is written down as a draft.")
    return see("experiments:detail", place, draft.key)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Revise a draft's plan; a stale form comes back with what was typed."""
    access = environment_access(request, **place)
    access.require(Permission.EDIT_EXPERIMENTS)
    experiment = queries.experiment(access, key)
    if experiment.state != State.DRAFT:
        raise lifecycle.WrongState(f"{key} has started; its plan is settled.")
    offer = _offer(access, experiment.flag_key, _query_key(experiment))
    if request.method == "GET":
        return _form(request, Draft(offer, experiment=experiment), experiment)
    draft = Draft(offer, data=request.POST, experiment=experiment)
    plan = draft.plan()
    if plan is None:
        return _form(request, draft, experiment, status=422)
    try:
        lifecycle.revise(access, key, plan, expected_version=draft.version)
    except StaleVersion as stale:
        return _form(request, draft, queries.experiment(access, key), status=409, stale=stale)
    except (InvalidInput, InvalidEdit) as error:
        draft.refuse(error)
        return _form(request, draft, experiment, status=error.status)
    messages.success(request, "The plan is saved.")
    return see("experiments:detail", place, key)


def _query_key(experiment: Experiment) -> str:
    return experiment.assignment_query.key if experiment.assignment_query else ""


def _choices(access: Access) -> dict[str, Any]:
    return {
        "nav": "experiments",
        "flags": [
            (flag.key, flag.name)
            for flag in flag_queries.flag_definitions(access)
            if len(flag.variations) > 1
        ],
        "assignment_queries": metric_queries.assignment_queries(access),
    }


def _offer(access: Access, flag_key: str, query_key: str) -> Offer:
    metrics = metric_queries.metric_list(access)
    if query_key:
        query = metric_queries.assignment_query(access, query_key)
        same = [metric for metric in metrics if metric.fact.source_id == query.source_id]
        return Offer(same, assignment_query=query_key)
    definition, _ = flag_queries.flag_definition(access, flag_key)
    units, _ = flag_queries.unit_types(access.project)
    return Offer(
        metrics=[metric for metric in metrics if metric.fact.source_id is None],
        unit_types=[unit.name for unit in units.units],
        flag_key=flag_key,
        variations=_control_first(definition.variations, definition.off),
    )


def _control_first(variations: Any, off: str) -> tuple[str, ...]:
    """What the flag serves when off is most often the control."""
    return tuple(sorted(variations, key=lambda name: name != off))


def _form(
    request: HttpRequest,
    draft: Draft,
    experiment: Experiment | None = None,
    *,
    status: int = 200,
    stale: StaleVersion | None = None,
) -> HttpResponse:
    context = {
        "nav": "experiments",
        "draft": draft,
        "form": draft.form,
        "experiment": experiment,
        "stale": stale,
    }
    return render(request, "experiments/experiment_form.html", context, status=status)
