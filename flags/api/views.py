"""REST resources of flags: definitions, their state in environments, history, explanations."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import frame
from accounts.api.frame import PageQuery, Resource
from accounts.api.schema import listing, operation
from accounts.web.place import environment_access, project_access
from flags import changes, queries, snapshots
from flags.api import outcomes
from flags.api.serializers import (
    ChangeLineOut,
    ChangeOut,
    ConnectionOut,
    ContextIn,
    EvaluationOut,
    FlagEditsIn,
    FlagIn,
    FlagLineOut,
    FlagOut,
    FlagQuery,
    FlagStateOut,
    RollBackIn,
    StateEditsIn,
)
from flags.edits import CreateFlag
from flags.edits.state import own_part
from wayfork.engine import compile_snapshot


@dataclass(frozen=True, slots=True)
class Defined:
    """A definition and its version, as the serializer reads them."""

    definition: Any
    definition_version: int


class FlagsView(Resource):
    """The flags of a project."""

    tag = "Flags"

    @listing("list_flags", FlagLineOut, query=FlagQuery)
    def get(self, request: Request, **place: str) -> Response:
        """List flags by key, with each environment's state in short."""
        access = project_access(request, **place)
        asked = frame.query(request, FlagQuery)
        limit = asked["limit"]
        found = queries.flag_page(
            access,
            search=asked["search"],
            tag=asked["tag"],
            archived=asked["archived"],
            after=frame.place_of(asked["cursor"]),
            most=limit + 1,
        )
        return frame.page(found.lines, FlagLineOut, _line_key, limit=limit)

    @operation("create_flag", body=FlagIn, answers=outcomes.CREATED)
    def post(self, request: Request, **place: str) -> Response:
        """Make a flag. It is off in every environment until it is turned on there."""
        access = project_access(request, **place)
        given = frame.body(request, FlagIn)
        comment, name = given.pop("comment"), given.pop("name")
        given |= {"flag_name": name, "tags": tuple(given["tags"])}
        edit = CreateFlag(**given)
        target = changes.definition(edit.key)
        outcome = changes.submit(access, target, [edit], expected_version=0, comment=comment)
        return outcomes.answer(outcome, applied=status.HTTP_201_CREATED)


def _line_key(line: queries.FlagLine) -> str:
    return line.definition.key


class FlagView(Resource):
    """One flag, as its project defines it."""

    tag = "Flags"

    @operation("read_flag", answers={200: FlagOut}, has_version=True)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """Read a flag's definition, which all environments share."""
        definition, version = queries.flag_definition(project_access(request, **place), key)
        return frame.versioned(FlagOut(Defined(definition, version)), version)

    @operation("change_flag", body=FlagEditsIn, answers=outcomes.CHANGED, needs_version=True)
    def patch(self, request: Request, key: str, **place: str) -> Response:
        """Change a flag's definition: its name, tags, variations, or whether it is archived."""
        access = project_access(request, **place)
        expected = frame.expected_version(request)
        given = frame.body(request, FlagEditsIn)
        edits = outcomes.read_edits(given["edits"])
        outcome = changes.submit(
            access,
            changes.definition(key),
            edits,
            expected_version=expected,
            comment=given["comment"],
        )
        return outcomes.answer(outcome)


class FlagStateView(Resource):
    """One flag, as it stands in one environment."""

    tag = "Flags"

    @operation("read_flag_state", answers={200: FlagStateOut}, has_version=True)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """Read whether a flag is on here, and its assignments and rules."""
        found = queries.flag(environment_access(request, **place), key)
        shown = {
            "definition": found.definition,
            "state": found.state,
            "own": own_part(found.state),
            "version": found.version,
            "changed_at": found.changed_at,
            "changed_by": found.changed_by,
        }
        return frame.versioned(FlagStateOut(shown), found.version)

    @operation("change_flag_state", body=StateEditsIn, answers=outcomes.CHANGED, needs_version=True)
    def patch(self, request: Request, key: str, **place: str) -> Response:
        """Turn a flag on or off here, or change its assignments, rules and rollout."""
        access = environment_access(request, **place)
        expected = frame.expected_version(request)
        given = frame.body(request, StateEditsIn)
        edits = outcomes.read_edits(given["edits"])
        outcome = changes.submit(
            access,
            changes.state(key),
            edits,
            expected_version=expected,
            comment=given["comment"],
        )
        return outcomes.answer(outcome)


