"""Which members a line of the ledger concerns, and in which words they are told."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import holders, landing
from accounts.models import AuditEntry, Follow, Mail, Membership, Notice, NoticeWish
from accounts.permissions import Permission


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of notice: what it is, and when it is mailed unless the member says otherwise."""

    title: Any
    mail: Mail


# Only what waits for the person, or went past them, is mailed unasked.
KINDS: Final[Mapping[str, Kind]] = {
    "review": Kind(gettext_lazy("A change waits for my review"), Mail.AT_ONCE),
    "answer": Kind(
        gettext_lazy("My change request was sent back, rejected or could not be applied"),
        Mail.AT_ONCE,
    ),
    "bypass": Kind(gettext_lazy("A review was bypassed"), Mail.AT_ONCE),
    "access": Kind(gettext_lazy("Somebody asks for access"), Mail.AT_ONCE),
    "access_answer": Kind(gettext_lazy("My request for access was answered"), Mail.AT_ONCE),
    "upkeep": Kind(
        gettext_lazy("A destination was switched off, or a key was exposed"), Mail.AT_ONCE
    ),
    "progress": Kind(
        gettext_lazy("My change request was approved, applied or commented on"), Mail.NEVER
    ),
    "passed_by": Kind(gettext_lazy("A kill switch or a roll back on what I review"), Mail.AT_ONCE),
    "emergency": Kind(
        gettext_lazy("A kill switch or a roll back on something I follow"), Mail.NEVER
    ),
    "follow": Kind(gettext_lazy("Something I follow changed"), Mail.NEVER),
    "invitation": Kind(gettext_lazy("Somebody accepted my invitation"), Mail.NEVER),
}
FOLLOWED: Final = frozenset({"flag", "segment", "experiment", "tag"})
EMERGENCIES: Final = frozenset({"killed", "rolled_back"})
# What is said of a change request, and of which kind that is for whoever follows it.
STEPS: Final[Mapping[str, tuple[str, Any]]] = {
    "change.revised": ("progress", gettext_lazy("revised")),
    "change.approved": ("progress", gettext_lazy("approved")),
    "change.changes_requested": ("answer", gettext_lazy("asks for changes to")),
    "change.rejected": ("answer", gettext_lazy("rejected")),
    "change.withdrawn": ("progress", gettext_lazy("withdrew")),
    "change.commented": ("progress", gettext_lazy("commented on")),
    "change.scheduled": ("progress", gettext_lazy("scheduled")),
    "change.unscheduled": ("progress", gettext_lazy("unscheduled")),
    "change.schedule_refused": ("answer", gettext_lazy("could not apply")),
    "change.bypassed": ("progress", gettext_lazy("applied, past review,")),
    "change.looked_at": ("progress", gettext_lazy("looked afterwards at")),
    "change.superseded": ("progress", gettext_lazy("found nothing left to do in")),
}
# A proof of taking part: who did one of these hears how the request goes on.
TAKES_PART: Final = frozenset(
    {"change.submitted", "change.revised", "change.commented", "change.scheduled"}
)
# Somebody's own word on a request: they need not be asked for it any more.
OWN_WORDS: Final = frozenset(
    {"change.approved", "change.changes_requested", "change.revised", "change.looked_at"}
)
# What asks a member for their word.
ASKS: Final = ("review", "bypass")
# Acts on a whole environment that may go past its review or its freeze.
ENVIRONMENTS: Final[Mapping[str, Any]] = {
    "environment.archived": gettext_lazy("%(who)s archived %(place)s, past review"),
    "environment.unarchived": gettext_lazy("%(who)s brought %(place)s back, past review"),
}
# After these nobody needs to review any more.
ENDS: Final = frozenset(
    {"change.rejected", "change.withdrawn", "change.superseded", "change.bypassed"}
)

Addressed = tuple[str, Iterable[Membership], str]


def write(entry: AuditEntry) -> list[Notice]:
    """Put a line into the inboxes it concerns, each once; returns what was written.

    Called by accounts.tail for each line in turn, inside its transaction.
    """
    _follow_own(entry)
    _settle(entry)
    found: dict[UUID, Notice] = {}
    knowing = _told_before(entry)
    for kind, members, text in _addressed(entry):
        for member in members:
            if member.pk not in knowing and not _is_own(entry, member):
                found.setdefault(member.pk, _notice(entry, kind, member, text))
    wishes = _wishes(found.values())
    for notice in found.values():
        notice.mail = wishes.get((notice.membership_id, notice.kind), KINDS[notice.kind].mail)
    return Notice.objects.bulk_create(found.values())


