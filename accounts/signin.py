"""Local sign-in by django-allauth, made to fit: closed sign-up unless the operator opens it."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Wayfork's manners for allauth."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Strangers may make accounts only where the operator said so."""
        return bool(settings.WAYFORK_OPEN_SIGN_UP)

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Keep a name if the form has one."""
        user.name = str(form.cleaned_data.get("name", ""))
        return super().save_user(request, user, form, commit)
