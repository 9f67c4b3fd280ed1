"""Wayfork's manners for allauth: who may sign up, from where somebody came, what the ledger keeps."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from smtplib import SMTPException
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from accounts.actions import security
from accounts.models import User
from accounts.sso import required
from accounts.web import invited
from accounts.web.origin import address_of, origin_of

log = logging.getLogger(__name__)

# What allauth writes people a mail about is what the ledger keeps: the mail's template → the act.
SECURITY_MAILS: Final[Mapping[str, str]] = {
    "account/email/password_changed": "account.password_changed",
    "account/email/password_set": "account.password_changed",
    "account/email/password_reset": "account.password_reset",
    "account/email/email_changed": "account.email_changed",
    "account/email/email_deleted": "account.email_removed",
    "mfa/email/totp_activated": "account.authenticator_added",
    "mfa/email/totp_deactivated": "account.authenticator_removed",
    "mfa/email/webauthn_added": "account.passkey_added",
    "mfa/email/webauthn_removed": "account.passkey_removed",
    "mfa/email/recovery_codes_generated": "account.recovery_codes_made",
}
# Whoever has just set one of these up has shown that it works.
PROVES_FACTOR: Final = frozenset({"account.authenticator_added", "account.passkey_added"})
# Guessing must not fill the ledger: one line per person in this time.
FAILURES_NOTED_EVERY_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Home:
    """This installation in letters: what allauth's templates call the current site."""

    name: str
    domain: str
    address: str


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Wayfork's manners for allauth. A person's security events are recorded at its hooks."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Strangers may make accounts only where the operator said so; the invited always."""
        return invited.is_invited(request) or bool(settings.WAYFORK_OPEN_SIGN_UP)

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Keep a name if the form has one."""
        user.name = str(form.cleaned_data.get("name", ""))
        return super().save_user(request, user, form, commit)

    def get_login_stages(self) -> list[str]:
        """As allauth's, but whoever a colleague vouches for need not prove the address again."""
        ours = {
            "allauth.account.stages.EmailVerificationStage": "accounts.signin.stages.ProveAddress"
        }
        return [ours.get(stage, stage) for stage in super().get_login_stages()]

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address behind as many proxies as the operator trusts: limits are kept by it."""
        return address_of(request) or "0.0.0.0"  # noqa: S104 - stands for "none", binds nothing

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Letters lead to where the operator says we are: a request may name any host."""
        told = {name: _at_home(value) for name, value in context.items()}
        super().send_mail(template_prefix, email, {**told, "current_site": _home()})

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Guesses are counted by the address alone: another Host header begins no new count."""
        return str(credentials.get("email", "")).lower()

    def pre_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse | None:
        """Where an organization wants its people to come in through the company, they do."""
        refused = required.refuse_local(request, user)
        return refused or super().pre_login(request, user, **options)

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        """Somebody is in."""
        required.tell_of_broken_glass(request, user)
        security.note(
            user, "account.signed_in", origin_of(request), after={"by": methods_of(request, user)}
        )
        answer: HttpResponse = super().post_login(request, user, **options)
        return answer

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """A wrong password: told to the organizations of the person it was tried for."""
        super().authentication_failed(request, **credentials)
        tried = User.objects.filter(email__iexact=str(credentials.get("email", ""))).first()
        if tried is not None:
            note_failure(request, tried, "password")

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Something about an account changed: into the ledger, then to the person."""
        act = SECURITY_MAILS.get(template_prefix)
        if act is not None:
            security.note(user, act, origin_of(self.request))
        if act in PROVES_FACTOR:
            record_authentication(self.request, user, "mfa", type=act)
        try:
            super().send_notification_mail(template_prefix, user, context, email)
        except (OSError, SMTPException) as error:
            # The change is made; a mail server that is away must not make it look as if not.
            log.warning("a security notice could not be mailed: %s", error)


def _home() -> Home:
    address = settings.WAYFORK_URL.rstrip("/")
    return Home("Wayfork", urlsplit(address).netloc, address)


def _at_home(value: Any) -> Any:
    """An address of ours at the host of the setting; whatever else a letter holds, as it is."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return value
    return _home().address + urlunsplit(("", "", *urlsplit(value)[2:]))


def methods_of(request: HttpRequest, user: User) -> list[str]:
    """How this session was proved, as `password` or `totp`."""
    records = get_authentication_records(request, user)
    return sorted({str(record.get("type") or record["method"]) for record in records})


def note_failure(request: HttpRequest, user: User, what: str) -> None:
    """Record a failed sign-in, unless one was recorded lately."""
    if cache.add(f"wayfork:failed-sign-in:{user.pk}", 1, FAILURES_NOTED_EVERY_SECONDS):
        security.note_by_stranger(
            user, "account.sign_in_failed", origin_of(request), after={"wrong": what}
        )
