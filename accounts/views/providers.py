"""Company sign-in as owners set it up: providers, domains, groups, who may break the glass."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import domain_records, identities, sign_in_setup
from accounts.access import Access
from accounts.actions import discoveries, domains, providers
from accounts.actions.providers import ProviderPlan
from accounts.errors import DomainError
from accounts.models import IdentityProvider
from accounts.oidc import discovery
from accounts.permissions import Permission, Role
from accounts.sso import views as sso
from accounts.sso.options import back_channel_address, callback_address, signed_out_address
from accounts.web import fresh_proof
from accounts.web.place import organization_access

ROLES: Final = [(role.value, role.value) for role in Role]
MINUTE: Final = 60


class NewProviderForm(forms.Form):
    """A provider is found by its issuer; everything else it says itself."""

    name = forms.CharField(
        max_length=60, label=_("Name"), help_text=_("What people read on the sign-in page.")
    )
    issuer = forms.CharField(
        max_length=400,
        label=_("Issuer"),
        widget=forms.URLInput(attrs={"placeholder": "https://id.example.com"}),
        help_text=_("Exactly as the provider names it. Its document is read from there."),
    )


class ProviderForm(forms.Form):
    """How people sign in through a provider."""

    name = forms.CharField(max_length=60, label=_("Name"))
    client_id = forms.CharField(
        max_length=200, required=False, label=_("Client id"), help_text=_("From the provider.")
    )
    client_secret = forms.CharField(
        max_length=400,
        required=False,
        strip=True,
        label=_("Client secret"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    signing_algorithm = forms.ChoiceField(
        label=_("Signing method"), help_text=_("Tokens signed in any other way are refused.")
    )
    scopes = forms.CharField(max_length=200, label=_("Scopes"))
    groups_claim = forms.CharField(
        max_length=100,
        required=False,
        label=_("Groups claim"),
        help_text=_("The claim that lists a person's groups. Empty: groups are left alone."),
    )
    default_role = forms.ChoiceField(
        choices=[("", _("none: open projects can be viewed")), *ROLES],
        required=False,
        label=_("Default role"),
        help_text=_(
            "What newcomers hold in open projects. Admins of closed projects are asked for them."
        ),
    )
    required_acr = forms.CharField(
        max_length=200,
        required=False,
        label=_("Required acr"),
        help_text=_("Ways of signing in that are strong enough, separated by spaces."),
    )
    required_amr = forms.CharField(
        max_length=200,
        required=False,
        label=_("Required amr"),
        help_text=_("Means of signing in, as mfa or hwk, of which one must have been used."),
    )
    refresh_minutes = forms.IntegerField(
        min_value=1,
        max_value=1440,
        label=_("Ask the provider again after (minutes)"),
        help_text=_("Whoever it no longer knows is signed out then."),
    )
    session_hours = forms.IntegerField(
        min_value=1, max_value=720, label=_("Sign in anew after (hours)")
    )
    tokens_wait_after_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=365,
        label=_("Personal tokens wait after (days)"),
        help_text=_(
            "While this sign-in is required: so long without it, a person's tokens are refused "
            "until the next one. Empty or 0: never."
        ),
    )
    sign_out_stops_tokens = forms.BooleanField(
        required=False,
        label=_("Signing out at the provider also stops people's tokens"),
        help_text=_(
            "By back-channel logout, until the next sign-in. Switch it off where people sign out "
            "there each evening and their scripts should go on."
        ),
    )

    def __init__(self, *args: Any, provider: IdentityProvider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = discovery.algorithms_of(provider.metadata)
        self.fields["signing_algorithm"].choices = [(name, name) for name in offered]  # type: ignore[attr-defined]
        kept = bool(provider.client_secret)
        self.fields["client_secret"].help_text = (
            _("One is kept, encrypted. Leave this empty to keep it.")
            if kept
            else _("It is kept encrypted and never shown again. Empty for a public client.")
        )

    def plan(self) -> ProviderPlan:
        """What was entered."""
        given = {
            name: value for name, value in self.cleaned_data.items() if name != "client_secret"
        }
        minutes = given.pop("refresh_minutes")
        given["tokens_wait_after_days"] = given["tokens_wait_after_days"] or 0
        return ProviderPlan(**given, refresh_seconds=minutes * MINUTE)


class GroupForm(forms.Form):
    """What a group brings: a team, or a role in a project."""

    group = forms.CharField(
        max_length=200, label=_("Group"), help_text=_("As the provider sends it, to the letter.")
    )
    brings = forms.ChoiceField(label=_("Brings"))

    def __init__(self, *args: Any, choices: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brings"].choices = choices  # type: ignore[attr-defined]


class DomainForm(forms.Form):
    """A domain to claim, and where its people sign in."""

    domain = forms.CharField(
        max_length=253,
        label=_("Domain"),
        widget=forms.TextInput(attrs={"placeholder": "example.com", "autocomplete": "off"}),
        help_text=_("What stands behind the @ of your people's addresses."),
    )
    provider = forms.ChoiceField(required=False, label=_("Its people sign in through"))

    def __init__(self, *args: Any, choices: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = choices  # type: ignore[attr-defined]
        self.fields["provider"].initial = choices[0][0]


def _owner(request: HttpRequest, organization: str) -> Access:
    access = organization_access(request, organization)
    access.require(Permission.MANAGE_ORGANIZATION)
    return access


# --- the list


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def overview(request: HttpRequest, organization: str) -> HttpResponse:
    """Providers, domains, break-glass owners; adding a provider."""
    access = _owner(request, organization)
    form = NewProviderForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = discoveries.read(access, form.cleaned_data["issuer"].strip())
            made = providers.add(access, form.cleaned_data["name"], found)
        except DomainError as error:
            form.add_error("issuer", f"{error} {error.hint}")
        else:
            messages.success(request, _("The provider was found. Register Wayfork there next."))
            return redirect("accounts:provider", organization, made.key)
    return _overview(request, access, form=form)


def _overview(request: HttpRequest, access: Access, **forms_: forms.Form) -> HttpResponse:
    found = sign_in_setup.overview(access)
    choices = _provider_choices(found.providers)
    context = {
        "tab": "providers",
        "found": found,
        "form": forms_.get("form") or NewProviderForm(),
        "domain_form": forms_.get("domain_form") or DomainForm(choices=choices),
        "provider_choices": choices,
        "record": domain_records.PREFIX,
    }
    wrong = any(form.errors for form in forms_.values())
    return render(request, "accounts/providers.html", context, status=422 if wrong else 200)


def _provider_choices(found: list[IdentityProvider]) -> list[Any]:
    return [*((one.key, one.name) for one in found), ("", _("a password"))]


@require_POST
@login_required
def set_break_glass(request: HttpRequest, organization: str) -> HttpResponse:
    """Let an owner in by password although the provider is required, or no longer."""
    access = _owner(request, organization)
    try:
        member = UUID(request.POST.get("member", ""))
    except ValueError:
        member = UUID(int=0)
    allowed = request.POST.get("allowed") == "true"
    if allowed:
        # A way around the provider, by a password.
        fresh_proof.require(request)
    providers.set_break_glass(access, member, allowed=allowed)
    return redirect("accounts:providers", organization)


# --- domains


@require_POST
@login_required
def claim_domain(request: HttpRequest, organization: str) -> HttpResponse:
    """Put a domain on the list."""
    access = _owner(request, organization)
    listed = sign_in_setup.overview(access).providers
    form = DomainForm(request.POST, choices=_provider_choices(listed))
    if form.is_valid():
        try:
            domains.claim(access, form.cleaned_data["domain"], form.cleaned_data["provider"])
        except DomainError as error:
            form.add_error("domain", f"{error} {error.hint}")
        else:
            return redirect("accounts:providers", organization)
    return _overview(request, access, domain_form=form)


@require_POST
@login_required
def prove_domain(request: HttpRequest, organization: str, domain_id: UUID) -> HttpResponse:
    """Look the record up."""
    access = _owner(request, organization)
    proved = domains.prove(access, domain_id)
    messages.success(request, f"{proved.domain} is proved.")
    return redirect("accounts:providers", organization)


@require_POST
@login_required
def route_domain(request: HttpRequest, organization: str, domain_id: UUID) -> HttpResponse:
    """Choose where a domain's people sign in."""
    access = _owner(request, organization)
    domains.route(access, domain_id, request.POST.get("provider", ""))
    return redirect("accounts:providers", organization)


