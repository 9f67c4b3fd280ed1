"""Verbs on the outside services that are told what the ledger records."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from accounts import deliveries, destinations, limits, outbound, sealing, wordings
from accounts.access import Access
from accounts.errors import InvalidInput, NotFound
from accounts.models import AuditHead, Delivery, Destination, Organization, Project
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb, verb_after

Kind = Destination.Kind

# How long the secret before a rotation still signs beside the new one.
OVERLAP: Final = timedelta(hours=24)
# Destinations of an organization: each line of its ledger may become a call to every one.
MOST: Final = 50
# What one organization may have us send by hand in a minute; a test waits for its answer.
TESTS_A_MINUTE: Final = 10
REDELIVERIES_A_MINUTE: Final = 60
MOST_FILTERS: Final = 50
ACTION: Final = re.compile(r"[a-z][a-z_]*\.(?:\*|[a-z][a-z_]*)")
WORD: Final = re.compile(r"[^\s,]{1,100}")
# Where Datadog takes events, by the site an account lives on.
DATADOG: Final = {
    site: f"https://api.{site}/api/v1/events"
    for site in (
        "datadoghq.com",
        "us3.datadoghq.com",
        "us5.datadoghq.com",
        "datadoghq.eu",
        "ap1.datadoghq.com",
        "ap2.datadoghq.com",
        "ddog-gov.com",
    )
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a destination wants to hear; an empty list asks for everything."""

    actions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    environment_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DestinationPlan:
    """How a destination is set up. For Datadog `site` stands for the address, `api_key` for the
    secret; left empty on a change, address and key stay what they are."""

    kind: str
    name: str
    url: str = ""
    project: str = ""
    site: str = ""
    api_key: str = ""
    filters: Filters = Filters()

    @property
    def address(self) -> str:
        """Where messages go."""
        return DATADOG.get(self.site, "") if self.kind == Kind.DATADOG else self.url.strip()


@dataclass(frozen=True, slots=True)
class NewDestination:
    """A destination and the one moment its signing secret can be read (webhooks have one)."""

    destination: Destination
    secret: str


def _check_plan(access: Access, plan: DestinationPlan) -> None:
    """What needs no lock, the look-up of the address above all: it asks a name server."""
    if plan.kind not in Kind.values:
        raise InvalidInput(
            f"{plan.kind[:20]!r} is no kind of destination.",
            hint=f"Choose one of {', '.join(Kind.values)}.",
            where="kind",
        )
    if not plan.name.strip():
        raise InvalidInput(
            "A destination needs a name.", hint="Name the channel or the receiver.", where="name"
        )
    _check_filters(plan.filters)
    _project(access, plan)
    if plan.site and plan.site not in DATADOG:
        raise InvalidInput(
            f"{plan.site[:40]!r} is no Datadog site.",
            hint=f"Choose one of {', '.join(DATADOG)}.",
            where="site",
        )
    if plan.address:
        outbound.check(plan.address)


def _check_filters(filters: Filters) -> None:
    checks: Sequence[tuple[str, tuple[str, ...], re.Pattern[str]]] = (
        ("actions", filters.actions, ACTION),
        ("tags", filters.tags, WORD),
        ("environments", filters.environment_keys, WORD),
    )
    for where, given, pattern in checks:
        if len(given) > MOST_FILTERS:
            raise InvalidInput(f"At most {MOST_FILTERS} of these.", where=where)
        wrong = next((one for one in given if not pattern.fullmatch(one)), None)
        if wrong is not None:
            hint = "Write acts like flag.changed, groups like flag.*." if where == "actions" else ""
            raise InvalidInput(f"{wrong[:60]!r} cannot be a filter.", hint=hint, where=where)


def _project(access: Access, plan: DestinationPlan) -> Project | None:
    """The project it is for: an admin's own; an owner may choose any, or the organization."""
    if access.at_project is not None:
        return access.at_project
    access.require(Permission.MANAGE_ORGANIZATION)
    if not plan.project:
        return None
    rows = Project.objects.within(access.organization)
    found: Project | None = rows.filter(key=plan.project).first()
    if found is None:
        raise InvalidInput(f"There is no project {plan.project[:50]!r}.", where="project")
    return found


