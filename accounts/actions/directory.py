"""What a company's directory may do to people and teams (SCIM), and the tokens it shows."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts import audit, identities
from accounts.access import Access, Actor, Origin
from accounts.actions import members, teams
from accounts.actions.credentials import digest
from accounts.errors import AlreadyExists, DomainError, InvalidInput, NotFound
from accounts.models import ClaimedDomain, DirectoryToken, Membership, Team, User
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb

VIA = "directory"
PREFIX = "scim_"
# In place of a directory's name for somebody it has deleted: they are there no more, for it.
GONE = "gone:"


class NotTheirs(DomainError):
    """The account is not this organization's alone, so its directory may not do that to it."""

    code = "beyond_the_directory"
    status = 409
    hint = "Prove the e-mail domain on the organization's sign-in page, or invite the person."


@dataclass(frozen=True, slots=True)
class NewDirectoryToken:
    """A directory's token and the one moment its secret can be read."""

    token: DirectoryToken
    secret: str


@dataclass(frozen=True, slots=True)
class PersonPlan:
    """What a directory wants a member to be."""

    email: str
    name: str
    is_active: bool
    directory_id: str


@dataclass(frozen=True, slots=True)
class TeamPlan:
    """What a directory wants a team to be."""

    name: str
    directory_id: str
    member_ids: tuple[UUID, ...]


# --- tokens


@verb(Permission.MANAGE_ORGANIZATION)
def create_token(
    access: Access, label: str, expires_at: datetime | None = None
) -> Recorded[NewDirectoryToken]:
    """Let a directory in, for ever or until a moment; it may then enter and let out anybody but the
    last owner."""
    if not label.strip():
        raise InvalidInput("A token needs a label.", hint="Name the directory that will use it.")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput("The token would end in the past.", where="expires_at")
    secret = PREFIX + base64.b32encode(secrets.token_bytes(20)).decode().lower()
    token = DirectoryToken.objects.create(
        organization=access.organization,
        label=label.strip()[:80],
        digest=digest(secret),
        last_four=secret[-4:],
        created_by=access.actor.user,
        expires_at=expires_at,
    )
    after = {"label": token.label, "last_four": token.last_four}
    if expires_at is not None:
        after["expires_at"] = expires_at.isoformat()
    made = NewDirectoryToken(token, secret)
    return Recorded(made, "directory_token.created", token.label, after=after)


@verb(Permission.MANAGE_ORGANIZATION)
def revoke_token(access: Access, token_id: UUID) -> Recorded[DirectoryToken]:
    """Shut a directory out; what it did stays as it is."""
    token = DirectoryToken.objects.within(access.organization).filter(id=token_id).first()
    if token is None:
        raise NotFound("There is no such token.")
    token.revoked_at = token.revoked_at or timezone.now()
    token.save(update_fields=["revoked_at"])
    return Recorded(token, "directory_token.revoked", token.label, "active", "revoked")


def access_of(token: DirectoryToken, origin: Origin) -> Access:
    """The ticket of a directory: it may change who is in, and nothing else."""
    grants = frozenset({Permission.VIEW, Permission.MANAGE_ORGANIZATION})
    actor = Actor(f"directory: {token.label}", token=str(token))
    return Access(actor, token.organization, grants, origin=origin)


# --- people


def enter(access: Access, plan: PersonPlan) -> Membership:
    """Somebody joins, or comes back."""
    organization = access.organization
    with transaction.atomic():
        _refuse_taken_id(access, plan.directory_id, None)
        user = User.objects.filter(email__iexact=plan.email).first()
        if user is None:
            user = _make_user(access, plan)
        else:
            _refuse_strangers(access, user)
        membership = members.join(
            organization,
            user,
            via=VIA,
            origin=access.origin,
            directory_id=plan.directory_id,
            reactivates=True,
            actor=access.actor,
        )
        if not plan.is_active:
            members.suspend(organization, membership, via=VIA, origin=access.origin)
    return membership


def _make_user(access: Access, plan: PersonPlan) -> User:
    """A new account, without a password: the person sets one by mail, or the company signs in."""
    user = User.objects.create_user(plan.email, None, name=plan.name)
    verified = _has_proved(access, user.email)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)
    return user


def _refuse_strangers(access: Access, user: User) -> None:
    """Never take over an account: it must be one this organization let out, or its domain's."""
    held = Membership.objects.within(access.organization).filter(user=user).first()
    if held is not None and (held.is_active or not held.directory_id.startswith(GONE)):
        raise AlreadyExists(f"{user.email} is a member already.", hint="Read it, then change it.")
    if held is not None:
        return
    # Whoever made the account has not shown that the address is theirs.
    unproved = EmailAddress.objects.filter(
        user=user, email__iexact=user.email, verified=False
    ).exists()
    if unproved or not _has_proved(access, user.email):
        raise NotTheirs(
            f"{user.email} has an account here already, which this organization's directory may "
            "not take in: the organization has not proved the domain of that address."
        )


