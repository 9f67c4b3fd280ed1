"""The only writer of the ledger: one line per act, each carrying the hash of the one before."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import transaction
from django.utils import timezone

from accounts import differences
from accounts.access import Access
from accounts.models import AuditEntry, AuditHead, AuditSubject

# From here on Python writes a float as 1e+16, which jsonb takes for a whole number.
WRITTEN_WITH_EXPONENT: Final = 1e16
# What stands in `after` beside the documents: it says which change this was, not what became.
ABOUT_THE_CHANGE: Final = frozenset(
    {
        "change",
        "number",
        "revision",
        "content_hash",
        "author",
        "bypassed",
        "by_itself",
        "past_review",
        "reviewers",
        "project_reviewers",
        "environment",
        "sentences",
    }
)
# Acts whose noun is not what they are about.
KINDS: Final[Mapping[str, str]] = {"role": "member", "right": "member", "account": "member"}
# Kinds of subjects by which a line is found though it is not about them: tags its flags carried,
# environments besides its own in which something else is served now, acts besides its own.
TAG: Final = "tag"
SERVED: Final = "served"
ACT: Final = "act"
BESIDE: Final = frozenset({TAG, SERVED, ACT})
# What the hash covers, beside the hash before it, in this order.
HASHED: Final = (
    "organization_id",
    "project_id",
    "environment_id",
    "sequence",
    "at",
    "actor_id",
    "actor_label",
    "on_behalf_of",
    "token",
    "via",
    "address",
    "request_id",
    "action",
    "target",
    "summary",
    "subjects",
    "before",
    "after",
    "reason",
)
DOCUMENTS: Final = frozenset({"subjects", "before", "after"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act is about: `flag checkout`, `tag beta`, `member max@example.org`."""

    kind: str
    key: str


def record(  # noqa: PLR0913 - one keyword per thing a line may say
    access: Access,
    action: str,
    target: str,
    *,
    before: object = None,
    after: object = None,
    reason: str = "",
    subjects: Iterable[Subject] = (),
) -> AuditEntry:
    """Append a line to the organization's ledger, inside the caller's transaction.

    Without `subjects` the line is about its target, of the kind its action begins with. The
    organization's head is locked here, always after any snapshot head (changes.submit), so that
    the two locks are taken in one order everywhere.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("the ledger is written in the transaction of the act it records")
    AuditHead.objects.get_or_create(organization=access.organization)
    head = AuditHead.objects.select_for_update().get(organization=access.organization)
    about = list(dict.fromkeys(subjects)) or [_subject(action, target)]
    before, after = _as_kept(before), _as_kept(after)
    entry = AuditEntry(
        organization=access.organization,
        project=access.at_project,
        environment=access.at_environment,
        sequence=head.sequence + 1,
        at=timezone.now(),
        actor=access.actor.user,
        actor_label=keepable(access.actor.label),
        on_behalf_of=access.actor.behind.email if access.actor.behind else "",
        token=keepable(access.actor.token),
        via=str(access.origin.via),
        address=access.origin.address,
        request_id=access.origin.request_id,
        action=action,
        target=keepable(target)[:200],
        summary=summary(before, after),
        subjects=[[one.kind[:20], keepable(one.key)[:200]] for one in about],
        before=before,
        after=after,
        reason=keepable(reason),
        previous_hash=head.hash,
    )
    entry.hash = digest(entry)
    entry.save()
    AuditSubject.objects.bulk_create(index(entry))
    head.sequence, head.hash = entry.sequence, entry.hash
    head.save(update_fields=["sequence", "hash"])
    return entry


def _subject(action: str, target: str) -> Subject:
    noun = action.partition(".")[0]
    return Subject(KINDS.get(noun, noun), target)


def index(entry: AuditEntry) -> list[AuditSubject]:
    """The rows by which a line is found."""
    return [
        AuditSubject(
            entry=entry,
            organization_id=entry.organization_id,
            project_id=entry.project_id,
            sequence=entry.sequence,
            kind=kind,
            key=key,
        )
        for kind, key in terms(entry.subjects)
    ]


def terms(subjects: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """What a line is found by: each subject, each group of acts, and each kind."""
    named = [(kind, key) for kind, key in subjects]
    groups = dict.fromkeys((ACT, group_of(key)) for kind, key in named if kind == ACT)
    kinds = dict.fromkeys((kind, AuditSubject.ANY) for kind, _ in named)
    return [*named, *groups, *kinds]


def group_of(act: str) -> str:
    """`flag.changed` is one of `flag.*`, all acts on flags."""
    return f"{act.partition('.')[0]}.*"


def acts(entry: AuditEntry) -> list[str]:
    """The line's own act, and those it tells of besides."""
    return [entry.action, *keys(entry, ACT)]


