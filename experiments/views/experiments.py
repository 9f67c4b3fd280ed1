"""The experiments list and an experiment's page with its tabs: results, plan, SQL, history."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import Access
from accounts.web.place import environment_access
from experiments import decisions, lifecycle, queries
from experiments.design import State
from experiments.models import Experiment, Job, Result
from experiments.views import audience, figures, growth, numbers
from experiments.views.forms import DecisionForm, ReasonForm, percent_text
from experiments.views.standing import decided_sentence, decision_of, standing

TABS: Final = (
    ("results", "Results", "experiments:detail"),
    ("plan", "Plan", "experiments:plan"),
    ("sql", "SQL", "experiments:sql"),
    ("history", "History", "experiments:history"),
)
SHORT: Final = 140


@require_safe
def experiment_list(request: HttpRequest, **place: str) -> HttpResponse:
    """Every experiment of the environment, what asks for a decision first."""
    access = environment_access(request, **place)
    lines = _lines(access, queries.experiment_list(access))
    context = {
        "nav": "experiments",
        "lines": lines,
        "reminders": [line for line in lines if line["standing"].reminder],
    }
    return render(request, "experiments/experiment_list.html", context)


@require_safe
def on_flag(request: HttpRequest, flag: str, **place: str) -> HttpResponse:
    """The experiments of one flag, as a fragment of that flag's page."""
    access = environment_access(request, **place)
    context = {"lines": _lines(access, queries.on_flag(access, flag)), "flag": flag}
    return render(request, "experiments/_on_flag.html", context)


@require_safe
def metric_uses(request: HttpRequest, **place: str) -> HttpResponse:
    """How many experiments use each metric, swapped into the metrics list by id."""
    access = environment_access(request, **place)
    uses = queries.uses_of_metrics(access.project)
    return render(request, "experiments/_metric_uses.html", {"uses": uses})


def _lines(access: Access, experiments: list[Experiment]) -> list[dict[str, Any]]:
    results = queries.latest_results(experiments)
    units = queries.unit_totals(access.environment)
    now = timezone.now()
    return [
        {
            "experiment": experiment,
            "standing": standing(experiment, now),
            "hypothesis": _short(experiment.hypothesis),
            "units": numbers.whole(units[experiment.pk]) if experiment.pk in units else "",
            **_headline(experiment, results.get(experiment.pk)),
        }
        for experiment in experiments
    ]


def _headline(experiment: Experiment, result: Result | None) -> dict[str, str]:
    decision = decision_of(experiment)
    if decision is not None and getattr(experiment, "state", "") == State.DECIDED:
        return {"headline": decided_sentence(decision), "mark": ""}
    if result is None:
        return {"headline": "", "mark": ""}
    return {
        "headline": figures.headline(result.document),
        "mark": figures.headline_mark(result.document),
    }


def _short(text: str) -> str:
    return (
        text
        if len(text) <= SHORT
        else text[: SHORT - 1].rsplit(" ", 1)[0] + "\N{HORIZONTAL ELLIPSIS}"
    )


