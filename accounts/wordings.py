"""A line of the ledger in the words of each kind of destination."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from accounts import landing
from accounts.models import AuditEntry, Destination

# Receivers may count on messages below 20 KB; documents that do not fit are left out.
MOST_BYTES: Final = 20_000
LONGEST_TEXT: Final = 1_000
# Signs that chat services read as links, mentions or emphasis.
MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+!|~<>-])")


@dataclass(frozen=True, slots=True)
class Line:
    """What every wording is made from."""

    type: str
    at: datetime
    who: str
    sentence: str
    # What became of what, then in people's own words why.
    details: tuple[str, ...]
    url: str
    place: str
    data: Mapping[str, Any]


def of_line(entry: AuditEntry) -> Line:
    """A line of the ledger. Addresses of people's machines stay here."""
    environment = entry.environment.key if entry.environment else None
    project = entry.project.key if entry.project else None
    path = landing.line_of(entry) or landing.page_of(entry)
    return Line(
        type=entry.action,
        at=entry.at,
        who=entry.actor_label,
        sentence=f"{entry.actor_label}: {entry.action} {entry.target}",
        details=tuple(_details(entry)),
        url=f"{settings.WAYFORK_URL}{path}",
        place=" / ".join(one for one in (entry.organization.key, project, environment) if one),
        data={
            "sequence": entry.sequence,
            "organization": entry.organization.key,
            "project": project,
            "environment": environment,
            "actor": entry.actor_label,
            "on_behalf_of": entry.on_behalf_of,
            "token": entry.token,
            "via": entry.via,
            "target": entry.target,
            "subjects": [{"kind": kind, "key": key} for kind, key in entry.subjects],
            "summary": entry.summary,
            "reason": entry.reason[:LONGEST_TEXT],
            "url": f"{settings.WAYFORK_URL}{path}",
            "before": entry.before,
            "after": entry.after,
            "truncated": False,
        },
    )


def _details(entry: AuditEntry) -> Iterator[str]:
    if entry.summary:
        yield entry.summary
    if entry.reason:
        yield f"“{entry.reason[:LONGEST_TEXT]}”"


def of_test(destination: Destination, who: str) -> Line:
    """What the test button sends."""
    organization = destination.organization.key
    sentence = f"{who} tests the destination {destination.name}"
    return Line(
        type="destination.tested",
        at=timezone.now(),
        who=who,
        sentence=sentence,
        details=("Nothing happened: this message was asked for by its test button.",),
        url=settings.WAYFORK_URL,
        place=organization,
        data={"organization": organization, "actor": who, "target": destination.name},
    )


def body_of(kind: Destination.Kind, line: Line) -> str:
    """The message itself, exactly as it is signed and sent, at most 20 KB."""
    return _written(WORDINGS[kind](line))


def _written(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)


def _webhook(line: Line) -> Mapping[str, Any]:
    document = {"type": line.type, "timestamp": line.at.isoformat(), "data": line.data}
    if len(_written(document).encode()) < MOST_BYTES:
        return document
    less = {**line.data, "before": None, "after": None, "truncated": True}
    return {**document, "data": {**less, "subjects": line.data.get("subjects", [])[:20]}}


def _slack(line: Line) -> Mapping[str, Any]:
    """Plain text wherever people's words stand: nobody mentions a channel by naming a flag so."""
    texts = [line.sentence, *line.details]
    sections = [
        {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
        for text in texts
    ]
    place = {
        "type": "mrkdwn",
        "text": f"{_for_slack(line.place)} · <{line.url}|Open in Wayfork>",
        "verbatim": True,
    }
    return {
        "text": _for_slack(line.sentence),
        "blocks": [*sections, {"type": "context", "elements": [place]}],
    }


def _for_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(line: Line) -> Mapping[str, Any]:
    def text(words: str, **looks: object) -> dict[str, object]:
        return {"type": "TextBlock", "text": _for_teams(words), "wrap": True, **looks}

    parts = [text(line.sentence, weight="Bolder")]
    parts += [text(one) for one in line.details]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [*parts, text(line.place, isSubtle=True, size="Small")],
        "actions": [{"type": "Action.OpenUrl", "title": "Open in Wayfork", "url": line.url}],
    }
    content_type = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": content_type, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _for_teams(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", text)


def _datadog(line: Line) -> Mapping[str, Any]:
    tags = {"source": "wayfork", "action": line.type, "actor": line.who}
    named = {name: line.data.get(name) for name in ("organization", "project", "environment")}
    return {
        "title": line.sentence[:100],
        "text": "\n".join([*line.details, line.url])[:4_000],
        "date_happened": int(line.at.timestamp()),
        "alert_type": "info",
        "source_type_name": "wayfork",
        "aggregation_key": str(line.data.get("target", ""))[:100],
        "tags": [f"{name}:{value}" for name, value in {**tags, **named}.items() if value],
    }


WORDINGS: Final[Mapping[Destination.Kind, Callable[[Line], Mapping[str, Any]]]] = {
    Destination.Kind.WEBHOOK: _webhook,
    Destination.Kind.SLACK: _slack,
    Destination.Kind.TEAMS: _teams,
    Destination.Kind.DATADOG: _datadog,
}
