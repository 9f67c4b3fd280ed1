"""REST resources of what a project's flags share: segments and unit types."""

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import frame
from accounts.api.frame import PageQuery, Resource
from accounts.api.schema import listing, operation
from accounts.errors import InvalidInput
from accounts.web.place import project_access
from flags import changes, queries
from flags.api import outcomes
from flags.api.serializers import (
    ChangeLineOut,
    RollBackIn,
    SegmentDetailOut,
    SegmentEditsIn,
    SegmentIn,
    SegmentOut,
    SegmentQuery,
    UnitsIn,
    UnitsOut,
)
from flags.changes import Target
from flags.edits import CreateSegment, EditKind, SetUnitTypes
from flags.edits.base import read_clause_groups


class SegmentsView(Resource):
    """The segments of a project."""

    tag = "Segments"

    @listing("list_segments", SegmentOut, query=SegmentQuery)
    def get(self, request: Request, **place: str) -> Response:
        """List segments by key."""
        access = project_access(request, **place)
        archived = frame.query(request, SegmentQuery)["archived"]
        found = queries.segment_list(access, archived=archived)
        return frame.page_of_list(
            request, found, SegmentOut, lambda one: one.definition.key, asked=SegmentQuery
        )

    @operation("create_segment", body=SegmentIn, answers=outcomes.CREATED)
    def post(self, request: Request, **place: str) -> Response:
        """Make a segment."""
        access = project_access(request, **place)
        given = frame.body(request, SegmentIn)
        edit = CreateSegment(
            key=given["key"],
            segment_name=given["name"],
            unit=given["unit"],
            included=tuple(given["included"]),
            excluded=tuple(given["excluded"]),
            rules=read_clause_groups(given["rules"], "rules"),
            description=given["description"],
        )
        target, comment = changes.segment(edit.key), given["comment"]
        outcome = changes.submit(access, target, [edit], expected_version=0, comment=comment)
        return outcomes.answer(outcome, applied=status.HTTP_201_CREATED)


class SegmentView(Resource):
    """One segment."""

    tag = "Segments"

    @operation("read_segment", answers={200: SegmentDetailOut}, has_version=True)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """Read a segment, and who asks for it."""
        found = queries.segment(project_access(request, **place), key)
        return frame.versioned(SegmentDetailOut(found), found.version)

    @operation("change_segment", body=SegmentEditsIn, answers=outcomes.CHANGED, needs_version=True)
    def patch(self, request: Request, key: str, **place: str) -> Response:
        """Change whom a segment holds, its name, or whether it is archived."""
        access = project_access(request, **place)
        expected = frame.expected_version(request)
        given = frame.body(request, SegmentEditsIn)
        edits = outcomes.read_edits(given["edits"])
        outcome = changes.submit(
            access,
            changes.segment(key),
            edits,
            expected_version=expected,
            comment=given["comment"],
        )
        return outcomes.answer(outcome)


class SegmentHistoryView(Resource):
    """What was changed in a segment."""

    tag = "Segments"

    @listing("list_segment_changes", ChangeLineOut, query=PageQuery)
    def get(self, request: Request, key: str, **place: str) -> Response:
        """List the changes of a segment, newest first."""
        access = project_access(request, **place)
        queries.segment(access, key)
        return outcomes.history(request, access, "segment", key)


class SegmentRollBackView(Resource):
    """The way back."""

    tag = "Segments"

    @operation("roll_back_segment", body=RollBackIn, answers=outcomes.CHANGED, needs_version=True)
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Bring a segment back to what it was after an earlier change, from the archive too.

        It is a new change with a higher version in every environment that asks for the segment; it
        needs a reason, and a review only of environments where that version never stood.
        """
        access = project_access(request, **place)
        return outcomes.roll_back(request, access, changes.segment(key))

    def current(self) -> Any:
        """The segment."""
        return SegmentView.get(self, self.request, **self.kwargs).data  # type: ignore[arg-type]


class UnitsView(Resource):
    """What a project randomizes."""

    tag = "People and places"

    @operation("read_units", answers={200: UnitsOut}, has_version=True)
    def get(self, request: Request, **place: str) -> Response:
        """Read the unit types, and which attributes of a context hold their ids."""
        found, version = queries.unit_types(project_access(request, **place).project)
        shown = {"units": found.units, "version": version}
        return frame.versioned(UnitsOut(shown), version)

    @operation("replace_units", body=UnitsIn, answers=outcomes.CHANGED, needs_version=True)
    def put(self, request: Request, **place: str) -> Response:
        """Replace the whole list of unit types."""
        access = project_access(request, **place)
        expected = frame.expected_version(request)
        given = frame.body(request, UnitsIn)
        units: dict[str, object] = {
            unit["name"]: list(unit["attributes"]) for unit in given["units"]
        }
        if len(units) != len(given["units"]):
            raise InvalidInput("Each unit type is named once.", where="units")
        outcome = changes.submit(
            access,
            Target(EditKind.UNITS, "units"),
            [SetUnitTypes(units)],
            expected_version=expected,
            comment=given["comment"],
        )
        return outcomes.answer(outcome)
