"""REST resources of a person's own inbox."""

from typing import Any
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import inbox
from accounts.actions import notices
from accounts.api import frame
from accounts.api.frame import Input, Output, PageQuery, Resource
from accounts.api.schema import listing, operation
from accounts.models import Mail
from accounts.notices import KINDS
from accounts.web.place import organization_access


class NoticeOut(Output):
    """One line of your inbox."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=list(KINDS))
    text = serializers.CharField()
    detail = serializers.CharField()
    url = serializers.CharField(help_text="A path of this installation.")
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class NoticesQuery(PageQuery):
    """Which lines are wanted."""

    unread = serializers.BooleanField(required=False, default=False)
    kind = serializers.ChoiceField(
        required=False, default="", allow_blank=True, choices=list(KINDS)
    )


class WishOut(Output):
    """When a kind of notice is mailed to you."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    title = serializers.CharField()
    mail = serializers.ChoiceField(choices=Mail.choices)


class WishesOut(Output):
    """When each kind of notice is mailed to you."""

    wishes = WishOut(many=True)


class WishesIn(Input):
    """When kinds of notices are mailed to you; what is left out stays."""

    wishes = serializers.DictField(child=serializers.ChoiceField(choices=Mail.choices))


class NoticesView(Resource):
    """Your inbox in an organization."""

    tag = "Notifications"

    @listing("list_notices", NoticeOut, query=NoticesQuery)
    def get(self, request: Request, organization: str) -> Response:
        """List your notices, newest first."""
        access = organization_access(request, organization)
        asked = frame.query(request, NoticesQuery)
        found = inbox.page(
            access,
            only_unread=asked["unread"],
            kind=asked["kind"],
            before=frame.place_of(asked["cursor"]),
            size=asked["limit"] + 1,
        )
        return frame.page(found.notices, NoticeOut, lambda one: one.id, limit=asked["limit"])


class NoticeReadView(Resource):
    """Whether a line is read."""

    tag = "Notifications"

    @operation("read_notice", answers={200: NoticeOut}, is_write=True)
    def post(self, request: Request, organization: str, notice_id: UUID) -> Response:
        """Take one of your notices as read."""
        access = organization_access(request, organization)
        return Response(NoticeOut(notices.mark_read(access, notice_id)).data)


class NoticesReadView(Resource):
    """Whether anything is unread."""

    tag = "Notifications"

    @operation("read_all_notices", answers={204: None}, is_write=True)
    def post(self, request: Request, organization: str) -> Response:
        """Take all of your notices as read."""
        notices.mark_all_read(organization_access(request, organization))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WishesView(Resource):
    """When you are mailed."""

    tag = "Notifications"

    @operation("read_notice_wishes", answers={200: WishesOut})
    def get(self, request: Request, organization: str) -> Response:
        """Read when each kind of notice is mailed to you."""
        return Response(self._shown(request, organization))

    @operation("change_notice_wishes", body=WishesIn, answers={200: WishesOut})
    def patch(self, request: Request, organization: str) -> Response:
        """Choose when kinds of notices are mailed to you."""
        access = organization_access(request, organization)
        notices.wish(access, frame.body(request, WishesIn)["wishes"])
        return Response(self._shown(request, organization))

    def _shown(self, request: Request, organization: str) -> Any:
        member = inbox.member_of(organization_access(request, organization))
        return WishesOut({"wishes": inbox.wishes(member)}).data
