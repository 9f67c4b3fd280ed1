"""The moves of an experiment's life as forms: start, stop, decide."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from accounts.access import Access
from accounts.web.place import environment_access
from experiments import decisions, lifecycle, queries
from experiments.models import Experiment
from experiments.views import growth
from experiments.views.answers import see, tell
from experiments.views.experiments import decision_form, page_context, results_context
from experiments.views.forms import CommentForm, DecisionForm, ReasonForm


@require_POST
def start(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Begin: the flag gets the experiment's rule."""
    access = environment_access(request, **place)
    form = CommentForm(request.POST)
    comment = form.cleaned_data["comment"] if form.is_valid() else ""
    outcome = lifecycle.start(access, key, comment=comment)
    tell(request, outcome, "The experiment is running.")
    return see("experiments:detail", place, key)


@require_POST
def stop(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """End the split; the decision is still to come."""
    access = environment_access(request, **place)
    form = ReasonForm(request.POST, prefix="stop")
    if not form.is_valid():
        experiment = queries.experiment(access, key)
        return _again(request, access, experiment, stop_form=form, status=422)
    outcome = lifecycle.stop(access, key, reason=form.cleaned_data["reason"])
    tell(request, outcome, "The split has ended. What is to happen now? Decide.")
    return see("experiments:detail", place, key)


@require_POST
def decide(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Ship, roll back or iterate; the flag follows by one change."""
    access = environment_access(request, **place)
    experiment = queries.experiment(access, key)
    form = decision_form(experiment, request.POST)
    if not form.is_valid():
        return _again(request, access, experiment, form=form, status=422)
    choice, arm = form.chosen
    given = form.cleaned_data
    try:
        _, outcome = decisions.decide(
            access, key, choice, arm=arm, reason=given["reason"], alarm_read=given["alarm_read"]
        )
    except decisions.AlarmUnread as error:
        form.add_error("alarm_read", f"{error} {error.hint}")
        return _again(request, access, experiment, form=form, status=error.status)
    tell(request, outcome, "The decision is recorded and the flag follows it.")
    return see("experiments:detail", place, key)


def _again(
    request: HttpRequest,
    access: Access,
    experiment: Experiment,
    *,
    status: int,
    form: DecisionForm | None = None,
    stop_form: ReasonForm | None = None,
) -> HttpResponse:
    context = results_context(experiment) | growth.context(request, experiment)
    context |= page_context(access, experiment, "results", context["result"])
    context["decision_form"] = form or decision_form(experiment)
    context["stop_form"] = stop_form or ReasonForm(prefix="stop")
    return render(request, "experiments/experiment_detail.html", context, status=status)
