"""Two environments side by side, and what is set there brought here as one change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts import queries as places
from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.models import Environment
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, copying, impact, review
from flags.copying import Chosen, Pair
from flags.drafting import Part
from flags.edits import EditKind, InvalidEdit
from flags.edits.state import own_part
from flags.views import editing, proposing
from flags.views import impact as told
from flags.views.cards import here
from flags.views.differences import Difference, differences
from flags.views.sentences import flag_sentence

# Beyond these the page says how many there are and shows the first.
MOST_SHOWN: Final = 200


class CopyForm(forms.Form):
    """What is brought here besides the rules, and why."""

    with_switch = forms.BooleanField(
        required=False, initial=True, label=lazy("Also whether the flag is on")
    )
    with_assignments = forms.BooleanField(
        required=False, label=lazy("Also custom assignments of single ids")
    )
    comment = forms.CharField(
        required=False,
        max_length=1000,
        label=lazy("Why"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=lazy("Reviewers and the history show it."),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One flag that differs: both sentences, and what copying it would change here."""

    key: str
    name: str
    here: SafeString
    there: SafeString
    differences: Sequence[Difference]
    here_version: int
    there_version: int
    is_chosen: bool
    keeps_experiments: bool

    @property
    def can_copy(self) -> bool:
        return bool(self.differences)


@require_GET
def choose(request: HttpRequest, **place: str) -> HttpResponse:
    """The nearest other environment: the one before this, else the one after."""
    access = environment_access(request, **place)
    others = [one for one in places.environments(access) if one != access.environment]
    if not others:
        raise NotFound("There is no other environment to compare with.")
    before = [one for one in others if one.position < access.environment.position]
    other = before[-1] if before else others[0]
    return redirect(here(access, "flags:compare", other.key))


@require_http_methods(["GET", "POST"])
def compare(request: HttpRequest, other: str, **place: str) -> HttpResponse:
    """Every flag that differs; a POST brings the chosen ones here."""
    access = environment_access(request, **place)
    source = places.environment(access, other)
    if source == access.environment:
        raise NotFound("An environment is compared with another one.")
    posted = request.POST if request.method == "POST" else None
    tried: list[told.Told] = []
    form = CopyForm(posted)
    status = 200
    if posted is not None:
        access.require(Permission.EDIT_TARGETING)
        status = 422
        if form.is_valid():
            try:
                parts = _parts(access, source, posted, form.cleaned_data)
                if "try" in posted:
                    tried = [told.tell(found) for found in impact.forecast(access, parts).places]
                    status = 200
                else:
                    comment = form.cleaned_data["comment"].strip()
                    return _gone_on(
                        request, access, other, changes.submit_all(access, parts, comment=comment)
                    )
            except (NotFound, NotPermitted):
                raise
            except DomainError as error:
                form.add_error(None, f"{error} {error.hint}".strip())
                status = error.status
    shown = _shown(request, access, source, posted)
    context = {"nav": "environments", "form": form, "told": tried, **shown}
    return render(request, "flags/compare.html", context, status=status)


def _gone_on(
    request: HttpRequest, access: Access, other: str, outcome: changes.Outcome
) -> HttpResponse:
    """To the request where the change waits, else back to what still differs."""
    editing.tell(request, outcome)
    if isinstance(outcome, changes.Pending):
        return editing.see_other(here(access, "flags:request", outcome.change.number))
    return editing.see_other(here(access, "flags:compare", other))


def _parts(
    access: Access, source: Environment, posted: QueryDict, given: Mapping[str, object]
) -> list[Part]:
    return copying.parts(
        access,
        source,
        list(_chosen(posted)),
        with_switch=bool(given["with_switch"]),
        with_assignments=bool(given["with_assignments"]),
    )


def _chosen(posted: QueryDict) -> Iterable[Chosen]:
    """`flag` holds key:here:there; a key holds no colon."""
    for given in posted.getlist("flag"):
        key, _colon, versions = given.partition(":")
        here_version, _colon, there_version = versions.partition(":")
        if not (here_version.isdecimal() and there_version.isdecimal()):
            raise InvalidEdit("the versions are missing", hint="Reload the page and choose again.")
        yield Chosen(key, int(here_version[:9]), int(there_version[:9]))


def _shown(
    request: HttpRequest, access: Access, source: Environment, posted: QueryDict | None
) -> dict[str, object]:
    everything = bool(request.GET.get("all"))
    found = copying.pairs(access, source)
    different = [pair for pair in found if not pair.is_same]
    chosen = {one.partition(":")[0] for one in posted.getlist("flag")} if posted else set()
    options = {
        "with_switch": posted is None or "with_switch" in posted,
        "with_assignments": posted is not None and "with_assignments" in posted,
    }
    lines = [
        _line(access, source, pair, options, is_chosen=pair.definition.key in chosen)
        for pair in different[:MOST_SHOWN]
    ]
    return {
        "source": source,
        "others": [
            {
                "name": one.name,
                "url": here(access, "flags:compare", one.key),
                "is_it": one == source,
            }
            for one in places.environments_here(access)
            if one != access.environment
        ],
        "lines": lines,
        "is_copyable": any(line.can_copy for line in lines),
        "outlook": _outlook(access, different),
        "same": [pair.definition for pair in found if pair.is_same] if everything else [],
        "everything": everything,
        "different": len(different),
        "identical": len(found) - len(different),
        "left_out": max(0, len(different) - MOST_SHOWN),
    }


def _outlook(access: Access, different: Sequence[Pair]) -> dict[str, object]:
    """What the button may promise; what stewards of single flags ask for comes on top."""
    key = different[0].definition.key if different else ""
    forecast = review.forecast(access, EditKind.STATE, key)
    return {
        "label": proposing.review_label(forecast),
        "sentence": forecast.sentence,
        "is_closed": forecast.is_frozen or access.environment.archived_at is not None,
    }


def _line(
    access: Access,
    source: Environment,
    pair: Pair,
    options: Mapping[str, bool],
    *,
    is_chosen: bool,
) -> Line:
    state = pair.here.state
    after = pair.after(**options)
    experiments = {
        rule.experiment for rule in (*state.rules, *pair.there.state.rules) if rule.experiment
    }
    return Line(
        key=pair.definition.key,
        name=pair.definition.name,
        here=flag_sentence(state, access.environment.name),
        there=flag_sentence(pair.there.state, source.name),
        differences=differences(own_part(state), own_part(after)),
        here_version=pair.here.version,
        there_version=pair.there.version,
        is_chosen=is_chosen,
        keeps_experiments=bool(experiments),
    )
