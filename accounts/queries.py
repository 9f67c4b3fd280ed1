"""Reads of people, places, keys and the ledger, always within an access."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from django.http import QueryDict

from accounts import access as tickets
from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import (
    AccessToken,
    AuditEntry,
    Environment,
    Membership,
    Organization,
    Project,
    SdkKey,
    User,
)
from accounts.permissions import Permission

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class OrganizationPlace:
    """An organization somebody belongs to, with the projects they may see."""

    organization: Organization
    is_owner: bool
    projects: tuple[Project, ...]


def places_of(user: User) -> list[OrganizationPlace]:
    """Where a person belongs, by name."""
    memberships = (
        Membership.across_tenants.filter(user=user, is_active=True)
        .select_related("organization")
        .order_by("organization__name")
    )
    return [
        OrganizationPlace(
            membership.organization,
            membership.is_owner,
            tuple(
                project
                for project in Project.objects.within(membership.organization)
                if Permission.VIEW in tickets.grants_of(membership, project)
            ),
        )
        for membership in memberships
    ]


def environments(access: Access) -> list[Environment]:
    """The project's environments in order."""
    return list(Environment.objects.within(access.project))


def sdk_keys(access: Access) -> list[SdkKey]:
    """The environment's keys, live ones first."""
    rows = SdkKey.objects.within(access.environment).select_related("created_by")
    return sorted(rows, key=lambda key: (key.revoked_at is not None, -key.created_at.timestamp()))


def tokens(access: Access) -> list[AccessToken]:
    """The person's own tokens in this organization."""
    rows = AccessToken.objects.within(access.organization)
    return list(rows.filter(membership__user=access.actor.user, revoked_at=None))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines of the ledger are asked for."""

    action: str = ""
    person: str = ""
    target: str = ""
    before: int | None = None

    @classmethod
    def from_query(cls, query: QueryDict) -> Self:
        """Read from an address; what makes no sense is ignored."""
        cursor = query.get("before", "")
        return cls(
            action=query.get("action", "")[:60],
            person=query.get("person", "").strip()[:254],
            target=query.get("target", "").strip()[:200],
            before=int(cursor) if cursor.isdecimal() and len(cursor) < 16 else None,
        )

    def query(self, before: int | None) -> str:
        """The same question from another place on."""
        asked = QueryDict(mutable=True)
        given = {"action": self.action, "person": self.person, "target": self.target}
        for name, value in {**given, "before": str(before or "")}.items():
            if value:
                asked[name] = value
        return asked.urlencode()


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the ledger and the query of the next older one."""

    lines: Sequence[AuditEntry]
    older: str
    first: str


def audit_page(access: Access, wanted: Wanted, *, size: int = PAGE) -> AuditPage:
    """Lines of the access's project, newest first, by keyset (never by offset)."""
    rows = _visible(access)
    if wanted.action:
        rows = rows.filter(action=wanted.action)
    if wanted.person:
        rows = rows.filter(actor_label__icontains=wanted.person)
    if wanted.target:
        rows = rows.filter(target__icontains=wanted.target)
    if wanted.before is not None:
        rows = rows.filter(sequence__lt=wanted.before)
    lines = list(rows.select_related("environment", "actor").order_by("-sequence")[: size + 1])
    more = len(lines) > size
    older = wanted.query(lines[size - 1].sequence) if more else ""
    return AuditPage(lines[:size], older, wanted.query(None))


def audit_entry(access: Access, sequence: int) -> AuditEntry:
    """One line of this project."""
    found: AuditEntry | None = _visible(access).filter(sequence=sequence).first()
    if found is None:
        raise NotFound("There is no such line in this project's history.")
    return found


def audit_actions(access: Access) -> list[str]:
    """Which kinds of acts the project's ledger holds."""
    return list(_visible(access).order_by("action").values_list("action", flat=True).distinct())


def _visible(access: Access) -> Any:
    rows = AuditEntry.objects.within(access.organization)
    return rows.filter(project=access.project)


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in a document that an act changed."""

    what: str
    before: str
    after: str


def differences(line: AuditEntry) -> list[Difference]:
    """What changed, place by place."""
    return document_differences(line.before, line.after)


def document_differences(before: object, after: object) -> list[Difference]:
    """Where two JSON documents differ, as paths with both values."""
    found: list[Difference] = []
    _compare("", before, after, found)
    return found


def _compare(path: str, before: object, after: object, found: list[Difference]) -> None:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            _compare(f"{path}.{key}" if path else str(key), before.get(key), after.get(key), found)
        return
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            _compare(f"{path}[{index}]", one, other, found)
        return
    found.append(Difference(path or "value", _shown(before), _shown(after)))


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
