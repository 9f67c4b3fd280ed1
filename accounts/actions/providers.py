"""Verbs on the identity providers an organization trusts."""

import secrets
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from django.utils.text import slugify

from accounts import identities
from accounts.access import Access
from accounts.actions import groups, standing
from accounts.errors import AlreadyExists, DomainError, InvalidInput, NotFound
from accounts.models import (
    ClaimedDomain,
    FederatedIdentity,
    GroupRole,
    IdentityProvider,
    Membership,
    Project,
    SsoSession,
    Team,
)
from accounts.oidc.discovery import Discovered, algorithms_of
from accounts.permissions import Permission, Role
from accounts.sealing import seal
from accounts.verbs import Recorded, verb

SHORTEST_REFRESH: Final = 60
LONGEST_REFRESH: Final = 86_400
LONGEST_SESSION_HOURS: Final = 720
LONGEST_WAIT_DAYS: Final = 365
LONGEST_KEY: Final = 42


class CannotRequire(DomainError):
    """Nobody could get in any more if that were done."""

    code = "cannot_require_sign_in"
    status = 409
    hint = "Let one owner sign in with a password for emergencies first."


class NotSetUp(DomainError):
    """The provider lacks what a sign-in needs."""

    code = "provider_not_set_up"
    status = 409
    hint = "Register Wayfork at the provider, then enter the client id it gives you."


class IssuerTaken(AlreadyExists):
    """One issuer twice would know one person by two connections, and so by two accounts."""

    code = "issuer_taken"
    hint = "Change the provider that is there: it cannot be added a second time."


@dataclass(frozen=True, slots=True)
class ProviderPlan:
    """What an owner decides about a provider."""

    name: str
    client_id: str
    signing_algorithm: str = "RS256"
    scopes: str = "openid email profile"
    groups_claim: str = "groups"
    default_role: str = ""
    required_acr: str = ""
    required_amr: str = ""
    refresh_seconds: int = 900
    session_hours: int = 12
    tokens_wait_after_days: int = 14
    sign_out_stops_tokens: bool = True


@verb(Permission.MANAGE_ORGANIZATION)
def add(access: Access, name: str, found: Discovered) -> Recorded[IdentityProvider]:
    """Keep what discovery found; nobody signs in by it before it is set up and switched on."""
    known = IdentityProvider.objects.within(access.organization)
    same = known.filter(issuer=found.document["issuer"]).first()
    if same is not None:
        raise IssuerTaken(f"{same.name} is the provider of this issuer already.", where="issuer")
    made = IdentityProvider.objects.create(
        organization=access.organization,
        key=_free_key(access, name),
        name=name.strip(),
        issuer=found.document["issuer"],
        client_id="",
        client_secret=b"",
        signing_algorithm=_first_choice(found.algorithms),
        is_enabled=False,
        **_read(found),
    )
    after = {"name": made.name, "issuer": made.issuer}
    return Recorded(made, "provider.added", made.key, after=after)


@verb(Permission.MANAGE_ORGANIZATION)
def discover_again(access: Access, key: str, found: Discovered) -> Recorded[IdentityProvider]:
    """Keep what the provider publishes now."""
    provider = provider_of(access, key)
    before = _addresses(provider.metadata)
    for name, value in _read(found).items():
        setattr(provider, name, value)
    provider.save(update_fields=["metadata", "jwks", "discovered_at"])
    after = _addresses(provider.metadata)
    return Recorded(provider, "provider.discovered", provider.key, before, after)


@verb(Permission.MANAGE_ORGANIZATION)
def set_up(
    access: Access, key: str, plan: ProviderPlan, secret: str = ""
) -> Recorded[IdentityProvider]:
    """Change how people sign in. An empty secret leaves the one that is kept."""
    provider = provider_of(access, key)
    _check(provider, plan)
    before = _plan_of(provider)
    for name, value in asdict(plan).items():
        setattr(provider, name, value)
    if secret:
        provider.client_secret = seal(secret)
    # Nothing else: its keys may be read anew in this moment.
    provider.save(update_fields=[*ProviderPlan.__dataclass_fields__, "client_secret"])
    after: dict[str, Any] = {**_plan_of(provider), **({"secret": "replaced"} if secret else {})}
    return Recorded(provider, "provider.changed", provider.key, before, after)


