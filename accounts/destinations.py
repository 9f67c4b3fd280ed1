"""Outside services that follow the ledger: what each wants to hear, and how messages are signed."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from accounts import audit, sealing, wordings
from accounts.access import Access
from accounts.errors import NotFound
from accounts.models import AuditEntry, Delivery, DeliveryAttempt, Destination
from accounts.permissions import Permission

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets begin with
SECRET_BYTES: Final = 32
LOG_SIZE: Final = 50
# Groups of acts a destination may choose, by the noun their action begins with.
GROUPS: Final[Mapping[str, str | Promise]] = {
    "flag": gettext_lazy("Flags"),
    "segment": gettext_lazy("Segments"),
    "holdout": gettext_lazy("Holdouts"),
    "layer": gettext_lazy("Layers"),
    "units": gettext_lazy("Units of experiments"),
    "change": gettext_lazy("Change requests"),
    "policy": gettext_lazy("Review policies"),
    "stewards": gettext_lazy("Stewards"),
    "experiment": gettext_lazy("Experiments"),
    "metric": gettext_lazy("Metrics"),
    "fact": gettext_lazy("Facts"),
    "assignment_query": gettext_lazy("Assignment queries"),
    "event_source": gettext_lazy("Event sources"),
    "sdk_key": gettext_lazy("SDK keys"),
    "token": gettext_lazy("Access tokens"),
    "service_token": gettext_lazy("Service tokens"),
    "directory_token": gettext_lazy("Tokens of directories"),
    "account": gettext_lazy("Accounts and sign-ins"),
    "member": gettext_lazy("People"),
    "role": gettext_lazy("Roles"),
    "right": gettext_lazy("Rights apart from roles"),
    "team": gettext_lazy("Teams"),
    "invitation": gettext_lazy("Invitations"),
    "access": gettext_lazy("Access requests"),
    "provider": gettext_lazy("Sign-in providers"),
    "sso": gettext_lazy("Company sign-in"),
    "domain": gettext_lazy("E-mail domains"),
    "refusal": gettext_lazy("Refused writes and tokens"),
    "audit": gettext_lazy("Exports of the history"),
    "destination": gettext_lazy("Destinations"),
    "environment": gettext_lazy("Environments"),
    "project": gettext_lazy("Projects"),
    "organization": gettext_lazy("The organization"),
}


# --- what it wants


def wants(destination: Destination, entry: AuditEntry) -> bool:
    """Whether a line passes the destination's filters."""
    if destination.project_id is not None and entry.project_id != destination.project_id:
        return False
    return (
        _fits_actions(destination.actions, entry)
        and _fits_environments(destination.environment_keys, entry)
        and _fits_tags(destination.tags, entry)
    )


def _fits_actions(wanted: list[str], entry: AuditEntry) -> bool:
    """A change of several things is several acts, of which the line is named for one."""
    acts = audit.acts(entry)
    return not wanted or any(act in wanted or audit.group_of(act) in wanted for act in acts)


def _fits_environments(wanted: list[str], entry: AuditEntry) -> bool:
    """Where the line stands, or where it made SDKs be served something else. What is of the whole
    project or organization and is served nowhere passes only when no environment is asked for."""
    places = audit.keys(entry, audit.SERVED)
    if entry.environment is not None:
        places.append(entry.environment.key)
    return not wanted or any(place in wanted for place in places)


def _fits_tags(wanted: list[str], entry: AuditEntry) -> bool:
    return not wanted or any(tag in wanted for tag in audit.keys(entry, audit.TAG))


def message(destination: Destination, entry: AuditEntry) -> Delivery:
    """The message a line becomes, not yet stored."""
    return Delivery(
        destination=destination,
        sequence=entry.sequence,
        action=entry.action,
        body=wordings.body_of(Destination.Kind(destination.kind), wordings.of_line(entry)),
        next_attempt_at=timezone.now(),
    )


# --- how it is signed


def new_secret() -> str:
    """A fresh signing secret in the form of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(destination: Destination, delivery: Delivery, at: datetime) -> dict[str, str]:
    """What accompanies a message: its kind of proof that it is ours."""
    given = {"Content-Type": "application/json"}
    if destination.kind == Destination.Kind.DATADOG:
        return {**given, "DD-API-KEY": sealing.unseal(bytes(destination.secret))}
    if destination.kind != Destination.Kind.WEBHOOK:
        return given
    message_id = f"msg_{delivery.id.hex}"
    stamp = str(int(at.timestamp()))
    signed = f"{message_id}.{stamp}.{delivery.body}"
    signatures = [_signature(secret, signed) for secret in _live_secrets(destination, at)]
    return {
        **given,
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }


def _live_secrets(destination: Destination, at: datetime) -> list[str]:
    """The secret, and for a while after a rotation the one before it."""
    live = [sealing.unseal(bytes(destination.secret))]
    until = destination.former_secret_until
    if destination.former_secret and until is not None and at < until:
        live.append(sealing.unseal(bytes(destination.former_secret)))
    return live


def _signature(secret: str, signed: str) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed.encode(), hashlib.sha256)).decode()


# --- reading them


def listed(access: Access) -> list[Destination]:
    """Those the person looks after: an owner all, a project's admin those of the project."""
    rows = (
        _reachable(access)
        .select_related("project")
        .annotate(
            waiting=Count("deliveries", Q(deliveries__status=Delivery.Status.WAITING)),
            failed=Count("deliveries", Q(deliveries__status=Delivery.Status.FAILED)),
        )
    )
    return list(rows.order_by("name"))


def one(access: Access, destination_id: UUID) -> Destination:
    """A destination the person looks after."""
    rows = _reachable(access).select_related("organization", "project")
    found: Destination | None = rows.filter(id=destination_id).first()
    if found is None:
        raise NotFound("There is no such destination.")
    return found


def project_key(access: Access, destination_id: UUID) -> str:
    """Which project of the organization a destination is for; empty when it is for all of them."""
    rows = Destination.objects.within(access.organization)
    found = rows.select_related("project").filter(id=destination_id).first()
    return found.project.key if found is not None and found.project else ""


def _reachable(access: Access) -> QuerySet[Destination]:
    rows: QuerySet[Destination] = Destination.objects.within(access.organization)
    if access.may(Permission.MANAGE_ORGANIZATION):
        return rows if access.at_project is None else rows.filter(project=access.at_project)
    access.require(Permission.MANAGE_PROJECT)
    return rows.filter(project=access.project)


def deliveries(
    destination: Destination, *, status: str = "", size: int = LOG_SIZE
) -> list[Delivery]:
    """The newest messages with their tries."""
    rows = Delivery.objects.within(destination.organization).filter(destination=destination)
    if status in Delivery.Status.values:
        rows = rows.filter(status=status)
    return list(rows.prefetch_related("tries").order_by("-created_at", "-sequence")[:size])


def delivery(destination: Destination, delivery_id: UUID) -> Delivery:
    """One message of a destination."""
    rows = Delivery.objects.within(destination.organization).filter(destination=destination)
    found: Delivery | None = rows.filter(id=delivery_id).first()
    if found is None:
        raise NotFound("There is no such delivery.")
    return found


def last_try(found: Delivery) -> DeliveryAttempt | None:
    """How the newest attempt went."""
    return max(found.tries.all(), key=lambda attempt: attempt.at, default=None)
