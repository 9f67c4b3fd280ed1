"""The kill switch: a flag goes off at once, past review and freeze, and the page counts who heard."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_GET

from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.models import Environment
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, queries
from flags.changes import Applied
from flags.models import SdkConnection, Snapshot
from flags.views import editing
from flags.views.cards import here
from flags.views.frame import flag_frame

MOST_NAMED = 5


class KillForm(forms.Form):
    """Why a flag goes off at once; in production the environment's key is typed too."""

    reason = forms.CharField(
        label=lazy("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2, "autofocus": True}),
        help_text=lazy("Kept in the history and in the audit history."),
    )
    environment = forms.CharField(
        label=lazy("Environment"),
        max_length=100,
        widget=forms.TextInput(
            attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}
        ),
    )

    def __init__(self, data: Any, environment: Environment) -> None:
        super().__init__(data)
        self.place = environment
        if not environment.is_production:
            del self.fields["environment"]
            return
        self.fields["environment"].help_text = _("Type %(key)s to show that you mean it.") % {
            "key": environment.key
        }

    def clean_environment(self) -> str:
        typed: str = self.cleaned_data["environment"]
        if typed.strip() != self.place.key:
            raise forms.ValidationError(
                _("This is not the key of this environment: type %(key)s.")
                % {"key": self.place.key}
            )
        return typed

    def refuse(self, error: DomainError) -> None:
        """Show a refusal above the form."""
        self.add_error(None, f"{error} {error.hint}".strip())


def kill(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Ask why, turn the flag off, lead to the page that counts who has heard of it."""
    access = environment_access(request, **place)
    access.require(Permission.ROLL_BACK)
    form = KillForm(request.POST if request.method == "POST" else None, access.environment)
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                outcome = changes.kill(access, key, reason=form.cleaned_data["reason"])
            except (NotFound, NotPermitted):
                raise
            except DomainError as error:
                form.refuse(error)
                status = error.status
            else:
                editing.tell(request, outcome)
                return editing.see_other(_counting(access, key, outcome))
    context = {**flag_frame(access, key, "targeting"), "form": form}
    fragment = getattr(request, "htmx", None) and not form.is_bound
    template = "flags/_kill_dialog.html" if fragment else "flags/kill.html"
    return render(request, template, context, status=status)


def _counting(access: Access, key: str, outcome: changes.Outcome) -> str:
    page = here(access, "flags:propagation", key)
    if isinstance(outcome, Applied) and outcome.published:
        return f"{page}?{urlencode({'version': outcome.published[0].version})}"
    return page


# --- who has heard


@dataclass(frozen=True, slots=True)
class Propagation:
    """How far a version has come: who confirmed it, who has not yet, how long it took."""

    version: int
    total: int
    confirmed: int
    late: tuple[SdkConnection, ...]
    more: int
    took: timedelta | None

    @property
    def is_complete(self) -> bool:
        """Whether every connected SDK has it."""
        return self.confirmed == self.total

    @property
    def seconds(self) -> float | None:
        """From publication to the last confirmation."""
        return None if self.took is None else max(0.0, self.took.total_seconds())


def propagation_of(access: Access, version: int) -> Propagation:
    """Who among the connected SDKs confirmed this version or a newer one."""
    epoch, newest = queries.head_version(access.environment)
    version = min(version or newest, newest)
    found = queries.connections(access.environment)
    heard = [row for row in found if row.epoch == epoch and row.version >= version]
    late = [row for row in found if row not in heard]
    return Propagation(
        version=version,
        total=len(found),
        confirmed=len(heard),
        late=tuple(late[:MOST_NAMED]),
        more=max(0, len(late) - MOST_NAMED),
        took=_took(access, epoch, version, heard),
    )


def _took(access: Access, epoch: int, version: int, heard: list[SdkConnection]) -> timedelta | None:
    row = Snapshot.objects.within(access.environment).filter(epoch=epoch, version=version).first()
    if row is None:
        return None
    # Who connected later, or went on to a newer version, says nothing about this one.
    waited = [
        one.acked_at - row.published_at
        for one in heard
        if one.acked_at and one.version == version and one.connected_at <= row.published_at
    ]
    return max(waited, default=None)


@require_GET
def propagation(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """How far a version has come; htmx asks for the figures alone, until all have confirmed."""
    access = environment_access(request, **place)
    version = editing.whole(request.GET.get("version", ""))
    figures = {"spread": propagation_of(access, version)}
    if getattr(request, "htmx", None):
        return render(request, "flags/_propagation.html", figures)
    context = {**flag_frame(access, key, "targeting"), **figures}
    return render(request, "flags/propagation.html", context)