def keys(entry: AuditEntry, wanted: str) -> list[str]:
    """The subjects of one kind."""
    return [key for kind, key in entry.subjects if kind == wanted]


def summary(before: object, after: object) -> str:
    """What became of what, in short: a change's own sentences, else the first differences."""
    sentences = sentences_of(after)
    if sentences:
        return differences.joined(sentences[: differences.PLACES], len(sentences))
    return differences.in_short(before, document_of(after))


def sentences_of(after: object) -> list[str]:
    """What a change says of itself."""
    if not isinstance(after, Mapping):
        return []
    told = [
        *after.get("sentences", ()),
        *(one for part in _parts(after) for one in part.get("sentences", ())),
    ]
    return [one for one in told if isinstance(one, str)]


def _parts(after: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = after.get("parts")
    return [one for one in parts if isinstance(one, Mapping)] if isinstance(parts, list) else []


def document_of(after: object) -> object:
    """What became, without what says which change it was."""
    if not isinstance(after, Mapping) or "change" not in after:
        return after
    kept = {key: value for key, value in after.items() if key not in ABOUT_THE_CHANGE}
    parts = kept.pop("parts", None)
    if isinstance(parts, list):
        kept |= {part["target"]["key"]: part["after"] for part in _parts(after) if "after" in part}
    return kept


def keepable(text: str) -> str:
    """Text as every database keeps it: NUL characters and lone surrogates are replaced."""
    whole = text.encode("utf-8", "replace").decode()
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _as_kept(value: object) -> object:
    """Text and numbers as PostgreSQL's jsonb gives them back, or the line's hash would not fit it
    there: 1e+22 comes back as a whole number, -0.0 without its sign."""
    if isinstance(value, str):
        return keepable(value)
    if isinstance(value, float):
        if value == 0:
            return 0.0
        return int(Decimal(repr(value))) if abs(value) >= WRITTEN_WITH_EXPONENT else value
    if isinstance(value, Mapping):
        return {_key_as_kept(key): _as_kept(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_kept(item) for item in value]
    return value


def _key_as_kept(key: object) -> object:
    return keepable(key) if isinstance(key, str) else key


def digest(entry: AuditEntry) -> str:
    """SHA-256 over the previous hash and the line's canonical form (hex)."""
    return chained(entry.previous_hash, [_hashed(name, entry) for name in HASHED])


def _hashed(name: str, entry: AuditEntry) -> object:
    value = getattr(entry, name)
    return as_text(value) if name in DOCUMENTS else plain(value)


def chained(previous_hash: str, content: Sequence[object]) -> str:
    """The hash of a line whose hashed fields are given in their order (docs/reference/audit.md)."""
    return hashlib.sha256(previous_hash.encode() + _canonical(content)).hexdigest()


def _canonical(content: Sequence[object]) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:
        # Lone surrogates, in lines SQLite kept before they were replaced.
        written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return written.encode("utf-8", "surrogatepass")


def plain(value: object) -> object:
    """A field as the canonical form has it: moments to the microsecond, in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


def as_text(document: object) -> str | None:
    """JSON as PostgreSQL writes its jsonb, so that a proof there takes the text as it is."""
    return None if document is None else _text(document)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        members = {_key(key): item for key, item in value.items()}
        ordered = sorted(members, key=lambda key: (len(_bytes(key)), _bytes(key)))
        return "{" + ", ".join(f"{_quoted(key)}: {_text(members[key])}" for key in ordered) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return json.dumps(value)


def _key(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
