"""Verbs on the e-mail domains an organization says are its own."""

import re
import secrets
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import domain_records
from accounts.access import Access
from accounts.actions import standing
from accounts.errors import AlreadyExists, DomainError, InvalidInput, NotFound
from accounts.models import ClaimedDomain, IdentityProvider
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb, verb_after

NAME: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
LONGEST: Final = 253


class NotProved(DomainError):
    """The record is not there."""

    code = "domain_not_proved"
    status = 409
    hint = "Add the TXT record exactly as shown; it can take an hour until everybody sees it."


class ProvedElsewhere(AlreadyExists):
    """Another organization has proved the domain."""

    code = "domain_taken"
    hint = "Ask the operator of this installation, who can tell whose it is."


@verb(Permission.MANAGE_ORGANIZATION)
def claim(access: Access, domain: str, provider_key: str = "") -> Recorded[ClaimedDomain]:
    """Say that a domain is the organization's own; it counts for nothing until it is proved."""
    name = _plain(domain)
    # No table refuses an unproved name twice.
    standing.lock(access.organization)
    _refuse_taken(name)
    if ClaimedDomain.objects.within(access.organization).filter(domain=name).exists():
        raise AlreadyExists(f"{name} is in the list already.", hint="Prove it there.")
    made = ClaimedDomain.objects.create(
        organization=access.organization,
        provider=_provider(access, provider_key),
        domain=name,
        token=secrets.token_urlsafe(24),
    )
    return Recorded(made, "domain.claimed", name, after={"provider": provider_key})


@verb(Permission.MANAGE_ORGANIZATION)
def route(access: Access, domain_id: UUID, provider_key: str) -> Recorded[ClaimedDomain]:
    """Say which provider signs the domain's people in; none: they use passwords."""
    found = domain_of(access, domain_id, lock=True)
    before = {"provider": found.provider.key if found.provider else ""}
    found.provider = _provider(access, provider_key)
    found.save(update_fields=["provider"])
    return Recorded(found, "domain.routed", found.domain, before, {"provider": provider_key})


def _look_up(access: Access, domain_id: UUID) -> None:
    found = domain_of(access, domain_id)
    _refuse_taken(found.domain, besides=found)
    if found.proved_at is not None:
        return
    if not domain_records.is_published(found.domain, found.token):
        raise NotProved(f"{found.domain} does not carry the record yet.")


@verb_after(Permission.MANAGE_ORGANIZATION, _look_up)
def prove(access: Access, domain_id: UUID) -> Recorded[ClaimedDomain]:
    """Take the domain's own word, given in a TXT record."""
    return _proved(domain_of(access, domain_id, lock=True), by="DNS")


@verb(Permission.MANAGE_ORGANIZATION)
def prove_by_operator(access: Access, domain: str) -> Recorded[ClaimedDomain]:
    """Take the operator's word; only `manage.py prove_domain` calls this."""
    name = _plain(domain)
    rows = ClaimedDomain.objects.within(access.organization)
    found = rows.filter(domain=name).first() or ClaimedDomain.objects.create(
        organization=access.organization,
        provider=IdentityProvider.objects.within(access.organization).first(),
        domain=name,
        token=secrets.token_urlsafe(24),
    )
    return _proved(found, by="operator")


@verb(Permission.MANAGE_ORGANIZATION)
def give_up(access: Access, domain_id: UUID) -> Recorded[str]:
    """Take a domain off the list; nobody is led to the provider by it any more."""
    found = domain_of(access, domain_id, lock=True)
    before = {"proved": found.proved_at is not None}
    found.delete()
    return Recorded(found.domain, "domain.given_up", found.domain, before)


def _proved(found: ClaimedDomain, by: str) -> Recorded[ClaimedDomain]:
    _refuse_taken(found.domain, besides=found)
    found.proved_at, found.proved_by = timezone.now(), by
    try:
        with transaction.atomic():
            found.save(update_fields=["proved_at", "proved_by"])
    except IntegrityError as error:
        raise ProvedElsewhere(f"{found.domain} is another organization's.") from error
    return Recorded(found, "domain.proved", found.domain, after={"by": by})


def _refuse_taken(domain: str, *, besides: ClaimedDomain | None = None) -> None:
    proved = ClaimedDomain.across_tenants.filter(domain__iexact=domain, proved_at__isnull=False)
    if proved.exclude(pk=besides.pk if besides else None).exists():
        raise ProvedElsewhere(f"{domain} is another organization's.")


def _plain(domain: str) -> str:
    """The domain in one spelling: lower case, ASCII, without an @ before it."""
    name = domain.strip().lower().removeprefix("@").removesuffix(".")
    try:
        name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if len(name) > LONGEST or not NAME.fullmatch(name):
        raise InvalidInput(
            "That is no domain.",
            hint="Write it as in an e-mail address: example.com.",
            where="domain",
        )
    return name


def domain_of(access: Access, domain_id: UUID, *, lock: bool = False) -> ClaimedDomain:
    """A domain on the organization's list; locked, it stays so until the transaction ends."""
    rows = ClaimedDomain.objects.within(access.organization)
    # Whoever waited for the lock gets the row as it is now, beside a provider joined before.
    rows = rows.select_for_update(no_key=True) if lock else rows.select_related("provider")
    found: ClaimedDomain | None = rows.filter(id=domain_id).first()
    if found is None:
        raise NotFound("There is no such domain.")
    return found


def _provider(access: Access, key: str) -> IdentityProvider | None:
    if not key:
        return None
    found: IdentityProvider | None = (
        IdentityProvider.objects.within(access.organization).filter(key=key).first()
    )
    if found is None:
        raise NotFound("There is no such provider.")
    return found
