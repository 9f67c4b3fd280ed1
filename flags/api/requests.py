"""REST resources of change requests: writing, revising, merging, scheduling, taking back."""

from datetime import datetime
from typing import Any, Final

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Access
from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.schema import listing, operation
from accounts.errors import InvalidInput
from accounts.web.place import environment_access, project_access
from flags import changes, docket, impact, requests
from flags.api import outcomes
from flags.api.request_serializers import (
    ForeseenOut,
    MergeIn,
    PartsIn,
    ReasonIn,
    RequestIn,
    RequestLineOut,
    RequestOut,
    RequestQuery,
    ScheduleIn,
    SendIn,
)
from flags.api.serializers import AppliedOut, CommentIn, PendingOut, UnchangedOut
from flags.changes import Part, Target
from flags.edits import EditKind
from flags.impact import Impact
from flags.models import Change
from flags.requests import Foreseen, Side

# As far back as requests are paged.
MOST: Final = 1_000
TAG: Final = "Change requests"
PROPOSED: Final = PolymorphicProxySerializer(
    component_name="Proposed",
    serializers=[AppliedOut, UnchangedOut, ForeseenOut],
    resource_type_field_name=None,
)


def shown(access: Access, change: Change, *, code: int = status.HTTP_200_OK) -> Response:
    """A request as it stands for this person; its revision travels as the ETag."""
    given = RequestShown(access, change)
    return Response(RequestOut(given).data, code, headers={"ETag": f'"{change.revision}"'})


class RequestShown:
    """A request with its standing, as the serializer reads them."""

    def __init__(self, access: Access, change: Change) -> None:
        self._change = change
        self.standing = requests.standing(access, change)
        self.comments = docket.comments(change)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._change, name)


def listed(access: Access, asked: dict[str, Any]) -> list[Change]:
    """The requests asked for. A draft is its author's alone, and waits for nobody."""
    if asked["status"] == Change.Status.DRAFT:
        return [] if asked["waiting_for_me"] else docket.drafts(access)[:MOST]
    return docket.requests(
        access,
        status=[asked["status"]] if asked["status"] else (),
        mine=asked["mine"],
        waiting_for_me=asked["waiting_for_me"],
        most=MOST,
    )


def read_parts(given: list[dict[str, Any]]) -> list[Part]:
    """Parts as posted."""
    return [
        Part(
            Target(EditKind(part["target"]["kind"]), part["target"]["key"]),
            outcomes.read_edits(part["edits"]),
            part["expected_version"],
        )
        for part in given
    ]


def read_time(text: str) -> datetime:
    """A time as written; without an offset it is a wall clock's."""
    try:
        # Of a day alone nobody knows which moment of it is meant.
        found = parse_datetime(text) if len(text) > len("2026-12-24") else None
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput("That is no time.", hint="Write it as 2026-12-24T12:00.", where="at")
    return found


def read_way(given: dict[str, Any]) -> Any:
    """How a request is to go its way, as keywords of what opens it."""
    due = given["scheduled_for"]
    return {
        "apply_when_approved": given["apply_when_approved"],
        "scheduled_for": read_time(due) if due else None,
        "time_zone": given["time_zone"],
    }


class RequestsView(Resource):
    """The change requests of a project."""

    tag = TAG

    @listing("list_change_requests", RequestLineOut, query=RequestQuery)
    def get(self, request: Request, **place: str) -> Response:
        """List change requests, newest first; your own drafts with `status=draft` alone."""
        access = project_access(request, **place)
        asked = frame.query(request, RequestQuery)
        found = listed(access, asked)
        return frame.page_of_list(
            request, found, RequestLineOut, lambda one: one.number, asked=RequestQuery
        )

    @operation(
        "create_change_request",
        body=RequestIn,
        answers={200: PROPOSED, 201: RequestOut, 202: PendingOut},
    )
    def post(self, request: Request, **place: str) -> Response:
        """Ask others to look at a change, even where no policy does; or keep it as a draft.

        With `dry_run` nothing is written: the answer says where the edits lead and what they
        would wait for.
        """
        given = frame.body(request, RequestIn)
        where = {**place, "environment": given["environment"]}
        access = (
            environment_access(request, **where)
            if given["environment"]
            else project_access(request, **place)
        )
        parts, comment = read_parts(given["parts"]), given["comment"]
        if given["dry_run"]:
            found = requests.foresee(access, parts, comment=comment)
            return Response(foreseen_json(found, impact.forecast(access, parts)))
        if given["draft"]:
            draft = requests.save_draft(access, parts, comment=comment)
            return shown(access, draft, code=status.HTTP_201_CREATED)
        outcome = requests.open_request(access, parts, comment=comment, **read_way(given))
        return outcomes.answer(outcome)