@require_safe
def detail(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """The verdict, the health of the data, the figures, the growth of the cohort, the decision."""
    access = environment_access(request, **place)
    experiment = queries.experiment(access, key)
    context = results_context(experiment)
    context |= growth.context(request, experiment)
    context |= page_context(access, experiment, "results", context["result"])
    context["decision_form"] = decision_form(experiment)
    context["stop_form"] = ReasonForm(prefix="stop")
    return render(request, "experiments/experiment_detail.html", context)


@require_safe
def stored_result(request: HttpRequest, key: str, result_id: UUID, **place: str) -> HttpResponse:
    """An older result, drawn again from what was stored with it."""
    access = environment_access(request, **place)
    experiment = queries.experiment(access, key)
    result = queries.result(access, key, result_id)
    context = page_context(access, experiment, "results", result) | drawn(result)
    context["newest"] = queries.latest_result(experiment)
    return render(request, "experiments/experiment_result.html", context)


@require_safe
def plan(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """What was planned before anybody looked."""
    access = environment_access(request, **place)
    experiment = queries.experiment(access, key)
    context = page_context(access, experiment, "plan")
    context["stop_form"] = ReasonForm(prefix="stop")
    return render(request, "experiments/experiment_plan.html", context)


@require_safe
def sql(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """The statements behind the newest result, or behind the one that is asked for."""
    access = environment_access(request, **place)
    experiment = queries.experiment(access, key)
    wanted = request.GET.get("result", "")
    try:
        result = queries.result(access, key, UUID(wanted)) if wanted else None
    except ValueError:
        result = None
    context = page_context(access, experiment, "sql")
    context["result"] = result or queries.latest_result(experiment)
    return render(request, "experiments/experiment_sql.html", context)


@require_safe
def history(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Who did what to this experiment, from the ledger."""
    access = environment_access(request, **place)
    experiment = queries.experiment(access, key)
    context = page_context(access, experiment, "history")
    context["entries"] = queries.history(access, key)
    return render(request, "experiments/experiment_history.html", context)


# --- what the tabs share


def page_context(
    access: Access, experiment: Experiment, tab: str, result: Result | None = None
) -> dict[str, Any]:
    """The header of an experiment's page, its plan and its tabs."""
    place = (access.organization.key, access.project.key, access.environment.key, experiment.key)
    where = standing(experiment, timezone.now())
    return {
        "nav": "experiments",
        "experiment": experiment,
        "standing": where,
        "sentence": sentence(experiment, result or queries.latest_result(experiment)),
        "decision": decision_of(experiment),
        "tab": tab,
        "tabs": [
            {"key": name, "name": label, "url": reverse(route, args=place)}
            for name, label, route in TABS
        ],
        "split_parts": _split_parts(experiment),
        "share": f"{percent_text(experiment.share_steps)}{numbers.SPACE}%",
        "audience": [audience.sentence_of(clause) for clause in experiment.audience],
        "problems": _problems(access, experiment, where.state),
    }


def sentence(experiment: Experiment, result: Result | None) -> str:
    """The one sentence above everything: the decision, the verdict, or why there is none."""
    state = getattr(experiment, "state", State.DRAFT)
    if state == State.DECIDED:
        return decided_sentence(decision_of(experiment))
    if result is not None:
        return str(result.document["recommendation"]["sentence"])
    if state == State.DRAFT:
        return "A draft: nobody takes part yet."
    return "No analysis has been run yet."


def _problems(access: Access, experiment: Experiment, state: str) -> list[str]:
    if state != State.DRAFT or experiment.start_waits:
        return []
    return lifecycle.launch_problems(access, experiment)


def _split_parts(experiment: Experiment) -> list[dict[str, Any]]:
    arms = list(experiment.arms.all())
    names = figures.arm_names([(arm.variation, arm.is_control) for arm in arms])
    return figures.weight_parts(
        [(arm.variation, names[arm.variation].series, arm.weight) for arm in arms]
    )


def results_context(experiment: Experiment) -> dict[str, Any]:
    """The newest result, the jobs under way, and the older results."""
    result = queries.latest_result(experiment)
    can_ask = experiment.started_at is not None
    return {
        "experiment": experiment,
        "standing": standing(experiment, timezone.now()),
        "job": queries.latest_job(experiment, Job.Kind.ANALYSIS),
        "count_job": queries.latest_job(experiment, Job.Kind.EXPOSURES),
        "can_ask": can_ask and getattr(experiment, "state", "") != State.DRAFT,
        "older": queries.result_list(experiment),
        **drawn(result),
    }


def drawn(result: Result | None) -> dict[str, Any]:
    """A stored result in the shape the templates read."""
    if result is None:
        return {"result": None}
    document: Mapping[str, Any] = result.document
    return {
        "result": result,
        "sections": figures.sections(document),
        "split": figures.split(document),
        "findings": document["findings"],
        "recommendation": document["recommendation"],
        "confidence": f"{document['confidence']:.0%}",
        "split_alarm": decisions.has_split_alarm(result),
    }


def decision_form(experiment: Experiment, data: Any = None) -> DecisionForm:
    """The form that ends an experiment."""
    arms = list(experiment.arms.all())
    control = next((arm.variation for arm in arms if arm.is_control), "")
    return DecisionForm(data, arms=[arm.variation for arm in arms], control=control)
