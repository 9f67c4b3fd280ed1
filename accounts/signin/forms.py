"""allauth's forms with our words, and with failures in the ledger."""

from typing import Any

from allauth.account.forms import SignupForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.signin.adapter import note_failure


class SignUpForm(SignupForm):  # type: ignore[misc]
    """A new account."""

    field_order = ("name", "email", "password1")
    name = forms.CharField(
        max_length=120,
        required=False,
        label=_("Name"),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class CodeForm(AuthenticateForm):  # type: ignore[misc]
    """The code of an authenticator app, or a recovery code, at sign-in."""

    def clean_code(self) -> str:
        try:
            return str(super().clean_code())
        except ValidationError:
            note_failure(context.request, self.user, "code")
            raise


class PasskeyForm(AuthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey as the second factor at sign-in."""

    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()
        except ValidationError:
            note_failure(context.request, self.user, "passkey")
            raise


class NewPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey; unless told otherwise one that can sign in alone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].label = _("Name")
        self.fields["name"].max_length = 80
        self.fields["passwordless"].label = _("Sign in with it alone, without a password")
        self.fields["passwordless"].help_text = _(
            "The device then asks for its PIN, a finger or a face."
        )
        self.fields["passwordless"].initial = True
