"""Inviting people, by e-mail or by a link to hand on; only digests of the secrets are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import admissions, letters, limits
from accounts.access import Access
from accounts.actions import standing
from accounts.actions.credentials import digest
from accounts.actions.standing import Grant
from accounts.errors import InvalidInput, NotPermitted
from accounts.limits import Limit
from accounts.models import Invitation, Membership, Project, Team
from accounts.permissions import Permission, Role
from accounts.verbs import Recorded, verb

DAYS: Final = 7
MOST_DAYS: Final = 30
MOST_USES: Final = 500
MOST_ADDRESSES: Final = 50
# Letters an organization, and a person in all organizations together, may have us send in an hour.
MOST_LETTERS: Final = 200
# Letters we send to one address in a day, whoever wishes them.
MOST_TO_ONE: Final = 5
SECRET_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Entrance:
    """What an invitation brings whoever accepts it."""

    grants: tuple[Grant, ...] = ()
    team_keys: tuple[str, ...] = ()
    is_owner: bool = False
    days: int = DAYS


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation and the one moment its secret can be read."""

    invitation: Invitation
    secret: str

    @property
    def url(self) -> str:
        """Where it is accepted."""
        return f"{settings.WAYFORK_URL}/invitations/{self.secret}/"


@verb(Permission.MANAGE_PROJECT)
def invite(
    access: Access, addresses: Sequence[str], entrance: Entrance
) -> Recorded[list[NewInvitation]]:
    """Invite people by e-mail; `mail` then sends the letters.

    An owner invites to anything; an admin of a project to that project alone.
    """
    wanted = _checked_addresses(access, addresses)
    _check(access, entrance)
    _count_letters(access, wanted)
    _replace_earlier(access, wanted)
    made = [_make(access, entrance, email=address) for address in wanted]
    after = {**told(entrance), "addresses": wanted}
    return Recorded(made, "invitation.sent", ", ".join(wanted), after=after)


@verb(Permission.MANAGE_PROJECT)
def make_link(access: Access, entrance: Entrance, *, uses: int = 1) -> Recorded[NewInvitation]:
    """Make a link that lets in whoever has it, so many times."""
    if not 1 <= uses <= MOST_USES:
        raise InvalidInput(
            f"A link can be used 1 to {MOST_USES} times.", hint="Choose fewer.", where="uses"
        )
    if entrance.is_owner:
        raise InvalidInput(
            "A link makes nobody an owner.", hint="Invite owners by e-mail.", where="is_owner"
        )
    _check(access, entrance)
    made = _make(access, entrance, uses=uses)
    after = {**told(entrance), "uses": uses}
    return Recorded(made, "invitation.link_made", "link", after=after)


@verb(Permission.MANAGE_PROJECT)
def resend(access: Access, invitation_id: UUID) -> Recorded[NewInvitation]:
    """Give an e-mailed invitation a new secret and as many days again; the old one is dead."""
    invitation = admissions.invitation(access, invitation_id)
    if not invitation.email or invitation.revoked_at or not invitation.uses_left:
        raise InvalidInput("Only an open invitation by e-mail can be sent again.")
    _check(access, entrance_of(invitation))
    _count_letters(access, [invitation.email])
    secret = token_urlsafe(SECRET_BYTES)
    lasted = invitation.expires_at - invitation.created_at
    invitation.digest = digest(secret)
    invitation.expires_at = timezone.now() + min(lasted, timedelta(days=MOST_DAYS))
    invitation.invited_by = access.actor.user
    invitation.save(update_fields=["digest", "expires_at", "invited_by"])
    return Recorded(
        NewInvitation(invitation, secret), "invitation.sent_again", target_of(invitation)
    )


@verb(Permission.MANAGE_PROJECT)
def revoke(access: Access, invitation_id: UUID) -> Recorded[Invitation]:
    """Make an invitation worthless."""
    invitation = admissions.invitation(access, invitation_id)
    invitation.revoked_at = invitation.revoked_at or timezone.now()
    invitation.save(update_fields=["revoked_at"])
    return Recorded(invitation, "invitation.revoked", target_of(invitation), "open", "revoked")


def mail(made: NewInvitation) -> bool:
    """Send the letter; called after the invitation is safely stored."""
    invitation = made.invitation
    inviter = str(invitation.invited_by or invitation.organization)
    subject = _("%(inviter)s invites you to %(organization)s") % {
        "inviter": inviter,
        "organization": invitation.organization.name,
    }
    context = {
        "inviter": inviter,
        "organization": invitation.organization.name,
        "url": made.url,
        "expires_at": invitation.expires_at,
    }
    return letters.send("invitation", invitation.email, subject, context)


def _count_letters(access: Access, addresses: Sequence[str]) -> None:
    """Whoever makes many organizations sends no more for it, and nobody is written to for ever."""
    senders = (
        ("invitations", str(access.organization.pk)),
        ("invitations-person", limits.person_of(access)),
    )
    counted = [Limit(*one, MOST_LETTERS, limits.HOUR, len(addresses)) for one in senders]
    for address in addresses:
        told = f"No more letters go to {address} for now. A link needs none."
        counted.append(Limit("letters-to", address, MOST_TO_ONE, limits.DAY, sentence=told))
    limits.count_all(counted)


