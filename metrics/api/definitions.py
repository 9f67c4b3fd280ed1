"""REST resources of facts, metrics, and the events SDKs sent."""

from django.db import transaction
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.schema import listing, operation
from accounts.web.place import environment_access, project_access
from metrics import queries
from metrics.actions import definitions
from metrics.actions.definitions import FactPlan, MetricPlan
from metrics.api.serializers import (
    EventNameOut,
    FactIn,
    FactOut,
    MetricIn,
    MetricOut,
    MetricQuery,
    NewFactIn,
    NewMetricIn,
    fact_version,
)
from metrics.models import Fact, Metric


def _fact(row: Fact, answer: int = status.HTTP_200_OK) -> Response:
    response = frame.versioned(FactOut(row), fact_version(row))
    response.status_code = answer
    return response


def _metric(row: Metric, answer: int = status.HTTP_200_OK) -> Response:
    response = frame.versioned(MetricOut(row), row.version)
    response.status_code = answer
    return response


class FactsView(Resource):
    """The facts of a project."""

    tag = "Metrics"

    @listing("list_facts", FactOut)
    def get(self, request: Request, **place: str) -> Response:
        """List facts by key."""
        found = queries.fact_list(project_access(request, **place))
        return frame.page_of_list(request, found, FactOut, lambda row: row.key)

    @operation("define_fact", body=NewFactIn, answers={201: FactOut})
    def post(self, request: Request, **place: str) -> Response:
        """Name rows of (unit, time, value): an event SDKs send, or a query of an event source.

        A query is run and its columns are checked first.
        """
        access = project_access(request, **place)
        given = frame.body(request, NewFactIn)
        key = given.pop("key")
        made = definitions.define_fact(access, key, FactPlan(**given))
        return _fact(made, status.HTTP_201_CREATED)


class FactView(Resource):
    """One fact."""

    tag = "Metrics"

    @operation("read_fact", answers={200: FactOut}, has_version=True)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """Read a fact."""
        return _fact(queries.fact(project_access(request, **place), key))

    @operation("change_fact", body=FactIn, answers={200: FactOut}, needs_version=True)
    def put(self, request: Request, key: str, **place: str) -> Response:
        """Change a fact. Results computed before keep the text they were computed with."""
        access = project_access(request, **place)
        given = frame.body(request, FactIn)
        with transaction.atomic():
            frame.same_version(request, fact_version(queries.fact(access, key)))
            return _fact(definitions.redefine_fact(access, key, FactPlan(**given)))


class MetricsView(Resource):
    """The metrics of a project."""

    tag = "Metrics"

    @listing("list_metrics", MetricOut, query=MetricQuery)
    def get(self, request: Request, **place: str) -> Response:
        """List metrics by key."""
        access = project_access(request, **place)
        archived = frame.query(request, MetricQuery)["archived"]
        found = queries.metric_list(access, archived=archived)
        return frame.page_of_list(request, found, MetricOut, lambda row: row.key, asked=MetricQuery)

    @operation("define_metric", body=NewMetricIn, answers={201: MetricOut})
    def post(self, request: Request, **place: str) -> Response:
        """Say how a fact becomes one number per unit."""
        access = project_access(request, **place)
        given = frame.body(request, NewMetricIn)
        key = given.pop("key")
        made = definitions.define_metric(access, key, MetricPlan(**given))
        return _metric(made, status.HTTP_201_CREATED)


class MetricView(Resource):
    """One metric."""

    tag = "Metrics"

    @operation("read_metric", answers={200: MetricOut}, has_version=True)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """Read a metric."""
        return _metric(queries.metric(project_access(request, **place), key))

    @operation("change_metric", body=MetricIn, answers={200: MetricOut}, needs_version=True)
    def put(self, request: Request, key: str, **place: str) -> Response:
        """Change a metric. Results computed before stay as they are."""
        access = project_access(request, **place)
        expected = frame.expected_version(request)
        plan = MetricPlan(**frame.body(request, MetricIn))
        changed = definitions.redefine_metric(access, key, plan, expected_version=expected)
        return _metric(changed)


class MetricArchiveView(Resource):
    """Retiring a metric."""

    tag = "Metrics"

    @operation("archive_metric", answers={200: MetricOut}, needs_version=True)
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Offer a metric no more. Experiments that use it keep it."""
        access = project_access(request, **place)
        with transaction.atomic():
            frame.same_version(request, str(queries.metric(access, key).version))
            return _metric(definitions.archive_metric(access, key))

    def current(self) -> object:
        """The metric."""
        return MetricView.get(self, self.request, **self.kwargs).data  # type: ignore[arg-type]


class EventNamesView(Resource):
    """Which events arrived."""

    tag = "Metrics"

    @listing("list_event_names", EventNameOut)
    def get(self, request: Request, **place: str) -> Response:
        """List the events that arrived here in the last 30 days, most frequent first."""
        seen = queries.event_names(environment_access(request, **place).environment)
        found = [{"name": name, "count": n, "last_at": last} for name, n, last in seen]
        return frame.page_of_list(request, found, EventNameOut, lambda row: row["name"])
