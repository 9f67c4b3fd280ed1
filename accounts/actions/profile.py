"""What a person says about themself."""

from django.db import transaction

from accounts.access import Origin
from accounts.actions import security
from accounts.models import User


def rename(user: User, name: str, origin: Origin) -> None:
    """Give oneself another name; colleagues see it, so their ledgers keep it."""
    if name == user.name:
        return
    with transaction.atomic():
        user.name = name
        user.save(update_fields=["name"])
        security.note(user, "account.renamed", origin, after={"name": name})
