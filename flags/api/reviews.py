"""REST resources of other eyes: approving, rejecting, applying, going past review."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import frame
from accounts.api.frame import Resource
from accounts.api.schema import operation
from accounts.web.place import project_access
from flags import requests
from flags.api import outcomes
from flags.api.request_serializers import (
    BypassIn,
    ChangesWantedIn,
    RejectIn,
    RequestOut,
    ReviewIn,
    SeenIn,
)
from flags.api.requests import TAG, shown
from flags.api.serializers import CommentIn, PendingOut


class ApproveView(Resource):
    """Somebody else's approval."""

    tag = TAG

    @operation(
        "approve_change_request", body=ReviewIn, answers={200: outcomes.NOW, 202: PendingOut}
    )
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Approve exactly the content with this hash; no author of it may.

        Applied at once where the request says so and nothing else is missing. Refused once what it
        starts from has moved: merge it first (`rebase`).
        """
        access = project_access(request, **place)
        given = frame.body(request, ReviewIn)
        outcome = requests.approve(
            access, number, content_hash=given["content_hash"], comment=given["comment"]
        )
        return outcomes.answer(outcome)


class RequestChangesView(Resource):
    """A reviewer who wants something else."""

    tag = TAG

    @operation("request_changes_of_change_request", body=ChangesWantedIn, answers={200: RequestOut})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Ask for something else than the content with this hash; it holds the request up until
        you approve."""
        access = project_access(request, **place)
        given = frame.body(request, ChangesWantedIn)
        change = requests.request_changes(
            access, number, comment=given["comment"], content_hash=given["content_hash"]
        )
        return shown(access, change)


class RejectView(Resource):
    """A request's end, by a reviewer."""

    tag = TAG

    @operation("reject_change_request", body=RejectIn, answers={200: RequestOut})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """End a request that says exactly the content with this hash, with a reason."""
        access = project_access(request, **place)
        given = frame.body(request, RejectIn)
        change = requests.reject(
            access, number, reason=given["reason"], content_hash=given["content_hash"]
        )
        return shown(access, change)


class ApplyView(Resource):
    """A request's end, in force."""

    tag = TAG

    @operation("apply_change_request", body=SeenIn, answers={200: outcomes.NOW})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Put an approved request in force, exactly as approved; twice is once.

        With `content_hash` it is refused when the request says something else by now.
        """
        access = project_access(request, **place)
        seen = frame.body(request, SeenIn)["content_hash"]
        return outcomes.answer(requests.apply(access, number, content_hash=seen))


class BypassView(Resource):
    """An emergency."""

    tag = TAG

    @operation("bypass_review_of_change_request", body=BypassIn, answers={200: outcomes.NOW})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Put a request in force without the approvals it still needs.

        It needs the right to bypass review and a reason, and somebody else looks at it afterwards.
        With `content_hash` it is refused when the request says something else by now.
        """
        access = project_access(request, **place)
        given = frame.body(request, BypassIn)
        outcome = requests.bypass(
            access, number, reason=given["reason"], content_hash=given["content_hash"]
        )
        return outcomes.answer(outcome)


class LookAtView(Resource):
    """The eyes after an emergency."""

    tag = TAG

    @operation("look_at_change_request", body=CommentIn, answers={200: RequestOut})
    def post(self, request: Request, number: int, **place: str) -> Response:
        """Say that you have looked at what went past review; whoever did it may not."""
        access = project_access(request, **place)
        comment = frame.body(request, CommentIn)["comment"]
        return shown(access, requests.look_at(access, number, comment=comment))
