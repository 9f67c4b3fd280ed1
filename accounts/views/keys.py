"""SDK keys of an environment, with a quick start."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import queries
from accounts.actions import credentials
from accounts.models import SdkKey
from accounts.views.tokens import LIVES
from accounts.web.place import environment_access


class KeyForm(forms.Form):
    """A new SDK key."""

    label = forms.CharField(
        max_length=80, label="Application", help_text="Which application will use this key."
    )
    kind = forms.ChoiceField(
        choices=[
            (SdkKey.Kind.SERVER.value, "Server: reads all rules, keep it secret"),
            (SdkKey.Kind.CLIENT.value, "Client: public, reads only evaluated values"),
        ],
        label="Kind",
        widget=forms.RadioSelect,
        initial=SdkKey.Kind.SERVER.value,
    )
    days = forms.ChoiceField(
        choices=LIVES,
        required=False,
        initial="",
        label="Lives for",
        help_text="When it ends, applications keep their last values. Schedules show it before.",
    )

    def ends(self) -> datetime | None:
        """When it ends by itself."""
        days = int(self.cleaned_data["days"] or 0)
        return timezone.now() + timedelta(days=days) if days else None


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def keys(request: HttpRequest, **place: str) -> HttpResponse:
    """The environment's keys; a new one is shown once, in the quick start."""
    access = environment_access(request, **place)
    form = KeyForm(request.POST or None)
    made = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        made = credentials.create_sdk_key(access, given["kind"], given["label"], form.ends())
        form = KeyForm()
    context: dict[str, Any] = {
        "nav": "keys",
        "form": form,
        "keys": queries.sdk_keys(access),
        "now": timezone.now(),
        "made": made,
        "snippet": snippet(made.secret if made else "srv_…", settings.WAYFORK_URL),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/keys.html", context, status=status)


def snippet(secret: str, url: str) -> str:
    """Six lines that show a flag's value, ready to paste."""
    return (
        "from wayfork import Client\n\n"
        f'client = Client("{secret}", url="{url}")\n'
        "client.wait_ready(2.0)\n"
        'print(client.bool("welcome", False, {"userId": "u-42"}))\n'
        "client.close()\n"
    )


@require_POST
@login_required
def revoke_key(request: HttpRequest, key_id: UUID, **place: str) -> HttpResponse:
    """Make a key worthless and close its sockets."""
    access = environment_access(request, **place)
    key = credentials.revoke_sdk_key(access, key_id)
    messages.success(request, f"{key.label} is revoked; applications keep their last values.")
    return redirect("accounts:keys", *place.values())
