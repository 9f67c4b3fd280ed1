"""What a member does with their own inbox. Nobody else is concerned, so the ledger is not told."""

from collections.abc import Mapping
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.utils import timezone

from accounts import inbox, notices
from accounts.access import Access
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.models import Follow, Mail, Membership, Notice, NoticeWish
from accounts.permissions import Permission

SALT = "wayfork.notices.unsubscribe"


def mark_read(access: Access, notice_id: UUID) -> Notice:
    """Take one line as read."""
    found = inbox.one(access, notice_id)
    found.read_at = found.read_at or timezone.now()
    found.save(update_fields=["read_at"])
    return found


def mark_all_read(access: Access) -> int:
    """Take every line as read; returns how many were not."""
    return int(inbox.mine(access).filter(read_at=None).update(read_at=timezone.now()))


def wish(access: Access, wishes: Mapping[str, str]) -> None:
    """Say for each kind when it is mailed."""
    if access.confined:
        raise NotPermitted(
            "This token was made for some projects; your mail tells of all of them.",
            hint="Choose while signed in, or by a token for all projects.",
        )
    member = inbox.member_of(access)
    for kind, mail in wishes.items():
        if kind not in notices.KINDS or mail not in Mail.values:
            raise InvalidInput(
                f"{kind[:40]!r} cannot be mailed {mail[:20]!r}.",
                hint=f"Kinds are {', '.join(notices.KINDS)}; times {', '.join(Mail.values)}.",
            )
    with transaction.atomic():
        for kind, mail in wishes.items():
            _wish(member, kind, Mail(mail))


def _wish(member: Membership, kind: str, mail: Mail) -> None:
    NoticeWish.across_tenants.update_or_create(
        membership=member, kind=kind, defaults={"mail": mail}
    )
    waiting = Notice.objects.within(member.organization).filter(membership=member, kind=kind)
    waiting.filter(mailed_at=None).exclude(mail=Mail.NEVER).update(mail=mail)


def follow(access: Access, kind: str, key: str, *, on: bool) -> None:
    """Begin or end to hear of every change of a flag, a segment, an experiment or a tag."""
    access.require(Permission.VIEW)
    if kind not in notices.FOLLOWED or not 0 < len(key) <= 100:
        raise InvalidInput(
            f"{kind[:20]!r} cannot be followed.", hint=f"Choose {', '.join(notices.FOLLOWED)}."
        )
    member = inbox.member_of(access)
    if on:
        Follow.across_tenants.get_or_create(
            membership=member, project=access.project, kind=kind, key=key
        )
        return
    rows = Follow.objects.within(access.project).filter(membership=member, kind=kind, key=key)
    rows.delete()


# --- leaving a mailing by the link in a letter, signed in or not


def leaving_token(member: Membership, kind: str) -> str:
    """What stands in the link: who, and which kind."""
    return signing.dumps([str(member.pk), kind], salt=SALT)


def of_leaving_token(token: str) -> tuple[Membership, str]:
    """Who wants no more letters of which kind."""
    try:
        member_id, kind = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError) as error:
        raise NotFound("This link is not whole.") from error
    rows = Membership.across_tenants.select_related("organization", "user")
    found = rows.filter(pk=member_id).first()
    if found is None or kind not in notices.KINDS:
        raise NotFound("This link leads nowhere any more.")
    return found, kind


def leave(token: str) -> tuple[Membership, str]:
    """Mail no more of this kind; the inbox keeps its lines."""
    member, kind = of_leaving_token(token)
    _wish(member, kind, Mail.NEVER)
    return member, kind
