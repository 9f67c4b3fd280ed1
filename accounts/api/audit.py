"""REST resources of the audit history, of a project and of a whole organization."""

from typing import Final

from django.http.response import HttpResponseBase
from rest_framework import renderers, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import ledger
from accounts.access import Access
from accounts.actions import exports
from accounts.api import frame
from accounts.api.frame import Input, Output, PageQuery, Resource
from accounts.api.schema import listing, operation
from accounts.errors import NotPermitted
from accounts.filters import Wanted
from accounts.models import AccessToken, AuditEntry
from accounts.web import streaming
from accounts.web.place import organization_access, project_access


def _filter(text: str, most: int = 200) -> serializers.CharField:
    return serializers.CharField(
        required=False, default="", allow_blank=True, max_length=most, help_text=text
    )


class AuditFilters(Input):
    """Which lines of the history are wanted."""

    action = _filter("Exactly this, as `flag.changed`, or all acts on something, as `flag.*`.", 60)
    person = _filter("An e-mail address, or part of one.", 254)
    kind = _filter("What kind of object, as `flag`.", 20)
    key = _filter("The object's key, or part of it.")
    tag = _filter("Acts on flags that carried this tag.")
    environment = _filter("The environment's key.", 50)
    since = _filter("From this day or moment on (UTC), as `2026-11-21`.", 40)
    until = _filter("Up to this moment, or to the end of this day.", 40)


class AuditQuery(AuditFilters, PageQuery):
    """Which lines of the history are wanted, page by page."""


class OrganizationAuditQuery(AuditQuery):
    """Which lines of an organization's history are wanted, page by page."""

    project = _filter("The project's key.", 50)


class AuditExportQuery(AuditFilters):
    """Which lines of the history are taken out, and as what."""

    format = serializers.ChoiceField(choices=["csv", "jsonl"], default="jsonl", required=False)


class OrganizationAuditExportQuery(AuditExportQuery):
    """Which lines of an organization's history are taken out, and as what."""

    project = _filter("The project's key.", 50)


class SubjectOut(Output):
    """What an act was about."""

    kind = serializers.CharField()
    key = serializers.CharField()


class AuditLineOut(Output):
    """One line of the history: who did what, where, when, by which door."""

    sequence = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField(source="actor_label")
    on_behalf_of = serializers.CharField(help_text="Who made the service token that acted.")
    token = serializers.CharField(help_text="The token that was shown: its label and its end.")
    via = serializers.CharField(help_text="page, REST, directory, system or command.")
    address = serializers.CharField()
    request_id = serializers.CharField()
    action = serializers.CharField()
    target = serializers.CharField()
    project = serializers.CharField(source="project.key", default=None, allow_null=True)
    environment = serializers.CharField(source="environment.key", default=None, allow_null=True)
    summary = serializers.CharField(help_text="What became of what, in short.")
    subjects = serializers.SerializerMethodField()
    reason = serializers.CharField()

    def get_subjects(self, line: AuditEntry) -> SubjectOut(many=True):  # type: ignore[valid-type]  # read by the schema
        return [{"kind": kind, "key": key} for kind, key in line.subjects]


class AuditEntryOut(AuditLineOut):
    """A line with what was there before and after, and its place in the chain of hashes."""

    before = serializers.JSONField()
    after = serializers.JSONField()
    previous_hash = serializers.CharField()
    hash = serializers.CharField()


def _page(request: Request, access: Access, shape: type[AuditQuery]) -> Response:
    asked = frame.query(request, shape)
    limit, cursor = asked.pop("limit"), asked.pop("cursor")
    found = ledger.page(access, Wanted(**asked, before=_sequence(cursor)), size=limit)
    return frame.page_to(found.lines, AuditLineOut, found.rest)


def _sequence(cursor: str) -> int | None:
    place = frame.place_of(cursor)
    if not place:
        return None
    if not place.isascii() or not place.isdecimal() or len(place) > 15:
        raise frame.bad_cursor()
    return int(place)


class TokenNeeded(NotPermitted):
    """A browser follows a link on any page with the cookie of whoever is signed in."""

    hint = "Send an access token, or press the button on the page of the history."


def _export(request: Request, access: Access, shape: type[Input]) -> HttpResponseBase:
    if not isinstance(request.auth, AccessToken):
        raise TokenNeeded("A browser's session takes nothing out over REST.")
    asked = frame.query(request, shape)
    asked.pop("format")
    file = exports.export_history(access, Wanted(**asked), request.accepted_renderer.format)
    return streaming.download(request, file.name, file.content_type, file.pieces)


class JsonLinesFile(renderers.JSONRenderer):
    """Chosen by `?format=jsonl` or by Accept; only refusals are rendered."""

    media_type = "application/x-ndjson"
    format = "jsonl"


class CsvFile(renderers.JSONRenderer):
    """Chosen by `?format=csv` or by Accept; only refusals are rendered."""

    media_type = "text/csv"
    format = "csv"


FILES: Final = {(200, kind.media_type): str for kind in (JsonLinesFile, CsvFile)}


class AuditView(Resource):
    """The history of a project."""

    tag = "History"

    @listing("list_history", AuditLineOut, query=AuditQuery)
    def get(self, request: Request, **place: str) -> Response:
        """List who did what, newest first."""
        return _page(request, project_access(request, **place), AuditQuery)


class AuditEntryView(Resource):
    """One line of the history."""

    tag = "History"

    @operation("read_history_line", answers={200: AuditEntryOut})
    def get(self, request: Request, sequence: int, **place: str) -> Response:
        """Read one line with what was there before and after."""
        return Response(AuditEntryOut(ledger.line(project_access(request, **place), sequence)).data)


class OrganizationAuditView(Resource):
    """The history of an organization."""

    tag = "History"

    @listing("list_organization_history", AuditLineOut, query=OrganizationAuditQuery)
    def get(self, request: Request, organization: str) -> Response:
        """List who did what in all projects and in the organization itself, newest first.

        Only owners may.
        """
        return _page(request, organization_access(request, organization), OrganizationAuditQuery)


class OrganizationAuditEntryView(Resource):
    """One line of an organization's history."""

    tag = "History"

    @operation("read_organization_history_line", answers={200: AuditEntryOut})
    def get(self, request: Request, organization: str, sequence: int) -> Response:
        """Read one line of any project, or of the organization itself."""
        line = ledger.line(organization_access(request, organization), sequence)
        return Response(AuditEntryOut(line).data)


class AuditExportView(Resource):
    """The history of a project as a file."""

    tag = "History"
    renderer_classes = (JsonLinesFile, CsvFile)

    @operation("export_history", answers=FILES, query=AuditExportQuery)
    def get(self, request: Request, **place: str) -> HttpResponseBase:
        """Take the lines out as CSV or JSON lines.

        Taking them out is a line of the history itself, `audit.exported`.
        """
        return _export(request, project_access(request, **place), AuditExportQuery)


class OrganizationAuditExportView(Resource):
    """The history of an organization as a file."""

    tag = "History"
    renderer_classes = (JsonLinesFile, CsvFile)

    @operation("export_organization_history", answers=FILES, query=OrganizationAuditExportQuery)
    def get(self, request: Request, organization: str) -> HttpResponseBase:
        """Take the lines of all projects and of the organization itself out.

        Only owners may.
        """
        access = organization_access(request, organization)
        return _export(request, access, OrganizationAuditExportQuery)