def change(access: Access, membership: Membership, plan: PersonPlan) -> None:
    """Make a member what the directory wants."""
    user = membership.user
    before = {"email": user.email, "name": user.name, "directory_id": membership.directory_id}
    with transaction.atomic():
        if plan.directory_id != membership.directory_id:
            _refuse_taken_id(access, plan.directory_id, membership)
            membership.directory_id = plan.directory_id
            membership.save(update_fields=["directory_id"])
        if plan.email.casefold() != user.email.casefold():
            _change_email(access, user, plan.email)
        if plan.name and plan.name != user.name and _is_theirs_alone(access, user):
            user.name = plan.name
            user.save(update_fields=["name"])
        after = {"email": user.email, "name": user.name, "directory_id": membership.directory_id}
        if after != before:
            audit.record(access, "member.changed", user.email, before=before, after=after)
        if plan.is_active != membership.is_active:
            act = members.resume if plan.is_active else members.suspend
            act(access.organization, membership, via=VIA, origin=access.origin)


def _change_email(access: Access, user: User, email: str) -> None:
    """Whoever reads the mail of an account owns it: only within domains that are proved."""
    if User.objects.filter(email__iexact=email).exists():
        raise AlreadyExists(f"{email} has an account already.", hint="Choose another address.")
    proved = _has_proved(access, user.email) and _has_proved(access, email)
    if not proved or not _is_theirs_alone(access, user):
        raise NotTheirs(
            f"The address of {user.email} is not this directory's to change: the account belongs "
            "to others as well, or one of the two domains is not proved."
        )
    EmailAddress.objects.filter(user=user, email__iexact=user.email).delete()
    user.email = email
    user.save(update_fields=["email"])
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)


def let_go(access: Access, membership: Membership) -> None:
    """The directory no longer knows the person: out, and free to be entered anew."""
    with transaction.atomic():
        members.suspend(access.organization, membership, via=VIA, origin=access.origin)
        rows = Membership.objects.within(access.organization).filter(id=membership.id)
        rows.update(directory_id=f"{GONE}{membership.id}")


def _refuse_taken_id(access: Access, directory_id: str, own: Membership | None) -> None:
    if not directory_id:
        return
    rows = Membership.objects.within(access.organization).filter(directory_id=directory_id)
    if rows.exclude(id=own.id if own else None).exists():
        raise AlreadyExists("Another member has this externalId.", hint="Read that one first.")


def _is_theirs_alone(access: Access, user: User) -> bool:
    elsewhere = Membership.across_tenants.filter(user=user).exclude(
        organization=access.organization
    )
    return not (elsewhere.exists() or user.is_staff)


def _has_proved(access: Access, email: str) -> bool:
    domains = ClaimedDomain.objects.within(access.organization).filter(proved_at__isnull=False)
    return bool(domains.filter(domain__iexact=identities.domain_of(email)).exists())


# --- teams


def enter_team(access: Access, plan: TeamPlan) -> Team:
    """A group becomes a team; its roles are given here, by people."""
    with transaction.atomic():
        _refuse_taken_team(access, plan, None)
        team = teams.create(access, _free_key(access, plan.name), plan.name)
        _note_directory_id(team, plan.directory_id)
        if plan.member_ids:
            teams.set_members(access, team.key, plan.member_ids)
    return team


def change_team(access: Access, team: Team, plan: TeamPlan) -> None:
    """Make a team what the directory wants; its key, which reviews go by, stays."""
    with transaction.atomic():
        _refuse_taken_team(access, plan, team)
        _note_directory_id(team, plan.directory_id)
        if plan.name != team.name:
            teams.rename(access, team.key, plan.name)
        held = {place.membership_id for place in team.places.all()}
        if held != {*plan.member_ids}:
            teams.set_members(access, team.key, plan.member_ids)


def dissolve(access: Access, team: Team) -> None:
    """The group is gone."""
    teams.delete(access, team.key)


def _note_directory_id(team: Team, directory_id: str) -> None:
    if directory_id != team.directory_id:
        team.directory_id = directory_id
        team.save(update_fields=["directory_id"])


def _refuse_taken_team(access: Access, plan: TeamPlan, own: Team | None) -> None:
    others = Team.objects.within(access.organization).exclude(id=own.id if own else None)
    if (own is None or plan.name != own.name) and others.filter(name__iexact=plan.name).exists():
        raise AlreadyExists(f"There is a group {plan.name} already.", hint="Read it first.")
    if plan.directory_id and others.filter(directory_id=plan.directory_id).exists():
        raise AlreadyExists("Another group has this externalId.", hint="Read that one first.")


def _free_key(access: Access, name: str) -> str:
    wanted = slugify(name).replace("_", "-").strip("-")[:40].strip("-") or "team"
    taken = {*Team.objects.within(access.organization).values_list("key", flat=True)}
    tries = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(key for key in tries if key not in taken)
