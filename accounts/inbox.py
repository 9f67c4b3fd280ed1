"""A member's inbox as they read it: the lines, what is unread, and what they wish to be mailed."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from accounts import holders
from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import Environment, Follow, Mail, Membership, Notice, NoticeWish, Project
from accounts.notices import KINDS
from accounts.permissions import Permission

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Wish:
    """How a member hears of one kind of notice."""

    kind: str
    title: Any
    mail: Mail


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page of an inbox, and the place the next older one begins at (empty: none)."""

    notices: list[Notice]
    older: str


def member_of(access: Access) -> Membership:
    """The membership of the person who asks; a service has no inbox."""
    rows = Membership.objects.within(access.organization).select_related("user", "organization")
    found: Membership | None = rows.filter(user=access.actor.user).first()
    if found is None:
        raise NotFound("Only a person has an inbox.")
    return found


def unread(access: Access) -> int:
    """How many lines the person has not read."""
    return mine(access).filter(read_at=None).count()


def page(
    access: Access, *, only_unread: bool = False, kind: str = "", before: str = "", size: int = PAGE
) -> InboxPage:
    """Lines, newest first, by keyset."""
    rows = mine(access)
    if only_unread:
        rows = rows.filter(read_at=None)
    if kind in KINDS:
        rows = rows.filter(kind=kind)
    last = _notice_before(access, before)
    if last is not None:
        rows = rows.filter(created_at__lte=last.created_at).exclude(id=last.id)
    found = list(rows.order_by("-created_at", "-id")[: size + 1])
    return InboxPage(found[:size], str(found[size - 1].id) if len(found) > size else "")


def _notice_before(access: Access, given: str) -> Notice | None:
    try:
        return mine(access).filter(id=UUID(given)).first()
    except ValueError:
        return None


def one(access: Access, notice_id: UUID) -> Notice:
    """One of the person's own lines."""
    found = mine(access).filter(id=notice_id).first()
    if found is None:
        raise NotFound("There is no such notice.")
    return found


def mine(access: Access) -> QuerySet[Notice]:
    """The person's own lines, as far as they may look where those lead; by a token for some
    projects, those of these."""
    rows: QuerySet[Notice] = Notice.objects.within(access.organization)
    if access.confined:
        rows = rows.filter(project__key__in=access.confined)
    own = rows.filter(membership__user=access.actor.user)
    # An owner may look everywhere: nothing has to be asked for that.
    return own if access.may(Permission.MANAGE_ORGANIZATION) else holders.readable(own)


def wishes(member: Membership) -> list[Wish]:
    """Every kind with what the member wishes, or what holds unless they wish otherwise."""
    rows = NoticeWish.objects.within(member.organization).filter(membership=member)
    said = {row.kind: Mail(row.mail) for row in rows}
    return [Wish(key, kind.title, said.get(key, kind.mail)) for key, kind in KINDS.items()]


def follows(access: Access, project: Project, kind: str, key: str) -> bool:
    """Whether the person follows this."""
    rows = Follow.objects.within(project).filter(membership__user=access.actor.user)
    return rows.filter(kind=kind, key=key).exists()


def followed(member: Membership) -> list[Follow]:
    """What a member follows by their own choice, each with an environment through which it is
    reached (`entrance`, a key; None where all of the project's lie in the archive)."""
    living = Environment.objects.within(member.organization).filter(
        project=OuterRef("project"), archived_at=None
    )
    rows = (
        Follow.objects.within(member.organization)
        .filter(membership=member)
        .annotate(entrance=Subquery(living.order_by("position").values("key")[:1]))
    )
    return list(rows.exclude(kind="change").select_related("project").order_by("kind", "key"))
