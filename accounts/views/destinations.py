"""Outside services that are told what happens: an owner's for the organization, an admin's for a project."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import destinations
from accounts.access import Access
from accounts.actions import destinations as acts
from accounts.actions.destinations import DATADOG, DestinationPlan, Filters
from accounts.errors import DomainError
from accounts.models import Delivery, Destination, Project
from accounts.permissions import Permission
from accounts.web.place import organization_access, project_access

Kind = Destination.Kind
# What each kind asks for, and where its address comes from.
FIELDS = {
    Kind.WEBHOOK: {"url"},
    Kind.SLACK: {"url"},
    Kind.TEAMS: {"url"},
    Kind.DATADOG: {"site", "api_key"},
}
HELP = {
    Kind.WEBHOOK: gettext_lazy("Your own https address. Messages are signed: Standard Webhooks."),
    Kind.SLACK: gettext_lazy("The address of an incoming webhook of your channel."),
    Kind.TEAMS: gettext_lazy("The address of a workflow that posts to your channel."),
}
# Where a refusal of the verb is shown.
PLACES = {"actions": "more_actions", "environments": "environments"}


class DestinationForm(forms.Form):
    """How a destination of one kind is set up."""

    name = forms.CharField(
        max_length=80, label=gettext_lazy("Name"), help_text=gettext_lazy("As people call it.")
    )
    url = forms.CharField(max_length=2_000, label=gettext_lazy("Address"), widget=forms.URLInput)
    site = forms.ChoiceField(label=gettext_lazy("Site"), choices=[])
    api_key = forms.CharField(max_length=200, label=gettext_lazy("API key"))
    project = forms.ChoiceField(required=False, label=gettext_lazy("Project"))
    groups = forms.MultipleChoiceField(
        required=False,
        label=gettext_lazy("Groups of acts"),
        help_text=gettext_lazy("None chosen: everything."),
        widget=forms.CheckboxSelectMultiple,
        choices=[(f"{noun}.*", title) for noun, title in destinations.GROUPS.items()],
    )
    more_actions = forms.CharField(
        required=False,
        max_length=2_000,
        label=gettext_lazy("Single acts"),
        help_text=gettext_lazy("As they stand in the audit history: flag.killed, change.bypassed."),
    )
    tags = forms.CharField(
        required=False,
        max_length=2_000,
        label=gettext_lazy("Tags"),
        help_text=gettext_lazy("Only what carries one of these tags."),
    )
    environments = forms.CharField(
        required=False,
        max_length=2_000,
        label=gettext_lazy("Environments"),
        help_text=gettext_lazy("Keys of environments, as production; none: all."),
    )

    def __init__(self, data: Any, access: Access, kind: str, found: Destination | None) -> None:
        super().__init__(data, initial=_initial(found) if found else None)
        self.kind = Kind(kind)
        for name in {"url", "site", "api_key"} - FIELDS[self.kind]:
            del self.fields[name]
        if access.at_project is not None:
            del self.fields["project"]
        _choose(self.fields.get("site"), [(site, site) for site in DATADOG])
        _choose(self.fields.get("project"), _projects(access))
        for name in FIELDS[self.kind]:
            self.fields[name].required = found is None
        if "url" in self.fields:
            self.fields["url"].help_text = HELP[self.kind] if found is None else _kept(found)

    def plan(self) -> DestinationPlan:
        """What was filled in."""
        given = self.cleaned_data
        filters = Filters(
            (*given["groups"], *_words(given["more_actions"])),
            _words(given["tags"]),
            _words(given["environments"]),
        )
        asked = {name: given.get(name, "") for name in ("url", "project", "site", "api_key")}
        return DestinationPlan(self.kind, given["name"], **asked, filters=filters)

    def refuse(self, error: DomainError) -> None:
        """Show a refusal where it belongs."""
        where = str(error.data.get("where", ""))
        place = PLACES.get(where, where)
        fallback = "url" if error.code.startswith("outbound") and "url" in self.fields else None
        self.add_error(place if place in self.fields else fallback, f"{error} {error.hint}".strip())


def _initial(found: Destination) -> dict[str, Any]:
    groups = {f"{noun}.*" for noun in destinations.GROUPS}
    return {
        "name": found.name,
        "project": found.project.key if found.project else "",
        "groups": [one for one in found.actions if one in groups],
        "more_actions": ", ".join(one for one in found.actions if one not in groups),
        "tags": ", ".join(found.tags),
        "environments": ", ".join(found.environment_keys),
    }


def _choose(field: forms.Field | None, choices: list[tuple[str, str]]) -> None:
    if isinstance(field, forms.ChoiceField):
        field.choices = choices


def _projects(access: Access) -> list[tuple[str, str]]:
    rows = Project.objects.within(access.organization).values_list("key", "name")
    return [("", _("The whole organization")), *rows]


def _kept(found: Destination) -> str:
    return _("Leave it empty to keep the one at %(host)s.") % {"host": acts.host_of(found)}


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def _access_to(request: HttpRequest, place: dict[str, str]) -> Access:
    access = (
        project_access(request, **place)
        if "project" in place
        else organization_access(request, **place)
    )
    access.require(Permission.MANAGE_PROJECT)
    return access


def _section(access: Access) -> dict[str, str]:
    """Where the page stands: among the tabs, and of which area in the rail."""
    return {
        "tab": "destinations",
        "nav": "project-people" if access.at_project else "organization",
    }


@require_GET
@login_required
def listed(request: HttpRequest, **place: str) -> HttpResponse:
    """Every destination the person looks after."""
    access = _access_to(request, place)
    context = {
        **_section(access),
        "kinds": [(f"new/{value}/", name) for value, name in Kind.choices],
        "destinations": destinations.listed(access),
    }
    return render(request, "accounts/destinations.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def new(request: HttpRequest, kind: str, **place: str) -> HttpResponse:
    """Set up a destination; a webhook's signing secret is shown once, afterwards."""
    access = _access_to(request, place)
    form = DestinationForm(request.POST or None, access, _known(kind), None)
    if request.method == "POST" and form.is_valid():
        try:
            made = acts.create(access, form.plan())
        except DomainError as error:
            form.refuse(error)
        else:
            return _shown(request, access, made.destination, secret=made.secret)
    context = {**_section(access), "form": form, "kind": Kind(_known(kind))}
    status = 422 if form.errors else 200
    return render(request, "accounts/destination_form.html", context, status=status)