def _is_own(entry: AuditEntry, member: Membership) -> bool:
    """Nobody is told what they just did. What happens by itself, in their name, is news."""
    return member.user_id == entry.actor_id and not landing.applied_by_itself(entry)


def _told_before(entry: AuditEntry) -> set[UUID]:
    """To take a change past review is one act and two lines: whoever is told of the first knows the
    second."""
    is_first = entry.action == "change.bypassed" or entry.action in ENVIRONMENTS
    if is_first or not landing.went_past_review(entry):
        return set()
    first = [*_tell_of_bypass(entry), *_to_followers_of_request(entry)]
    return {member.pk for _kind, members, _text in first for member in members}


def _notice(entry: AuditEntry, kind: str, member: Membership, text: str) -> Notice:
    return Notice(
        membership=member,
        # An answer to one's own question is read by whoever was turned away as well.
        project=None if kind == "access_answer" else entry.project,
        kind=kind,
        text=text[:300],
        detail=(entry.reason or entry.summary)[:2_000],
        url=landing.page_of(entry)[:400],
        created_at=entry.at,
    )


def _wishes(notices: Iterable[Notice]) -> dict[tuple[UUID, str], Mail]:
    members = {notice.membership_id for notice in notices}
    if not members:
        return {}
    rows = NoticeWish.across_tenants.filter(membership_id__in=members)
    return {(row.membership_id, row.kind): Mail(row.mail) for row in rows}


# --- whom a line concerns


def _addressed(entry: AuditEntry) -> Iterator[Addressed]:
    """The weightiest reason first: a member is told once, for that."""
    rule = RULES.get(entry.action)
    if rule:
        yield from rule(entry)
    yield from _to_followers_of_request(entry)
    yield from _to_reviewers_passed_by(entry)
    yield from _to_followers(entry)


def _ask_reviewers(entry: AuditEntry) -> Iterator[Addressed]:
    if entry.project is None:
        return
    asked = entry.after if isinstance(entry.after, dict) else {}
    text = _about(entry, _("asks you to review"))
    if teams := asked.get("reviewers"):
        yield "review", holders.of_teams(entry.project, teams), text
    if asked.get("project_reviewers", not teams):
        yield "review", holders.of_right(entry.project, Permission.REVIEW), text


def _tell_of_bypass(entry: AuditEntry) -> Iterator[Addressed]:
    """Admins, and whoever may look at it afterwards."""
    text = _about(entry, _("applied, past review,"))
    if entry.action in ENVIRONMENTS:
        place = entry.environment or entry.target
        text = str(ENVIRONMENTS[entry.action]) % {"who": _who(entry), "place": place}
    if entry.project is not None:
        for right in (Permission.MANAGE_PROJECT, Permission.REVIEW):
            yield "bypass", holders.of_right(entry.project, right), text


def _tell_of_environment(entry: AuditEntry) -> Iterator[Addressed]:
    if landing.went_past_review(entry):
        yield from _tell_of_bypass(entry)


def _ask_admins(entry: AuditEntry) -> Iterator[Addressed]:
    if entry.project is not None:
        admins = holders.of_right(entry.project, Permission.MANAGE_PROJECT)
        text = _("%(who)s asks for access to %(project)s")
        yield "access", admins, text % {"who": entry.target, "project": entry.project.name}


def _answer_access(entry: AuditEntry) -> Iterator[Addressed]:
    text = (
        _("%(who)s let you into %(project)s")
        if entry.action == "access.approved"
        else _("%(who)s declined your request for access to %(project)s")
    )
    told = text % {"who": _who(entry), "project": entry.project}
    yield "access_answer", _member(entry, entry.target), told


def _tell_inviter(entry: AuditEntry) -> Iterator[Addressed]:
    inviter = entry.after.get("invited_by", "") if isinstance(entry.after, dict) else ""
    text = _("%(who)s accepted your invitation") % {"who": _who(entry)}
    yield "invitation", _member(entry, inviter), text


def _tell_keepers(entry: AuditEntry) -> Iterator[Addressed]:
    """Whoever may look after the destination: of a project's its admins as well."""
    if entry.actor_id is not None:
        return
    text = _("%(name)s was switched off") % {"name": entry.target}
    if entry.project is None:
        yield "upkeep", holders.owners(entry.organization), text
    else:
        yield "upkeep", holders.of_right(entry.project, Permission.MANAGE_PROJECT), text


def _tell_of_exposed(entry: AuditEntry) -> Iterator[Addressed]:
    if entry.project is not None:
        text = _("A browser sent the server key %(label)s: revoke it") % {"label": entry.target}
        yield "upkeep", holders.of_right(entry.project, Permission.MANAGE_KEYS), text