def _make(access: Access, entrance: Entrance, *, email: str = "", uses: int = 1) -> NewInvitation:
    secret = token_urlsafe(SECRET_BYTES)
    invitation = Invitation.objects.create(
        organization=access.organization,
        email=email,
        is_owner=entrance.is_owner,
        grants=[{"project": key, "role": str(role)} for key, role in entrance.grants],
        team_keys=list(entrance.team_keys),
        digest=digest(secret),
        invited_by=access.actor.user,
        uses_left=uses,
        expires_at=timezone.now() + timedelta(days=entrance.days),
    )
    return NewInvitation(invitation, secret)


def _replace_earlier(access: Access, addresses: Sequence[str]) -> None:
    """One open invitation per address: a later one says what counts."""
    rows = Invitation.objects.within(access.organization).filter(revoked_at=None, uses_left__gt=0)
    earlier = rows.filter(email__in=addresses)
    if not access.may(Permission.MANAGE_ORGANIZATION):
        mine = [one.pk for one in earlier if admissions.is_into(one, access.project)]
        earlier = earlier.filter(pk__in=mine)
    earlier.update(revoked_at=timezone.now())


def _checked_addresses(access: Access, addresses: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(one.strip().lower() for one in addresses if one.strip()))
    if not wanted:
        raise InvalidInput("Nobody is invited.", hint="Write an e-mail address.", where="emails")
    if len(wanted) > MOST_ADDRESSES:
        raise InvalidInput(
            f"These are more than {MOST_ADDRESSES} addresses.",
            hint="Invite in several steps, or make a link.",
            where="emails",
        )
    for address in wanted:
        try:
            validate_email(address)
        except ValidationError as error:
            raise InvalidInput(
                f"{address!r} is no e-mail address.", hint="Mend it.", where="emails"
            ) from error
    _refuse_members(access, wanted)
    return wanted


def _refuse_members(access: Access, wanted: Sequence[str]) -> None:
    rows = Membership.objects.within(access.organization).filter(is_active=True)
    emails = {email.lower() for email in rows.values_list("user__email", flat=True)}
    inside = sorted(emails & {*wanted})
    if inside:
        raise InvalidInput(
            f"{inside[0]} is a member already.",
            hint="Give the person a role on the page People.",
            where="emails",
        )
    _refuse_let_out(access, wanted)


def _refuse_let_out(access: Access, wanted: Sequence[str]) -> None:
    """Only an owner's letter brings back whom an owner let out; the directory's people, none."""
    rows = Membership.objects.within(access.organization).filter(is_active=False)
    if access.may(Permission.MANAGE_ORGANIZATION):
        rows = rows.exclude(directory_id="")
    emails = {email.lower() for email in rows.values_list("user__email", flat=True)}
    outside = sorted(emails & {*wanted})
    if outside:
        raise InvalidInput(
            f"{outside[0]} was deactivated here.",
            hint="Ask an owner to reactivate the person, in the directory if it manages them.",
            where="emails",
        )


def _check(access: Access, entrance: Entrance) -> None:
    """Nobody hands on what they could not give themself.

    A service token vouches for nobody: an invitation counts while its sender might still send it.
    """
    if access.actor.user is None:
        raise NotPermitted("Only a person can invite.", hint="Use a personal access token.")
    if not 1 <= entrance.days <= MOST_DAYS:
        raise InvalidInput(
            f"An invitation lives 1 to {MOST_DAYS} days.", hint="Choose fewer.", where="days"
        )
    check_rights(access, entrance)
    known = set(_keys(Project, access))
    unknown = [key for key, _role in entrance.grants if key not in known]
    unknown += sorted({*entrance.team_keys} - set(_keys(Team, access)))
    if unknown:
        raise InvalidInput(f"There is no {unknown[0]} here.", where="grants")


def check_rights(access: Access, entrance: Entrance) -> None:
    """Refuse to promise what this access could not give."""
    if not access.may(Permission.MANAGE_ORGANIZATION):
        access.require(Permission.MANAGE_PROJECT)
        _check_at_project(access, entrance)
    for _key, role in entrance.grants:
        standing.require_grantable(access, role)


def _check_at_project(access: Access, entrance: Entrance) -> None:
    own = [key for key, _role in entrance.grants] == [access.project.key]
    if entrance.is_owner or entrance.team_keys or not own:
        raise NotPermitted(
            f"You may invite to {access.project.name} alone.",
            hint="Ask an owner to invite to teams, to other projects or as an owner.",
        )


def _keys(kind: type[Project] | type[Team], access: Access) -> list[str]:
    return list(kind.objects.within(access.organization).values_list("key", flat=True))


def told(entrance: Entrance) -> dict[str, object]:
    """As the ledger keeps it."""
    return {
        "roles": {key: str(role) for key, role in entrance.grants},
        "teams": list(entrance.team_keys),
        "owner": entrance.is_owner,
        "days": entrance.days,
    }


def target_of(invitation: Invitation) -> str:
    """Whom the ledger's lines name."""
    return invitation.email or "link"


def entrance_of(invitation: Invitation) -> Entrance:
    """What a stored invitation brings."""
    grants: Sequence[Mapping[str, str]] = invitation.grants
    return Entrance(
        tuple((grant["project"], Role(grant["role"])) for grant in grants),
        tuple(invitation.team_keys),
        invitation.is_owner,
    )