def _known(kind: str) -> str:
    return kind if kind in Kind.values else Kind.WEBHOOK


@require_GET
@login_required
def detail(request: HttpRequest, destination_id: UUID, **place: str) -> HttpResponse:
    """One destination with its log."""
    access = _access_to(request, place)
    return _shown(request, access, destinations.one(access, destination_id))


def _shown(
    request: HttpRequest, access: Access, found: Destination, *, secret: str = ""
) -> HttpResponse:
    status = request.GET.get("status", "")
    log = destinations.deliveries(found, status=status)
    base = request.path.partition("/notifications/")[0]
    context = {
        **_section(access),
        "destination": found,
        "host": acts.host_of(found),
        "log": [(one, destinations.last_try(one)) for one in log],
        "statuses": Delivery.Status.choices,
        "status": status,
        "secret": secret,
        "here": f"{base}/notifications/{found.id}/",
        "all": f"{base}/notifications/",
    }
    return render(request, "accounts/destination.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, destination_id: UUID, **place: str) -> HttpResponse:
    """Set a destination up differently."""
    access = _access_to(request, place)
    found = destinations.one(access, destination_id)
    form = DestinationForm(request.POST or None, access, found.kind, found)
    if request.method == "POST" and form.is_valid():
        try:
            acts.change(access, destination_id, form.plan())
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(name)s is changed.") % {"name": found.name})
            return redirect("./")
    context = {
        **_section(access),
        "form": form,
        "kind": Kind(found.kind),
        "destination": found,
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/destination_form.html", context, status=status)


@require_POST
@login_required
def test(request: HttpRequest, destination_id: UUID, **place: str) -> HttpResponse:
    """Send a test message now and tell what was answered."""
    access = _access_to(request, place)
    attempt = destinations.last_try(acts.test(access, destination_id))
    if attempt is not None and attempt.problem:
        messages.error(request, attempt.problem)
    elif attempt is not None:
        told = {"status": attempt.status_code, "time": attempt.milliseconds}
        messages.success(request, _("Answered %(status)s after %(time)s ms.") % told)
    return redirect("./")


@never_cache
@require_POST
@login_required
def rotate(request: HttpRequest, destination_id: UUID, **place: str) -> HttpResponse:
    """Give a webhook a new signing secret, shown once."""
    access = _access_to(request, place)
    made = acts.rotate_secret(access, destination_id)
    return _shown(request, access, made.destination, secret=made.secret)


@require_POST
@login_required
def switch(request: HttpRequest, destination_id: UUID, **place: str) -> HttpResponse:
    """Switch a destination on or off."""
    access = _access_to(request, place)
    if request.POST.get("on") == "true":
        found = acts.enable(access, destination_id)
        messages.success(request, _("%(name)s is on again.") % {"name": found.name})
    else:
        found = acts.disable(access, destination_id)
        messages.success(request, _("%(name)s is off; what waits is kept.") % {"name": found.name})
    return redirect("./")


@require_POST
@login_required
def remove(request: HttpRequest, destination_id: UUID, **place: str) -> HttpResponse:
    """Forget a destination."""
    acts.remove(_access_to(request, place), destination_id)
    messages.success(request, _("The destination and its log are gone."))
    return redirect("../")


@require_POST
@login_required
def redeliver(
    request: HttpRequest, destination_id: UUID, delivery_id: UUID, **place: str
) -> HttpResponse:
    """Send one message again."""
    acts.redeliver(_access_to(request, place), destination_id, delivery_id)
    messages.success(request, _("The message is on its way again."))
    return redirect("../../")


def routes(at: str, prefix: str) -> list[URLPattern]:
    """The same pages below an organization and below a project."""
    one = f"{at}/<uuid:destination_id>"
    pages = (
        (f"{at}/", listed, "destinations"),
        (f"{at}/new/<str:kind>/", new, "destination-new"),
        (f"{one}/", detail, "destination"),
        (f"{one}/edit", edit, "destination-edit"),
        (f"{one}/test", test, "destination-test"),
        (f"{one}/rotate", rotate, "destination-rotate"),
        (f"{one}/switch", switch, "destination-switch"),
        (f"{one}/remove", remove, "destination-remove"),
        (f"{one}/deliveries/<uuid:delivery_id>/redeliver", redeliver, "delivery-redeliver"),
    )
    return [path(route, view, name=f"{prefix}{name}") for route, view, name in pages]
