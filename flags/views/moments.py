"""A date and a time as somebody's clock on the wall shows them, and the moment they mean."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as lazy

from accounts.errors import DomainError
from flags import wall_clock

REMEMBERED: Final = "time_zone"
# A region and a place; the rest of the database is old names and fixed offsets.
_REGIONS: Final = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Arctic/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


@cache
def zone_choices() -> list[tuple[str, str]]:
    """The zones people choose from, UTC first."""
    named = sorted(name for name in available_timezones() if name.startswith(_REGIONS))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in named)]


def is_zone(name: str) -> bool:
    """Whether this names a zone we offer."""
    return any(name == key for key, _label in zone_choices())


def zone_of(request: HttpRequest) -> str:
    """The zone this browser last spoke in, else UTC."""
    session = getattr(request, "session", None)
    known = str(session.get(REMEMBERED, "")) if session is not None else ""
    return known if is_zone(known) else "UTC"


def remember_zone(request: HttpRequest, name: str) -> None:
    """Suggest this zone from now on."""
    if is_zone(name):
        request.session[REMEMBERED] = name


def said(moment: datetime, zone: str) -> str:
    """A moment as the wall clock of a zone shows it, with the zone's name."""
    here = moment.astimezone(ZoneInfo(zone if is_zone(zone) else "UTC"))
    return f"{here:%Y-%m-%d %H:%M} {zone or 'UTC'}"


class WallField(forms.DateTimeField):
    """Date and time in one native field, read as a wall clock and not as a moment."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, input_formats=["%Y-%m-%dT%H:%M"], **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{value:%Y-%m-%dT%H:%M}" if isinstance(value, datetime) else value

    def to_python(self, value: str | datetime | date | None) -> datetime | None:
        found = super().to_python(value)
        return None if found is None else found.replace(tzinfo=None)


class ZoneField(forms.ChoiceField):
    """A time zone by its name; the browser's own is suggested where there is JavaScript."""

    def __init__(self, **kwargs: Any) -> None:
        given = {"label": lazy("Time zone"), "choices": zone_choices, **kwargs}
        super().__init__(**given)


def suggest_own(request: HttpRequest, form: forms.Form, name: str) -> None:
    """Let the browser fill in its own zone, where nobody has chosen one yet."""
    if not form.is_bound and REMEMBERED not in request.session:
        form.fields[name].widget.attrs["data-own-zone"] = ""


def read_moment(
    form: forms.Form, cleaned: Mapping[str, Any], name: str, zone: str
) -> datetime | None:
    """The moment a wall field of a form means; what is wrong with it stands beside the field."""
    wall = cleaned.get(name)
    if wall is None or not cleaned.get(zone):
        return None
    try:
        return wall_clock.moment(wall, cleaned[zone])
    except DomainError as error:
        form.add_error(name, f"{error} {error.hint}".strip())
        return None


def wall(moment: datetime, zone: str) -> datetime:
    """What the wall clock of a zone shows at a moment."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
