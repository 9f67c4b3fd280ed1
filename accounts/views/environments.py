"""The environments of a project: made, named, colored, ordered, archived and brought back."""

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts import keepers, queries
from accounts.access import Access
from accounts.actions import environments as actions
from accounts.errors import AlreadyExists, DomainError, InvalidInput, ReasonMissing
from accounts.models import Environment
from accounts.permissions import Permission
from accounts.web.place import environment_access

COLORS = [(color.value, color.label) for color in Environment.Color if color != actions.PLUM]


class NewEnvironmentForm(forms.Form):
    """A new environment."""

    name = forms.CharField(max_length=120, label=lazy("Name"))
    key = forms.CharField(
        max_length=50,
        label=lazy("Key"),
        help_text=lazy(
            "Lowercase letters, digits and hyphens; it appears in addresses and SDK keys, and stays."
        ),
    )
    color = forms.ChoiceField(
        choices=COLORS, label=lazy("Color"), widget=forms.RadioSelect, initial="gray"
    )
    is_production = forms.BooleanField(
        required=False,
        label=lazy("This is production"),
        help_text=lazy("It is marked plum, and dangerous acts there ask twice. This stays."),
    )


class EnvironmentForm(forms.Form):
    """An environment's name and manners."""

    name = forms.CharField(max_length=120, label=lazy("Name"))
    color = forms.ChoiceField(choices=COLORS, label=lazy("Color"), widget=forms.RadioSelect)
    keeps_contexts = forms.BooleanField(
        required=False,
        label=lazy("Keep sampled contexts for seven days"),
        help_text=lazy(
            "Changes are tried on them beforehand. They hold what rules ask for, and ids as hashes."
        ),
    )

    def __init__(self, data: Any, environment: Environment) -> None:
        names = ("name", "color", "keeps_contexts")
        super().__init__(data, initial={name: getattr(environment, name) for name in names})
        if environment.is_production:
            del self.fields["color"]


class UnarchiveForm(forms.Form):
    """Why, which is asked where it goes past a freeze."""

    reason = forms.CharField(
        max_length=500, required=False, label=lazy("Reason"), help_text=lazy("For the history.")
    )

    def __init__(self, data: Any, environment: Environment) -> None:
        super().__init__(data)
        self._key = environment.key
        self.asking = keepers.reviews(environment)
        self.fields["reason"].required = bool(self.asking)

    def refuse(self, error: DomainError) -> None:
        """Say what was refused, at the reason where that is what is missing."""
        field = "reason" if isinstance(error, ReasonMissing) else None
        self.add_error(field, f"{error} {error.hint}".strip())


class ArchiveForm(UnarchiveForm):
    """Why, and its key in full."""

    typed = forms.CharField(max_length=50, label=lazy("Type its key to confirm"))

    def clean_typed(self) -> str:
        if self.cleaned_data["typed"].strip() != self._key:
            raise forms.ValidationError(_("Type %(key)s, exactly so.") % {"key": self._key})
        return self._key


def project_wide(access: Access) -> Access:
    """What is done to all of the project is no line of the environment the page stands in."""
    return replace(access, at_environment=None)


