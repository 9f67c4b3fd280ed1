"""REST resources of a project's environments: made, named, colored, ordered, archived."""

from typing import Any

from django.db import transaction
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.actions import environments, standing
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.schema import listing, operation
from accounts.api.serializers import (
    ArchiveIn,
    EnvironmentChangeIn,
    EnvironmentIn,
    EnvironmentOrderIn,
    EnvironmentOut,
    EnvironmentQuery,
    UnarchiveIn,
)
from accounts.errors import InvalidInput
from accounts.models import Environment
from accounts.web.place import environment_access, project_access


class EnvironmentsView(Resource):
    """The environments of a project."""

    tag = "Environments"

    @listing("list_environments", EnvironmentOut, query=EnvironmentQuery)
    def get(self, request: Request, **place: str) -> Response:
        """List the environments in use, in their order; or those in the archive."""
        asked = frame.query(request, EnvironmentQuery)
        found = queries.environments(project_access(request, **place), archived=asked["archived"])
        return frame.page_of_list(
            request, found, EnvironmentOut, lambda row: row.key, asked=EnvironmentQuery
        )

    @operation("create_environment", body=EnvironmentIn, answers={201: EnvironmentOut})
    def post(self, request: Request, **place: str) -> Response:
        """Make an environment. Every flag is off there."""
        access = project_access(request, **place)
        given = frame.body(request, EnvironmentIn)
        made = environments.create(
            access,
            given["key"],
            given["name"],
            color=given.get("color", ""),
            is_production=given["is_production"],
        )
        return Response(EnvironmentOut(made).data, status.HTTP_201_CREATED)


class OrderView(Resource):
    """The order of a project's environments."""

    tag = "Environments"

    @operation("order_environments", body=EnvironmentOrderIn, answers={204: None})
    def put(self, request: Request, **place: str) -> Response:
        """Put the environments in use in another order."""
        access = project_access(request, **place)
        environments.reorder(access, frame.body(request, EnvironmentOrderIn)["keys"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class EnvironmentView(Resource):
    """One environment."""

    tag = "Environments"

    @operation("read_environment", answers={200: EnvironmentOut}, has_version=True)
    def get(self, request: Request, **place: str) -> Response:
        """Read an environment, archived or not."""
        return _shown(environment_access(request, **place).environment)

    @operation(
        "change_environment",
        body=EnvironmentChangeIn,
        answers={200: EnvironmentOut},
        needs_version=True,
    )
    def patch(self, request: Request, **place: str) -> Response:
        """Change an environment's name or color, or whether it keeps sampled contexts."""
        access = environment_access(request, **place)
        given = frame.body(request, EnvironmentChangeIn)
        with transaction.atomic():
            standing.lock(access.organization)
            access.environment.refresh_from_db()
            frame.same_version(request, _version(access.environment))
            return _shown(environments.describe(access, access.environment.key, **given))


class ArchiveView(Resource):
    """The way into the archive."""

    tag = "Environments"

    @operation("archive_environment", body=ArchiveIn, answers={200: EnvironmentOut})
    def post(self, request: Request, **place: str) -> Response:
        """Take an environment out of use: no changes, no SDK. Its history stays readable.

        Where a review policy or a freeze holds, it needs the right to bypass review and a reason.
        """
        access = environment_access(request, **place)
        given, key = frame.body(request, ArchiveIn), access.environment.key
        if given["confirm"] != key:
            raise InvalidInput(
                "That is not the key of this environment.",
                hint=f"Send {key} as `confirm`, exactly so.",
                where="confirm",
            )
        return _shown(environments.archive(access, key, reason=given["reason"]))


class UnarchiveView(Resource):
    """The way out of the archive."""

    tag = "Environments"

    @operation("unarchive_environment", body=UnarchiveIn, answers={200: EnvironmentOut})
    def post(self, request: Request, **place: str) -> Response:
        """Bring an environment back. Its keys work again.

        During a freeze of its own, it needs the right to bypass review and a reason.
        """
        access = environment_access(request, **place)
        reason = frame.body(request, UnarchiveIn)["reason"]
        return _shown(environments.unarchive(access, access.environment.key, reason=reason))


def _shown(environment: Environment) -> Response:
    return frame.versioned(EnvironmentOut(environment), _version(environment))


def _version(environment: Environment) -> str:
    told: Any = EnvironmentOut(environment).data
    return frame.fingerprint(told)
