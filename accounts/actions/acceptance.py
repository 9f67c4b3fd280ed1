"""Coming in by an invitation: who may use it, and when it no longer counts."""

from django.db import transaction
from django.utils import timezone

from accounts import access as tickets
from accounts import audit
from accounts.access import Origin
from accounts.actions import members
from accounts.actions.credentials import digest
from accounts.actions.invitations import check_rights, entrance_of, target_of, told
from accounts.actions.standing import lock
from accounts.errors import DomainError, NotFound
from accounts.models import Invitation, Membership, User
from accounts.permissions import Permission


class InvitationEnded(DomainError):
    """It ran out, was revoked or used up; each is told in its own sentence."""

    code = "invitation_ended"
    status = 410
    hint = "Ask whoever invited you for a new invitation."


class NotTheInvited(DomainError):
    """An invitation sent to one address was opened by somebody signed in with another."""

    code = "not_the_invited"
    status = 403
    hint = "Sign out, then sign in with the address the invitation was sent to."


def of_secret(secret: str) -> Invitation:
    """The invitation behind a secret, if it can still be accepted."""
    rows = Invitation.across_tenants.select_related("organization", "invited_by")
    found: Invitation | None = rows.filter(digest=digest(secret)).first()
    if found is None:
        raise NotFound(
            "There is no such invitation.", hint="Copy the whole address from the invitation."
        )
    _refuse_ended(found)
    return found


def _refuse_ended(invitation: Invitation) -> None:
    if invitation.revoked_at is not None:
        raise InvitationEnded("This invitation was taken back, or a newer one replaced it.")
    if invitation.uses_left == 0:
        raise InvitationEnded("This invitation has been used already.")
    if invitation.expires_at <= timezone.now():
        raise InvitationEnded("This invitation has run out.")
    if not _inviter_still_may(invitation):
        raise InvitationEnded("Whoever sent this invitation may no longer invite to this.")


def _inviter_still_may(invitation: Invitation) -> bool:
    """Whoever lost the right to let people in leaves no open doors behind."""
    if invitation.invited_by is None:
        return False
    place = [invitation.organization.key]
    entrance = entrance_of(invitation)
    if len(entrance.grants) == 1:
        place.append(entrance.grants[0][0])
    try:
        check_rights(tickets.of_member(invitation.invited_by, *place), entrance)
    except DomainError:
        return False
    return True


def _may_reactivate(invitation: Invitation, user: User) -> bool:
    """Somebody let out on purpose comes back only by a letter of their own, from an owner.

    Whom the directory let out, no letter brings back.
    """
    if not invitation.email or invitation.invited_by is None:
        return False
    places = Membership.objects.within(invitation.organization).filter(user=user)
    if places.exclude(directory_id="").exists():
        return False
    inviter = tickets.of_member(invitation.invited_by, invitation.organization.key)
    return inviter.may(Permission.MANAGE_ORGANIZATION)


def refuse_another(invitation: Invitation, user: User) -> None:
    """An invitation by e-mail is for the person of that address alone."""
    if invitation.email and invitation.email.lower() != user.email.lower():
        raise NotTheInvited(
            f"This invitation was sent to {invitation.email}; you are signed in as {user.email}."
        )


def accept(user: User, secret: str, origin: Origin) -> Membership:
    """Come in by an invitation."""
    invitation = of_secret(secret)
    refuse_another(invitation, user)
    with transaction.atomic():
        # Two people may use the last use of a link at once: the second finds none left. The
        # organization comes first, as wherever somebody is let in or out.
        lock(invitation.organization)
        locked = Invitation.across_tenants.select_for_update().get(pk=invitation.pk)
        _refuse_ended(locked)
        entrance = entrance_of(locked)
        membership = members.join(
            invitation.organization,
            user,
            via="invitation",
            origin=origin,
            is_owner=entrance.is_owner,
            grants=entrance.grants,
            team_keys=entrance.team_keys,
            reactivates=_may_reactivate(locked, user),
        )
        locked.uses_left -= 1
        locked.save(update_fields=["uses_left"])
        access = tickets.of_member(user, invitation.organization.key, origin=origin)
        after = {"invited_by": str(locked.invited_by), **told(entrance)}
        audit.record(access, "invitation.accepted", target_of(locked), after=after)
    return membership
