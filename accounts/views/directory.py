"""The directory page: where a company's directory comes in, and the tokens it shows."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import queries
from accounts.access import Access
from accounts.actions import directory as directories
from accounts.permissions import Permission
from accounts.views.tokens import LIVES, end_of
from accounts.web import fresh_proof
from accounts.web.origin import scim_base
from accounts.web.place import organization_access


class TokenForm(forms.Form):
    """A new directory token."""

    label = forms.CharField(
        max_length=80,
        label=gettext_lazy("Directory"),
        help_text=gettext_lazy("Which directory will use it, as Okta."),
    )
    days = forms.ChoiceField(
        choices=LIVES, required=False, initial="365", label=gettext_lazy("Lives for")
    )


@never_cache
@require_GET
@login_required
def directory(request: HttpRequest, organization: str) -> HttpResponse:
    """How a directory reaches this organization, and which ones may."""
    return _page(request, _access(request, organization), TokenForm())


@never_cache
@require_POST
@login_required
def new_token(request: HttpRequest, organization: str) -> HttpResponse:
    """Let a directory in; the secret is shown in the answer and nowhere else."""
    access = _access(request, organization)
    # Whoever holds this token decides who is in: the password is asked for again.
    fresh_proof.require(request)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, access, form)
    given = form.cleaned_data
    made = directories.create_token(access, given["label"], end_of(given["days"]))
    return _page(request, access, TokenForm(), made)


@require_POST
@login_required
def revoke_token(request: HttpRequest, organization: str, directory_token_id: UUID) -> HttpResponse:
    """Shut a directory out."""
    token = directories.revoke_token(_access(request, organization), directory_token_id)
    messages.success(request, _("%(label)s is shut out.") % {"label": token.label})
    return redirect("accounts:directory", organization)


def _access(request: HttpRequest, organization: str) -> Access:
    access = organization_access(request, organization)
    access.require(Permission.MANAGE_ORGANIZATION)
    return access


def _page(
    request: HttpRequest,
    access: Access,
    form: TokenForm,
    made: directories.NewDirectoryToken | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "tab": "directory",
        "form": form,
        "made": made,
        "tokens": queries.directory_tokens(access),
        "kept": queries.kept_by_directory(access),
        "base": scim_base(access.organization.key),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/directory.html", context, status=status)
