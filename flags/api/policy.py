"""REST resources of who reviews what: an environment's review policy, a project's stewards."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Access
from accounts.api import frame
from accounts.api.frame import Input, Output, Resource
from accounts.api.schema import operation
from accounts.errors import InvalidInput
from accounts.web.place import environment_access, project_access
from flags import changes, review, wall_clock
from flags.api import outcomes
from flags.api.requests import TAG, read_time
from flags.api.serializers import KEY, CommentIn, Texts
from flags.changes import Target
from flags.edits import EditKind, ReviewRules, SetReviewRules, SetStewards
from flags.edits.policy import MOST_APPROVALS, THINGS
from flags.review import Forecast, Outlook
from flags.wall_clock import UnclearTime

STATUSES = {
    Outlook.FREE: "would_apply",
    Outlook.REVIEW: "would_wait",
    Outlook.FROZEN: "refused",
    Outlook.NOT_YOURS: "refused",
}


class TeamsIn(serializers.ListField):
    """Teams of the organization, by their keys."""

    child = serializers.CharField(max_length=KEY)


class ForecastOut(Output):
    """What would become of a change of this, made by whoever asks."""

    status = serializers.ChoiceField(choices=sorted(set(STATUSES.values())))
    sentence = serializers.CharField(help_text="Why, in words.")
    approvals_needed = serializers.IntegerField(source="approvals")
    teams = Texts(help_text="The teams that would be asked.")


class FreezeOut(Output):
    """A stretch of time without changes; `from` belongs to it, `to` does not."""

    to = serializers.DateTimeField(source="ends")
    reason = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        # Python keeps the word for itself.
        return {"from": serializers.DateTimeField(source="starts"), **super().get_fields()}


class PolicyOut(Output):
    """How changes are reviewed in an environment."""

    approvals = serializers.IntegerField()
    reviewers = Texts(help_text="Keys of the teams whose approvals count. None: of all reviewers.")
    frozen = serializers.BooleanField(help_text="Frozen until somebody lifts it.")
    freezes = FreezeOut(many=True, help_text="Planned ones, also those that are over.")
    frozen_now = serializers.BooleanField(help_text="Whether a freeze holds, planned or not.")
    frozen_until = serializers.DateTimeField(
        allow_null=True, help_text="Null: not frozen, or until somebody lifts it."
    )
    version = serializers.IntegerField(help_text="0: nobody ever asked for a review here.")
    forecast = ForecastOut()


class FreezeIn(Input):
    """A freeze to be planned."""

    to = serializers.CharField(max_length=40, help_text="As `from`, and later.")
    time_zone = serializers.CharField(
        required=False,
        default="UTC",
        max_length=64,
        help_text="Of a wall clock; an IANA name: Europe/Berlin.",
    )
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)

    def get_fields(self) -> dict[str, Any]:
        shown = "2026-12-24T12:00 as a wall clock in the time zone shows, or with its offset."
        return {
            "from": serializers.CharField(max_length=40, help_text=shown),
            **super().get_fields(),
        }


class PolicyIn(CommentIn):
    """The whole policy: each member is named, so that nothing is dropped by leaving it out."""

    approvals = serializers.IntegerField(
        min_value=0,
        max_value=MOST_APPROVALS,
        help_text="How many other people must approve a change. 0: it applies at once.",
    )
    reviewers = TeamsIn(help_text="Keys of teams. None: anybody who may review.")
    frozen = serializers.BooleanField(help_text="Take no changes until this is lifted.")
    freezes = FreezeIn(many=True)


class StewardOut(Output):
    """The teams that look after one thing."""

    kind = serializers.ChoiceField(choices=THINGS)
    key = serializers.CharField()
    editors = Texts(help_text="Only their people may change it, and owners. None: who may anyway.")
    reviewers = Texts(help_text="Each of these teams approves once.")
    approvals = serializers.IntegerField(
        allow_null=True, help_text="So many in all. Null: as many as the environment asks for."
    )


class StewardsOut(Output):
    """Who looks after what in a project."""

    stewards = StewardOut(many=True)
    version = serializers.IntegerField(help_text="0: nobody was ever named.")
    forecast = ForecastOut(
        help_text="Dropping or replacing a rule needs the approvals it asks for besides."
    )


class StewardIn(Input):
    """A rule about one thing. It names a team at least, or a number of approvals."""

    kind = serializers.ChoiceField(choices=THINGS, help_text="A tag: every flag that carries it.")
    key = serializers.CharField(max_length=KEY)
    editors = TeamsIn(required=False, default=list)
    reviewers = TeamsIn(required=False, default=list)
    approvals = serializers.IntegerField(
        required=False, default=None, allow_null=True, min_value=0, max_value=MOST_APPROVALS
    )


class StewardsIn(CommentIn):
    """The whole list: what is left out has no stewards any more."""

    stewards = StewardIn(many=True)


class ReviewPolicyView(Resource):
    """The review policy of an environment."""

    tag = TAG

    @operation("read_review_policy", answers={200: PolicyOut}, has_version=True)
    def get(self, request: Request, **place: str) -> Response:
        """Read who reviews changes here, when they are frozen, and what you may do about it."""
        access = environment_access(request, **place)
        rules, version = review.policy(access)
        shown = {**_policy(rules), "version": version, "forecast": _of_policy(access)}
        return frame.versioned(PolicyOut(shown), version)

    @operation("replace_review_policy", body=PolicyIn, answers=outcomes.CHANGED, needs_version=True)
    def put(self, request: Request, **place: str) -> Response:
        """Replace the whole review policy. Where it asks for approvals, this change needs them."""
        access = environment_access(request, **place)
        expected = frame.expected_version(request)
        given = frame.body(request, PolicyIn)
        outcome = changes.submit(
            access,
            Target(EditKind.POLICY, access.environment.key),
            [_rules(given)],
            expected_version=expected,
            comment=given["comment"],
        )
        return outcomes.answer(outcome)


class StewardsView(Resource):
    """The stewards of a project."""

    tag = TAG

    @operation("read_stewards", answers={200: StewardsOut}, has_version=True)
    def get(self, request: Request, **place: str) -> Response:
        """Read which teams look after which flags, segments, experiments and tags."""
        access = project_access(request, **place)
        found, version = review.stewards(access)
        forecast = _forecast(review.forecast(access, EditKind.STEWARDS, "stewards"))
        shown = {"stewards": found.rules, "version": version, "forecast": forecast}
        return frame.versioned(StewardsOut(shown), version)

    @operation("replace_stewards", body=StewardsIn, answers=outcomes.CHANGED, needs_version=True)
    def put(self, request: Request, **place: str) -> Response:
        """Replace the whole list of stewards.

        All environments share it: the strictest of them is asked, and whoever a rule that would
        go asks for.
        """
        access = project_access(request, **place)
        expected = frame.expected_version(request)
        given = frame.body(request, StewardsIn)
        outcome = changes.submit(
            access,
            Target(EditKind.STEWARDS, "stewards"),
            [_stewards(given)],
            expected_version=expected,
            comment=given["comment"],
        )
        return outcomes.answer(outcome)


# --- what is shown


def _policy(rules: ReviewRules) -> dict[str, Any]:
    window = rules.freeze(timezone.now())
    return {
        "approvals": rules.approvals,
        "reviewers": rules.reviewers,
        "frozen": rules.frozen,
        "freezes": rules.freezes,
        "frozen_now": rules.frozen or window is not None,
        "frozen_until": window.ends if window and not rules.frozen else None,
    }


def _of_policy(access: Access) -> dict[str, Any]:
    here = access.environment
    if here.archived_at:
        archived = f"{here.name} is archived: it takes no changes."
        return _forecast(Forecast(Outlook.NOT_YOURS, archived))
    return _forecast(review.forecast(access, EditKind.POLICY, here.key))


def _forecast(found: Forecast) -> dict[str, Any]:
    return {
        "status": STATUSES[found.outlook],
        "sentence": found.sentence,
        "approvals": found.approvals,
        "teams": found.teams,
    }


# --- what is asked for


def _rules(given: Mapping[str, Any]) -> SetReviewRules:
    windows = [_freeze(one, f"freezes[{index}]") for index, one in enumerate(given["freezes"])]
    return SetReviewRules(
        given["approvals"], given["frozen"], tuple(given["reviewers"]), tuple(windows)
    )


def _freeze(given: Mapping[str, str], where: str) -> dict[str, object]:
    ends = {name: _moment(given, name, where).isoformat() for name in ("from", "to")}
    return {**ends, "reason": given["reason"]}


def _moment(given: Mapping[str, str], name: str, where: str) -> datetime:
    try:
        return wall_clock.moment(read_time(given[name]), given["time_zone"])
    except (InvalidInput, UnclearTime) as error:
        place = "time_zone" if error.data.get("where") == "time_zone" else name
        error.data = {**error.data, "where": f"{where}.{place}"}
        raise


def _stewards(given: Mapping[str, Any]) -> SetStewards:
    for index, one in enumerate(given["stewards"]):
        if not one["editors"] and not one["reviewers"] and one["approvals"] is None:
            raise InvalidInput(
                "This rule names neither a team nor a number of approvals.",
                hint="Name at least one, or leave the rule out.",
                where=f"stewards[{index}]",
            )
    return SetStewards(tuple(given["stewards"]))