@verb(Permission.MANAGE_ORGANIZATION)
def switch(access: Access, key: str, *, is_enabled: bool) -> Recorded[IdentityProvider]:
    """Let people in by it, or no longer: sessions it vouches for then end at their next request."""
    provider = provider_of(access, key)
    if is_enabled and not provider.client_id:
        raise NotSetUp(f"{provider.name} has no client id yet.")
    before = {"enabled": provider.is_enabled, "required": provider.is_required}
    provider.is_enabled = is_enabled
    provider.is_required = provider.is_required and is_enabled
    provider.required_since = provider.required_since if provider.is_required else None
    provider.save(update_fields=["is_enabled", "is_required", "required_since"])
    after = {"enabled": provider.is_enabled, "required": provider.is_required}
    word = "enabled" if is_enabled else "disabled"
    return Recorded(provider, f"provider.{word}", provider.key, before, after)


@verb(Permission.MANAGE_ORGANIZATION)
def require(access: Access, key: str, *, is_required: bool) -> Recorded[IdentityProvider]:
    """Refuse local sign-in to people of its domains, except to owners who may break the glass."""
    standing.lock(access.organization)
    provider = provider_of(access, key)
    if is_required:
        _check_requirable(provider)
    before, provider.is_required = {"required": provider.is_required}, is_required
    since = provider.required_since or timezone.now()
    provider.required_since = since if is_required else None
    provider.save(update_fields=["is_required", "required_since"])
    after = {"required": is_required}
    word = "required" if is_required else "not_required"
    return Recorded(provider, f"provider.{word}", provider.key, before, after)


@verb(Permission.MANAGE_ORGANIZATION)
def delete(access: Access, key: str) -> Recorded[str]:
    """Take a provider away with its connections; accounts and memberships stay.

    What its groups brought goes with it.
    """
    # Nobody comes in by it, with their groups, between the look at its people and its end.
    provider = provider_of(access, key, lock=True)
    known = FederatedIdentity.objects.within(access.organization).filter(provider=provider)
    for identity in known.select_related("user", "provider__organization"):
        groups.release(identity, access.origin)
    before = {"name": provider.name, "issuer": provider.issuer, "connections": known.count()}
    provider.delete()
    return Recorded(key, "provider.deleted", key, before)


# --- groups


@verb(Permission.MANAGE_ORGANIZATION)
def add_group(
    access: Access,
    key: str,
    group: str,
    *,
    project_key: str = "",
    role: str = "",
    team_key: str = "",
) -> Recorded[GroupRole]:
    """Say what a group named by the provider brings: a role in a project, or a place in a team."""
    # No table refuses the same line twice: whoever changes the list waits for whoever does.
    provider = provider_of(access, key, lock=True)
    team = Team.objects.within(access.organization).filter(key=team_key).first()
    project = Project.objects.within(access.organization).filter(key=project_key).first()
    if not group.strip() or (team is None) == (project is None) or bool(project) != bool(role):
        raise InvalidInput(
            "Say what the group brings.", hint="Choose a project and a role, or a team."
        )
    made, is_new = GroupRole.across_tenants.get_or_create(
        provider=provider,
        group=group.strip(),
        project=project,
        team=team,
        role=str(Role(role)) if role else "",
    )
    if not is_new:
        raise AlreadyExists(f"{group} brings that already.", hint="Look at the list.")
    return Recorded(made, "provider.group_added", provider.key, after=_brings(made))


@verb(Permission.MANAGE_ORGANIZATION)
def remove_group(access: Access, key: str, group_id: UUID) -> Recorded[None]:
    """A group brings this no longer; people lose it at their next sign-in or renewal."""
    provider = provider_of(access, key, lock=True)
    rows = GroupRole.objects.within(access.organization).filter(provider=provider)
    found = rows.select_related("project", "team").filter(id=group_id).first()
    if found is None:
        raise NotFound("There is no such line.")
    before = _brings(found)
    found.delete()
    return Recorded(None, "provider.group_removed", provider.key, before)


# --- people


@verb(Permission.MANAGE_ORGANIZATION)
def forget(access: Access, key: str, identity_id: UUID) -> Recorded[None]:
    """Take a person's connection apart, as when the provider now calls them by another subject.

    What its groups brought goes with it, and comes with the next sign-in if it still should.
    """
    provider = provider_of(access, key)
    rows = FederatedIdentity.objects.within(access.organization).filter(provider=provider)
    rows = rows.select_related("user", "provider__organization")
    found = rows.filter(id=identity_id).first()
    if found is None:
        raise NotFound("There is no such connection.")
    before = {"provider": key, "subject": found.subject}
    groups.release(found, access.origin)
    SsoSession.objects.within(access.organization).filter(identity=found).delete()
    found.delete()
    return Recorded(None, "sso.forgotten", found.user.email, before)


