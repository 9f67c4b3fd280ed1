"""A person's security events, written to the ledger of each organization they belong to."""

from django.db import transaction

from accounts import audit
from accounts.access import Access, Actor, Origin
from accounts.models import Membership, User

STRANGER = Actor("somebody")


def note(user: User, action: str, origin: Origin, *, after: object = None) -> None:
    """What the person did with their own account."""
    _write(Actor(user.email, user), user, action, origin, after)


def note_by_stranger(user: User, action: str, origin: Origin, *, after: object = None) -> None:
    """What was tried in the person's name by somebody who could not prove to be them."""
    _write(STRANGER, user, action, origin, after)


def _write(actor: Actor, user: User, action: str, origin: Origin, after: object) -> None:
    # In one order everywhere: each line locks the head of its organization's ledger.
    places = Membership.across_tenants.filter(user=user, is_active=True).select_related(
        "organization"
    )
    with transaction.atomic():
        for place in places.order_by("organization_id"):
            access = Access(actor, place.organization, frozenset(), origin=origin)
            audit.record(access, action, user.email, after=after)
