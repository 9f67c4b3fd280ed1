"""When a request applies by itself."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.access import Access
from accounts.errors import InvalidInput
from flags import matters, review, wall_clock
from flags.drafting import authorize, parts_of
from flags.models.change import Change
from flags.requests.frame import hold_open, note
from flags.standing import at


def schedule(access: Access, number: int, *, at: datetime, time_zone: str = "UTC") -> Change:
    """Let a request apply by itself at a moment, if it may then. A time without an offset is what
    a wall clock shows in the time zone."""
    with transaction.atomic():
        change = hold_open(access, number)
        set_time(access, change, at, time_zone)
        return change


def set_time(access: Access, change: Change, moment: datetime, time_zone: str) -> None:
    """The same, of a request whose row is locked already."""
    if access.actor.user is None:
        raise InvalidInput(
            "What applies by itself does so by a person's rights.",
            hint="Let a person schedule it.",
            where="scheduled_by",
        )
    here = at(access, change)
    authorize(here, parts_of(change.parts), change.comment)
    review.narrow(here, matters.of_change(change))
    due = wall_clock.moment(moment, time_zone or "UTC")
    if due <= timezone.now():
        raise InvalidInput("That moment has passed.", hint="Choose a later one.", where="at")
    change.scheduled_for, change.time_zone = due, time_zone or "UTC"
    change.scheduled_by, change.schedule_problem = access.actor.user, ""
    change.save()
    note(access, change, "change.scheduled", at=due.isoformat(), time_zone=change.time_zone)


def unschedule(access: Access, number: int, *, reason: str = "") -> Change:
    """Let a request wait for somebody to apply it."""
    with transaction.atomic():
        change = hold_open(access, number)
        authorize(at(access, change), parts_of(change.parts), change.comment)
        if change.scheduled_for is None:
            return change
        change.scheduled_for, change.scheduled_by, change.schedule_problem = None, None, ""
        change.save()
        note(access, change, "change.unscheduled", reason=reason)
        return change
