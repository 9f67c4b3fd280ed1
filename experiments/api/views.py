"""REST resources of experiments: plans, moves, decisions, jobs, results, cohort counts."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Access
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.schema import listing, operation
from accounts.web.place import environment_access
from experiments import decisions, jobs, lifecycle, queries, tasks
from experiments.api.serializers import (
    DecideIn,
    ExperimentOut,
    ExperimentQuery,
    ExposureCountOut,
    JobIn,
    JobOut,
    MoveOut,
    NewExperimentIn,
    PlanIn,
    ResultLineOut,
    ResultOut,
    StartIn,
    StopIn,
)
from experiments.design import Choice, MetricRole
from experiments.lifecycle import ArmPlan, Plan
from experiments.models import Job
from flags.api.outcomes import status_of
from flags.changes import Outcome

MOVED = {200: MoveOut, 202: MoveOut}


def plan_of(given: Mapping[str, Any]) -> Plan:
    """What was posted, as the verbs take it."""
    same = ("name", "hypothesis", "assignment_query", "external_id", "unit_type")
    return Plan(
        **{name: given[name] for name in same},
        flag_key=given["flag"],
        audience=tuple(given["audience"]),
        share_steps=given["share_steps"],
        planned_days=given["planned_days"],
        arms=tuple(ArmPlan(**arm) for arm in given["arms"]),
        metrics=tuple((one["metric"], MetricRole(one["role"])) for one in given["metrics"]),
    )


def shown(access: Access, key: str, answer: int = status.HTTP_200_OK) -> Response:
    """An experiment as it stands, with its version."""
    experiment = queries.experiment(access, key)
    response = frame.versioned(ExperimentOut(experiment), experiment.version)
    response.status_code = answer
    return response


class ExperimentsView(Resource):
    """The experiments of an environment."""

    tag = "Experiments"

    @listing("list_experiments", ExperimentOut, query=ExperimentQuery)
    def get(self, request: Request, **place: str) -> Response:
        """List experiments, newest first."""
        access = environment_access(request, **place)
        flag = frame.query(request, ExperimentQuery)["flag"]
        found = queries.on_flag(access, flag) if flag else queries.experiment_list(access)
        return frame.page_of_list(
            request, found, ExperimentOut, lambda one: one.key, asked=ExperimentQuery
        )

    @operation("create_experiment", body=NewExperimentIn, answers={201: ExperimentOut})
    def post(self, request: Request, **place: str) -> Response:
        """Write an experiment down as a draft."""
        access = environment_access(request, **place)
        given = frame.body(request, NewExperimentIn)
        lifecycle.create(access, given["key"], plan_of(given))
        return shown(access, given["key"], status.HTTP_201_CREATED)


class ExperimentView(Resource):
    """One experiment."""

    tag = "Experiments"

    @operation("read_experiment", answers={200: ExperimentOut}, has_version=True)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """Read an experiment: its state, its plan, and what was decided."""
        return shown(environment_access(request, **place), key)

    @operation("revise_experiment", body=PlanIn, answers={200: ExperimentOut}, needs_version=True)
    def put(self, request: Request, key: str, **place: str) -> Response:
        """Rewrite a draft's plan. What runs is not rewritten: stop it and begin another."""
        access = environment_access(request, **place)
        expected = frame.expected_version(request)
        plan = plan_of(frame.body(request, PlanIn))
        lifecycle.revise(access, key, plan, expected_version=expected)
        return shown(access, key)


class Move(Resource):
    """What starts or ends an experiment; the flag follows by an ordinary change."""

    tag = "Experiments"

    def current(self) -> Any:
        """The experiment."""
        return ExperimentView.get(self, self.request, **self.kwargs).data  # type: ignore[arg-type]

    def same(self, access: Access, key: str) -> None:
        """Refuse a move made against another plan; the row is locked by then."""
        frame.same_version(self.request, str(queries.experiment(access, key).version))

    def moved(self, access: Access, key: str, outcome: Outcome | None) -> Response:
        """The experiment after the move, and what came of the change."""
        found = {"experiment": queries.experiment(access, key), "outcome": outcome}
        return Response(MoveOut(found).data, status_of(outcome))