@verb_after(Permission.MANAGE_PROJECT, _check_plan)
def create(access: Access, plan: DestinationPlan) -> Recorded[NewDestination]:
    """Set up a destination; it hears what happens from now on, this act first."""
    _require_address(plan)
    _require_room(access)
    secret = destinations.new_secret() if plan.kind == Kind.WEBHOOK else ""
    head = AuditHead.objects.filter(organization=access.organization).first()
    made = Destination(
        organization=access.organization,
        kind=plan.kind,
        told_up_to=head.sequence if head else 0,
        secret=sealing.seal(secret or plan.api_key.strip()),
        created_by=access.actor.responsible,
    )
    _write(access, made, plan)
    return Recorded(
        NewDestination(made, secret), "destination.created", made.name, after=told(made)
    )


def _require_address(plan: DestinationPlan) -> None:
    if not plan.address:
        where = "site" if plan.kind == Kind.DATADOG else "url"
        raise InvalidInput("It has no address yet.", hint="Paste the address.", where=where)
    if plan.kind == Kind.DATADOG and not plan.api_key.strip():
        raise InvalidInput("Datadog asks for an API key.", hint="Paste the key.", where="api_key")


def _require_room(access: Access) -> None:
    """The organization is locked, so that two who come at once do not both take the last place."""
    Organization.objects.select_for_update(no_key=True).get(pk=access.organization.pk)
    if Destination.objects.within(access.organization).count() >= MOST:
        raise InvalidInput(
            f"{access.organization.name} has {MOST} destinations already, which is the most.",
            hint="Remove one nobody reads, or send several kinds of acts to one destination.",
        )


def _count(access: Access, what: str, most: int) -> None:
    limits.count(what, str(access.organization.pk), most=most, seconds=limits.MINUTE)


def _write(access: Access, destination: Destination, plan: DestinationPlan) -> None:
    destination.project = _project(access, plan)
    destination.name = plan.name.strip()[:80]
    destination.actions = list(plan.filters.actions)
    destination.tags = list(plan.filters.tags)
    destination.environment_keys = list(plan.filters.environment_keys)
    if plan.address:
        destination.url = sealing.seal(plan.address)
    destination.save()


def _unasked(_found: Destination) -> None:
    """Nobody named a version."""


def _check_change(
    access: Access,
    destination_id: UUID,  # noqa: ARG001 - the verb's own arguments
    plan: DestinationPlan,
    recheck: Callable[[Destination], None] = _unasked,  # noqa: ARG001 - likewise
) -> None:
    _check_plan(access, plan)


@verb_after(Permission.MANAGE_PROJECT, _check_change)
def change(
    access: Access,
    destination_id: UUID,
    plan: DestinationPlan,
    recheck: Callable[[Destination], None] = _unasked,
) -> Recorded[Destination]:
    """Set it up differently; the kind stays. `recheck` may refuse a stale write."""
    found = _locked(access, destination_id)
    recheck(found)
    if plan.kind != found.kind:
        raise InvalidInput("The kind cannot change.", hint="Make another one.", where="kind")
    before = told(found)
    if plan.api_key.strip() and found.kind == Kind.DATADOG:
        found.secret = sealing.seal(plan.api_key.strip())
    _write(access, found, plan)
    return Recorded(found, "destination.changed", found.name, before=before, after=told(found))


@verb(Permission.MANAGE_PROJECT)
def rotate_secret(access: Access, destination_id: UUID) -> Recorded[NewDestination]:
    """Give a webhook a new signing secret; for a day the old one signs beside it."""
    found = _locked(access, destination_id)
    if found.kind != Kind.WEBHOOK:
        raise InvalidInput("Only webhooks are signed.", hint="Change the address instead.")
    secret = destinations.new_secret()
    found.former_secret = found.secret
    found.former_secret_until = timezone.now() + OVERLAP
    found.secret = sealing.seal(secret)
    found.save(update_fields=["secret", "former_secret", "former_secret_until"])
    after = {"former_until": found.former_secret_until.isoformat()}
    made = NewDestination(found, secret)
    return Recorded(made, "destination.secret_rotated", found.name, after=after)


