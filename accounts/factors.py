"""Reads of second factors: who has set one up."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from allauth.mfa.models import Authenticator

from accounts.models import User

# Recovery codes are a way back to one of these, no factor of their own.
FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_factor(user: User) -> bool:
    """Whether the person has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def people_with_factor(users: Iterable[UUID]) -> frozenset[UUID]:
    """Which of these people have one, in one query."""
    rows = Authenticator.objects.filter(user_id__in=list(users), type__in=FACTORS)
    return frozenset(rows.values_list("user_id", flat=True))
