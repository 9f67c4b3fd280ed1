"""Everything that will happen by itself: scheduled requests, freezes, planned ends, keys, by day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts import queries as credentials
from accounts.access import Access
from accounts.models import Environment
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import agenda, docket, review
from flags.models import Change
from flags.views import moments
from flags.views.cards import here
from flags.views.request_lines import RequestLine, lines

DAYS: Final = 7
# Beyond this nobody looks; Python's calendar ends somewhere too.
LAST_YEAR: Final = 9000


@dataclass(frozen=True, slots=True)
class Item:
    """One thing with a moment."""

    at: datetime
    time: str
    title: str
    detail: str
    place: str
    is_production: bool
    url: str
    tone: str
    # Of a request: its line, and whether this person may pause it.
    line: RequestLine | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """A day with what happens on it."""

    date: date
    items: list[Item]
    is_today: bool


@require_GET
def schedules(request: HttpRequest, **place: str) -> HttpResponse:
    """The list by day, or one week of it."""
    access = environment_access(request, **place)
    zone = _zone(request)
    items = _items(access, zone)
    today = timezone.now().astimezone(ZoneInfo(zone)).date()
    late = [one for one in items if one.problem]
    coming = [one for one in items if not one.problem]
    monday = _monday(request, today)
    context = {
        "nav": "schedules",
        "zone": zone,
        "zones": moments.zone_choices(),
        "late": late,
        "days": list(_days(coming, zone, today)),
        "week": _week(coming, zone, monday, today) if request.GET.get("show") == "week" else [],
        "earlier": (monday - timedelta(days=DAYS)).isoformat(),
        "later": (monday + timedelta(days=DAYS)).isoformat(),
        "monday": monday,
        "sunday": monday + timedelta(days=DAYS - 1),
        "is_week": request.GET.get("show") == "week",
    }
    return render(request, "flags/schedule_list.html", context)


def _zone(request: HttpRequest) -> str:
    wanted = request.GET.get("zone", "")
    if moments.is_zone(wanted):
        moments.remember_zone(request, wanted)
        return wanted
    return moments.zone_of(request)


def _monday(request: HttpRequest, today: date) -> date:
    try:
        wanted = parse_date(request.GET.get("week", "")) or today
    except ValueError:
        wanted = today
    if not 2000 < wanted.year < LAST_YEAR:
        wanted = today
    return wanted - timedelta(days=wanted.weekday())


# --- what happens


def _items(access: Access, zone: str) -> list[Item]:
    found = [*_requests(access, zone)]
    for environment in Environment.objects.within(access.project).select_related("project"):
        there = access.at(environment)
        found += [_of_others(one, zone) for one in agenda.upcoming(there)]
        found += _freezes(there, zone)
        found += _keys(there, zone)
    # What is over stays only where somebody has to look at it.
    found += _tokens(access, zone)
    found += _directories(access, zone)
    now = timezone.now()
    return sorted(
        (one for one in found if one.at >= now or one.line), key=lambda one: (one.at, one.title)
    )


def _requests(access: Access, zone: str) -> Iterator[Item]:
    found = docket.scheduled(access)
    for change, line in zip(found, lines(access, found), strict=True):
        if change.scheduled_for is not None:
            yield _of_request(change, line, change.scheduled_for, zone)


def _of_request(change: Change, line: RequestLine, due: datetime, zone: str) -> Item:
    return Item(
        at=due,
        time=_time(due, zone),
        title=f"#{change.number} {line.title}",
        detail=_("as %(who)s scheduled it: %(when)s")
        % {
            "who": getattr(change.scheduled_by, "email", change.author_label),
            "when": moments.said(due, change.time_zone),
        },
        place=line.place.name,
        is_production=line.place.is_production,
        url=line.url,
        tone="danger" if change.schedule_problem else "accent",
        line=line,
        problem=change.schedule_problem,
    )


def _of_others(one: agenda.Upcoming, zone: str) -> Item:
    return Item(
        at=one.at,
        time=_time(one.at, zone),
        title=one.title,
        detail=one.detail,
        place=one.environment.name,
        is_production=bool(one.environment.is_production),
        url=one.url,
        tone="muted",
    )


def _freezes(access: Access, zone: str) -> Iterator[Item]:
    environment = access.environment
    rules, _version = review.policy(access)
    for window in rules.freezes:
        for at, title in (
            (window.starts, _("%(name)s freezes")),
            (window.ends, _("%(name)s takes changes again")),
        ):
            yield Item(
                at=at,
                time=_time(at, zone),
                title=title % {"name": environment.name},
                detail=window.reason,
                place=environment.name,
                is_production=bool(environment.is_production),
                url=here(access, "flags:review-policy"),
                tone="warn",
            )


def _keys(access: Access, zone: str) -> Iterator[Item]:
    """SDK keys that end: whoever still uses one then keeps the values it had."""
    environment = access.environment
    for key in credentials.sdk_keys(access):
        if key.expires_at is not None and key.revoked_at is None:
            yield Item(
                at=key.expires_at,
                time=_time(key.expires_at, zone),
                title=_("The SDK key of %(label)s ends") % {"label": key},
                detail=_used(key.last_used_at),
                place=environment.name,
                is_production=bool(environment.is_production),
                url=here(access, "accounts:keys"),
                tone="warn",
            )


def _tokens(access: Access, zone: str) -> Iterator[Item]:
    """The person's own tokens that end and, for those who look after them, the services'."""
    found = credentials.tokens(access)
    if access.may(Permission.MANAGE_PROJECT):
        found += credentials.service_tokens(access)
    for token in found:
        if token.expires_at is not None:
            yield Item(
                at=token.expires_at,
                time=_time(token.expires_at, zone),
                title=_("The access token of %(label)s ends") % {"label": token},
                detail=_used(token.last_used_at),
                place=access.organization.name,
                is_production=False,
                url=here(access, "accounts:tokens"),
                tone="warn",
            )


def _directories(access: Access, zone: str) -> Iterator[Item]:
    """Tokens of directories that end, for owners: nobody is let in or out by it afterwards."""
    if not access.may(Permission.MANAGE_ORGANIZATION):
        return
    for token in credentials.directory_tokens(access):
        if token.expires_at is not None and token.revoked_at is None:
            yield Item(
                at=token.expires_at,
                time=_time(token.expires_at, zone),
                title=_("The directory token of %(label)s ends") % {"label": token},
                detail=_used(token.last_used_at),
                place=access.organization.name,
                is_production=False,
                url=reverse("accounts:directory", args=[access.organization.key]),
                tone="warn",
            )


def _used(at: datetime | None) -> str:
    if at is None:
        return _("Nobody has used it yet.")
    return _("Last used on %(when)s.") % {"when": f"{at:%Y-%m-%d}"}


def _time(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


# --- by day


def _day_of(item: Item, zone: str) -> date:
    return item.at.astimezone(ZoneInfo(zone)).date()


def _days(items: Sequence[Item], zone: str, today: date) -> Iterator[Day]:
    for day, found in groupby(items, key=lambda one: _day_of(one, zone)):
        yield Day(day, list(found), day == today)


def _week(items: Sequence[Item], zone: str, monday: date, today: date) -> list[Day]:
    days = [monday + timedelta(days=number) for number in range(DAYS)]
    return [
        Day(day, [one for one in items if _day_of(one, zone) == day], day == today) for day in days
    ]