class FlagHistoryView(Resource):
    """What was changed in a flag's definition."""

    tag = "Flags"

    @listing("list_flag_changes", ChangeLineOut, query=PageQuery)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """List the changes of a flag's definition, newest first."""
        access = project_access(request, **place)
        queries.flag_definition(access, key)
        return outcomes.history(request, access, "definition", key)


class FlagStateHistoryView(Resource):
    """What was changed in a flag's state in one environment."""

    tag = "Flags"

    @listing("list_flag_state_changes", ChangeLineOut, query=PageQuery)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """List the changes of a flag's state here, newest first."""
        access = environment_access(request, **place)
        queries.flag_definition(access, key)
        return outcomes.history(request, access, "state", key)


class RollBackView(Resource):
    """The way back."""

    tag = "Flags"

    @operation(
        "roll_back_flag_state", body=RollBackIn, answers=outcomes.CHANGED, needs_version=True
    )
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Bring a flag's state back to what it was after an earlier change.

        It is a new change with a higher version; it needs a reason, and never a review.
        """
        access = environment_access(request, **place)
        return outcomes.roll_back(request, access, changes.state(key))

    def current(self) -> Any:
        """The flag's state."""
        return FlagStateView.get(self, self.request, **self.kwargs).data  # type: ignore[arg-type]


class DefinitionRollBackView(Resource):
    """The way back of what all environments share of a flag."""

    tag = "Flags"

    @operation("roll_back_flag", body=RollBackIn, answers=outcomes.CHANGED, needs_version=True)
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Bring a flag's definition back to what it was after an earlier change, save its tags.

        It is a new change with a higher version; it needs a reason, and a review only of
        environments that are younger than what comes back. It is refused while a flag's state
        somewhere names a variation that would be gone.
        """
        access = project_access(request, **place)
        return outcomes.roll_back(request, access, changes.definition(key))

    def current(self) -> Any:
        """The flag's definition."""
        return FlagView.get(self, self.request, **self.kwargs).data  # type: ignore[arg-type]


class EvaluateView(Resource):
    """A flag, asked for one context."""

    tag = "Flags"
    only_reads = True

    @operation("evaluate_flag", body=ContextIn, answers={200: EvaluationOut})
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Tell what a context gets here, and why: every step that decided about it.

        It is computed over what is stored now, and counted nowhere.
        """
        access = environment_access(request, **place)
        queries.flag_definition(access, key)
        given = frame.body(request, ContextIn)
        trace = compile_snapshot(snapshots.build(access.environment)).trace(key, given["context"])
        _epoch, version = queries.head_version(access.environment)
        answer = {**trace.evaluation._asdict(), "version": version, "steps": trace.steps}
        return Response(EvaluationOut(answer).data)


class ChangeView(Resource):
    """One change."""

    tag = "Changes"

    @operation("read_change", answers={200: ChangeOut})
    def get(self, request: Request, change_id: UUID, **place: str) -> Response:
        """Read a change: its edits, and the documents before and after."""
        found = queries.change(project_access(request, **place), change_id)
        return Response(ChangeOut(found).data)


class ConnectionsView(Resource):
    """The SDKs connected to an environment."""

    tag = "Environments"

    @listing("list_connected_sdks", ConnectionOut)
    def get(self, request: Request, **place: str) -> Response:
        """List the SDKs seen within the last 90 seconds, and the version each one has."""
        found = queries.connections(environment_access(request, **place).environment)
        return frame.page_of_list(request, found, ConnectionOut, lambda row: row.id)