def foreseen_json(found: Foreseen, effect: Impact) -> dict[str, Any]:
    """What would become of a change, in the words of REST."""
    told = "would_wait" if found.verdict.needs_approval else "would_apply"
    parts = [
        {
            "target": {"kind": str(draft.kind), "key": draft.key},
            "sentences": [edit.sentence_from(draft.before) for edit in draft.part.edits],
            "before": draft.before_json,
            "after": draft.after_json,
        }
        for draft in found.drafts
    ]
    given = {
        "status": "unchanged" if not parts else "frozen" if found.freeze else told,
        "verdict": found.verdict,
        "reasons": found.reasons,
        "parts": parts,
        "impact": effect,
    }
    return dict(ForeseenOut(given).data)


class RequestView(Resource):
    """One change request."""

    tag = TAG

    @operation("read_change_request", answers={200: RequestOut}, has_version=True)
    def get(self, request: Request, number: int, **place: str) -> Response:
        """Read what a request would do, who said what about it, and what it still waits for."""
        access = project_access(request, **place)
        return shown(access, docket.request(access, number))

    @operation("revise_change_request", body=PartsIn, answers={200: RequestOut}, needs_version=True)
    def put(self, request: Request, number: int, **place: str) -> Response:
        """Say something else: a new revision. Approvals of the one before do not count any more."""
        access = project_access(request, **place)
        expected = frame.expected_version(request)
        given = frame.body(request, PartsIn)
        change = requests.revise(
            access,
            number,
            read_parts(given["parts"]),
            expected_revision=expected,
            comment=given["comment"],
        )
        return shown(access, change)


class OpenView(Resource):
    """A draft on its way to being a request."""

    tag = TAG

    @operation("open_change_request", body=SendIn, answers={200: outcomes.NOW, 202: PendingOut})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Make a request of your draft."""
        access = project_access(request, **place)
        given = frame.body(request, SendIn)
        opened = requests.open_draft(access, number, comment=given["comment"], **read_way(given))
        return outcomes.answer(opened)


class DiscardView(Resource):
    """A draft nobody wants."""

    tag = TAG

    @operation("discard_change_request", answers={204: None}, is_write=True)
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Throw your draft away."""
        requests.discard_draft(project_access(request, **place), number)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RebaseView(Resource):
    """A request whose targets have moved on."""

    tag = TAG

    @operation("rebase_change_request", body=MergeIn, answers={200: RequestOut})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Merge a request with what changed meanwhile, as a new revision to be approved again.

        Where both touch the same it is refused, and `conflicts` names each place: `keep` says
        which side stands there.
        """
        access = project_access(request, **place)
        keep = frame.body(request, MergeIn)["keep"]
        sides = {name: Side(side) for name, side in keep.items()}
        return shown(access, requests.rebase(access, number, sides))


class WithdrawView(Resource):
    """A request nobody should look at any more."""

    tag = TAG

    @operation("withdraw_change_request", body=CommentIn, answers={200: RequestOut})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Take a request back: its authors may, and admins of the project."""
        access = project_access(request, **place)
        reason = frame.body(request, CommentIn)["comment"]
        return shown(access, requests.withdraw(access, number, reason=reason))


class CommentView(Resource):
    """The talk about a request."""

    tag = TAG

    @operation("comment_on_change_request", body=CommentIn, answers={200: RequestOut})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Say something about a request."""
        access = project_access(request, **place)
        text = frame.body(request, CommentIn)["comment"]
        return shown(access, requests.comment(access, number, text))


class ScheduleView(Resource):
    """When a request applies by itself."""

    tag = TAG

    @operation("schedule_change_request", body=ScheduleIn, answers={200: RequestOut})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Let a request apply by itself at a moment, if it may then by the rules of then."""
        access = project_access(request, **place)
        given = frame.body(request, ScheduleIn)
        moment, time_zone = read_time(given["at"]), given["time_zone"]
        return shown(access, requests.schedule(access, number, at=moment, time_zone=time_zone))


class UnscheduleView(Resource):
    """A request that waits for a person again."""

    tag = TAG

    @operation("unschedule_change_request", answers={200: RequestOut}, is_write=True)
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Let a request wait for somebody to apply it."""
        access = project_access(request, **place)
        return shown(access, requests.unschedule(access, number))


class KillView(Resource):
    """The kill switch."""

    tag = "Flags"

    @operation("kill_flag", body=ReasonIn, answers={200: outcomes.NOW})
    def post(self, request: Request, key: str, **place: str) -> Response:
        """Turn a flag off here at once, past review and freeze.

        It needs the right to roll back and a reason.
        """
        access = environment_access(request, **place)
        reason = frame.body(request, ReasonIn)["reason"]
        return outcomes.answer(changes.kill(access, key, reason=reason))