@verb(Permission.MANAGE_ORGANIZATION)
def set_break_glass(access: Access, membership_id: UUID, *, allowed: bool) -> Recorded[Membership]:
    """Let an owner sign in with a password on the day the provider is down, or no longer."""
    # Requiring a provider counts these owners: both wait for each other.
    standing.lock(access.organization)
    rows = Membership.objects.within(access.organization).select_related("user")
    found = rows.filter(id=membership_id, is_owner=True, is_active=True).first()
    if found is None:
        raise NotFound("There is no such owner.")
    if allowed and not found.user.has_usable_password():
        raise InvalidInput(
            f"{found.user.email} has no password.",
            hint="They set one first: 'Forgot your password?' on the sign-in page sends a link.",
        )
    required = IdentityProvider.objects.within(access.organization).filter(is_required=True)
    others = identities.break_glass_owners(access.organization).exclude(pk=found.pk)
    if not allowed and required.exists() and not others.exists():
        raise CannotRequire("Somebody must be able to get in when the provider is down.")
    before, found.may_break_glass = {"may_break_glass": found.may_break_glass}, allowed
    found.save(update_fields=["may_break_glass"])
    after = {"may_break_glass": allowed}
    return Recorded(found, "member.break_glass_set", found.user.email, before, after)


# --- finding and checking


def provider_of(access: Access, key: str, *, lock: bool = False) -> IdentityProvider:
    """A provider of the access's organization; locked, it stays as it is until the transaction ends."""
    rows = IdentityProvider.objects.within(access.organization).select_related("organization")
    if lock:
        rows = rows.select_for_update(of=("self",), no_key=True)
    found: IdentityProvider | None = rows.filter(key=key).first()
    if found is None:
        raise NotFound("There is no such provider.")
    return found


def _check(provider: IdentityProvider, plan: ProviderPlan) -> None:
    if plan.signing_algorithm not in algorithms_of(provider.metadata):
        raise InvalidInput("The provider does not sign like that.", where="signing_algorithm")
    if "openid" not in plan.scopes.split():
        raise InvalidInput(
            "Without the scope openid nobody is identified.", hint="Add it.", where="scopes"
        )
    if not SHORTEST_REFRESH <= plan.refresh_seconds <= LONGEST_REFRESH:
        raise InvalidInput("Renew after 1 minute to 24 hours.", where="refresh_seconds")
    if not 1 <= plan.session_hours <= LONGEST_SESSION_HOURS:
        raise InvalidInput("A session lasts 1 to 720 hours.", where="session_hours")
    if not 0 <= plan.tokens_wait_after_days <= LONGEST_WAIT_DAYS:
        raise InvalidInput(
            "Tokens wait after 1 to 365 days, or 0: never.", where="tokens_wait_after_days"
        )
    if provider.is_enabled and not plan.client_id:
        raise InvalidInput("People sign in by it: keep a client id.", where="client_id")


def _check_requirable(provider: IdentityProvider) -> None:
    proved = ClaimedDomain.objects.within(provider.organization).filter(
        provider=provider, proved_at__isnull=False
    )
    if not provider.is_enabled or not proved.exists():
        raise CannotRequire(
            "Nobody is led to this provider yet.",
            hint="Switch it on, and prove a domain that leads to it.",
        )
    if not identities.break_glass_owners(provider.organization).exists():
        raise CannotRequire("No owner could get in when the provider is down.")


def _free_key(access: Access, name: str) -> str:
    # Chosen here and never by hand: a taken key would tell of another organization's provider.
    key = slugify(f"{access.organization.key[:24]}-{name}")[:LONGEST_KEY].strip("-_")
    key = key.replace("_", "-")
    if IdentityProvider.across_tenants.filter(key=key).exists():
        key = f"{key}-{secrets.token_hex(3)}"
    return key


def _first_choice(algorithms: tuple[str, ...]) -> str:
    return "RS256" if "RS256" in algorithms else algorithms[0]


def _read(found: Discovered) -> dict[str, Any]:
    now = timezone.now()
    return {
        "metadata": dict(found.document),
        "jwks": {"keys": list(found.keys), "at": now.isoformat()},
        "discovered_at": now,
    }


def _addresses(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if isinstance(value, str)}


def _plan_of(provider: IdentityProvider) -> dict[str, Any]:
    return {name: getattr(provider, name) for name in ProviderPlan.__dataclass_fields__}


def _brings(row: GroupRole) -> dict[str, str]:
    if row.team is not None:
        return {"group": row.group, "team": row.team.key}
    return {"group": row.group, "project": row.project.key if row.project else "", "role": row.role}