@require_POST
@login_required
def give_up_domain(request: HttpRequest, organization: str, domain_id: UUID) -> HttpResponse:
    """Take a domain off the list."""
    access = _owner(request, organization)
    gone = domains.give_up(access, domain_id)
    messages.success(request, f"{gone} leads nowhere any more.")
    return redirect("accounts:providers", organization)


# --- one provider


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def provider(request: HttpRequest, organization: str, key: str) -> HttpResponse:
    """Everything about a provider; saving how people sign in."""
    access = _owner(request, organization)
    found = providers.provider_of(access, key)
    form = ProviderForm(request.POST or None, provider=found, initial=_initial(found))
    if form.is_valid() and form.cleaned_data["client_secret"]:
        _refuse_unproved(request, form)
    if request.method == "POST" and form.is_valid():
        try:
            providers.set_up(access, key, form.plan(), form.cleaned_data["client_secret"])
        except DomainError as error:
            form.add_error(_field_of(error, form), f"{error} {error.hint}".strip())
        else:
            messages.success(request, _("Saved."))
            return redirect("accounts:provider", organization, key)
    return _one(request, access, found, form=form)


def _refuse_unproved(request: HttpRequest, form: ProviderForm) -> None:
    """Said before anything is kept: no secret waits in a session while the password is asked for."""
    if fresh_proof.address_if_missing(request):
        form.add_error(
            "client_secret",
            _("Confirm above that it is you, then enter the secret again. Nothing was saved."),
        )