RULES: Final[Mapping[str, Callable[[AuditEntry], Iterator[Addressed]]]] = {
    "change.submitted": _ask_reviewers,
    "change.revised": _ask_reviewers,
    "change.bypassed": _tell_of_bypass,
    **dict.fromkeys(ENVIRONMENTS, _tell_of_environment),
    "access.requested": _ask_admins,
    "sdk_key.exposed": _tell_of_exposed,
    "access.approved": _answer_access,
    "access.declined": _answer_access,
    "invitation.accepted": _tell_inviter,
    "destination.disabled": _tell_keepers,
}


def _to_followers_of_request(entry: AuditEntry) -> Iterator[Addressed]:
    number = landing.request_number(entry)
    if number is None:
        return
    kind, words = STEPS.get(entry.action, ("progress", _("applied")))
    if entry.action != "change.submitted":
        yield kind, _followers(entry, {("change", str(number))}), _about(entry, str(words))


def _to_reviewers_passed_by(entry: AuditEntry) -> Iterator[Addressed]:
    """A kill or a roll back asks nobody; whoever would have been asked hears of it, and why."""
    if entry.project is not None and landing.passed_reviewers_by(entry):
        verb = entry.action.rpartition(".")[2].replace("_", " ")
        reviewers = holders.of_right(entry.project, Permission.REVIEW)
        yield "passed_by", reviewers, _about(entry, verb)


def _to_followers(entry: AuditEntry) -> Iterator[Addressed]:
    # Steps of a request change nothing yet.
    if entry.action.startswith("change."):
        return
    about = {(kind, key) for kind, key in entry.subjects if kind in FOLLOWED}
    verb = entry.action.rpartition(".")[2]
    kind = "emergency" if verb in EMERGENCIES else "follow"
    if about:
        yield kind, _followers(entry, about), _about(entry, verb.replace("_", " "))


def _followers(entry: AuditEntry, about: set[tuple[str, str]]) -> list[Membership]:
    if entry.project is None:
        return []
    wanted = Q()
    for kind, key in about:
        wanted |= Q(follows__kind=kind, follows__key=key, follows__project=entry.project)
    rows = holders.active(entry.organization).filter(wanted).distinct()
    return holders.viewers(entry.project, rows)


def _member(entry: AuditEntry, name: str) -> list[Membership]:
    """The member of an e-mail address, or of a name nobody else has."""
    rows = holders.active(entry.organization)
    found = list(rows.filter(user__email__iexact=name)) or list(rows.filter(user__name=name)[:2])
    return found if name and len(found) == 1 else []


# --- words


def _who(entry: AuditEntry) -> str:
    return str(entry.actor or entry.actor_label)


def _doer(entry: AuditEntry) -> str:
    """Who did it; what applied by itself at its time is not said to be its person's doing."""
    if landing.applied_by_itself(entry):
        return _("Wayfork, for %(who)s,") % {"who": _who(entry)}
    return _who(entry)


def _about(entry: AuditEntry, verb: str) -> str:
    """Max approved #12 quote-form in Production."""
    number = landing.request_number(entry)
    noun = f"#{number}" if number is not None else entry.action.partition(".")[0]
    told = f"{_doer(entry)} {verb} {noun} {entry.target}"
    if entry.environment is None:
        return told
    return _("%(told)s in %(place)s") % {"told": told, "place": entry.environment.name}


# --- what a line does to follows and to earlier notices


def _follow_own(entry: AuditEntry) -> None:
    """Who proposes, revises, schedules or talks about a change hears how it goes on."""
    number = landing.request_number(entry)
    takes_part = entry.action in TAKES_PART
    if not takes_part or number is None or entry.actor_id is None or entry.project is None:
        return
    rows = Membership.objects.within(entry.organization)
    member = rows.filter(user_id=entry.actor_id).first()
    if member is not None:
        Follow.across_tenants.get_or_create(
            membership=member, project=entry.project, kind="change", key=str(number)
        )


def _settle(entry: AuditEntry) -> None:
    """Nobody is asked any longer to review what is decided, or what they spoke on themselves."""
    if landing.request_number(entry) is None:
        return
    asked = Notice.objects.within(entry.organization).filter(
        url=landing.page_of(entry)[:400], read_at=None
    )
    if entry.action in OWN_WORDS and entry.actor_id is not None:
        asked = asked.filter(kind__in=ASKS, membership__user_id=entry.actor_id)
    elif entry.action.startswith("change.") and entry.action not in ENDS:
        return
    else:
        asked = asked.filter(kind="review")
    asked.update(read_at=timezone.now())
