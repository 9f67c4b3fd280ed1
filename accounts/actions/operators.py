"""What those who run the installation may do to a person: shut the account, and open it again."""

from django.db import transaction

from accounts import audit, sessions
from accounts.access import Access, Actor, Origin
from accounts.errors import InvalidInput, NotPermitted
from accounts.models import Membership, User


def deactivate(operator: User, person: User, origin: Origin) -> None:
    """Out of every organization at once: no session, no token and no sign-in works any more."""
    if person == operator:
        raise InvalidInput("You cannot deactivate yourself.", hint="Ask another operator.")
    _set_active(operator, person, origin, is_active=False)


def reactivate(operator: User, person: User, origin: Origin) -> None:
    """The account works again, with the memberships that are left."""
    _set_active(operator, person, origin, is_active=True)


def _set_active(operator: User, person: User, origin: Origin, *, is_active: bool) -> None:
    if not operator.is_superuser:
        raise NotPermitted("Only operators with every right may do this.")
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        if locked.is_active == is_active:
            return
        locked.is_active = is_active
        locked.save(update_fields=["is_active"])
        if not is_active:
            sessions.end_all(locked)
        _tell_organizations(operator, locked, origin)


def _tell_organizations(operator: User, person: User, origin: Origin) -> None:
    """A line in each organization the person belongs to, in one order: each locks a ledger."""
    word = "reactivated" if person.is_active else "deactivated"
    places = Membership.across_tenants.filter(user=person).select_related("organization")
    actor = Actor(f"operator {operator.email}", operator)
    for place in places.order_by("organization_id"):
        access = Access(actor, place.organization, frozenset(), origin=origin)
        audit.record(access, f"account.{word}", person.email, after={"active": person.is_active})