class StartView(Move):
    """The start."""

    @operation("start_experiment", body=StartIn, answers=MOVED, needs_version=True)
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Start a draft: its flag gets the experiment's rule, first in its list."""
        access = environment_access(request, **place)
        frame.expected_tag(request)
        given = frame.body(request, StartIn)
        with transaction.atomic():
            outcome = lifecycle.start(access, key, comment=given["comment"])
            self.same(access, key)
        return self.moved(access, key, outcome)


class StopView(Move):
    """The end of the split."""

    @operation("stop_experiment", body=StopIn, answers=MOVED, needs_version=True)
    def post(self, request: Request, key: str, **place: str) -> Response:
        """End the split. Everybody gets what the flag serves without the experiment.

        A stopped experiment goes on asking for its decision until it has one.
        """
        access = environment_access(request, **place)
        frame.expected_tag(request)
        given = frame.body(request, StopIn)
        with transaction.atomic():
            outcome = lifecycle.stop(access, key, reason=given["reason"])
            self.same(access, key)
        return self.moved(access, key, outcome)


class DecideView(Move):
    """The decision."""

    @operation("decide_experiment", body=DecideIn, answers=MOVED, needs_version=True)
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Decide: ship an arm, roll back to the control, or iterate. The flag follows."""
        access = environment_access(request, **place)
        frame.expected_tag(request)
        given = frame.body(request, DecideIn)
        with transaction.atomic():
            _decision, outcome = decisions.decide(
                access,
                key,
                Choice(given["choice"]),
                arm=given["arm"],
                reason=given["reason"],
                alarm_read=given["alarm_read"],
            )
            self.same(access, key)
        return self.moved(access, key, outcome)


class JobsView(Resource):
    """Work on an experiment's data."""

    tag = "Experiments"

    @operation("ask_for_work", body=JobIn, answers={202: JobOut})
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Run the analysis, or count exposures. Watch the job until it is done or failed.

        Asking again while one is waiting or running gives that one.
        """
        access = environment_access(request, **place)
        job = jobs.ask(access, key, Job.Kind(frame.body(request, JobIn)["kind"]))
        transaction.on_commit(partial(tasks.work_off.delay, str(job.id)))
        # Read again: where tasks run at once, it is done by now.
        found = queries.job(access, key, job.id)
        here = {"Location": f"{request.path}/{job.id}"}
        return Response(JobOut(found).data, status.HTTP_202_ACCEPTED, headers=here)


class JobView(Resource):
    """One job."""

    tag = "Experiments"

    @operation("read_job", answers={200: JobOut})
    def get(self, request: Request, key: str, job_id: UUID, **place: str) -> Response:
        """Read how far a job has come."""
        return Response(JobOut(queries.job(environment_access(request, **place), key, job_id)).data)


class ResultsView(Resource):
    """The stored results of an experiment."""

    tag = "Experiments"

    @listing("list_results", ResultLineOut)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """List stored results, newest first."""
        experiment = queries.experiment(environment_access(request, **place), key)
        found = queries.result_list(experiment)
        return frame.page_of_list(request, found, ResultLineOut, lambda row: row.id)


class ResultView(Resource):
    """One stored result."""

    tag = "Experiments"

    @operation("read_result", answers={200: ResultOut})
    def get(self, request: Request, key: str, result_id: UUID, **place: str) -> Response:
        """Read a result: units, effects with intervals, findings, recommendation, query texts."""
        found = queries.result(environment_access(request, **place), key, result_id)
        return Response(ResultOut(found).data)


class ExposuresView(Resource):
    """Cohort growth."""

    tag = "Experiments"

    @listing("list_exposure_counts", ExposureCountOut)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """List the units each arm gained on each UTC day, oldest first."""
        experiment = queries.experiment(environment_access(request, **place), key)
        found = [row for rows in queries.growth(experiment).values() for row in rows.values()]
        return frame.page_of_list(
            request, found, ExposureCountOut, lambda row: f"{row.day} {row.arm}"
        )
