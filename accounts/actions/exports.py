"""Taking the audit history out: as a table or as JSON lines, itself a line of the history."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.utils import timezone

from accounts import ledger, limits
from accounts.access import Access
from accounts.errors import InvalidInput
from accounts.filters import Wanted
from accounts.models import AuditEntry
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb

COLUMNS: Final = (
    "sequence",
    "at",
    "actor",
    "on_behalf_of",
    "token",
    "via",
    "address",
    "request_id",
    "project",
    "environment",
    "action",
    "target",
    "summary",
    "subjects",
    "reason",
    "previous_hash",
    "hash",
)
# Spreadsheets take a cell that begins so for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
# By one person: each is a line of the ledger, which nobody can delete.
EXPORTS_AN_HOUR: Final = 20


@dataclass(frozen=True, slots=True)
class Export:
    """A file on its way: what it is called, what it is, and its pieces."""

    name: str
    content_type: str
    pieces: Iterator[bytes]


@verb(Permission.VIEW)
def export_history(access: Access, wanted: Wanted, form: str) -> Recorded[Export]:
    """All lines the access may see and the filters let through, up to the newest there is now."""
    if form not in FORMS:
        raise InvalidInput(
            f"{form[:20]!r} is no form of an export.", hint="Use 'csv' or 'jsonl'.", where="format"
        )
    wanted.period()
    who = limits.person_of(access)
    limits.count("exports", who, most=EXPORTS_AN_HOUR, seconds=limits.HOUR)
    up_to = ledger.newest(access)
    content_type, write = FORMS[form]
    place = access.at_project.key if access.at_project else access.organization.key
    export = Export(
        f"audit-{place}-{timezone.now():%Y%m%d-%H%M}.{form}",
        content_type,
        write(ledger.lines(access, wanted, up_to=up_to)),
    )
    after = {"format": form, "up_to": up_to, **wanted.asked()}
    return Recorded(export, "audit.exported", place, after=after)


def _plain(entry: AuditEntry) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "at": entry.at,
        "actor": entry.actor_label,
        "on_behalf_of": entry.on_behalf_of,
        "token": entry.token,
        "via": entry.via,
        "address": entry.address,
        "request_id": entry.request_id,
        "project": entry.project.key if entry.project else None,
        "environment": entry.environment.key if entry.environment else None,
        "action": entry.action,
        "target": entry.target,
        "summary": entry.summary,
        "subjects": [f"{kind}:{key}" for kind, key in entry.subjects],
        "reason": entry.reason,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }


def _csv(chunks: Iterator[list[AuditEntry]]) -> Iterator[bytes]:
    yield _table([COLUMNS])
    for chunk in chunks:
        yield _table([[_cell(value) for value in _plain(entry).values()] for entry in chunk])


def _table(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: object) -> str:
    """A cell no spreadsheet takes for a formula."""
    text = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _json_lines(chunks: Iterator[list[AuditEntry]]) -> Iterator[bytes]:
    for chunk in chunks:
        yield b"".join(_json_line(entry) for entry in chunk)


def _json_line(entry: AuditEntry) -> bytes:
    whole = {**_plain(entry), "before": entry.before, "after": entry.after}
    return orjson.dumps(whole, default=str, option=orjson.OPT_APPEND_NEWLINE)


FORMS: Final[Mapping[str, tuple[str, Callable[[Iterator[list[AuditEntry]]], Iterator[bytes]]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "jsonl": ("application/x-ndjson", _json_lines),
}
