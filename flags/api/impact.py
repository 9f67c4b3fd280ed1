"""What a change would do, in REST: as an answer of its own, and as part of a dry run."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.frame import Output, Resource
from accounts.api.schema import operation
from accounts.web.place import project_access
from flags import docket, impact
from flags.impact import DECIDERS


class DeciderOut(Output):
    """What made an answer."""

    kind = serializers.ChoiceField(choices=["rule", "no_flag", *sorted(set(DECIDERS.values()))])
    name = serializers.CharField(help_text="The rule's name; empty where it was no rule.")


class TransitionOut(Output):
    """So many contexts go from one variation of a flag to another."""

    flag = serializers.CharField()
    before = serializers.CharField(allow_null=True, help_text="Null: the code's default.")
    after = serializers.CharField(allow_null=True, help_text="Null: the code's default.")
    was = DeciderOut(help_text="What decided before.")
    by = DeciderOut(help_text="What would decide.")
    contexts = serializers.IntegerField()


class MovedOut(Output):
    """So many contexts leave, enter or change arms of a running experiment."""

    experiment = serializers.CharField()
    flag = serializers.CharField()
    contexts = serializers.IntegerField()


class PlaceImpactOut(Output):
    """What a change would do in one environment, tried on recent contexts."""

    environment = serializers.CharField(source="environment.key")
    contexts = serializers.IntegerField(help_text="How many recent contexts are known.")
    tried = serializers.IntegerField(help_text="How many of them were tried.")
    changed = serializers.IntegerField(help_text="How many would get something else.")
    share = serializers.FloatField(help_text="`changed` among `tried`, from 0 to 1.")
    flags = serializers.ListField(
        child=serializers.CharField(), help_text="All flags the edits reach."
    )
    transitions = TransitionOut(many=True)
    experiments = MovedOut(many=True)
    evaluation_errors = serializers.IntegerField(source="errors")
    created = serializers.ListField(child=serializers.CharField())
    unseen = serializers.ListField(
        child=serializers.CharField(),
        help_text="Attributes that rules look at and no context holds.",
    )
    hidden = serializers.ListField(
        child=serializers.CharField(), help_text="Attributes of which contexts hold only hashes."
    )
    keeps_none = serializers.BooleanField(help_text="Whether no contexts are kept here.")


class ImpactOut(Output):
    """What a change would do, in each environment it reaches."""

    places = PlaceImpactOut(many=True)


class RequestImpactView(Resource):
    """What a change request would do."""

    tag = "Change requests"

    @operation("read_change_request_impact", answers={200: ImpactOut})
    def get(self, request: Request, number: int, **place: str) -> Response:
        """Try a request that waits on what is served now, with recent contexts sampled by SDKs.

        A request that is closed has no places: only what is still to come can be tried.
        """
        access = project_access(request, **place)
        found = impact.of_change(access, docket.request(access, number))
        return Response(ImpactOut(found).data)
