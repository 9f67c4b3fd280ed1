"""Signing in as a person does: by the forms, with codes of an authenticator app."""

import base64
import time

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from accounts.models import AuditEntry, User
from tests.world.cast import PASSWORD

SECRET = base64.b32encode(b"a secret of twenty b").decode()


def code(secret: str = SECRET, *, steps: int = 0) -> str:
    """What an authenticator app shows now, or some steps of 30 seconds later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def give_factor(user: User) -> list[str]:
    """An authenticator app that holds SECRET; returns recovery codes."""
    TOTP.activate(user, SECRET)
    return RecoveryCodes.activate(user).generate_codes()


def sign_in(user: User, password: str = PASSWORD, **headers: str) -> Client:
    """A browser in which the password was entered."""
    client = Client(headers=headers)
    client.post("/accounts/login/", {"login": user.email, "password": password})
    return client


def sign_in_with_code(user: User) -> Client:
    """A browser in which both steps were taken."""
    client = sign_in(user)
    client.post("/accounts/second-factor/authenticate/", {"code": code()})
    return client


def confirm(client: Client) -> None:
    """Enter the password again, before something sensitive."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


def is_in(client: Client) -> bool:
    """Whether somebody is signed in."""
    return client.get("/account/profile/").status_code == 200


def acts(lines: list[AuditEntry]) -> list[str]:
    """What a person's account went through."""
    return [line.action for line in lines if line.action.startswith("account.")]
