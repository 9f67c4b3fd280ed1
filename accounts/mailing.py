"""Notices by e-mail: at once, or once a day in one letter; never twice the same."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import holders, letters
from accounts.actions import notices as acts
from accounts.models import Mail, Membership, Notice
from accounts.notices import KINDS

# What could not be mailed for so long is not news any more; it stands in the inbox.
STALE: Final = timedelta(days=2)
BATCH: Final = 200


def send_due() -> int:
    """Mail what is wished at once; returns how many letters went out.

    Each notice is claimed by one UPDATE before its letter is written, so two workers send one.
    When the mail server takes none, the rest waits for the next ring.
    """
    sent = 0
    for notice in _waiting(Mail.AT_ONCE)[:BATCH]:
        if not _claim([notice.pk]):
            continue
        if not _send(notice.membership, [notice], notice.text):
            _release([notice.pk])
            break
        sent += 1
    return sent


def send_digests() -> int:
    """Mail each member what gathered for the day, in one letter."""
    gathered: dict[UUID, list[Notice]] = {}
    for notice in _waiting(Mail.DAILY):
        gathered.setdefault(notice.membership_id, []).append(notice)
    sent = 0
    for notices in gathered.values():
        sent += _send_digest(notices)
    return sent


def _send_digest(notices: list[Notice]) -> int:
    claimed = [notice for notice in notices if _claim([notice.pk])]
    if not claimed:
        return 0
    count = len(claimed)
    subject = ngettext("%(count)s notice today", "%(count)s notices today", count)
    if _send(claimed[0].membership, claimed, subject % {"count": count}):
        return 1
    _release([notice.pk for notice in claimed])
    return 0


def _waiting(mail: Mail) -> QuerySet[Notice]:
    """Unread, of people who still belong there and may look at what they are told of."""
    rows: QuerySet[Notice] = Notice.across_tenants.filter(
        mail=mail,
        mailed_at=None,
        read_at=None,
        created_at__gt=timezone.now() - STALE,
        membership__is_active=True,
        membership__user__is_active=True,
    )
    related = ("membership__user", "membership__organization")
    return holders.readable(rows).select_related(*related).order_by("created_at")


def _claim(ids: Iterable[UUID]) -> bool:
    """Asked again at the last moment: many letters went out since the list was read."""
    rows = holders.readable(Notice.across_tenants.filter(pk__in=list(ids), mailed_at=None))
    return bool(rows.update(mailed_at=timezone.now()))


def _release(ids: Iterable[UUID]) -> None:
    Notice.across_tenants.filter(pk__in=list(ids)).update(mailed_at=None)


def _send(member: Membership, notices: list[Notice], subject: str) -> bool:
    organization = member.organization
    one_kind = notices[0].kind if len({notice.kind for notice in notices}) == 1 else ""
    leave_path = (
        reverse("accounts:notices-leave", args=[acts.leaving_token(member, one_kind)])
        if one_kind
        else ""
    )
    inbox = f"{settings.WAYFORK_URL}{reverse('accounts:inbox', args=[organization.key])}"
    leave_url = f"{settings.WAYFORK_URL}{leave_path}" if leave_path else f"{inbox}wishes/"
    context = {
        "notices": [(notice, f"{settings.WAYFORK_URL}{notice.url}") for notice in notices],
        "organization": organization.name,
        "inbox": inbox,
        "leave": leave_url,
        "kind": KINDS[one_kind].title if one_kind else _("the daily letter"),
    }
    headers = {"List-Unsubscribe": f"<{leave_url}>"}
    if leave_path:
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    to = member.user.email
    return letters.send("notice", to, f"[{organization.name}] {subject}", context, headers=headers)