@verb(Permission.MANAGE_PROJECT)
def disable(access: Access, destination_id: UUID) -> Recorded[Destination]:
    """Send nothing more; what waits is kept."""
    found = _locked(access, destination_id)
    found.is_active, found.disabled_reason = False, f"Switched off by {access.actor.label}."
    found.save(update_fields=["is_active", "disabled_reason"])
    return Recorded(found, "destination.disabled", found.name, before="on", after="off")


@verb(Permission.MANAGE_PROJECT)
def enable(access: Access, destination_id: UUID) -> Recorded[Destination]:
    """Send again: what still waits, and what happens from now on; not what happened meanwhile."""
    found = _locked(access, destination_id)
    if not found.is_active:
        head = AuditHead.objects.get(organization=access.organization)
        found.told_up_to = head.sequence
    found.is_active, found.disabled_reason, found.failing_since = True, "", None
    found.save(update_fields=["is_active", "disabled_reason", "failing_since", "told_up_to"])
    return Recorded(found, "destination.enabled", found.name, before="off", after="on")


@verb(Permission.MANAGE_PROJECT)
def remove(access: Access, destination_id: UUID) -> Recorded[None]:
    """Forget a destination with its deliveries."""
    found = _locked(access, destination_id)
    before = told(found)
    found.delete()
    return Recorded(None, "destination.removed", found.name, before=before)


@verb(Permission.MANAGE_PROJECT)
def redeliver(access: Access, destination_id: UUID, delivery_id: UUID) -> Recorded[Delivery]:
    """Send one message again, with the same id and body, as if it were new."""
    found = destinations.delivery(_locked(access, destination_id), delivery_id)
    _count(access, "redeliveries", REDELIVERIES_A_MINUTE)
    found.status, found.attempts, found.finished_at = Delivery.Status.WAITING, 0, None
    found.next_attempt_at = timezone.now()
    found.save(update_fields=["status", "attempts", "finished_at", "next_attempt_at"])
    after = {"delivery": str(found.id), "action": found.action}
    name = found.destination.name
    return Recorded(found, "destination.redelivered", name, after=after)


def test(access: Access, destination_id: UUID) -> Delivery:
    """Send a test message now and wait for its answer; the delivery's last try tells it."""
    found = _prepare_test(access, destination_id)
    deliveries.attempt(found)
    return found


@verb(Permission.MANAGE_PROJECT)
def _prepare_test(access: Access, destination_id: UUID) -> Recorded[Delivery]:
    destination = _locked(access, destination_id)
    _count(access, "destination-tests", TESTS_A_MINUTE)
    line = wordings.of_test(destination, access.actor.label)
    # Nobody else sends it: it is not due.
    made = Delivery.objects.create(
        destination=destination,
        action=line.type,
        body=wordings.body_of(Kind(destination.kind), line),
    )
    return Recorded(made, "destination.tested", destination.name)


def told(destination: Destination) -> dict[str, object]:
    """What the ledger keeps of a destination: no secret, and of its address only the host."""
    return {
        "kind": destination.kind,
        "host": host_of(destination),
        "project": destination.project.key if destination.project else None,
        "actions": list(destination.actions),
        "tags": list(destination.tags),
        "environments": list(destination.environment_keys),
    }


def host_of(destination: Destination) -> str:
    """Where it leads, as far as may be shown: chat services keep their secret in the path."""
    return sealing.unseal(bytes(destination.url)).partition("://")[2].partition("/")[0]


def _locked(access: Access, destination_id: UUID) -> Destination:
    """One the person looks after, kept from others until the act is done."""
    found = destinations.one(access, destination_id)
    rows = Destination.objects.within(access.organization).select_for_update(of=("self",))
    locked: Destination | None = (
        rows.select_related("organization", "project").filter(id=found.id).first()
    )
    if locked is None:
        raise NotFound("There is no such destination.")
    return locked