def _one(
    request: HttpRequest, access: Access, found: IdentityProvider, **forms_: forms.Form
) -> HttpResponse:
    details = sign_in_setup.details(access, found)
    context = {
        "tab": "providers",
        "provider": found,
        "passes_unasked": found in identities.without_factors(access.organization),
        "details": details,
        "confirm_address": fresh_proof.address_if_missing(request),
        "form": forms_.get("form") or ProviderForm(provider=found, initial=_initial(found)),
        "group_form": forms_.get("group_form") or GroupForm(choices=_brings(details)),
        "callback_address": callback_address(found),
        "back_channel_address": back_channel_address(found),
        "signed_out_address": signed_out_address(found),
    }
    wrong = any(form.errors for form in forms_.values())
    return render(request, "accounts/provider.html", context, status=422 if wrong else 200)


def _initial(found: IdentityProvider) -> dict[str, Any]:
    names = ProviderPlan.__dataclass_fields__
    return {
        **{name: getattr(found, name) for name in names},
        "refresh_minutes": found.refresh_seconds // MINUTE,
    }


def _field_of(error: DomainError, form: forms.Form) -> str | None:
    where = str(error.data.get("where", ""))
    return where if where in form.fields else None


def _brings(details: sign_in_setup.Details) -> list[Any]:
    """What a group can bring, as `team:<key>` or `<role>:<project key>`."""
    teams = [(f"team:{team.key}", team.name) for team in details.teams]
    roles = [
        (
            project.name,
            [(f"{role}:{project.key}", f"{role} in {project.name}") for role, _label in ROLES],
        )
        for project in details.projects
    ]
    return [*([(_("A place in a team"), teams)] if teams else []), *roles]


@require_POST
@login_required
def discover(request: HttpRequest, organization: str, key: str) -> HttpResponse:
    """Read what the provider publishes now."""
    access = _owner(request, organization)
    found = discoveries.read(access, providers.provider_of(access, key).issuer)
    providers.discover_again(access, key, found)
    messages.success(request, _("Read again."))
    return redirect("accounts:provider", organization, key)


@require_POST
@login_required
def switch(request: HttpRequest, organization: str, key: str) -> HttpResponse:
    """Let people in by it, or no longer."""
    access = _owner(request, organization)
    providers.switch(access, key, is_enabled=request.POST.get("on") == "true")
    return redirect("accounts:provider", organization, key)


@require_POST
@login_required
def require(request: HttpRequest, organization: str, key: str) -> HttpResponse:
    """Refuse passwords to people of its domains, or no longer."""
    access = _owner(request, organization)
    providers.require(access, key, is_required=request.POST.get("on") == "true")
    return redirect("accounts:provider", organization, key)


@require_POST
@login_required
def delete(request: HttpRequest, organization: str, key: str) -> HttpResponse:
    """Take a provider away."""
    access = _owner(request, organization)
    providers.delete(access, key)
    messages.success(request, _("The provider is gone. Accounts and memberships stay."))
    return redirect("accounts:providers", organization)


@require_POST
@login_required
def add_group(request: HttpRequest, organization: str, key: str) -> HttpResponse:
    """Say what a group brings."""
    access = _owner(request, organization)
    found = providers.provider_of(access, key)
    choices = _brings(sign_in_setup.details(access, found))
    form = GroupForm(request.POST, choices=choices)
    if form.is_valid():
        kind, _colon, named = form.cleaned_data["brings"].partition(":")
        brought = {"team_key": named} if kind == "team" else {"role": kind, "project_key": named}
        try:
            providers.add_group(access, key, form.cleaned_data["group"], **brought)
        except DomainError as error:
            form.add_error("group", f"{error} {error.hint}")
        else:
            return redirect("accounts:provider", organization, key)
    return _one(request, access, found, group_form=form)


@require_POST
@login_required
def remove_group(request: HttpRequest, organization: str, key: str, group_id: UUID) -> HttpResponse:
    """A group brings this no longer."""
    access = _owner(request, organization)
    providers.remove_group(access, key, group_id)
    return redirect("accounts:provider", organization, key)


@require_POST
@login_required
def forget(request: HttpRequest, organization: str, key: str, identity_id: UUID) -> HttpResponse:
    """Take a person's connection apart."""
    access = _owner(request, organization)
    providers.forget(access, key, identity_id)
    messages.success(request, _("The connection is gone; the person can connect anew."))
    return redirect("accounts:provider", organization, key)


@never_cache
@require_GET
@login_required
def test(request: HttpRequest, organization: str, key: str) -> HttpResponse:
    """Go to the provider and back, to see what it says; nobody is signed in by it."""
    access = _owner(request, organization)
    found = providers.provider_of(access, key)
    if not found.client_id:
        raise providers.NotSetUp(f"{found.name} has no client id yet.")
    return sso.begin_test(request, found, f"/org/{organization}/sign-in/providers/{key}/")
