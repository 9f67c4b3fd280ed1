"""Work on demand: ask for an analysis or a count, watch it, take its result in."""

from functools import partial
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts.errors import InvalidInput
from accounts.web.place import environment_access
from experiments import jobs, queries, tasks
from experiments.models import Experiment, Job
from experiments.views import growth
from experiments.views.answers import see
from experiments.views.experiments import page_context, results_context


@require_POST
def ask(request: HttpRequest, key: str, kind: str, **place: str) -> HttpResponse:
    """Write the job down, ring for it, and show how far it is."""
    access = environment_access(request, **place)
    if kind not in Job.Kind.values:
        raise InvalidInput(f"{kind!r} is no kind of work.", where="kind")
    job = jobs.ask(access, key, Job.Kind(kind))
    transaction.on_commit(partial(tasks.work_off.delay, str(job.id)))
    if not getattr(request, "htmx", False):
        return see("experiments:detail", place, key)
    return _box(request, queries.experiment(access, key), job)


@require_safe
def watch(request: HttpRequest, key: str, job_id: UUID, **place: str) -> HttpResponse:
    """How far a job is; once it is done, what it made takes its place."""
    access = environment_access(request, **place)
    job = queries.job(access, key, job_id)
    experiment = queries.experiment(access, key)
    if job.status == Job.Status.DONE:
        return _made(request, experiment, job, place)
    return _box(request, experiment, job)


def _box(request: HttpRequest, experiment: Experiment, job: Job) -> HttpResponse:
    if job.kind == Job.Kind.EXPOSURES:
        return render(
            request,
            "experiments/_count_job.html",
            {"experiment": experiment, "count_job": job, **growth.context(request, experiment)},
        )
    context = {"experiment": experiment, "job": job, "result": queries.latest_result(experiment)}
    return render(request, "experiments/_job.html", context)


def _made(
    request: HttpRequest, experiment: Experiment, job: Job, place: dict[str, str]
) -> HttpResponse:
    if job.kind == Job.Kind.EXPOSURES:
        context = {"experiment": experiment, **growth.context(request, experiment)}
        return _into(render(request, "experiments/_growth.html", context), "#growth")
    access = environment_access(request, **place)
    found = results_context(experiment) | growth.context(request, experiment)
    found |= page_context(access, experiment, "results", found["result"])
    found["fresh"] = True
    return _into(render(request, "experiments/_fresh.html", found), "#results")


def _into(response: HttpResponse, target: str) -> HttpResponse:
    """The answer takes the place of a larger part of the page than the box that asked."""
    response["HX-Retarget"] = target
    response["HX-Reswap"] = "outerHTML"
    return response
