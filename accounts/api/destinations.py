"""REST resources of destinations: an owner's for the organization, an admin's for a project."""

from typing import Any, Final
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import destinations
from accounts.access import Access
from accounts.actions import destinations as acts
from accounts.actions.destinations import DATADOG, DestinationPlan, Filters
from accounts.api import frame
from accounts.api.credentials import NEVER_KEPT
from accounts.api.frame import Input, Output, PageQuery, Resource
from accounts.api.schema import listing, operation
from accounts.models import Delivery, Destination
from accounts.permissions import Permission
from accounts.web.place import organization_access, project_access

LOG: Final = 500


class DestinationOut(Output):
    """An outside service that is told what happens. Its address and secret are never shown again."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Destination.Kind.choices)
    name = serializers.CharField()
    host = serializers.SerializerMethodField(help_text="Where its address leads.")
    project = serializers.CharField(source="project.key", default=None, allow_null=True)
    actions = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    environments = serializers.ListField(child=serializers.CharField(), source="environment_keys")
    is_active = serializers.BooleanField()
    disabled_reason = serializers.CharField()
    failing_since = serializers.DateTimeField(allow_null=True)
    created_by = serializers.CharField(source="created_by.email", default=None, allow_null=True)
    created_at = serializers.DateTimeField()

    def get_host(self, found: Destination) -> str:
        return acts.host_of(found)


class DestinationIn(Input):
    """How a destination is set up."""

    kind = serializers.ChoiceField(choices=Destination.Kind.choices)
    name = serializers.CharField(max_length=80)
    url = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=2_000,
        help_text="An https address.",
    )
    site = serializers.ChoiceField(
        required=False,
        default="",
        allow_blank=True,
        choices=list(DATADOG),
        help_text="For Datadog.",
    )
    api_key = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=200, help_text="For Datadog."
    )
    project = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=50,
        help_text="A project's key; empty: the whole organization, which only owners may.",
    )
    actions = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        default=list,
        help_text="Acts like `flag.changed`, groups like `flag.*`; none: all.",
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, default=list
    )
    environments = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, default=list
    )


class NewDestinationOut(Output):
    """A destination and the one moment its signing secret can be read."""

    destination = DestinationOut()
    secret = serializers.CharField(help_text="Of webhooks; empty otherwise. Keep it now.")


class AttemptOut(Output):
    """One try of a message."""

    at = serializers.DateTimeField()
    status_code = serializers.IntegerField(allow_null=True)
    milliseconds = serializers.IntegerField()
    problem = serializers.CharField()


class DeliveryOut(Output):
    """One message to a destination, with its tries."""

    id = serializers.UUIDField()
    sequence = serializers.IntegerField(
        allow_null=True, help_text="The line of the history; null for a test."
    )
    action = serializers.CharField()
    status = serializers.ChoiceField(choices=Delivery.Status.choices)
    created_at = serializers.DateTimeField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    tries = AttemptOut(many=True)


class DestinationsQuery(PageQuery):
    """Which destinations are wanted."""

    project = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=50,
        help_text="Those of one project: an admin's view. Without it, all: an owner's.",
    )


def _access(request: Request, organization: str, project: str) -> Access:
    access = (
        project_access(request, organization, project)
        if project
        else organization_access(request, organization)
    )
    access.require(Permission.MANAGE_PROJECT)
    return access


def _access_to(request: Request, organization: str, destination_id: UUID) -> Access:
    """At the project the destination is for, or at the organization."""
    access = organization_access(request, organization)
    if access.may(Permission.MANAGE_ORGANIZATION):
        return access
    key = destinations.project_key(access, destination_id)
    return _access(request, organization, key)


def _plan(given: dict[str, Any]) -> DestinationPlan:
    filters = Filters(
        tuple(given.pop("actions")), tuple(given.pop("tags")), tuple(given.pop("environments"))
    )
    return DestinationPlan(**given, filters=filters)


def _version(found: Destination) -> str:
    return frame.fingerprint(DestinationOut(found).data)


class DestinationsView(Resource):
    """The destinations somebody looks after."""

    tag = "Notifications"

    @listing("list_destinations", DestinationOut, query=DestinationsQuery)
    def get(self, request: Request, organization: str) -> Response:
        """List destinations, by name."""
        asked = frame.query(request, DestinationsQuery)
        found = destinations.listed(_access(request, organization, asked["project"]))
        return frame.page_of_list(
            request, found, DestinationOut, lambda one: one.id, asked=DestinationsQuery
        )

    @operation("create_destination", body=DestinationIn, answers={201: NewDestinationOut})
    def post(self, request: Request, organization: str) -> Response:
        """Add a destination. A webhook's signing secret is in this answer and nowhere else."""
        given = frame.body(request, DestinationIn)
        access = organization_access(request, organization)
        if given["project"] and not access.may(Permission.MANAGE_ORGANIZATION):
            access = project_access(request, organization, given["project"])
        made = acts.create(access, _plan(given))
        return Response(NewDestinationOut(made).data, status.HTTP_201_CREATED, headers=NEVER_KEPT)