@require_http_methods(["GET", "POST"])
@login_required
def environments(request: HttpRequest, **place: str) -> HttpResponse:
    """The environments in their order, and those in the archive; a POST makes another."""
    access = environment_access(request, **place)
    form = NewEnvironmentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = _create(access, form.cleaned_data)
        except (AlreadyExists, InvalidInput) as error:
            form.add_error(_field(form, error, "key"), f"{error} {error.hint}".strip())
        else:
            text = _(
                "%(name)s is ready: every flag is off there. Make an SDK key to connect to it."
            )
            messages.success(request, text % {"name": made.name})
            return redirect("accounts:keys", access.organization.key, access.project.key, made.key)
    context = {
        "nav": "environments",
        "form": form,
        "living": queries.environments(access),
        "archived": queries.environments(access, archived=True),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/environments.html", context, status=status)


def _create(access: Access, given: dict[str, Any]) -> Environment:
    is_production = given["is_production"]
    return actions.create(
        project_wide(access),
        given["key"],
        given["name"],
        color="" if is_production else given["color"],
        is_production=is_production,
    )


def _field(form: forms.Form, error: DomainError, otherwise: str) -> str | None:
    where = str(error.data.get("where", "")) or otherwise
    return where if where in form.fields else None


@require_POST
@login_required
def move(request: HttpRequest, **place: str) -> HttpResponse:
    """Put an environment one place earlier or later."""
    access = environment_access(request, **place)
    access.require(Permission.MANAGE_PROJECT)
    keys = [one.key for one in queries.environments(access)]
    key = queries.environment(access, request.POST.get("key", "")).key
    at = keys.index(key) if key in keys else 0
    to = at - 1 if request.POST.get("to") == "earlier" else at + 1
    if key in keys and 0 <= to < len(keys):
        keys[at], keys[to] = keys[to], keys[at]
        actions.reorder(project_wide(access), keys)
    back = redirect("accounts:environments", *place.values())
    # The button that was pressed has the focus again.
    back["Location"] += f"#move-{key}"
    return back


@require_http_methods(["GET", "POST"])
@login_required
def environment(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """One environment's name, color and samples."""
    access = environment_access(request, **place)
    found = queries.environment(access, key)
    form = EnvironmentForm(request.POST or None, found)
    if request.method == "POST":
        access.require(Permission.MANAGE_PROJECT)
        if form.is_valid():
            try:
                actions.describe(access.at(found), key, **form.cleaned_data)
            except InvalidInput as error:
                form.add_error(_field(form, error, "name"), f"{error} {error.hint}".strip())
            else:
                messages.success(request, _("%(name)s is saved.") % form.cleaned_data)
                return redirect("accounts:environments", *place.values())
    status = 422 if form.errors else 200
    return _shown(request, found, {"form": form}, status)


def _shown(
    request: HttpRequest, found: Environment, forms_given: dict[str, Any], status: int
) -> HttpResponse:
    context = {
        "nav": "environments",
        "found": found,
        "form": EnvironmentForm(None, found),
        "archive_form": (UnarchiveForm if found.archived_at else ArchiveForm)(None, found),
        **forms_given,
    }
    return render(request, "accounts/environment.html", context, status=status)


@require_POST
@login_required
def archive(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Take an environment out of use; its key is typed to confirm."""
    access = environment_access(request, **place)
    access.require(Permission.MANAGE_PROJECT)
    found = queries.environment(access, key)
    form = ArchiveForm(request.POST, found)
    if form.is_valid():
        try:
            actions.archive(access.at(found), key, reason=form.cleaned_data["reason"].strip())
        except (actions.CannotArchive, actions.PastReview, ReasonMissing) as error:
            form.refuse(error)
        else:
            text = _("%(name)s is archived. Its SDKs keep the values they hold.")
            messages.success(request, text % {"name": found.name})
            stay = access.environment.key if access.environment != found else _another(access)
            return redirect(
                "accounts:environments", access.organization.key, access.project.key, stay
            )
    return _shown(request, found, {"archive_form": form}, 422)


def _another(access: Access) -> str:
    return queries.environments(access)[0].key


@require_POST
@login_required
def unarchive(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Bring an environment back."""
    access = environment_access(request, **place)
    access.require(Permission.MANAGE_PROJECT)
    found = queries.environment(access, key)
    form = UnarchiveForm(request.POST, found)
    if form.is_valid():
        try:
            actions.unarchive(access.at(found), key, reason=form.cleaned_data["reason"].strip())
        except (actions.PastReview, ReasonMissing) as error:
            form.refuse(error)
        except InvalidInput as error:
            messages.error(request, str(error))
            return redirect("accounts:environments", *place.values())
        else:
            messages.success(request, _("%(name)s is in use again.") % {"name": found.name})
            return redirect("accounts:environments", *place.values())
    return _shown(request, found, {"archive_form": form}, 422)
