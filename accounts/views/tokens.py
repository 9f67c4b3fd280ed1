"""Access tokens: a person's own, and those of scripts that outlive whoever made them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import queries
from accounts.access import Access
from accounts.actions import credentials
from accounts.actions.credentials import Reach
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.people import projects_seen
from accounts.permissions import Permission, Role
from accounts.views.account import person
from accounts.web import fresh_proof
from accounts.web.place import environment_access, organization_access

LIVES = (
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("a year")),
    ("", gettext_lazy("until it is revoked")),
)


def end_of(days: str) -> datetime | None:
    """When a token made now ends, by what was chosen of `LIVES`."""
    return timezone.now() + timedelta(days=int(days)) if days else None


class TokenForm(forms.Form):
    """A new access token."""

    label = forms.CharField(
        max_length=80,
        label=gettext_lazy("Script"),
        help_text=gettext_lazy("Which script will use this token."),
    )
    read_only = forms.BooleanField(required=False, label=gettext_lazy("May only read"))
    days = forms.ChoiceField(
        choices=LIVES, required=False, initial="90", label=gettext_lazy("Lives for")
    )
    projects = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Only for these projects"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all you may see."),
    )

    def __init__(self, *args: Any, access: Access, **options: Any) -> None:
        super().__init__(*args, **options)
        seen = projects_seen(access.organization, access.actor.user) if access.actor.user else []
        choices = [(project.key, project.name) for project in seen]
        self.fields["projects"].choices = choices  # type: ignore[attr-defined]
        if len(choices) < 2:
            # There is nothing to choose.
            del self.fields["projects"]

    def reach(self) -> Reach:
        """For how much the token is made."""
        given = self.cleaned_data
        return Reach(
            read_only=given["read_only"],
            project_keys=tuple(given.get("projects", ())),
            expires_at=end_of(given["days"]),
        )


class ServiceTokenForm(TokenForm):
    """A new token for a script."""

    role = forms.ChoiceField(
        choices=[(role.value, role.value) for role in Role if role != Role.REVIEWER],
        label=gettext_lazy("Role"),
        initial=Role.EDITOR.value,
        help_text=gettext_lazy("It never approves changes and never passes by a review."),
    )
    field_order = ("label", "role", "days", "projects")

    def __init__(self, *args: Any, access: Access, **options: Any) -> None:
        super().__init__(*args, access=access, **options)
        del self.fields["read_only"]
        if "projects" in self.fields and not access.may(Permission.MANAGE_ORGANIZATION):
            # An admin's reaches the project it is made in.
            del self.fields["projects"]

    def clean(self) -> dict[str, Any]:
        return {"read_only": False, **(super().clean() or self.cleaned_data)}


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def tokens(request: HttpRequest, **place: str) -> HttpResponse:
    """The person's own tokens in this organization, and for admins those of scripts."""
    access = environment_access(request, **place)
    form = TokenForm(request.POST or None, access=access)
    made = None
    if request.method == "POST" and form.is_valid():
        # It goes on when the session that made it has ended.
        fresh_proof.require(request)
        made = credentials.create_token(access, form.cleaned_data["label"], form.reach())
        form = TokenForm(access=access)
    return _page(request, access, form=form, made=made)


@never_cache
@require_POST
@login_required
def service_tokens(request: HttpRequest, **place: str) -> HttpResponse:
    """Make a token for a script; its secret is shown in the answer and nowhere else."""
    access = environment_access(request, **place)
    access.require(Permission.MANAGE_PROJECT)
    form = ServiceTokenForm(request.POST, access=access, prefix="service")
    made = None
    if form.is_valid():
        fresh_proof.require(request)
        given = form.cleaned_data
        try:
            made = credentials.create_service_token(
                access, given["label"], given["role"], form.reach()
            )
        except (InvalidInput, NotPermitted) as error:
            form.add_error(None, f"{error} {error.hint}")
        else:
            form = ServiceTokenForm(access=access, prefix="service")
    return _page(request, access, service_form=form, made=made)


def _page(
    request: HttpRequest,
    access: Access,
    *,
    form: TokenForm | None = None,
    service_form: ServiceTokenForm | None = None,
    made: credentials.NewToken | None = None,
) -> HttpResponse:
    may_manage = access.may(Permission.MANAGE_PROJECT)
    shown = form or TokenForm(access=access)
    service = service_form or ServiceTokenForm(access=access, prefix="service")
    context = {
        "nav": "tokens",
        "form": shown,
        "tokens": queries.tokens(access),
        "made": made,
        "service_form": service if may_manage else None,
        "service_tokens": queries.service_tokens(access) if may_manage else [],
    }
    status = 422 if shown.errors or service.errors else 200
    return render(request, "accounts/tokens.html", context, status=status)


@require_POST
@login_required
def revoke_token(request: HttpRequest, token_id: UUID, **place: str) -> HttpResponse:
    """Make a token worthless."""
    access = environment_access(request, **place)
    token = credentials.revoke_token(access, token_id)
    messages.success(request, _("%(label)s is revoked.") % {"label": token.label})
    return redirect("accounts:tokens", *place.values())


@require_POST
@login_required
def revoke_service_token(request: HttpRequest, service_id: UUID, **place: str) -> HttpResponse:
    """Make a script's token worthless."""
    access = environment_access(request, **place)
    token = credentials.revoke_service_token(access, service_id)
    messages.success(request, _("%(label)s is revoked.") % {"label": token.label})
    return redirect("accounts:tokens", *place.values())


# --- under the person's name, wherever they belong


@never_cache
@require_GET
@login_required
def own_tokens(request: HttpRequest) -> HttpResponse:
    """The person's tokens in all their organizations."""
    user = person(request)
    context = {"tokens": queries.tokens_of(user), "places": queries.places_of(user)}
    return render(request, "account/tokens.html", context)


@require_POST
@login_required
def revoke_own_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Make a token of one's own worthless, in whichever organization it was made."""
    found = next((one for one in queries.tokens_of(person(request)) if one.id == token_id), None)
    if found is None:
        raise NotFound("There is no such token.")
    access = organization_access(request, found.organization.key)
    credentials.revoke_token(access, token_id)
    messages.success(request, _("%(label)s is revoked.") % {"label": found.label})
    return redirect("accounts:own-tokens")
