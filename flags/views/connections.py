"""Which SDKs are connected, and whether they have the newest version."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import Access
from accounts.web.place import environment_access
from flags import queries
from flags.models import SdkConnection


@dataclass(frozen=True, slots=True)
class Connection:
    """One SDK, and how many versions it lacks (None: it follows another epoch)."""

    row: SdkConnection
    behind: int | None

    @property
    def is_up_to_date(self) -> bool:
        return self.behind == 0


@dataclass(frozen=True, slots=True)
class Panel:
    """The sentence of the small panel, in numbers."""

    version: int
    total: int
    confirmed: int

    @property
    def is_complete(self) -> bool:
        return self.confirmed == self.total


def connections_of(access: Access) -> list[Connection]:
    """The SDKs connected to this environment, those that lag first."""
    return _read(access)[1]


def _read(access: Access) -> tuple[int, list[Connection]]:
    epoch, version = queries.head_version(access.environment)
    found = [
        Connection(row, version - row.version if row.epoch == epoch else None)
        for row in queries.connections(access.environment)
    ]
    return version, sorted(found, key=lambda one: one.is_up_to_date)


def panel(access: Access) -> Panel:
    """How many SDKs there are, and how many confirmed the newest version."""
    return _panel(*_read(access))


def _panel(version: int, found: list[Connection]) -> Panel:
    return Panel(version, len(found), sum(one.is_up_to_date for one in found))


@require_GET
def connected(request: HttpRequest, **place: str) -> HttpResponse:
    """The table of connected SDKs; htmx asks for the table alone every second."""
    access = environment_access(request, **place)
    version, found = _read(access)
    context = {
        "nav": "connected",
        "connections": found,
        "connected": _panel(version, found),
        "behind_only": request.GET.get("show") == "behind",
    }
    template = (
        "flags/_connections.html" if getattr(request, "htmx", None) else "flags/connected.html"
    )
    return render(request, template, context)


@require_GET
def connected_panel(request: HttpRequest, **place: str) -> HttpResponse:
    """One line that says how far the newest version has come."""
    access = environment_access(request, **place)
    return render(request, "flags/_connected_panel.html", {"connected": panel(access)})
