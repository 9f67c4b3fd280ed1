"""Secrets that must be read again (a database password): encrypted at rest, rotatable."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from accounts.errors import DomainError


class CannotUnseal(DomainError):
    """The stored secret was sealed with a key this installation no longer has."""

    code = "cannot_unseal"
    hint = "Put the old key back into WAYFORK_FIELD_KEYS, or enter the secret again."


def seal(secret: str) -> bytes:
    """Encrypt with the newest key."""
    return _keys().encrypt(secret.encode())


def unseal(sealed: bytes) -> str:
    """Decrypt with whichever key fits; raises CannotUnseal."""
    if not sealed:
        return ""
    try:
        return _keys().decrypt(bytes(sealed)).decode()
    except InvalidToken as error:
        raise CannotUnseal("A stored secret cannot be read.") from error


def _keys() -> MultiFernet:
    given = settings.FIELD_KEYS or [settings.SECRET_KEY]
    return MultiFernet([Fernet(_derived(key)) for key in given])


def _derived(key: str) -> bytes:
    """Any text becomes a Fernet key: SHA-256 with a purpose, so that keys are not shared."""
    digest = hashlib.sha256(b"wayfork field encryption\0" + key.encode()).digest()
    return base64.urlsafe_b64encode(digest)
