"""REST resources of a team's own database: event sources, and queries of assignments."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.schema import listing, operation
from accounts.permissions import Permission
from accounts.web.place import project_access
from metrics import queries
from metrics.actions import sources
from metrics.actions.sources import SourcePlan
from metrics.api.serializers import (
    AssignmentQueryIn,
    AssignmentQueryOut,
    AssignmentQueryTextIn,
    CheckOut,
    NewSourceIn,
    QueryIn,
    SourceIn,
    SourceOut,
    ValidationOut,
    source_version,
)
from metrics.models import AssignmentQuery, EventSource
from metrics.warehouses.contracts import Contract


def shown(source: EventSource, answer: int = status.HTTP_200_OK) -> Response:
    """A source with its version."""
    response = frame.versioned(SourceOut(source), source_version(source))
    response.status_code = answer
    return response


def plan_of(given: Mapping[str, Any]) -> SourcePlan:
    """What was posted, as the verb takes it."""
    return SourcePlan(**{name: value for name, value in given.items() if name != "key"})


class SourcesView(Resource):
    """The event sources of a project."""

    tag = "Event sources"

    @listing("list_event_sources", SourceOut)
    def get(self, request: Request, **place: str) -> Response:
        """List event sources by key."""
        found = queries.source_list(project_access(request, **place))
        return frame.page_of_list(request, found, SourceOut, lambda row: row.key)

    @operation("connect_event_source", body=NewSourceIn, answers={201: SourceOut})
    def post(self, request: Request, **place: str) -> Response:
        """Connect a database. It is tried first; what fails is told and not stored."""
        access = project_access(request, **place)
        given = frame.body(request, NewSourceIn)
        made = sources.connect(access, given["key"], plan_of(given))
        return shown(made, status.HTTP_201_CREATED)


class SourceView(Resource):
    """One event source."""

    tag = "Event sources"

    @operation("read_event_source", answers={200: SourceOut}, has_version=True)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """Read how a database is reached, without its password."""
        return shown(queries.source(project_access(request, **place), key))

    @operation("change_event_source", body=SourceIn, answers={200: SourceOut}, needs_version=True)
    def put(self, request: Request, key: str, **place: str) -> Response:
        """Change how a database is reached. It is tried first, as when connecting."""
        access = project_access(request, **place)
        given = frame.body(request, SourceIn)
        with transaction.atomic():
            frame.same_version(request, source_version(queries.source(access, key)))
            return shown(sources.reconnect(access, key, plan_of(given)))

    @operation("disconnect_event_source", answers={204: None}, needs_version=True)
    def delete(self, request: Request, key: str, **place: str) -> Response:
        """Forget a database that no fact and no experiment reads."""
        access = project_access(request, **place)
        with transaction.atomic():
            frame.same_version(request, source_version(queries.source(access, key)))
            sources.disconnect(access, key)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SourceCheckView(Resource):
    """A stored source, tried again."""

    tag = "Event sources"

    @operation("test_event_source", answers={200: CheckOut}, is_write=True)
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Try the connection again, and remember what came of it."""
        problem = sources.check(project_access(request, **place), key)
        return Response(CheckOut({"works": not problem, "problem": problem}).data)


class ValidateView(Resource):
    """A query, tried."""

    tag = "Event sources"

    @operation("validate_query", body=QueryIn, answers={200: ValidationOut})
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Run a query for a few rows, and hold its columns against what they must be."""
        access = project_access(request, **place)
        access.require(Permission.EDIT_METRICS)
        given = frame.body(request, QueryIn)
        source = queries.source(access, key)
        found = queries.validate(source, given["sql"], Contract(given["contract"]))
        return Response(ValidationOut(found).data)


# --- assignment queries


def _shown(row: AssignmentQuery, answer: int = status.HTTP_200_OK) -> Response:
    found = AssignmentQueryOut(row)
    response = frame.versioned(found, found.data["version"])
    response.status_code = answer
    return response


class AssignmentQueriesView(Resource):
    """The assignment queries of a project."""

    tag = "Event sources"

    @listing("list_assignment_queries", AssignmentQueryOut)
    def get(self, request: Request, **place: str) -> Response:
        """List assignment queries by key."""
        found = queries.assignment_queries(project_access(request, **place))
        return frame.page_of_list(request, found, AssignmentQueryOut, lambda row: row.key)

    @operation("define_assignment_query", body=AssignmentQueryIn, answers={201: AssignmentQueryOut})
    def post(self, request: Request, **place: str) -> Response:
        """Say how a source records assignments. The query is run and checked first.

        It returns exactly experiment_id, user_id, timestamp and treatment, and may add
        dimensions.
        """
        access = project_access(request, **place)
        given = frame.body(request, AssignmentQueryIn)
        made = sources.define_assignment_query(
            access,
            given["source"],
            given["key"],
            name=given["name"],
            unit_type=given["unit_type"],
            sql=given["sql"],
        )
        return _shown(made, status.HTTP_201_CREATED)


class AssignmentQueryView(Resource):
    """One assignment query."""

    tag = "Event sources"

    @operation("read_assignment_query", answers={200: AssignmentQueryOut}, has_version=True)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """Read an assignment query."""
        return _shown(queries.assignment_query(project_access(request, **place), key))

    @operation(
        "change_assignment_query",
        body=AssignmentQueryTextIn,
        answers={200: AssignmentQueryOut},
        needs_version=True,
    )
    def put(self, request: Request, key: str, **place: str) -> Response:
        """Change an assignment query's text. It is run and checked first."""
        access = project_access(request, **place)
        given = frame.body(request, AssignmentQueryTextIn)
        with transaction.atomic():
            row = queries.assignment_query(access, key)
            frame.same_version(request, AssignmentQueryOut(row).data["version"])
            return _shown(sources.redefine_assignment_query(access, key, sql=given["sql"]))