class DestinationView(Resource):
    """One destination."""

    tag = "Notifications"

    @operation("read_destination", answers={200: DestinationOut}, has_version=True)
    def get(self, request: Request, organization: str, destination_id: UUID) -> Response:
        """Read a destination."""
        access = _access_to(request, organization, destination_id)
        found = destinations.one(access, destination_id)
        return frame.versioned(DestinationOut(found), _version(found))

    @operation(
        "change_destination",
        body=DestinationIn,
        answers={200: DestinationOut},
        needs_version=True,
        has_version=True,
    )
    def put(self, request: Request, organization: str, destination_id: UUID) -> Response:
        """Set a destination up differently; address and key stay when they are left out."""
        access = _access_to(request, organization, destination_id)
        given = frame.body(request, DestinationIn)
        frame.expected_tag(request)
        found = acts.change(
            access,
            destination_id,
            _plan(given),
            lambda now: frame.same_version(request, _version(now)),
        )
        return frame.versioned(DestinationOut(found), _version(found))

    @operation("remove_destination", answers={204: None})
    def delete(self, request: Request, organization: str, destination_id: UUID) -> Response:
        """Forget a destination with its log."""
        acts.remove(_access_to(request, organization, destination_id), destination_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DestinationSecretView(Resource):
    """A webhook's signing secret."""

    tag = "Notifications"

    @operation("rotate_destination_secret", answers={200: NewDestinationOut}, is_write=True)
    def post(self, request: Request, organization: str, destination_id: UUID) -> Response:
        """Make a new signing secret; for a day the old one signs beside it."""
        access = _access_to(request, organization, destination_id)
        made = acts.rotate_secret(access, destination_id)
        return Response(NewDestinationOut(made).data, headers=NEVER_KEPT)


class DestinationTestView(Resource):
    """The test button."""

    tag = "Notifications"

    @operation("test_destination", answers={200: DeliveryOut}, is_write=True)
    def post(self, request: Request, organization: str, destination_id: UUID) -> Response:
        """Send a test message now; the answer holds what the receiver said."""
        access = _access_to(request, organization, destination_id)
        return Response(DeliveryOut(acts.test(access, destination_id)).data)


class DestinationSwitchView(Resource):
    """Whether a destination is told anything."""

    tag = "Notifications"

    @operation("enable_destination", answers={200: DestinationOut}, is_write=True)
    def put(self, request: Request, organization: str, destination_id: UUID) -> Response:
        """Switch it on: what waits is sent, and what happens from now on."""
        access = _access_to(request, organization, destination_id)
        return Response(DestinationOut(acts.enable(access, destination_id)).data)

    @operation("disable_destination", answers={200: DestinationOut}, is_write=True)
    def delete(self, request: Request, organization: str, destination_id: UUID) -> Response:
        """Switch it off; what waits is kept."""
        access = _access_to(request, organization, destination_id)
        return Response(DestinationOut(acts.disable(access, destination_id)).data)


class DeliveriesView(Resource):
    """What a destination was told."""

    tag = "Notifications"

    @listing("list_deliveries", DeliveryOut)
    def get(self, request: Request, organization: str, destination_id: UUID) -> Response:
        """List the newest 500 messages with their tries, newest first."""
        access = _access_to(request, organization, destination_id)
        found = destinations.deliveries(destinations.one(access, destination_id), size=LOG)
        return frame.page_of_list(request, found, DeliveryOut, lambda one: one.id)


class RedeliveryView(Resource):
    """Sending a message again."""

    tag = "Notifications"

    @operation("redeliver", answers={202: DeliveryOut}, is_write=True)
    def post(
        self, request: Request, organization: str, destination_id: UUID, delivery_id: UUID
    ) -> Response:
        """Send one message again, with the same id and body."""
        access = _access_to(request, organization, destination_id)
        found = acts.redeliver(access, destination_id, delivery_id)
        return Response(DeliveryOut(found).data, status.HTTP_202_ACCEPTED)
